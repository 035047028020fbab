//! Jobs that want a slot, in order, and agents that have one.
//!
//! Jobs that ask for the same things form a class. Within a class jobs stand in line by project, and every class knows
//! the agents that can do its work, so that neither the length of the line nor the size of the fleet matters to a step.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_common::id::{AgentName, JobId, Token};
use muster_common::requirement::{Requirement, all_hold};

use super::{Agent, Agents};
use crate::policy::fairness::{JobRank, ProjectRank};
use crate::policy::placement::{self, AgentRank};

/// Number of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClassId(u32);

/// Where a job stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) class: ClassId,
    pub(crate) project: Arc<str>,
    pub(crate) rank: JobRank,
    /// Slots that it could use now.
    pub(crate) wanted: usize,
    /// Every agent with a free slot has been tried for it in vain; it stands aside until another slot is free.
    pub(crate) is_aside: bool,
}

/// All classes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Queue {
    pub(crate) classes: BTreeMap<ClassId, Class>,
    by_requirements: BTreeMap<Vec<Requirement>, ClassId>,
    next_class: u32,
    pub(crate) places: BTreeMap<JobId, Place>,
    /// Jobs that are not in line because all that they could do waits for a place in a group.
    pub(crate) blocked: BTreeSet<JobId>,
    /// Slots that each project holds.
    held: BTreeMap<Arc<str>, u32>,
    /// Classes with a job in line and a free agent.
    active: BTreeSet<ClassId>,
    /// Classes with a job in line or aside.
    pub(crate) hungry: BTreeSet<ClassId>,
    /// Test jobs whose discovery runs and that may want an early shard.
    pub(crate) early: BTreeSet<JobId>,
    /// Shards without a list, with the agents of which they hold a slot.
    pub(crate) early_held: BTreeMap<Token, AgentName>,
    /// Agents with a free slot.
    free_agents: usize,
    /// Shards that were told to end because others need their slots.
    pub(crate) releasing: BTreeMap<Token, AgentName>,
}

/// Jobs that ask for the same things.
#[derive(Clone, Debug, Default)]
pub(crate) struct Class {
    pub(crate) requirements: Vec<Requirement>,
    /// Projects in line, each with its place in `order`.
    projects: BTreeMap<Arc<str>, Line>,
    order: BTreeSet<(ProjectRank, Arc<str>)>,
    aside: BTreeSet<JobId>,
    /// Jobs in line or aside.
    pub(crate) waiting: usize,
    /// Slots that they could use.
    pub(crate) wanted: usize,
    /// Agents with a session that can do its work.
    pub(crate) agents: BTreeSet<AgentName>,
    /// Those with a free slot, best first.
    pub(crate) free: BTreeSet<(AgentRank, AgentName)>,
    /// Those with a shard whose slot others may have.
    pub(crate) idle: BTreeSet<AgentName>,
}

#[derive(Clone, Debug, Default)]
struct Line {
    jobs: BTreeSet<(JobRank, JobId)>,
    rank: Option<ProjectRank>,
}

impl Queue {
    /// The class of jobs with these requirements.
    pub(crate) fn class(&mut self, requirements: &[Requirement], agents: &mut Agents) -> ClassId {
        let mut key = requirements.to_vec();
        key.sort_unstable();
        key.dedup();
        if let Some(id) = self.by_requirements.get(&key) {
            return *id;
        }
        if self.classes.len() >= CLASSES_KEPT {
            self.forget_unused(agents);
        }
        let id = ClassId(self.next_class);
        self.next_class += 1;
        let mut class = Class { requirements: key.clone(), ..Class::default() };
        for agent in agents.table.values_mut().filter(|agent| agent.session.is_some()) {
            if all_hold(&key, &agent.labels) {
                class.take_in(id, agent);
            }
        }
        self.by_requirements.insert(key, id);
        self.classes.insert(id, class);
        id
    }

    /// The class of a job that stands somewhere, or of these requirements if there is one.
    pub(crate) fn known_class(&self, requirements: &[Requirement]) -> Option<&Class> {
        let mut key = requirements.to_vec();
        key.sort_unstable();
        key.dedup();
        self.by_requirements.get(&key).map(|id| &self.classes[id])
    }

