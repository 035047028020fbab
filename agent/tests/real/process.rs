//! Processes of all kinds are run, stopped and cleaned up after.

use std::time::{Duration, Instant};

use muster_agent::attempt::environment;
use muster_agent::attempt::exit::Exit;
use muster_agent::attempt::lifeline::Lifeline;
use muster_agent::attempt::process::{Command, Ended, Leftovers, StartError, Stream, Streams};
use muster_agent::attempt::services::Services;
use muster_service::clock::SystemClock;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn output_and_exit_status_arrive() {
    let mut command = sh("echo out; echo err >&2; exit 3");
    command.streams = Streams::Separate;
    let mut running = command.start(&CancellationToken::new()).await.expect("sh starts");
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(chunk) = running.output.recv().await {
        match chunk.stream {
            Stream::Stdout => stdout.extend_from_slice(&chunk.bytes),
            Stream::Stderr => stderr.extend_from_slice(&chunk.bytes),
        }
    }
    assert_eq!(running.ended().await.exit, Exit::Status(3));
    assert_eq!((&stdout[..], &stderr[..]), (&b"out\n"[..], &b"err\n"[..]));
}

#[tokio::test]
async fn the_environment_is_exact_and_the_process_has_a_session_of_its_own() {
    let mut command = sh("env; ps -o sid= -p $$ 2>/dev/null || true; read line || echo no input");
    command.environment.insert("GIVEN".into(), "yes".into());
    let (_, output) = run(command).await;
    assert!(output.contains("GIVEN=yes") && output.contains("MUSTER=1") && output.contains("MUSTER_PROCESS="));
    assert!(output.contains("no input"));
    assert!(!output.contains("CARGO_PKG_NAME"), "the agent's own variables stay with it");
}

#[tokio::test]
async fn a_process_that_hangs_is_ended_by_its_time_limit_even_if_it_ignores_sigterm() {
    let mut command = sh("trap '' TERM; echo ready; while :; do sleep 1; done");
    command.timeout = Some(Duration::from_millis(300));
    command.grace = Duration::from_millis(100);
    let (ended, output) = run(command).await;
    assert_eq!(ended.exit, Exit::TimedOut(Duration::from_millis(300)));
    assert_eq!((output.as_str(), ended.survivors), ("ready\n", vec![]));
}

