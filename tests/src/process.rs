//! A process of a test: killed when dropped, with its output at hand.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running process whose output is gathered.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    lines: Arc<Lines>,
}

#[derive(Debug, Default)]
struct Lines {
    gathered: Mutex<Gathered>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Gathered {
    stdout: Vec<String>,
    stderr: Vec<String>,
    open: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stream {
    Stdout,
    Stderr,
}

/// How a process ended, and what it wrote.
#[derive(Debug)]
pub struct Ended {
    /// Its status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Process {
    /// Starts a command.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({command:?}): {error}"));
        let lines = Arc::new(Lines::default());
        lines.lock().open = 2;
        gather(child.stdout.take().expect("it is piped"), Stream::Stdout, lines.clone());
        gather(child.stderr.take().expect("it is piped"), Stream::Stderr, lines.clone());
        Self { name: name.to_owned(), child, lines }
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a line of its standard output has been found by `find`, from its first line on.
    ///
    /// # Panics
    /// If it ends before, or nothing is found within [`HANG`].
    pub fn find_line<T>(&self, what: &str, mut find: impl FnMut(&str) -> Option<T>) -> T {
        let begun = Instant::now();
        let mut seen = 0;
        let mut gathered = self.lines.lock();
        loop {
            while seen < gathered.stdout.len() {
                if let Some(found) = find(&gathered.stdout[seen]) {
                    return found;
                }
                seen += 1;
            }
            assert!(gathered.open > 0, "{} ended before {what}; it said:\n{}", self.name, gathered.text());
            assert!(begun.elapsed() < HANG, "{}: no {what} after {HANG:?}; it said:\n{}", self.name, gathered.text());
            gathered = self.lines.wait(gathered);
        }
    }

    /// Kills it at once, as a lost machine would end it, and waits for its end.
    pub fn kill_9(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it has ended.
    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.id()).expect("process ids are below 2^22");
        kill(Pid::from_raw(id), signal).unwrap_or_else(|error| panic!("{} has ended: {error}", self.name));
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it does not end within [`HANG`].
    #[must_use]
    pub fn wait(mut self) -> Ended {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                break status;
            }
            let text = || self.lines.lock().text();
            assert!(begun.elapsed() < HANG, "{} still runs after {HANG:?}; it said:\n{}", self.name, text());
            std::thread::sleep(POLL);
        };
        let mut gathered = self.lines.lock();
        // A grandchild may hold the pipes open longer than the process lives.
        let drained = Instant::now();
        while gathered.open > 0 && drained.elapsed() < DRAIN {
            gathered = self.lines.wait(gathered);
        }
        Ended { status, stdout: gathered.stdout.join("\n"), stderr: gathered.stderr.join("\n") }
    }

    /// The lines of its standard output so far.
    #[must_use]
    pub fn stdout_lines(&self) -> Vec<String> {
        self.lines.lock().stdout.clone()
    }

    /// What it has written so far.
    #[must_use]
    pub fn said(&self) -> String {
        self.lines.lock().text()
    }
}

impl Ended {
    /// Its exit code.
    ///
    /// # Panics
    /// If a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("it ended with {}:\n{self}", self.status))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}\n--- stdout\n{}\n--- stderr\n{}", self.status, self.stdout, self.stderr)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_9();
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.name, self.said());
        }
    }
}

impl Lines {
    fn lock(&self) -> std::sync::MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, gathered: std::sync::MutexGuard<'a, Gathered>) -> std::sync::MutexGuard<'a, Gathered> {
        self.changed.wait_timeout(gathered, POLL).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Gathered {
    fn text(&self) -> String {
        let last = |lines: &[String]| lines[lines.len().saturating_sub(SHOWN_MAX)..].join("\n");
        format!("{}\n--- stderr\n{}", last(&self.stdout), last(&self.stderr))
    }
}

fn gather(pipe: impl Read + Send + 'static, stream: Stream, lines: Arc<Lines>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
            line.clear();
            let mut gathered = lines.lock();
            match stream {
                Stream::Stdout => gathered.stdout.push(text),
                Stream::Stderr => gathered.stderr.push(text),
            }
            lines.changed.notify_all();
        }
        lines.lock().open -= 1;
        lines.changed.notify_all();
    });
}

/// A generous bound against hanging; no test is about time.
pub const HANG: Duration = Duration::from_secs(150);
const DRAIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
const SHOWN_MAX: usize = 200;