    fn forget_unused(&mut self, agents: &mut Agents) {
        let unused: Vec<ClassId> =
            self.classes.iter().filter(|(_, class)| class.waiting == 0).map(|(id, _)| *id).collect();
        for id in unused {
            if let Some(class) = self.classes.remove(&id) {
                self.by_requirements.remove(&class.requirements);
                for name in &class.agents {
                    if let Some(agent) = agents.table.get_mut(name) {
                        agent.classes.remove(&id);
                    }
                }
            }
        }
    }

    /// An agent has opened a session: finds out what it can do.
    pub(crate) fn admit_agent(&mut self, agent: &mut Agent) {
        for (id, class) in &mut self.classes {
            if all_hold(&class.requirements, &agent.labels) {
                class.take_in(*id, agent);
            }
        }
        self.refresh_agent(agent);
    }

    /// An agent's session has gone.
    pub(crate) fn dismiss_agent(&mut self, agent: &mut Agent) {
        self.unindex(agent);
        for id in std::mem::take(&mut agent.classes) {
            if let Some(class) = self.classes.get_mut(&id) {
                class.agents.remove(&agent.name);
                class.idle.remove(&agent.name);
            }
        }
    }

    /// Something about an agent's slots may have changed.
    pub(crate) fn refresh_agent(&mut self, agent: &mut Agent) {
        let free = agent.free();
        let is_idle = !agent.idle.is_empty();
        let was_free = agent.indexed_free;
        if free != was_free {
            self.unindex(agent);
        }
        for id in agent.classes.clone() {
            let Some(class) = self.classes.get_mut(&id) else { continue };
            if is_idle {
                class.idle.insert(agent.name.clone());
            } else {
                class.idle.remove(&agent.name);
            }
            if free > 0 {
                class.free.insert((placement::rank(free), agent.name.clone()));
            }
            if free > was_free {
                self.recall_aside(id);
            }
            self.refresh_activity(id);
        }
        self.free_agents += usize::from(free > 0 && agent.indexed_free == 0);
        agent.indexed_free = free;
    }

    fn unindex(&mut self, agent: &mut Agent) {
        for id in &agent.classes {
            if let Some(class) = self.classes.get_mut(id) {
                class.free.remove(&(placement::rank(agent.indexed_free), agent.name.clone()));
                self.refresh_activity(*id);
            }
        }
        self.free_agents -= usize::from(agent.indexed_free > 0);
        agent.indexed_free = 0;
    }

    /// Puts a job in line, or moves it to its new rank.
    pub(crate) fn enter(&mut self, job: JobId, place: Place) {
        self.leave(job);
        let class_id = place.class;
        let class = self.classes.get_mut(&class_id).expect("a place is made with the number of a class");
        class.waiting += 1;
        class.wanted += place.wanted;
        if place.is_aside {
            class.aside.insert(job);
        } else {
            class.projects.entry(place.project.clone()).or_default().jobs.insert((place.rank, job));
        }
        let project = place.project.clone();
        self.places.insert(job, place);
        self.rerank(class_id, &project);
    }

    /// Takes a job out of the line.
    pub(crate) fn leave(&mut self, job: JobId) {
        self.blocked.remove(&job);
        let Some(place) = self.places.remove(&job) else { return };
        let class = self.classes.get_mut(&place.class).expect("a class with a waiting job is kept");
        class.waiting -= 1;
        class.wanted -= place.wanted;
        if place.is_aside {
            class.aside.remove(&job);
        } else if let Some(line) = class.projects.get_mut(&place.project) {
            line.jobs.remove(&(place.rank, job));
        }
        self.rerank(place.class, &place.project);
    }

    /// No free agent is right for this job: others may pass it until another slot is free.
    pub(crate) fn stand_aside(&mut self, job: JobId) {
        if let Some(mut place) = self.places.get(&job).cloned() {
            place.is_aside = true;
            self.enter(job, place);
        }
    }

    fn recall_aside(&mut self, id: ClassId) {
        let Some(class) = self.classes.get(&id) else { return };
        for job in class.aside.clone() {
            if let Some(mut place) = self.places.get(&job).cloned() {
                place.is_aside = false;
                self.enter(job, place);
            }
        }
    }

