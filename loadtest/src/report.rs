//! The figures of a scenario.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// What a scenario has measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// Fake agents.
    pub(crate) agents: u32,
    /// Jobs that ended well.
    pub(crate) jobs: u32,
    /// Runs that did not end as they must.
    pub(crate) lost: u32,
    /// From the first submission to the last end.
    pub(crate) seconds: f64,
    /// Jobs by second, from submission to acknowledged end.
    pub(crate) jobs_per_s: f64,
    /// From the submission's call to the job's arrival at an agent.
    pub(crate) dispatch_ms: Percentiles,
    /// From the submission's call to the run's end as its client sees it.
    pub(crate) end_ms: Percentiles,
}

/// Percentiles, in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Percentiles {
    /// Median.
    pub(crate) p50: f64,
    /// 99 of 100 are below.
    pub(crate) p99: f64,
    /// 999 of 1,000 are below.
    pub(crate) p999: f64,
}

impl Percentiles {
    /// Percentiles of these spans.
    pub(crate) fn of(mut spans: Vec<Duration>) -> Self {
        spans.sort_unstable();
        let at = |share: f64| {
            let last = spans.len().saturating_sub(1);
            let index = ((spans.len() as f64 * share) as usize).min(last);
            spans.get(index).map_or(0.0, |span| span.as_secs_f64() * 1_000.0)
        };
        Self { p50: at(0.5), p99: at(0.99), p999: at(0.999) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { agents, jobs, lost, seconds, jobs_per_s, dispatch_ms, end_ms } = self;
        writeln!(f, "{jobs} jobs on {agents} agents in {seconds:.2} s: {jobs_per_s:.0} jobs/s, {lost} lost")?;
        writeln!(f, "submit to start: {dispatch_ms}")?;
        write!(f, "submit to end:   {end_ms}")
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.2} ms, p99 {:.2} ms, p999 {:.2} ms", self.p50, self.p99, self.p999)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_a_hundred() {
        let found = Percentiles::of((1..=100).map(Duration::from_millis).collect());
        assert_eq!((found.p50, found.p99, found.p999), (51.0, 100.0, 100.0));
        assert_eq!(Percentiles::of(Vec::new()).p50, 0.0);
    }
}
