//! The system calls that no job needs and many break-outs begin with.
//!
//! A program for the kernel's classic BPF, made before the fork. It is written by hand because it has to refuse the second
//! numbering of x86-64 as well (`x32`: the same calls with bit 30 set), past which a list of equal numbers lets everything.

use nix::libc;

/// The filter: refused calls fail with `EPERM`, or with `ENOSYS` where programs know another way.
pub(crate) fn program() -> Vec<libc::sock_filter> {
    let mut code = vec![
        load(OFFSET_ARCHITECTURE),
        jump(libc::BPF_JEQ, ARCHITECTURE, 1, 0),
        answer(libc::SECCOMP_RET_KILL_PROCESS),
        load(OFFSET_NUMBER),
        jump(libc::BPF_JGE, NUMBERS_OF_X32, 0, 1),
        refuse(libc::ENOSYS),
    ];
    for number in MISSING {
        code.extend([jump(libc::BPF_JEQ, number_of(*number), 0, 1), refuse(libc::ENOSYS)]);
    }
    for number in REFUSED {
        code.extend([jump(libc::BPF_JEQ, number_of(*number), 0, 1), refuse(libc::EPERM)]);
    }
    for number in [libc::SYS_clone, libc::SYS_unshare] {
        code.extend(on_argument(number, 0, &[jump(libc::BPF_JSET, NEW_NAMESPACES, 0, 1), refuse(libc::EPERM)]));
    }
    // Every known family skips the refusal behind the list.
    let skips = (1..=FAMILIES.len()).rev().map(|skipped| u8::try_from(skipped).unwrap_or(u8::MAX));
    let known = FAMILIES.iter().zip(skips).map(|(family, skipped)| jump(libc::BPF_JEQ, *family, skipped, 0));
    let families: Vec<_> = known.chain([refuse(libc::EAFNOSUPPORT)]).collect();
    code.extend(on_argument(libc::SYS_socket, 0, &families));
    let ioctls = [
        jump(libc::BPF_JEQ, libc::TIOCSTI as u32, 1, 0),
        jump(libc::BPF_JEQ, libc::TIOCLINUX as u32, 0, 1),
        refuse(libc::EPERM),
    ];
    code.extend(on_argument(libc::SYS_ioctl, 1, &ioctls));
    code.push(answer(libc::SECCOMP_RET_ALLOW));
    code
}

/// Runs `inner` with the low half of an argument of `number`, and goes on behind it for other calls.
fn on_argument(number: libc::c_long, argument: u32, inner: &[libc::sock_filter]) -> Vec<libc::sock_filter> {
    let skipped = u8::try_from(inner.len() + 1).unwrap_or(u8::MAX);
    let mut code = vec![jump(libc::BPF_JEQ, number_of(number), 0, skipped), load(OFFSET_ARGUMENTS + 8 * argument)];
    code.extend_from_slice(inner);
    code.push(load(OFFSET_NUMBER));
    code
}

fn number_of(number: libc::c_long) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

const fn load(offset: u32) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16, jt: 0, jf: 0, k: offset }
}

const fn jump(test: u32, value: u32, if_so: u8, if_not: u8) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt: if_so, jf: if_not, k: value }
}

const fn answer(value: u32) -> libc::sock_filter {
    libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: value }
}

const fn refuse(error: libc::c_int) -> libc::sock_filter {
    answer(libc::SECCOMP_RET_ERRNO | error as u32)
}

