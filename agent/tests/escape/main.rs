//! Jobs that try to get out: none succeeds at `sandbox`, whether the agent is root or not, and every probe that counts is
//! first shown to succeed at `none`.
//!
//! This program is also the probes themselves (`escape probe NAME`), which is why it has no test harness but its own.

#![allow(unsafe_code, reason = "a probe is a system call that no library makes")]

#[path = "../coordinator/mod.rs"]
mod coordinator;
mod machine;
mod probe;
mod table;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use coordinator::{Coordinator, Session, within};
use machine::{Agent, Machine, SLOTS};
use muster_common::control::{CancelReason, Finished, FromAgent, Lease, LeaseWork, ToAgent};
use muster_common::id::{Epoch, JobId, JobIndex, RunId, Token};
use muster_common::outcome::AttemptOutcome;
use muster_common::spec::StepSpec;
use muster_service::endpoint::Endpoint;
use nix::libc;
use table::{PROBES, Probe, Proof, Runs};

const TESTS: [(&str, Runs); 2] =
    [("nothing_gets_out_of_a_root_agent", Runs::Root), ("nothing_gets_out_of_a_plain_agent", Runs::Plain)];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["probe", name] => probe::run(name).map_err(|error| eprintln!("refused: {error:#}")),
        _ if arguments.iter().any(|argument| argument == "--list") => {
            // Those that are left out are asked for separately.
            if !arguments.iter().any(|argument| argument == "--ignored") {
                TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
            }
            Ok(())
        }
        _ => tests(&arguments).map_err(|error| eprintln!("{error:?}")),
    };
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn tests(arguments: &[String]) -> anyhow::Result<()> {
    machine::remove_remains().context("what earlier runs have left")?;
    let named: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    for (name, runs) in
        TESTS.iter().filter(|(name, _)| named.is_empty() || named.iter().any(|named| name.contains(*named)))
    {
        let runs = *runs;
        let thread = std::thread::spawn(move || {
            machine::separate_network()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(nothing_gets_out(runs))
        });
        thread.join().map_err(|_| anyhow::anyhow!("{name} panicked"))?.with_context(|| (*name).to_owned())?;
    }
    Ok(())
}

async fn nothing_gets_out(runs: Runs) -> anyhow::Result<()> {
    let open = run_all(runs, "none").await?;
    let shown: Vec<_> = PROBES.iter().filter(|probe| probe.gets_out_of.contains(&runs)).collect();
    let missing: Vec<_> =
        shown.iter().filter(|probe| open.get(probe.name) != Some(&true)).map(|probe| probe.name).collect();
    ensure!(missing.is_empty(), "these are no probes, for they do not get out at `none`: {missing:#?}");
    let closed = run_all(runs, "sandbox").await?;
    let escaped: Vec<_> = closed.iter().filter(|(_, escaped)| **escaped).map(|(name, _)| name).collect();
    ensure!(escaped.is_empty(), "these get out of the sandbox: {escaped:#?}");
    println!("{runs:?}: {} probes, {} of them get out at `none`, 0 at `sandbox`", closed.len(), shown.len());
    Ok(())
}