    /// The job that is to have the next slot, if there is one for it.
    pub(crate) fn first(&self) -> Option<JobId> {
        let (class, (_, project)) = self
            .active
            .iter()
            .filter_map(|id| {
                let class = self.classes.get(id)?;
                class.order.first().map(|first| (class, first))
            })
            .min_by_key(|(_, first)| *first)?;
        class.projects.get(project)?.jobs.first().map(|(_, job)| *job)
    }

    /// Whether any agent has a free slot.
    pub(crate) const fn is_any_free(&self) -> bool {
        self.free_agents > 0
    }

    /// Whether a job waits for a slot of an agent that can do these kinds of work.
    pub(crate) fn is_wanted(&self, classes: &BTreeSet<ClassId>) -> bool {
        classes.iter().any(|class| self.hungry.contains(class))
    }

    /// Slots that a project holds.
    pub(crate) fn held_by(&self, project: &str) -> u32 {
        self.held.get(project).copied().unwrap_or(0)
    }

    /// A project has got a slot.
    pub(crate) fn charge(&mut self, project: &Arc<str>) {
        *self.held.entry(project.clone()).or_default() += 1;
        self.rerank_everywhere(project);
    }

    /// A project has given a slot back.
    pub(crate) fn credit(&mut self, project: &Arc<str>) {
        if let Some(held) = self.held.get_mut(project) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(project);
            }
        }
        self.rerank_everywhere(project);
    }

    fn rerank_everywhere(&mut self, project: &Arc<str>) {
        let classes: Vec<ClassId> = self.hungry.iter().copied().collect();
        for id in classes {
            self.rerank(id, project);
        }
    }

    fn rerank(&mut self, id: ClassId, project: &Arc<str>) {
        let held = self.held.get(project).copied().unwrap_or(0);
        let Some(class) = self.classes.get_mut(&id) else { return };
        if let Some(line) = class.projects.get_mut(project) {
            let rank = line.jobs.first().map(|(head, _)| ProjectRank::new(*head, held));
            if rank != line.rank {
                if let Some(old) = line.rank.take() {
                    class.order.remove(&(old, project.clone()));
                }
                line.rank = rank;
                match rank {
                    Some(rank) => {
                        class.order.insert((rank, project.clone()));
                    }
                    None => {
                        class.projects.remove(project);
                    }
                }
            } else if rank.is_none() {
                class.projects.remove(project);
            }
        }
        self.refresh_activity(id);
    }

    fn refresh_activity(&mut self, id: ClassId) {
        let Some(class) = self.classes.get(&id) else { return };
        if class.order.is_empty() || class.free.is_empty() {
            self.active.remove(&id);
        } else {
            self.active.insert(id);
        }
        if class.waiting == 0 {
            self.hungry.remove(&id);
        } else {
            self.hungry.insert(id);
        }
    }
}

/// For the invariants.
impl Queue {
    pub(crate) fn slots_by_project(&self) -> BTreeMap<Arc<str>, u32> {
        self.held.clone()
    }

    /// Whether every index says what the tables say.
    pub(crate) fn check_indexes(&self, agents: &Agents) -> Result<(), String> {
        let free = agents.table.values().filter(|agent| agent.free() > 0).count();
        if free != self.free_agents {
            return Err(format!("{free} agents have a free slot, {} are counted", self.free_agents));
        }
        for (id, class) in &self.classes {
            let able = agents.table.values().filter(|agent| agent.session.is_some());
            let able = able.filter(|agent| all_hold(&class.requirements, &agent.labels));
            let free: BTreeSet<(AgentRank, AgentName)> = able
                .clone()
                .filter(|agent| agent.free() > 0)
                .map(|agent| (placement::rank(agent.free()), agent.name.clone()))
                .collect();
            let idle: BTreeSet<AgentName> =
                able.clone().filter(|agent| !agent.idle.is_empty()).map(|agent| agent.name.clone()).collect();
            let able: BTreeSet<AgentName> = able.map(|agent| agent.name.clone()).collect();
            if (&able, &free, &idle) != (&class.agents, &class.free, &class.idle) {
                return Err(format!("class {id:?} has wrong agents: {class:?}"));
            }
            let waiting = self.places.values().filter(|place| place.class == *id).count();
            let in_line: usize = class.projects.values().map(|line| line.jobs.len()).sum();
            let wanted = self.places.values().filter(|place| place.class == *id).map(|place| place.wanted);
            if wanted.sum::<usize>() != class.wanted {
                return Err(format!("the jobs of class {id:?} do not want {} slots", class.wanted));
            }
            if waiting != class.waiting || in_line + class.aside.len() != waiting {
                return Err(format!("class {id:?} has {waiting} jobs and counts {}", class.waiting));
            }
            for (project, line) in &class.projects {
                let held = self.held.get(project).copied().unwrap_or(0);
                let rank = line.jobs.first().map(|(head, _)| ProjectRank::new(*head, held));
                let is_in_order = rank.is_some_and(|rank| class.order.contains(&(rank, project.clone())));
                if rank != line.rank || !is_in_order || class.order.len() != class.projects.len() {
                    return Err(format!("project {project} is at a wrong place in class {id:?}"));
                }
            }
            if !class.order.is_empty() && !class.free.is_empty() {
                return Err(format!("class {id:?} has a free slot and a job in line that was not tried"));
            }
        }
        Ok(())
    }
}

