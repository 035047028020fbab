//! A test that is flaky more often than it used to be is an alarm of the job that shows it, though its retries pass.

use std::fmt::Write as _;

use anyhow::Result;
use muster_scheduler::Row;

use crate::scenarios::played;

#[test]
fn a_rate_that_rises_behind_passing_retries_is_an_alarm() -> Result<()> {
    assert_eq!(alarms(62, &[10, 61, 62])?, ["t: flaky in 2 of the last 21 runs, and in 1 of 41 before"]);
    assert_eq!(alarms(61, &[10, 61])?, Vec::<String>::new(), "one more flake is chance");
    assert_eq!(alarms(63, &[10, 61, 62])?, Vec::<String>::new(), "this run shows nothing");
    Ok(())
}

/// Alarms of the last of so many runs of one test, which is flaky in some.
fn alarms(runs: u64, flaky: &[u64]) -> Result<Vec<String>> {
    let mut script = "config heartbeat=1h lease=1h\npipeline p\njob unit tests retries=1\n@0 open s1 a1\n".to_owned();
    let (mut token, mut sequence) = (0, 0);
    let next = |number: &mut u64| {
        *number += 1;
        *number
    };
    for run in 1..=runs {
        let (list, shard) = (next(&mut token), next(&mut token));
        writeln!(script, "@{run} submit p")?;
        writeln!(script, "@{run} s1#{} discovered 1.{list} tests=t", next(&mut sequence))?;
        writeln!(script, "@{run} s1#{} finished 1.{list} passed seal=t", next(&mut sequence))?;
        let outcomes: &[&str] = if flaky.contains(&run) { &["failed:boom", "passed"] } else { &["passed"] };
        for outcome in outcomes {
            writeln!(script, "@{run} s1#0 want 1.{shard}")?;
            writeln!(script, "@{run} s1#{} results 1.{} 0={outcome}", next(&mut sequence), next(&mut token))?;
        }
        // The shard is told that nothing more comes.
        next(&mut token);
        writeln!(script, "@{run} s1#{} finished 1.{shard} passed", next(&mut sequence))?;
        if run < runs {
            writeln!(script, "@{run} stored {run}")?;
        }
    }
    let (world, _) = played(&script)?;
    let of_job = |row: Row| match row {
        Row::Job(job) => Some(job.alarms),
        _ => None,
    };
    Ok(world.rows.into_values().find_map(of_job).expect("the last run is not stored yet"))
}