/// Offsets within `struct seccomp_data`; arguments are read in the machine's order, low half first.
const OFFSET_NUMBER: u32 = 0;
const OFFSET_ARCHITECTURE: u32 = 4;
const OFFSET_ARGUMENTS: u32 = 16;
/// `AUDIT_ARCH_X86_64`, `AUDIT_ARCH_AARCH64`.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xC000_00B7;
const NUMBERS_OF_X32: u32 = 0x4000_0000;
/// Every `CLONE_NEW*`; the low byte of `clone`'s flags is a signal, so that of time namespaces is left to the kernel.
const NEW_NAMESPACES: u32 = 0x7E02_0000;
/// What may be opened: Unix, IPv4, IPv6 and the kernel's answers about routes.
const FAMILIES: [u32; 4] = [libc::AF_UNIX as u32, libc::AF_INET as u32, libc::AF_INET6 as u32, libc::AF_NETLINK as u32];
/// Calls in whose place programs know another: `clone3` hides its flags from a filter.
const MISSING: &[libc::c_long] =
    &[libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
/// Calls that change the machine, its kernel, its file systems or the sandbox itself.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_fanotify_init,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_kexec_file_load,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program answers to a call, as the kernel runs it.
    fn run(number: u32, arguments: [u64; 3]) -> u32 {
        let mut data = [number, ARCHITECTURE, 0, 0].to_vec();
        data.extend(arguments.iter().flat_map(|argument| [*argument as u32, (*argument >> 32) as u32]));
        let (mut place, mut held) = (0_usize, 0_u32);
        let code = program();
        loop {
            let one = code[place];
            place += 1;
            let (class, test) = (u32::from(one.code) & 0x07, u32::from(one.code) & 0xF0);
            match class {
                libc::BPF_LD => held = data[one.k as usize / 4],
                libc::BPF_RET => return one.k,
                _ => {
                    let holds = match test {
                        libc::BPF_JEQ => held == one.k,
                        libc::BPF_JGE => held >= one.k,
                        _ => held & one.k != 0,
                    };
                    place += usize::from(if holds { one.jt } else { one.jf });
                }
            }
        }
    }

    fn call(number: libc::c_long, arguments: [u64; 3]) -> u32 {
        run(number_of(number), arguments)
    }

    #[test]
    fn everyday_calls_pass_and_those_that_change_the_machine_do_not() {
        let (allowed, refused) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
        let missing = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
        for number in [libc::SYS_read, libc::SYS_openat, libc::SYS_execve, libc::SYS_ptrace, libc::SYS_futex] {
            assert_eq!(call(number, [0; 3]), allowed, "{number}");
        }
        for number in REFUSED {
            assert_eq!(call(*number, [0; 3]), refused, "{number}");
        }
        assert_eq!(call(libc::SYS_clone3, [0; 3]), missing);
        assert_eq!(run(NUMBERS_OF_X32 | number_of(libc::SYS_read), [0; 3]), missing);
    }

    #[test]
    fn arguments_decide_where_a_call_is_good_and_bad() {
        let (allowed, refused) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32);
        assert_eq!(call(libc::SYS_clone, [libc::SIGCHLD as u64, 0, 0]), allowed);
        assert_eq!(call(libc::SYS_clone, [libc::CLONE_NEWUSER as u64, 0, 0]), refused);
        assert_eq!(call(libc::SYS_unshare, [libc::CLONE_FS as u64, 0, 0]), allowed);
        assert_eq!(call(libc::SYS_unshare, [libc::CLONE_NEWNS as u64, 0, 0]), refused);
        let socket = |family: i32, kind: i32| call(libc::SYS_socket, [family as u64, kind as u64, 0]);
        for family in FAMILIES {
            assert_eq!(socket(family as i32, libc::SOCK_STREAM | libc::SOCK_CLOEXEC), allowed);
            assert_eq!(socket(family as i32, libc::SOCK_DGRAM), allowed);
        }
        assert_eq!(socket(libc::AF_PACKET, libc::SOCK_DGRAM), libc::SECCOMP_RET_ERRNO | libc::EAFNOSUPPORT as u32);
        assert_eq!(call(libc::SYS_ioctl, [0, libc::TIOCGWINSZ, 0]), allowed);
        assert_eq!(call(libc::SYS_ioctl, [0, libc::TIOCSTI, 0]), refused);
        assert_eq!(call(libc::SYS_ioctl, [0, libc::TIOCLINUX, 0]), refused);
    }
}