impl Class {
    /// The first job in line, with its project.
    pub(crate) fn head(&self) -> Option<(JobRank, JobId, &Arc<str>)> {
        let (_, project) = self.order.first()?;
        let (rank, job) = self.projects.get(project)?.jobs.first()?;
        Some((*rank, *job, project))
    }

    /// Jobs in line, those of a project together.
    pub(crate) fn in_line(&self) -> impl Iterator<Item = JobId> {
        self.projects.values().flat_map(|line| line.jobs.iter().map(|(_, job)| *job))
    }

    /// Jobs for which every agent with a free slot has been tried in vain.
    pub(crate) fn aside(&self) -> impl Iterator<Item = JobId> {
        self.aside.iter().copied()
    }

    fn take_in(&mut self, id: ClassId, agent: &mut Agent) {
        agent.classes.insert(id);
        self.agents.insert(agent.name.clone());
        if !agent.idle.is_empty() {
            self.idle.insert(agent.name.clone());
        }
        if agent.indexed_free > 0 {
            self.free.insert((placement::rank(agent.indexed_free), agent.name.clone()));
        }
    }
}

/// Classes above which those without a waiting job are forgotten.
const CLASSES_KEPT: usize = 1_024;

#[cfg(test)]
mod tests {
    use muster_common::id::{AgentLife, JobIndex, RunId, SessionId};
    use muster_common::time::Monotonic;

    use super::*;
    use crate::policy::fairness::Past;

    fn labelled(number: usize) -> Vec<Requirement> {
        vec![Requirement(format!("n={number}"))]
    }

    #[test]
    fn classes_that_nobody_stands_in_line_for_are_forgotten_when_there_are_many() {
        let mut queue = Queue::default();
        let mut agents = Agents::default();
        let mut agent =
            Agent::absent(AgentName("a".to_owned()), AgentLife(1), Monotonic::default(), Monotonic::default());
        agent.session = Some(SessionId(1));
        agent.labels.insert("n".to_owned(), "1".to_owned());
        agents.table.insert(agent.name.clone(), agent);
        let kept = queue.class(&labelled(0), &mut agents);
        let unused = queue.class(&labelled(1), &mut agents);
        let job = JobId { run: RunId(1), job: JobIndex(0) };
        let rank = JobRank::new(Past::New, 0, job.run, job.job);
        queue.enter(job, Place { class: kept, project: Arc::from("p"), rank, wanted: 1, is_aside: false });
        for number in 2..CLASSES_KEPT {
            queue.class(&labelled(number), &mut agents);
        }
        assert_eq!(queue.classes.len(), CLASSES_KEPT);
        assert_eq!(queue.class(&labelled(1), &mut agents), unused, "it is still known");
        queue.class(&labelled(CLASSES_KEPT), &mut agents);
        assert_eq!(queue.classes.keys().filter(|id| **id != kept).count(), 1, "all but the newest are forgotten");
        assert_eq!(queue.class(&labelled(0), &mut agents), kept, "a job stands in line");
        assert!(agents.table.values().all(|agent| agent.classes.is_empty()), "no agent is of a class that is gone");
        assert_ne!(queue.class(&labelled(1), &mut agents), unused);
        assert_eq!(queue.check_indexes(&agents), Ok(()));
    }
}