/// Which probes got out of an agent at `level`.
async fn run_all(runs: Runs, level: &str) -> anyhow::Result<BTreeMap<&'static str, bool>> {
    let machine = Machine::new(runs)?;
    let mut coordinator = Coordinator::start().await?;
    // Probes tell by their logs that they have begun.
    coordinator.break_logs(0);
    let Endpoint::Unix(socket) = coordinator.endpoint.clone() else { bail!("it listens on a socket file") };
    machine::open(socket.parent().context("it has a folder")?, 0o755)?;
    machine::open(&socket, 0o777)?;
    let agent = machine.agent(runs, level, &socket)?;
    let (session, _) = coordinator.session().await?;
    let mut fleet =
        Fleet { machine: &machine, agent, coordinator, session, socket: socket.display().to_string(), victim: 0 };
    fleet.start_victim().await?;
    let control = fleet.lease(CONTROL_TOKEN, CONTROL, false);
    fleet.session.send(ToAgent::Lease(Box::new(control))).await?;
    let finished = fleet.finished().await?;
    let log = fleet.coordinator.log(finished.token);
    ensure!(finished.outcome == AttemptOutcome::Passed, "an honest job does not pass at {level}: {finished:?}\n{log}");
    let mut escaped = BTreeMap::new();
    let mut places = 0..PROBES.len();
    let mut under_way = 0;
    loop {
        while under_way + 1 < SLOTS
            && let Some(place) = places.next()
        {
            let probe = &PROBES[place];
            let lease = fleet.lease(FIRST_TOKEN + place as u64, probe.script, probe.proof == Proof::Output);
            fleet.session.send(ToAgent::Lease(Box::new(lease))).await?;
            under_way += 1;
        }
        if under_way == 0 {
            break;
        }
        let finished = fleet.finished().await?;
        under_way -= 1;
        let place = usize::try_from(finished.token.counter - FIRST_TOKEN)?;
        let probe = &PROBES[place];
        let log = fleet.coordinator.log(finished.token);
        ensure!(log.contains("probe begins"), "`{}` did not begin at {level}: {finished:?}\n{log}", probe.name);
        let has_escaped = fleet.has_escaped(probe, place, &finished)?;
        println!("{runs:?} {level}: {} {}", if has_escaped { "out " } else { "held" }, probe.name);
        escaped.insert(probe.name, has_escaped);
    }
    fleet.session.send(ToAgent::Cancel { token: token(VICTIM_TOKEN), reason: CancelReason::Cancelled }).await?;
    fleet.finished().await?;
    fleet.session.end();
    Ok(escaped)
}

struct Fleet<'a> {
    machine: &'a Machine,
    agent: Agent,
    coordinator: Coordinator,
    session: Session,
    socket: String,
    victim: i32,
}

