//! An agent's stream has begun: every lease that it holds, or should hold, is settled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_common::control::{Claim, ClaimAnswer, HeldLease, Open, Opened, ToAgent};
use muster_common::id::{AgentLife, AgentName, SessionId, TestIndex, Token};
use muster_common::limits::{AGENT_NAME_BYTES_MAX, CLAIMS_PER_OPEN_MAX, LABELS_PER_AGENT_MAX, SLOTS_PER_AGENT_MAX};
use muster_common::time::Monotonic;

use crate::scheduler::Scheduler;
use crate::state::{Agent, Liveness};
use crate::{CloseReason, Effect, Key, LeasePart};

impl Scheduler {
    pub(crate) fn on_open_session(&mut self, session: SessionId, open: Open) {
        if let Err(why) = self.may_open(&open) {
            return self.effect(Effect::CloseSession { session, why });
        }
        let name = open.agent.clone();
        self.free_places_of_earlier(&name, open.life);
        self.replace_older(&open);
        let claims = self.judge_claims(&open);
        self.admit(session, &open, &claims);
        self.send_opened(session, &claims);
        let held: BTreeMap<Token, HeldLease> = open.held.into_iter().map(|held| (held.token, held)).collect();
        for token in self.live_leases_of(&name) {
            match held.get(&token) {
                Some(claimed) => self.resume_lease(&name, token, claimed),
                None => self.settle_unclaimed(&name, token),
            }
        }
        self.trust_agent(&name);
        self.apply_fence(&name);
        if self.agents.table.get(&name).is_some_and(|agent| agent.is_draining) {
            self.drain(&name);
            if !open.is_draining {
                self.send(session, ToAgent::Drain);
            }
        }
    }

