//! Everything is bounded: messages, parts of lists, open runs, what is kept of runs that have ended.

use muster_common::control::ToAgent;
use muster_common::limits::{MESSAGE_BYTES_MAX, TESTS_PER_MESSAGE_MAX};
use muster_scheduler::{Answer, Effect, Key, Row};

use super::rows;
use crate::view::{Check, Live, Moment, View};

#[derive(Debug, Default)]
pub(super) struct Bounds;

impl Check for Bounds {
    fn name(&self) -> &'static str {
        "everything is bounded"
    }

    fn look(&mut self, view: &View<'_>, moment: &Moment<'_>) -> Result<(), String> {
        let Moment::Stepped { coordinator, changes, effects } = moment else { return Ok(()) };
        let Some(live) = rows::live(view, *coordinator) else { return Ok(()) };
        for effect in *effects {
            check_effect(effect)?;
        }
        for change in *changes {
            if let Some(row) = rows::put(change) {
                check_row(view, live, row)?;
            }
        }
        Ok(())
    }
}

fn check_row(view: &View<'_>, live: Live<'_>, row: &Row) -> Result<(), String> {
    if let Row::TestNames(row) = row
        && row.names.len() > TESTS_PER_MESSAGE_MAX
    {
        return Err(format!("a row holds {} names of tests", row.names.len()));
    }
    if let Row::Run(_) = row {
        let open = rows::runs(live.written).filter(|run| run.end.is_none()).count();
        if open > view.plan.scheduler.runs_open_max {
            return Err(format!("{open} runs are open"));
        }
    }
    if let Row::History(_) = row {
        let kept = live.written.keys().filter(|key| matches!(key, Key::History(_))).count();
        if kept > view.plan.scheduler.history_max {
            return Err(format!("{kept} retired runs are kept"));
        }
    }
    Ok(())
}

fn check_effect(effect: &Effect) -> Result<(), String> {
    match effect {
        Effect::Send { message: ToAgent::Batch(batch), .. } => {
            let bytes: usize = batch.tests.iter().map(|dealt| dealt.name.len()).sum();
            if batch.tests.len() > TESTS_PER_MESSAGE_MAX || bytes > MESSAGE_BYTES_MAX {
                return Err(format!("batch {} has {} tests, {bytes} bytes", batch.token, batch.tests.len()));
            }
            Ok(())
        }
        Effect::Answer { answer: Answer::Tests { tests, next }, .. } if tests.is_empty() && next.is_some() => {
            Err("a page of tests is empty and not the last".to_owned())
        }
        Effect::Send { .. }
        | Effect::Answer { .. }
        | Effect::CloseSession { .. }
        | Effect::Publish { .. }
        | Effect::Retire { .. } => Ok(()),
    }
}
