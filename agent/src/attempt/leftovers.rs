//! Processes that outlived their keeper, found in the process table and ended.
//!
//! A keeper (see `keeper`) is the parent of whatever loses its own, and ends that. Where it was killed itself, or the
//! agent with everything around it, processes are told by the environment with which they were started: every command
//! gets a variable of its own, and whoever has it in `/proc/<pid>/environ` belongs to that command.

use std::ffi::OsString;
use std::io::Read;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::limits::{ENVIRONMENT_BYTES_MAX, SWEEP_ROUNDS_MAX};

/// A variable by which the processes of one command, one attempt or one agent can be told from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Name of the variable.
    pub name: String,
    /// A value that nobody else uses.
    pub value: String,
}

/// What is to be ended.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// Whoever carries this.
    pub mark: Mark,
    /// Whoever is in this session. Its leader must not have been reaped, so that the number is still its own.
    pub session: Option<Pid>,
    /// Looked for among what descends from this process alone; none: in the whole process table.
    pub beneath: Option<Pid>,
}

impl Mark {
    /// A mark under `name` with a value drawn at random.
    #[must_use]
    pub fn unique(name: &str) -> Self {
        Self { name: name.to_owned(), value: uuid::Uuid::new_v4().simple().to_string() }
    }

    /// As an environment variable.
    #[must_use]
    pub fn variable(&self) -> (OsString, OsString) {
        (self.name.clone().into(), self.value.clone().into())
    }

    fn entry(&self) -> Vec<u8> {
        format!("{}={}", self.name, self.value).into_bytes()
    }
}

/// Ends (SIGKILL) everything that `sweep` names, and whatever that starts meanwhile. Returns what could not be ended,
/// such as a process in an uninterruptible wait.
pub async fn end(sweep: Sweep) -> Vec<i32> {
    let mut found = Vec::new();
    let mut doubts = 0;
    for round in 0..SWEEP_ROUNDS_MAX {
        let this = sweep.clone();
        let looked = tokio::task::spawn_blocking(move || kill_once(&this)).await.unwrap_or_default();
        found = looked.found;
        if found.is_empty() {
            if !looked.is_any_in_exec || doubts == DOUBTS_MAX {
                break;
            }
            doubts += 1;
        }
        tokio::time::sleep(Duration::from_millis(u64::from(round.clamp(1, 20)))).await;
    }
    found
}

/// One look at the process table.
#[derive(Debug, Default)]
struct Look {
    /// The living processes that a sweep names.
    found: Vec<i32>,
    /// Whether some other process shows no environment and is neither dead nor the kernel's: it may be in the middle of
    /// `exec`, where for a moment nobody can tell whose it is.
    is_any_in_exec: bool,
}

fn look(sweep: &Sweep) -> Look {
    let entry = sweep.mark.entry();
    let this_process = nix::unistd::getpid();
    let mut look = Look::default();
    let pids = sweep.beneath.map_or_else(all, |ancestor| descendants(ancestor.as_raw()));
    for pid in pids.into_iter().filter(|pid| Pid::from_raw(*pid) != this_process) {
        let environment = environment(pid);
        let has_entry = |variables: &Vec<u8>| variables.split(|byte| *byte == 0).any(|variable| variable == entry);
        if environment.as_ref().is_some_and(has_entry) || is_alive_in_session(pid, sweep.session) {
            look.found.push(pid);
        } else if environment.is_some_and(|variables| variables.is_empty()) && !look.is_any_in_exec {
            look.is_any_in_exec = std::fs::read(format!("/proc/{pid}/stat")).is_ok_and(|stat| is_user_process(&stat));
        }
    }
    look
}

fn all() -> Vec<i32> {
    let Ok(table) = std::fs::read_dir("/proc") else { return Vec::new() };
    table.filter_map(|row| row.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The children of a process, and theirs: few, where the whole table may have thousands.
fn descendants(ancestor: i32) -> Vec<i32> {
    let mut found = Vec::new();
    let mut unseen = vec![ancestor];
    while let Some(parent) = unseen.pop() {
        let Ok(threads) = std::fs::read_dir(format!("/proc/{parent}/task")) else { continue };
        for thread in threads.flatten() {
            let list = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            unseen.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()));
        }
        found.extend((parent != ancestor).then_some(parent));
    }
    found
}

/// From `pid (name) state parent …`: alive, and no thread of the kernel, whose parent is process 2.
fn is_user_process(stat: &[u8]) -> bool {
    let after_name = stat.iter().rposition(|byte| *byte == b')').map_or(0, |place| place + 1);
    let mut fields = std::str::from_utf8(&stat[after_name..]).unwrap_or_default().split_ascii_whitespace();
    let (state, parent) = (fields.next().unwrap_or("X"), fields.next().unwrap_or("0"));
    state != "Z" && state != "X" && parent != "0" && parent != "2"
}

fn kill_once(sweep: &Sweep) -> Look {
    let mut look = look(sweep);
    look.found.retain(|pid| kill(Pid::from_raw(*pid), Signal::SIGKILL) != Err(Errno::ESRCH));
    look
}

/// The variables of a process, if they may be read; empty for one that has ended and waits to be reaped, so that it is not
/// found again.
fn environment(pid: i32) -> Option<Vec<u8>> {
    let file = std::fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    let mut environment = Vec::new();
    file.take(ENVIRONMENT_BYTES_MAX).read_to_end(&mut environment).ok()?;
    Some(environment)
}

fn is_alive_in_session(pid: i32, session: Option<Pid>) -> bool {
    let Some(session) = session else { return false };
    let Ok(stat) = std::fs::read(format!("/proc/{pid}/stat")) else { return false };
    session_if_alive(&stat) == Some(session.as_raw())
}

/// From `pid (name) state parent group session …`; the name may itself hold spaces and brackets.
fn session_if_alive(stat: &[u8]) -> Option<i32> {
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = std::str::from_utf8(&stat[after_name..]).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(2)?.parse().ok()
}

/// How often it is looked again because of processes that may be in the middle of `exec`. Some never show an
/// environment because they have none.
const DOUBTS_MAX: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_and_the_kernels_own_are_not_in_exec() {
        assert!(is_user_process(b"12 (sh) R 7 77 77 0 -1"));
        assert!(!is_user_process(b"12 (sh) Z 7 77 77 0 -1"));
        assert!(!is_user_process(b"12 (kworker/0:1) I 2 0 0 0 -1"));
        assert!(!is_user_process(b""));
    }

    #[test]
    fn the_session_of_a_process_with_an_odd_name_is_read_and_the_dead_have_none() {
        assert_eq!(session_if_alive(b"12 (a) b (c) S 1 78 77 0 -1"), Some(77));
        assert_eq!(session_if_alive(b"12 (sh) Z 1 77 77 0 -1"), None);
        assert_eq!(session_if_alive(b"garbage"), None);
    }
}