    fn may_open(&self, open: &Open) -> Result<(), CloseReason> {
        let limits = [
            (open.agent.0.len(), AGENT_NAME_BYTES_MAX, "bytes in the agent's name"),
            (open.labels.len(), LABELS_PER_AGENT_MAX, "labels"),
            (open.held.len(), CLAIMS_PER_OPEN_MAX, "claimed leases"),
            (open.slots as usize, SLOTS_PER_AGENT_MAX as usize, "slots"),
        ];
        for (found, max, what) in limits {
            if found > max {
                return Err(CloseReason::Protocol(format!("{found} {what}, at most {max} are allowed")));
            }
        }
        if open.slots == 0 || open.agent.0.is_empty() {
            return Err(CloseReason::Protocol("an agent needs a name and at least one slot".to_owned()));
        }
        match self.agents.table.get(&open.agent) {
            Some(old) if old.life == open.life && (open.number < old.opens || self.is_outdated(open)) => {
                Err(CloseReason::Replaced)
            }
            Some(old) if old.life != open.life && old.session.is_some() && old.liveness == Liveness::Alive => {
                Err(CloseReason::NameTaken)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Whether an `Open` was said before its agent began something that it holds. An agent claims what it has begun until
    /// the end of it is acknowledged, so one that does not was slow on a stream that was given up: its number tells that
    /// only to a coordinator that has heard a later one.
    fn is_outdated(&self, open: &Open) -> bool {
        let began = |token: &Token| {
            self.leases.get(token).is_some_and(|lease| lease.row.is_started && lease.row.life == open.life)
        };
        let claimed: BTreeSet<Token> = open.held.iter().map(|held| held.token).collect();
        self.live_leases_of(&open.agent).iter().any(|token| began(token) && !claimed.contains(token))
    }

    /// An older session of the same life is replaced. An older life is lost with all that it held, but for leases of
    /// which the new one has the end in its spool.
    fn replace_older(&mut self, open: &Open) {
        let Some(old) = self.agents.table.get(&open.agent) else { return };
        let is_same_life = old.life == open.life;
        self.end_session_of(&open.agent, CloseReason::Replaced);
        if is_same_life {
            return;
        }
        let ended: BTreeSet<Token> = open.held.iter().filter(|held| held.is_finished).map(|held| held.token).collect();
        for token in self.live_leases_of(&open.agent) {
            if !ended.contains(&token) {
                self.lose_lease(token);
            }
        }
        let inherited = self.live_leases_of(&open.agent);
        if inherited.is_empty() {
            return self.forget_agent(&open.agent);
        }
        for token in inherited {
            self.inherit_lease(token, open.life);
        }
        if let Some(agent) = self.agents.table.get_mut(&open.agent) {
            agent.life = open.life;
            agent.is_draining = false;
        }
    }

    /// The next life of a lease's agent has only to say how it ended; what has an end has begun.
    fn inherit_lease(&mut self, token: Token, life: AgentLife) {
        let Some(lease) = self.leases.get_mut(&token) else { return };
        lease.row.life = life;
        lease.row.is_started = true;
        self.touch(Key::Lease(token));
    }

    fn judge_claims(&self, open: &Open) -> Vec<ClaimAnswer> {
        let is_kept = |token: Token| {
            self.leases
                .get(&token)
                .is_some_and(|lease| lease.is_live() && lease.row.agent == open.agent && lease.row.life == open.life)
        };
        open.held
            .iter()
            .map(|held| ClaimAnswer {
                token: held.token,
                claim: if is_kept(held.token) { Claim::Keep } else { Claim::Stop },
            })
            .collect()
    }

    fn admit(&mut self, session: SessionId, open: &Open, claims: &[ClaimAnswer]) {
        let name = open.agent.clone();
        let absent = || Agent::absent(name.clone(), open.life, Monotonic::default(), Monotonic::default());
        if !self.agents.table.contains_key(&name) {
            self.agents.table.insert(name.clone(), absent());
            self.agents.doubtful += 1;
        }
        self.forget_leftovers(&name);
        let agent = self.agents.table.get_mut(&name).expect("the agent was inserted if it was not there");
        agent.session = Some(session);
        agent.opens = open.number;
        agent.labels = open.labels.clone();
        agent.slots = open.slots;
        agent.version = open.version.clone();
        agent.connected = self.now.wall;
        agent.is_draining |= open.is_draining;
        agent.grace_until = Monotonic::default();
        self.agents.sessions.insert(session, name.clone());
        self.queue.admit_agent(agent);
        let stopping = claims.iter().filter(|answer| answer.claim == Claim::Stop).map(|answer| answer.token);
        let finished: BTreeSet<Token> =
            open.held.iter().filter(|held| held.is_finished).map(|held| held.token).collect();
        for token in stopping.filter(|token| !finished.contains(token)) {
            self.hold_for_nobody(&name, token);
        }
    }

    /// Slots that were taken by work that was told to end are counted anew, from what the agent claims.
    fn forget_leftovers(&mut self, name: &AgentName) {
        let live: BTreeSet<Token> = self.live_leases_of(name).into_iter().collect();
        let Some(agent) = self.agents.table.get(name) else { return };
        let leftovers: Vec<Token> = agent.held.keys().filter(|token| !live.contains(token)).copied().collect();
        for token in leftovers {
            self.free_slot(name, token);
        }
    }

    /// Work that is to stop takes its slot until the agent says that it has ended.
    fn hold_for_nobody(&mut self, name: &AgentName, token: Token) {
        let nobody: Arc<str> = Arc::from("");
        self.queue.charge(&nobody);
        if let Some(agent) = self.agents.table.get_mut(name) {
            agent.held.insert(token, nobody);
            self.queue.refresh_agent(agent);
        }
    }

    fn send_opened(&mut self, session: SessionId, claims: &[ClaimAnswer]) {
        let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let opened = Opened {
            session,
            heartbeat_ms: millis(self.config.heartbeat),
            lease_ms: millis(self.config.lease),
            lease_unrepeatable_ms: millis(self.config.lease_unrepeatable),
            claims: claims.to_vec(),
        };
        self.send(session, ToAgent::Opened(opened));
    }

    /// The agent has a lease: tells it what it missed.
    fn resume_lease(&mut self, name: &AgentName, token: Token, claimed: &HeldLease) {
        let row = &self.leases[&token].row;
        let (job, part) = (row.job, row.part);
        if let Some(stop) = self.job(job).stop.clone() {
            return self.send_to(name, ToAgent::Cancel { token, reason: stop.cancel });
        }
        let LeasePart::Shard(_) = part else { return };
        let claimed_batches: BTreeSet<Token> = claimed.batches.iter().map(|batch| batch.token).collect();
        for batch in self.batches_of(token).keys().copied().collect::<Vec<_>>() {
            if claimed_batches.contains(&batch) {
                self.withdraw_ended(name, batch);
            } else {
                self.resend_batch(name, batch);
            }
        }
        let dismissed = self.suite(job).shards.get(&token).filter(|shard| shard.is_dismissed);
        if let Some(is_cancelled) = dismissed.map(|shard| shard.is_cancelled) {
            self.send_dismissal(name, token, is_cancelled);
        } else if claimed.wants_batch {
            self.suite_mut(job).set_asking(token);
            self.refresh_idle(job, token);
            self.pending.offers.insert(job);
        }
    }

    /// Tests of a batch whose try has ended meanwhile need not be run.
    fn withdraw_ended(&mut self, name: &AgentName, token: Token) {
        let Some(batch) = self.batches.get(&token) else { return };
        let ended: Vec<TestIndex> = batch.attempts.keys().filter(|test| !batch.open.contains(test)).copied().collect();
        if !ended.is_empty() {
            let withdrawal = self.pending.withdrawals.entry(token);
            withdrawal.or_insert_with(|| (name.clone(), Vec::new())).1.extend(ended);
        }
    }

    /// The agent does not have a lease that is its own: either it never arrived, or the agent has let it go.
    fn settle_unclaimed(&mut self, name: &AgentName, token: Token) {
        if self.leases[&token].row.is_started {
            return self.lose_lease(token);
        }
        let job = self.leases[&token].row.job;
        let is_draining = self.agents.table.get(name).is_some_and(|agent| agent.is_draining);
        let shard = self.job(job).suite.as_deref().and_then(|suite| suite.shards.get(&token));
        let is_dismissed = shard.is_some_and(|shard| shard.is_dismissed);
        if is_draining || is_dismissed || self.job(job).stop.is_some() {
            return self.return_lease(token, None);
        }
        let message = self.lease_message(token);
        self.send_to(name, ToAgent::Lease(Box::new(message)));
    }
}