impl Fleet<'_> {
    /// A job of somebody else, on the same agent.
    async fn start_victim(&mut self) -> anyhow::Result<()> {
        let mut lease = self.lease(VICTIM_TOKEN, "echo x > victim; exec sleep 600", false);
        lease.env.insert("VICTIM_SECRET".to_owned(), "1".to_owned());
        lease.env.insert("VICTIM_OF".to_owned(), self.machine.nonce.clone());
        let of_this_test = format!("VICTIM_OF={}", self.machine.nonce);
        self.session.send(ToAgent::Lease(Box::new(lease))).await?;
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        self.victim = within(async {
            loop {
                ticks.tick().await;
                if let Some(pid) = process_with("environ", of_this_test.as_bytes(), b"sleep\0") {
                    return pid;
                }
            }
        })
        .await?;
        Ok(())
    }

    fn lease(&self, counter: u64, script: &str, hands_over: bool) -> Lease {
        let path = |name: &str| self.machine.path(name).display().to_string();
        let nonce = format!("{}-{counter}", self.machine.nonce);
        let planted = |folder: &str| format!("{folder}/{nonce}");
        let env = [
            ("AGENT_PID", self.agent.pid().to_string()),
            ("VICTIM_PID", self.victim.to_string()),
            ("STATE", path("state")),
            ("CONFIG", path("agent.toml")),
            ("AGENT_HOME", path("home")),
            ("PROBE", format!("{} probe", path("probe"))),
            ("SET_USER_ID", format!("{} probe", path("set-user-id"))),
            ("SERVICE", self.machine.service.clone()),
            ("ABSTRACT", self.machine.nonce.clone()),
            ("COORDINATOR", self.socket.clone()),
            ("LEFT_IN_TMP", self.machine.left_in_tmp.path().display().to_string()),
            ("PLANTED", planted(&path("state"))),
            ("PLANTED_IN_TMP", planted("/tmp")),
            ("PLANTED_IN_VAR_TMP", planted("/var/tmp")),
            ("PLANTED_IN_MEMORY", planted("/dev/shm")),
            ("SHARED_KEY", shared_key(counter).to_string()),
            ("NONCE", nonce.clone()),
        ];
        let outputs = hands_over.then(|| ("said".to_owned(), "${{ steps.p.outputs.secret }}".to_owned()));
        let first = StepSpec { id: Some("p".to_owned()), ..StepSpec::new("p", format!("echo probe begins; {script}")) };
        Lease {
            token: token(counter),
            job: JobId { run: RunId(1), job: JobIndex(0) },
            project: "p".to_owned(),
            job_name: "j".to_owned(),
            attempt: 1,
            shard: None,
            work: LeaseWork::Steps(vec![first, StepSpec::new("next", "true")]),
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            workspace: None,
            inputs: Vec::new(),
            artifacts: Vec::new(),
            outputs: outputs.into_iter().collect(),
            needs: BTreeMap::new(),
            timeout_ms: 60_000,
            is_repeatable: true,
        }
    }

    async fn finished(&mut self) -> anyhow::Result<Finished> {
        self.session
            .until(|message| match message {
                FromAgent::Finished(finished) => Some(finished),
                _ => None,
            })
            .await
    }

    fn has_escaped(&self, probe: &Probe, place: usize, finished: &Finished) -> anyhow::Result<bool> {
        let counter = FIRST_TOKEN + place as u64;
        let nonce = format!("{}-{counter}", self.machine.nonce);
        Ok(match probe.proof {
            Proof::Exit => finished.outcome == AttemptOutcome::Passed,
            Proof::Output => finished.outputs.values().any(|value| value.contains("of-the-agent")),
            Proof::File => {
                let state = self.machine.path("state");
                let folders = [state.to_str().context("its name is text")?, "/tmp", "/var/tmp", "/dev/shm"];
                let planted: Vec<_> = folders.iter().map(|folder| format!("{folder}/{nonce}")).collect();
                planted.iter().any(|path| std::fs::remove_file(path).is_ok())
            }
            Proof::SharedMemory => {
                let found = unsafe { libc::shmget(shared_key(counter), 0, 0) };
                found >= 0 && unsafe { libc::shmctl(found, libc::IPC_RMID, std::ptr::null_mut()) } == 0
            }
            Proof::Process => process_with("cmdline", nonce.as_bytes(), b"").is_some(),
        })
    }
}

/// A process whose `/proc` file of this name holds `text`, and whose command line begins with `program`.
fn process_with(file: &str, text: &[u8], program: &[u8]) -> Option<i32> {
    let pids = std::fs::read_dir("/proc").ok()?.filter_map(|row| row.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let read = |pid: i32, file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    pids.into_iter().find(|pid| {
        read(*pid, file).windows(text.len()).any(|part| part == text) && read(*pid, "cmdline").starts_with(program)
    })
}

const fn token(counter: u64) -> Token {
    Token { epoch: Epoch(1), counter }
}

/// Of this process alone, among those that run these tests at one time.
fn shared_key(counter: u64) -> i32 {
    i32::try_from(u64::from(std::process::id()) * 256 + counter).unwrap_or(1)
}

/// What every job may do.
const CONTROL: &str = r#"
    echo x > file && ln -s file link && cat link && mkdir -p a/b && mv file a/b/ && mkfifo pipe && ln a/b/file hard
    echo x > "$TMPDIR/x" && echo x > /tmp/x && echo x > /dev/null && head -c 1 /dev/urandom > /dev/shm/x
    echo "value=1" >> "$MUSTER_OUTPUT" && test "$CI" = true && cd "$HOME" && echo x > x
    ls /usr/bin > /dev/null && cat /etc/passwd > /dev/null && kill -0 $$
    sleep 600 & kill $! && (echo x | cat | grep -q x) && test -r /proc/self/status
"#;
const VICTIM_TOKEN: u64 = 1;
const CONTROL_TOKEN: u64 = 2;
const FIRST_TOKEN: u64 = 10;
