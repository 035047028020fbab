//! The promises, watched over the whole of a simulation: one in each file.
//!
//! A check believes only what it has seen enter and leave: inputs, rows, effects, processes. What the scheduler says of
//! its own state is asked by one of them (`own_invariants`).

mod accepted_runs;
mod accounted_tests;
mod acknowledgements;
mod answered_requests;
mod bonds;
mod bounds;
mod cancelled_runs;
mod capacity;
mod counted_results;
mod dependency_order;
mod drained_agents;
mod durable_before_effect;
mod early_shards;
mod epochs;
mod exclusive_groups;
mod fair_turns;
mod final_ends;
mod fleet;
mod lease_times;
mod leftovers;
mod line;
mod lost_is_not_failed;
mod own_invariants;
mod quarantined_tests;
mod requirements;
mod restored_state;
mod rows;
mod single_leases;
mod stopped_work;
mod tokens;
mod true_reasons;
mod unrepeatable_work;
mod unrepeated_tests;
mod verdicts;
mod whole_units;
mod working_fleet;

use crate::view::Check;

/// Every promise.
#[must_use]
pub fn all() -> Vec<Box<dyn Check>> {
    vec![
        Box::<tokens::Tokens>::default(),
        Box::<single_leases::SingleLeases>::default(),
        Box::<counted_results::CountedResults>::default(),
        Box::<unrepeated_tests::UnrepeatedTests>::default(),
        Box::<accounted_tests::AccountedTests>::default(),
        Box::<quarantined_tests::QuarantinedTests>::default(),
        Box::<lost_is_not_failed::LostIsNotFailed>::default(),
        Box::<unrepeatable_work::UnrepeatableWork>::default(),
        Box::<stopped_work::StoppedWork>::default(),
        Box::<capacity::Capacity>::default(),
        Box::<drained_agents::DrainedAgents>::default(),
        Box::<requirements::Requirements>::default(),
        Box::<dependency_order::DependencyOrder>::default(),
        Box::<cancelled_runs::CancelledRuns>::default(),
        Box::<true_reasons::TrueReasons>::default(),
        Box::<bounds::Bounds>::default(),
        Box::<durable_before_effect::DurableBeforeEffect>::default(),
        Box::<epochs::Epochs>::default(),
        Box::<acknowledgements::Acknowledgements>::default(),
        Box::<final_ends::FinalEnds>::default(),
        Box::<accepted_runs::AcceptedRuns>::default(),
        Box::<answered_requests::AnsweredRequests>::default(),
        Box::<restored_state::RestoredState>::default(),
        Box::<own_invariants::OwnInvariants>::default(),
        Box::<fair_turns::FairTurns>::default(),
        Box::<working_fleet::WorkingFleet>::default(),
        Box::<early_shards::EarlyShards>::default(),
        Box::<lease_times::LeaseTimes>::default(),
        Box::<leftovers::Leftovers>::default(),
        Box::<verdicts::Verdicts>::default(),
        Box::<whole_units::WholeUnits>::default(),
        Box::<exclusive_groups::ExclusiveGroups>::default(),
    ]
}
