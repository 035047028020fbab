//! Which system call is of which kind.

use nix::libc;

/// A system call that may be about files, with the places of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Opens: directory, path, flags.
    Open,
    /// Opens: directory, path, address of a structure that begins with the flags.
    OpenHow,
    /// Closes: descriptor.
    Close,
    /// Closes: first and last descriptor.
    CloseRange,
    /// Answers with a second descriptor for the first argument.
    Duplicate,
    /// The same, if the second argument says so.
    Control,
    /// Writes where the descriptor is: descriptor, address, length.
    Write,
    /// Writes at an offset: descriptor, address, length, offset.
    WriteAt,
    /// Writes where the descriptor is: descriptor, list, buffers.
    WriteGathered,
    /// Writes at an offset: descriptor, list, buffers, offset.
    WriteGatheredAt,
    /// Copies where the third argument, a descriptor, is; the fourth would say another place.
    CopyRange,
    /// Copies where the first argument, a descriptor, is.
    SendFile,
    /// Cuts or extends: descriptor, length.
    Resize,
    /// Reserves and extends: descriptor, mode, offset, length.
    Allocate,
    /// Renames: directory, path, directory, path, flags.
    Rename,
    /// Removes: directory, path.
    Remove,
    /// Makes a directory: directory, path.
    MakeDirectory,
    /// Syncs a file or directory: descriptor.
    Sync,
    /// Maps: address, length, protection, flags, descriptor.
    Map,
    /// Would change files in a way that is not followed. The places of its descriptor or path are unknown.
    Unknown(&'static str),
}

/// The kind of a system call and its arguments in the order that the kind names; none if it changes no file.
pub(crate) fn kind(number: u64, arguments: [u64; 6]) -> Option<(Kind, [u64; 6])> {
    let number = i64::try_from(number).ok()?;
    legacy(number, arguments).or_else(|| Some((modern(number)?, arguments)))
}

fn modern(number: i64) -> Option<Kind> {
    Some(match number {
        libc::SYS_openat => Kind::Open,
        libc::SYS_openat2 => Kind::OpenHow,
        libc::SYS_close => Kind::Close,
        libc::SYS_close_range => Kind::CloseRange,
        libc::SYS_dup | libc::SYS_dup3 => Kind::Duplicate,
        libc::SYS_fcntl => Kind::Control,
        libc::SYS_write => Kind::Write,
        libc::SYS_pwrite64 => Kind::WriteAt,
        libc::SYS_writev => Kind::WriteGathered,
        libc::SYS_pwritev | libc::SYS_pwritev2 => Kind::WriteGatheredAt,
        libc::SYS_copy_file_range => Kind::CopyRange,
        libc::SYS_sendfile => Kind::SendFile,
        libc::SYS_ftruncate => Kind::Resize,
        libc::SYS_fallocate => Kind::Allocate,
        libc::SYS_renameat | libc::SYS_renameat2 => Kind::Rename,
        libc::SYS_unlinkat => Kind::Remove,
        libc::SYS_mkdirat => Kind::MakeDirectory,
        libc::SYS_fsync | libc::SYS_fdatasync => Kind::Sync,
        libc::SYS_mmap => Kind::Map,
        libc::SYS_linkat => Kind::Unknown("linkat"),
        libc::SYS_symlinkat => Kind::Unknown("symlinkat"),
        libc::SYS_truncate => Kind::Unknown("truncate"),
        libc::SYS_splice => Kind::Unknown("splice"),
        libc::SYS_sync => Kind::Unknown("sync"),
        libc::SYS_syncfs => Kind::Unknown("syncfs"),
        libc::SYS_io_uring_setup => Kind::Unknown("io_uring_setup"),
        libc::SYS_io_submit => Kind::Unknown("io_submit"),
        _ => return None,
    })
}

/// Calls that only older architectures have, which take paths without a directory.
#[cfg(target_arch = "x86_64")]
fn legacy(number: i64, [a, b, ..]: [u64; 6]) -> Option<(Kind, [u64; 6])> {
    const HERE: u64 = libc::AT_FDCWD as u64;
    const CREATE: u64 = (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u64;
    Some(match number {
        libc::SYS_open => (Kind::Open, [HERE, a, b, 0, 0, 0]),
        libc::SYS_creat => (Kind::Open, [HERE, a, CREATE, 0, 0, 0]),
        libc::SYS_dup2 => (Kind::Duplicate, [a, b, 0, 0, 0, 0]),
        libc::SYS_rename => (Kind::Rename, [HERE, a, HERE, b, 0, 0]),
        libc::SYS_unlink | libc::SYS_rmdir => (Kind::Remove, [HERE, a, 0, 0, 0, 0]),
        libc::SYS_mkdir => (Kind::MakeDirectory, [HERE, a, 0, 0, 0, 0]),
        libc::SYS_link => (Kind::Unknown("link"), [0; 6]),
        libc::SYS_symlink => (Kind::Unknown("symlink"), [0; 6]),
        _ => return None,
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn legacy(_number: i64, _arguments: [u64; 6]) -> Option<(Kind, [u64; 6])> {
    None
}
