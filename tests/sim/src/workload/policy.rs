//! What operators have set.

use std::time::Duration;

use super::dice::Dice;

/// The coordinator's policy: as delivered in most seeds.
pub(super) fn scheduler(dice: &mut Dice) -> muster_scheduler::Config {
    let mut config = muster_scheduler::Config::default();
    if dice.percent(30) {
        config.lease = dice.span(3_000, 20_000);
        config.heartbeat = config.lease / dice.between(3..=8);
    }
    if dice.percent(40) {
        // Shorter than operators would have it: the work of a simulation is short as well.
        config.lease_unrepeatable = (dice.span(40_000, 300_000) / 4).max(config.lease);
    }
    if dice.percent(40) {
        config.restore_grace = dice.span(5_000, 60_000).max(config.lease);
    }
    if dice.percent(40) {
        config.stop_grace = dice.span(2_000, 60_000);
    }
    if dice.percent(40) {
        config.retry_elsewhere = dice.span(100, 30_000);
    }
    config.refuse_unsatisfiable = dice.percent(15);
    if dice.percent(4) {
        config.runs_open_max = dice.between(1..=3);
    }
    if dice.percent(15) {
        config.history_max = dice.between(0..=4);
    }
    config
}

/// Every agent's policy. The guard is far longer than what clocks drift over the longest lease, and shorter than it.
pub(super) fn session(dice: &mut Dice, scheduler: &muster_scheduler::Config) -> muster_session::Config {
    let mut config = muster_session::Config::default();
    if dice.percent(40) {
        config.prefetch_tests = dice.between(0..=8);
    }
    if dice.percent(20) {
        config.window_messages = dice.between(1..=4);
    }
    if dice.percent(10) {
        config.window_bytes = dice.between(1..=4_000);
    }
    if dice.percent(10) {
        config.spool_bytes_max = dice.between(1..=4_000);
    }
    if dice.percent(20) {
        config.backoff_max = dice.span(200, 20_000);
    }
    config.fence_guard = config.fence_guard.min(scheduler.lease_unrepeatable / 3).max(Duration::from_secs(5));
    config
}
