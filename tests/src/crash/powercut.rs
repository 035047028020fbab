//! Power cuts of a real ext4: a writer on a loop device is stopped, the device's file is copied, and the copy is mounted.
//!
//! The copy holds what the kernel had written by then, and mounting it replays the journal, as after a power cut. The file
//! systems are mounted in namespaces of the processes that use them: they go with them, however these end.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::TempDir;

use super::check::Fault;
use super::figures::Figures;
use super::workload::Acknowledged;

/// A writer on a file system of its own.
struct Machine {
    child: Child,
    pipe: ChildStdout,
    unread: Vec<u8>,
    acknowledged: Acknowledged,
}

/// Cuts the power so many times.
///
/// # Errors
/// If there are no loop devices or no ext4 for us here. Broken promises are in the figures.
pub fn power_cuts(rounds: u32, seed: u64, writer: &Path) -> Result<Figures> {
    let home =
        tempfile::Builder::new().prefix("muster-powercut-").tempdir().context("cannot make a temporary folder")?;
    for name in ["disk", "copy"] {
        fs::create_dir(home.path().join(name))?;
    }
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut figures = Figures::default();
    let mut machine = None;
    for round in 0..rounds {
        if round % ROUNDS_PER_DISK == 0 {
            figures.commits += machine.take().map_or(0, |machine: Machine| machine.acknowledged.commit);
            make_file_system(&home.path().join("disk.img"))?;
            machine = Some(Machine::start(&home, writer, seed)?);
        }
        let machine = machine.as_mut().context("the first round starts one")?;
        std::thread::sleep(Duration::from_millis(rng.random_range(5..400)));
        machine.signal(Signal::SIGSTOP)?;
        machine.read_output()?;
        copy_still(&home.path().join("disk.img"), &home.path().join("copy.img"))?;
        let result = look(&home, writer, seed, machine.acknowledged)?;
        figures.count(result, || format!("round {round}, {:?}", machine.acknowledged));
        machine.signal(Signal::SIGCONT)?;
    }
    figures.commits += machine.map_or(0, |machine| machine.acknowledged.commit);
    Ok(figures)
}

impl Machine {
    fn start(home: &TempDir, writer: &Path, seed: u64) -> Result<Self> {
        let mut command = mounted(&home.path().join("disk.img"), &home.path().join("disk"), writer);
        command.arg("write").arg(home.path().join("disk/state")).args(["--seed", &seed.to_string()]);
        let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start `unshare`")?;
        let pipe = child.stdout.take().context("its output is piped")?;
        let flags = OFlag::O_NONBLOCK;
        fcntl(&pipe, FcntlArg::F_SETFL(flags))?;
        let mut machine = Self { child, pipe, unread: Vec::new(), acknowledged: Acknowledged::default() };
        machine.await_mount()?;
        Ok(machine)
    }

    fn await_mount(&mut self) -> Result<()> {
        loop {
            self.read_output()?;
            if self.acknowledged.epoch > 0 {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "the writer on a loop device ended with {status}; ext4 on loop devices is needed here: be root, \
                     and on Debian apt-get install mount e2fsprogs"
                );
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(i32::try_from(self.child.id())?), signal)?)
    }

    /// Takes in all that has been written so far.
    fn read_output(&mut self) -> Result<()> {
        match self.pipe.read_to_end(&mut self.unread) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let end = self.unread.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        let lines: Vec<u8> = self.unread.drain(..end).collect();
        String::from_utf8_lossy(&lines).lines().for_each(|line| self.acknowledged.read(line));
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Mounts the copy and looks, in a fresh process.
fn look(home: &TempDir, writer: &Path, seed: u64, acknowledged: Acknowledged) -> Result<Result<(), Fault>> {
    let mut command = mounted(&home.path().join("copy.img"), &home.path().join("copy"), writer);
    command.arg("check").arg(home.path().join("copy/state")).args(["--seed", &seed.to_string()]);
    command.args(["--epoch", &acknowledged.epoch.to_string(), "--commit", &acknowledged.commit.to_string()]);
    let output = command.output().context("cannot start `unshare`")?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(match (output.status.code(), said) {
        (Some(0), _) => Ok(()),
        (_, said) if said.starts_with("lost: ") => Err(Fault::Lost(said)),
        (_, said) if said.starts_with("half: ") => Err(Fault::Half(said)),
        (_, said) => Err(Fault::Refused(format!("{said} {}", String::from_utf8_lossy(&output.stderr).trim()))),
    })
}

/// A command with a file system mounted for it alone.
fn mounted(image: &Path, place: &Path, program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", "mount -o loop \"$1\" \"$2\" && shift 2 && exec \"$@\"", "sh"]);
    command.arg(image).arg(place).arg(program).stdin(Stdio::null());
    command
}

fn make_file_system(image: &PathBuf) -> Result<()> {
    fs::File::create(image)?.set_len(DISK_BYTES)?;
    let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(image).output();
    let made = made.context("cannot start mkfs.ext4; on Debian, apt-get install e2fsprogs")?;
    ensure!(made.status.success(), "mkfs.ext4 failed: {}", String::from_utf8_lossy(&made.stderr));
    Ok(())
}

/// Copies a file that the kernel may be writing to: as it was at one moment.
fn copy_still(from: &Path, to: &Path) -> Result<()> {
    let mut first = fs::read(from)?;
    for _ in 0..COPIES_MAX {
        let second = fs::read(from)?;
        if first == second {
            return Ok(fs::write(to, second)?);
        }
        first = second;
    }
    bail!("the disk's file never stands still, though its writer is stopped");
}

const DISK_BYTES: u64 = 48 << 20;
const ROUNDS_PER_DISK: u32 = 10;
const COPIES_MAX: u32 = 100;
