//! What is seen in a sandbox: the machine's own tools, read-only; the job's own folders; and nothing else.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

use super::level::SandboxNetwork;
use super::mounts::{SLOTS_MAX, Step, text};

/// What a view is made from.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// Folders and files of the agent that no job may see.
    pub(crate) hidden: Vec<PathBuf>,
    /// Folders that are the job's own.
    pub(crate) writable: Vec<PathBuf>,
    /// What may be read although it lies in something hidden.
    pub(crate) readable: Vec<PathBuf>,
    /// What it reaches.
    pub(crate) network: SandboxNetwork,
}

impl View {
    /// The steps that make it, in order. A path that is not there is left out.
    ///
    /// # Errors
    /// If there are too many paths, or one cannot be written down.
    pub(crate) fn steps(&self) -> io::Result<Vec<Step>> {
        let mut slots = Slots::default();
        for device in DEVICES {
            slots.take(Path::new(device), true);
        }
        for path in self.writable.iter().filter_map(|path| path.canonicalize().ok()) {
            slots.take(&path, true);
        }
        let resolver = Path::new("/etc/resolv.conf").canonicalize().ok();
        let readable = self.readable.iter().filter_map(|path| path.canonicalize().ok());
        for path in readable.chain(resolver.filter(|path| !path.starts_with("/etc"))) {
            slots.take(&path, false);
        }
        let hidden = outermost(HIDDEN.iter().map(PathBuf::from).chain(self.hidden.iter().cloned()));
        let mut steps = vec![Step::Private];
        let null = slots.taken.len();
        let covered = hidden.iter().filter(|path| !path.is_dir()).count();
        if null + covered > SLOTS_MAX {
            return Err(io::Error::other(format!("a sandbox shows and hides at most {SLOTS_MAX} paths")));
        }
        for (slot, taken) in slots.taken.iter().enumerate() {
            steps.push(Step::Take { slot, path: text(&taken.path)? });
        }
        for slot in null..null + covered {
            steps.push(Step::Take { slot, path: text(Path::new(DEVICES[0]))? });
        }
        steps.push(Step::ReadOnly);
        for path in hidden.iter().filter(|path| path.is_dir()) {
            steps.push(Step::Empty { path: text(path)?, options: options(path)? });
        }
        for (path, slot) in hidden.iter().filter(|path| !path.is_dir()).zip(null..) {
            steps.push(Step::Put { slot, path: text(path)?, is_writable: false });
        }
        steps.extend(devices()?);
        for (slot, taken) in slots.taken.iter().enumerate() {
            steps.extend(places(&taken.path, &hidden)?);
            steps.push(Step::Put { slot, path: text(&taken.path)?, is_writable: taken.is_writable });
        }
        steps.extend([Step::Terminals, Step::Processes]);
        for path in hidden.iter().filter(|path| path.is_dir() && !is_scratch(path)) {
            steps.push(Step::Seal { path: text(path)? });
        }
        if self.network == SandboxNetwork::None {
            steps.push(Step::Loopback);
        }
        Ok(steps)
    }
}

#[derive(Debug, Default)]
struct Slots {
    taken: Vec<Taken>,
}

#[derive(Debug)]
struct Taken {
    path: PathBuf,
    is_writable: bool,
}

impl Slots {
    fn take(&mut self, path: &Path, is_writable: bool) {
        if path.exists() && !self.taken.iter().any(|taken| taken.path == path) {
            self.taken.push(Taken { path: path.to_owned(), is_writable });
        }
    }
}

/// The paths that are there and in no other of them, as they are after links.
fn outermost(paths: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let all: BTreeSet<PathBuf> = paths.filter_map(|path| path.canonicalize().ok()).collect();
    all.iter().filter(|path| !path.ancestors().skip(1).any(|above| all.contains(above))).cloned().collect()
}

/// What has to be made in something hidden so that `path` can be shown there.
fn places(path: &Path, hidden: &[PathBuf]) -> io::Result<Vec<Step>> {
    let Some(cover) = hidden.iter().find(|cover| path.starts_with(cover) && path != cover.as_path()) else {
        return Ok(Vec::new());
    };
    let mut above: Vec<_> = path.ancestors().skip(1).take_while(|above| *above != cover.as_path()).collect();
    above.reverse();
    let mut steps =
        above.into_iter().map(|path| Ok(Step::Folder { path: text(path)? })).collect::<io::Result<Vec<_>>>()?;
    let path_text = text(path)?;
    steps.push(if path.is_dir() { Step::Folder { path: path_text } } else { Step::File { path: path_text } });
    Ok(steps)
}

/// Links and folders of `/dev`, which is hidden like others; its devices are shown again.
fn devices() -> io::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for folder in ["/dev/pts", "/dev/shm"] {
        steps.push(Step::Folder { path: CString::new(folder)? });
    }
    steps.push(Step::Empty { path: CString::new("/dev/shm")?, options: options(Path::new("/dev/shm"))? });
    let links =
        [("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2"), ("ptmx", "pts/ptmx")];
    for (name, target) in links {
        steps.push(Step::Link { path: CString::new(format!("/dev/{name}"))?, target: CString::new(target)? });
    }
    Ok(steps)
}

fn options(path: &Path) -> io::Result<CString> {
    let text = if is_scratch(path) { format!("mode=1777,size={SCRATCH_BYTES_MAX}") } else { "mode=0755".to_owned() };
    Ok(CString::new(text)?)
}

fn is_scratch(path: &Path) -> bool {
    SCRATCH.iter().any(|scratch| path == Path::new(scratch))
}

/// Devices that every program may expect; the first hides files.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];
/// Where people, services and other jobs have what is theirs.
const HIDDEN: [&str; 9] = ["/dev", "/home", "/media", "/mnt", "/root", "/run", "/srv", "/tmp", "/var/tmp"];
/// Hidden places that are empty and writable instead.
pub(crate) const SCRATCH: [&str; 3] = ["/tmp", "/var/tmp", "/dev/shm"];
/// Bytes of memory that one scratch place takes.
const SCRATCH_BYTES_MAX: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_something_hidden_gets_a_place_there_before_it_is_shown() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let state = folder.path().canonicalize()?;
        let (own, key) = (state.join("attempts/1/workspace"), state.join("key"));
        std::fs::create_dir_all(&own)?;
        std::fs::write(&key, "secret")?;
        let view = View { hidden: vec![state.clone()], writable: vec![own.clone()], ..View::default() };
        let told: Vec<String> = view.steps()?.iter().map(Step::told).collect();
        let place = |what: String| told.iter().rposition(|step| *step == what).unwrap_or(usize::MAX);
        let shown = place(format!("show `{}`", own.display()));
        assert!(place(format!("make `{}`", own.display())) < shown, "{told:#?}");
        assert!(place("make what is mounted read-only".to_owned()) < shown);
        assert!(
            place(format!("take hold of `{}`", own.display())) < place("make what is mounted read-only".to_owned())
        );
        assert!(!told.iter().any(|step| step.contains("key")), "it is hidden with its folder");
        Ok(())
    }

    #[test]
    fn a_file_outside_of_all_hidden_folders_is_covered() -> io::Result<()> {
        let view = View { hidden: vec!["/etc/hostname".into(), "/no/such/file".into()], ..View::default() };
        let told: Vec<String> = view.steps()?.iter().map(Step::told).collect();
        assert!(told.contains(&"show `/etc/hostname`".to_owned()), "{told:#?}");
        assert!(!told.iter().any(|step| step.contains("/no/such/file")));
        Ok(())
    }
}
