//! One file for each input, or each kind of question.

mod cancel_run;
mod close_session;
mod deadline;
mod discovered;
mod drain;
mod finished;
mod heartbeat;
mod message;
mod open_session;
mod quarantine;
mod questions;
mod refused;
mod report_stored;
mod seal;
mod stalled;
mod started;
mod submit_run;
mod test_results;
mod test_started;
mod want_batch;
mod withdrawn;

pub(crate) use seal::digest_of;

use crate::Input;
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn on(&mut self, input: Input) {
        match input {
            Input::SubmitRun { ask, spec, request_id } => self.on_submit_run(ask, *spec, request_id),
            Input::CancelRun { ask, run } => self.on_cancel_run(ask, run),
            Input::GetRun { ask, run } => self.on_get_run(ask, run),
            Input::GetSpec { ask, run } => self.on_get_spec(ask, run),
            Input::ListTests { ask, project, name, from, limit } => {
                self.on_list_tests(ask, &project, name.as_deref(), from, limit);
            }
            Input::ListRuns { ask } => self.on_list_runs(ask),
            Input::ListRunTests { ask, run, from, limit } => self.on_list_run_tests(ask, run, from, limit),
            Input::WatchRun { ask, run } => self.on_watch_run(ask, run),
            Input::ListAgents { ask } => self.on_list_agents(ask),
            Input::DrainAgent { ask, agent } => self.on_drain_agent(ask, &agent),
            Input::TrustAgent { ask, agent } => self.on_trust_agent(ask, &agent),
            Input::QuarantineTest { ask, test, owner, reason, until } => {
                self.on_quarantine_test(ask, &test, owner, reason, until);
            }
            Input::ReleaseTest { ask, test } => self.on_release_test(ask, &test),
            Input::Overview { ask } => self.on_overview(ask),
            Input::OpenSession { session, open } => self.on_open_session(session, *open),
            Input::CloseSession { session } => self.on_close_session(session),
            Input::Agent { session, sequence, message } => self.on_message(session, sequence, *message),
            Input::ReportStored { run, report } => self.on_report_stored(run, report),
            Input::Deadline => self.on_deadline(),
            Input::Stalled { span } => self.on_stalled(span),
        }
    }
}