#[tokio::test]
async fn a_process_that_is_asked_to_stop_may_say_goodbye() {
    let stop = CancellationToken::new();
    let command = sh("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
    let mut running = command.start(&stop).await.expect("sh starts");
    let first = running.output.recv().await.expect("it says that it is ready");
    assert_eq!(&first.bytes[..], b"ready\n");
    stop.cancel();
    // The shell may first say that its `sleep` was ended too, for the whole group is asked to stop.
    let mut last = Vec::new();
    while let Some(chunk) = running.output.recv().await {
        last.extend_from_slice(&chunk.bytes);
    }
    assert!(last.ends_with(b"bye\n"), "{}", String::from_utf8_lossy(&last));
    assert_eq!(running.ended().await.exit, Exit::Cancelled);
}

#[tokio::test]
async fn a_daemon_is_found_and_ended_and_does_not_hold_the_output_open() {
    let started = Instant::now();
    let (ended, output) = run(sh("(setsid sleep 1000 & echo $!); exit 0")).await;
    assert_eq!(ended.exit, Exit::Status(0));
    assert!(started.elapsed() < Duration::from_secs(60), "it waited for the daemon");
    assert_gone(output.trim());
}

#[tokio::test]
async fn a_daemon_that_has_wiped_its_environment_is_ended_too() {
    let (ended, output) = run(sh(&format!("{WIPED} & wait; sleep 0.1"))).await;
    assert_eq!((ended.exit, ended.survivors), (Exit::Status(0), vec![]));
    assert_gone(output.trim());
}

#[tokio::test]
async fn processes_that_flee_from_parent_to_parent_are_caught() {
    // Each starts the next one in a session of its own, without an environment, and ends.
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("flee");
    std::fs::write(&script, "echo $$ >> \"$1\"; env -i setsid sh \"$0\" \"$1\" &\n").expect("a script");
    let last = folder.path().join("last");
    let shown = (script.display(), last.display());
    let (ended, _) = run(sh(&format!("env -i setsid sh {} {} & sleep 0.3", shown.0, shown.1))).await;
    assert_eq!(ended.survivors, Vec::<i32>::new());
    let before = std::fs::read_to_string(&last).expect("it ran");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(std::fs::read_to_string(&last).expect("it ran"), before, "it runs on");
    assert!(before.lines().count() > 1, "it fled");
}

#[tokio::test]
async fn a_command_sees_no_descriptor_but_its_own_three() {
    let secret = std::fs::File::open("/dev/null").expect("it is there");
    let inherited =
        nix::fcntl::fcntl(&secret, nix::fcntl::FcntlArg::F_DUPFD(70)).expect("a descriptor that exec keeps");
    let (_, output) = run(sh("ls /proc/self/fd | tr '\\n' ' '")).await;
    nix::unistd::close(inherited).expect("it is ours");
    assert_eq!(output, "0 1 2 3 ", "the fourth is that of `ls`");
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_an_agent_that_is_killed() {
    // The keeper hears of it by a pipe that closes, as it does when the process that holds its other end dies.
    let services = Services::default();
    let mut command = sh(&format!("{WIPED} & wait; sleep 0.1"));
    command.leftovers = Leftovers::Keep(services.clone());
    let (_, output) = run(command).await;
    assert!(is_alive(output.trim()), "it is kept until then");
    drop(services);
    wait_until_gone(output.trim()).await;
}

#[tokio::test]
async fn a_service_may_be_kept_until_its_attempt_ends() {
    let services = Services::default();
    let mut command = sh("sleep 1000 & echo $!");
    command.leftovers = Leftovers::Keep(services.clone());
    let (ended, output) = run(command).await;
    assert_eq!(ended.exit, Exit::Status(0));
    assert!(is_alive(output.trim()), "it lives");
    services.end().await;
    assert_gone(output.trim());
}

#[tokio::test]
async fn it_is_known_when_nothing_is_left() {
    let leaves = async |script: &str| {
        let command = sh(script);
        let traces = command.traces.clone();
        run(command).await;
        traces.may_be_there()
    };
    assert!(!leaves("exit 3").await);
    assert!(!leaves(&format!("{AN_ORPHAN_ENDS}; kill -9 $$")).await, "what it left has ended by itself");
    assert!(!leaves(&format!("{WIPED} & wait")).await, "its keeper has ended what it left");
    assert!(leaves("kill -9 $PPID; sleep 1000").await, "its keeper said nothing");

    let services = Services::default();
    let mut command = sh("sleep 1000 > /dev/null 2>&1 &");
    command.leftovers = Leftovers::Keep(services.clone());
    let traces = command.traces.clone();
    run(command).await;
    assert!(traces.may_be_there(), "a service");
    services.end().await;
    assert!(!traces.may_be_there(), "it has ended");
}

#[tokio::test]
async fn an_orphan_that_ends_is_gone_while_the_command_runs() {
    let (ended, output) = run(sh(&format!("{AN_ORPHAN_ENDS}; echo gone"))).await;
    assert_eq!((ended.exit, output.as_str()), (Exit::Status(0), "gone\n"));
}

#[tokio::test]
async fn two_hundred_megabytes_pass_through_bounded_memory() {
    let mut running = sh("head -c 209715200 /dev/zero").start(&CancellationToken::new()).await.expect("sh starts");
    let mut bytes = 0;
    while let Some(chunk) = running.output.recv().await {
        bytes += chunk.bytes.len();
    }
    assert_eq!(bytes, 209_715_200);
    assert_eq!(running.ended().await.exit, Exit::Status(0));
}

#[tokio::test]
async fn a_reader_that_goes_away_does_not_stop_the_process() {
    let running = sh("head -c 10000000 /dev/zero; exit 7").start(&CancellationToken::new()).await.expect("sh starts");
    assert_eq!(running.ended().await.exit, Exit::Status(7));
}

#[tokio::test]
async fn a_child_that_kills_its_parent_leaves_a_signal_and_nothing_else() {
    let (ended, output) = run(sh("sh -c 'echo $$; kill -9 $PPID; sleep 1000'; echo not reached")).await;
    assert_eq!(ended.exit, Exit::Signal(9));
    assert_gone(output.trim());
}

#[tokio::test]
async fn a_command_that_kills_its_parent_kills_its_keeper_and_not_the_agent() {
    let (ended, output) = run(sh("echo $$; kill -9 $PPID; sleep 1000")).await;
    assert_eq!(ended.exit, Exit::Signal(9));
    assert_gone(output.trim());
}

#[tokio::test]
async fn a_signal_that_ends_the_command_is_known_by_its_number() {
    for signal in [6, 11, 15] {
        let (ended, _) = run(sh(&format!("kill -{signal} $$; sleep 1000"))).await;
        assert_eq!(ended.exit, Exit::Signal(signal));
    }
}

#[tokio::test]
async fn dropping_a_running_command_stops_it() {
    let mut running = sh("echo $$; sleep 1000").start(&CancellationToken::new()).await.expect("sh starts");
    let chunk = running.output.recv().await.expect("its process id");
    drop(running);
    let pid = String::from_utf8_lossy(&chunk.bytes).trim().to_owned();
    wait_until_gone(&pid).await;
}

#[tokio::test]
async fn a_command_on_a_lifeline_ends_with_it_although_nobody_here_ends_it() {
    let lifeline = Lifeline::new().expect("there is memory for it");
    let now = SystemClock.now().monotonic;
    lifeline.reach(now + Duration::from_secs(3_600));
    let mut command = sh("trap '' TERM; echo ready; while :; do sleep 1; done");
    command.lifeline = Some(lifeline.clone());
    let mut running = command.start(&CancellationToken::new()).await.expect("sh starts");
    running.output.recv().await.expect("it says that it is ready");
    lifeline.reach(now);
    assert_eq!(running.ended().await.exit, Exit::Signal(9));

    let mut command = sh("exit 3");
    lifeline.reach(now + Duration::from_secs(3_600));
    command.lifeline = Some(lifeline);
    assert_eq!(run(command).await.0.exit, Exit::Status(3), "a lifeline changes nothing about an end");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let stop = CancellationToken::new();
    let mut command = sh("");
    command.argv = vec!["no-such-program-anywhere".into()];
    let error = command.start(&stop).await.expect_err("there is no such program");
    assert!(matches!(&error, StartError::ProgramMissing { program } if program == "no-such-program-anywhere"));
    let mut command = sh("");
    command.directory = "/no/such/directory".into();
    let error = command.start(&stop).await.expect_err("there is no such directory");
    assert!(matches!(error, StartError::DirectoryMissing { .. }));
}

fn sh(script: &str) -> Command {
    let argv = ["sh", "-c", script].map(Into::into).into();
    Command::new(argv, std::env::temp_dir(), environment::base(std::env::vars_os()))
}

async fn run(command: Command) -> (Ended, String) {
    let mut running = command.start(&CancellationToken::new()).await.expect("sh starts");
    let mut output = Vec::new();
    while let Some(chunk) = running.output.recv().await {
        output.extend_from_slice(&chunk.bytes);
    }
    (running.ended().await, String::from_utf8_lossy(&output).into_owned())
}

async fn wait_until_gone(pid: &str) {
    let waited = Instant::now();
    while is_alive(pid) {
        assert!(waited.elapsed() < Duration::from_secs(60), "it lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Says its process id and lives on, in a session of its own, without a variable.
const WIPED: &str = "(env -i setsid sh -c 'echo $$; exec sleep 1000' &)";

fn assert_gone(pid: &str) {
    assert!(pid.parse::<i32>().is_ok(), "`{pid}` is a process id");
    assert!(!is_alive(pid), "process {pid} is left over");
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with(['Z', 'X']) && !rest.trim().is_empty())
}

/// Starts a process that nobody waits for, and waits until it is no more.
const AN_ORPHAN_ENDS: &str =
    "pid=$( (sh -c 'echo $$; exec >&-; sleep 0.05' &) ); while kill -0 $pid 2> /dev/null; do sleep 0.01; done";
