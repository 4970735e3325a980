//! The texts of all causes, in one place.

use uuid::Uuid;

use super::Why;
use crate::control::PauseScope;

impl Why {
    /// The cause in one sentence.
    pub fn said(&self) -> String {
        match self {
            Why::Scheduled { run_at } => format!("it is scheduled for {run_at}"),
            Why::Retrying {
                failed,
                max_attempts,
                code,
                error,
                failed_at,
                ..
            } => format!(
                "attempt failed{}{}: {} of {max_attempts} failures",
                failed_at.map(|at| format!(" at {at}")).unwrap_or_default(),
                because(code.as_deref(), error.as_deref()),
                failed
            ),
            Why::Paused {
                scope,
                name,
                by,
                since,
                reason,
            } => format!(
                "{} {name} is paused by {by} since {since}{}",
                scope.as_str(),
                reason
                    .as_ref()
                    .map(|why| format!(": {why}"))
                    .unwrap_or_default()
            ),
            Why::NoWorkerForQueue { queue } => format!("no live worker serves queue {queue}"),
            Why::NoWorkerForKind { kind, workers } => format!(
                "no live worker of its queue knows kind {kind}; {} serve the queue",
                workers.join(", ")
            ),
            Why::SlotsTaken { workers } => {
                let busy: Vec<String> = workers
                    .iter()
                    .map(|w| format!("{} runs {} of {}", w.label, w.running, w.slots))
                    .collect();
                format!("all slots of its queue are taken: {}", busy.join(", "))
            }
            Why::Behind { ahead: 1, .. } => {
                "a job of its queue comes first, by priority and time".to_owned()
            }
            Why::Behind { ahead, or_more } => format!(
                "{ahead}{} jobs of its queue come first, by priority and time",
                if *or_more { " or more" } else { "" }
            ),
            Why::ComingIn { run_at } => format!("its time came at {run_at}"),
            Why::Next => "it is due and nothing stands in its way".to_owned(),
            Why::Twin { twin, twin_state } => format!(
                "it is to run after its twin, which holds the unique key: {}{}",
                twin.map_or_else(|| "a job that is gone".to_owned(), |id| format!("job {id}")),
                twin_state
                    .map(|state| format!(", {state}"))
                    .unwrap_or_default()
            ),
            other => other.said_of_shut(),
        }
    }

    pub(super) fn said_of_wait(&self) -> String {
        match self {
            Why::Members { batch } => format!(
                "it waits for the {} of {} jobs of batch {} that have not ended",
                batch.pending, batch.total, batch.name
            ),
            Why::Signal { name, until } => format!(
                "it waits for a signal named {name}{}",
                until.map(|at| format!(", until {at}")).unwrap_or_default()
            ),
            Why::Sleeps { until } => format!("it sleeps until {until}"),
            Why::KindFull { kind, most, jobs } => full(("kind", kind), *most, jobs),
            Why::PartitionFull { key, most, jobs } => full(("partition", key), *most, jobs),
            Why::ConnectionFull { key, most, jobs } => full(("connection", key), *most, jobs),
            Why::PartitionBlocked { key, job_id, since } => format!(
                "its partition {key} runs in order, and the dead job {job_id} holds it up since {since}"
            ),
            Why::WouldOvertake { key, head, kind } => format!(
                "job {head} of {kind} comes before it in its partition {key}, of which as many run as that kind may"
            ),
            Why::NotItsTurn { key, head } => {
                format!("its partition {key} runs in order, and job {head} comes first")
            }
            other => other.said_of_run(),
        }
    }

    fn said_of_run(&self) -> String {
        match self {
            Why::Running {
                worker,
                worker_id,
                since,
                lease_until,
                is_late,
            } => format!(
                "it {} on {}{}{}",
                if *is_late { "ran" } else { "runs" },
                worker
                    .clone()
                    .or_else(|| worker_id.map(|id| id.to_string()))
                    .unwrap_or_else(|| "a worker".to_owned()),
                since.map(|at| format!(" since {at}")).unwrap_or_default(),
                match lease_until {
                    Some(at) if *is_late =>
                        format!("; the heartbeat is late, its lease ran out at {at}"),
                    Some(at) => format!("; its lease lasts until {at} and is renewed"),
                    None => String::new(),
                }
            ),
            Why::CancelRequested { by, at } => format!(
                "{} asked it to stop{}",
                by.as_deref().unwrap_or("somebody"),
                at.map(|at| format!(" at {at}")).unwrap_or_default()
            ),
            other => other.said_of_end(),
        }
    }

    fn said_of_end(&self) -> String {
        match self {
            Why::Dead {
                at,
                failed,
                max_attempts,
                crashes,
                code,
                error,
                ..
            } => format!(
                "it was given up{} after {failed} of {max_attempts} failures{}{}",
                at.map(|at| format!(" at {at}")).unwrap_or_default(),
                if *crashes > 0 {
                    format!(", {crashes} of them crashes of its worker")
                } else {
                    String::new()
                },
                because(code.as_deref(), error.as_deref()),
            ),
            Why::Completed { at } => {
                format!(
                    "it completed{}",
                    at.map(|at| format!(" at {at}")).unwrap_or_default()
                )
            }
            Why::Cancelled { at, by, reason } => format!(
                "it was cancelled{}{}{}",
                at.map(|at| format!(" at {at}")).unwrap_or_default(),
                by.as_ref()
                    .map(|by| format!(" by {by}"))
                    .unwrap_or_default(),
                reason
                    .as_ref()
                    .map(|why| format!(": {why}"))
                    .unwrap_or_default()
            ),
            _ => String::new(),
        }
    }

    /// What happens next, or what to do so that something does.
    pub fn next(&self, id: Uuid) -> String {
        match self {
            Why::Scheduled { run_at } => {
                format!("it is due at {run_at}; run it now: lockstep job retry {id}")
            }
            Why::Retrying { run_at, .. } => {
                format!("it tries again at {run_at}; now: lockstep job retry {id}")
            }
            Why::Paused {
                scope: PauseScope::Queue,
                name,
                ..
            } => {
                format!("it goes on when somebody resumes it: lockstep queue resume {name}")
            }
            Why::Paused {
                scope: PauseScope::Connection,
                name,
                ..
            } => {
                format!("it goes on when somebody resumes it: lockstep breaker resume {name}")
            }
            Why::Paused { scope, name, .. } => {
                let scope = scope.as_str();
                format!("it goes on when somebody resumes it: lockstep {scope} resume {name}")
            }
            Why::PutOff { .. }
            | Why::Snoozed { .. }
            | Why::BudgetShut { .. }
            | Why::BucketEmpty { .. }
            | Why::BreakerShut { .. } => self.next_of_shut(id),
            Why::NoWorkerForQueue { queue } => {
                format!("it runs when a worker with [queues.{queue}] starts: lockstep work")
            }
            Why::NoWorkerForKind { .. } => {
                "it runs when a release that has the kind starts on this queue".to_owned()
            }
            Why::SlotsTaken { .. } => "it moves up when one of them ends".to_owned(),
            Why::Behind { .. } => "it runs after them".to_owned(),
            Why::ComingIn { .. } => {
                "it comes in line within a second, if any worker is alive".to_owned()
            }
            Why::Next => "the next free slot takes it, within a second".to_owned(),
            Why::Twin { .. } => "it comes in line when the twin lets go of the key".to_owned(),
            Why::Members { .. } => "it goes on when the last of them has ended".to_owned(),
            Why::Signal { name, .. } => {
                format!("it goes on when somebody tells it: lockstep job signal {id} {name}")
            }
            Why::Sleeps { .. } => "it goes on then".to_owned(),
            Why::KindFull { .. } | Why::PartitionFull { .. } | Why::ConnectionFull { .. } => {
                "it moves up when one of them ends".to_owned()
            }
            Why::PartitionBlocked { key, job_id, .. } => format!(
                "it goes on when somebody retries that job (lockstep job retry {job_id}) or skips it \
                 (lockstep partition skip {key})"
            ),
            Why::WouldOvertake { head, .. } => {
                format!("it moves up when that one begins: lockstep job why {head}")
            }
            Why::NotItsTurn { head, .. } => {
                format!("it moves up when that one ends: lockstep job why {head}")
            }
            Why::Running { is_late: true, .. } => {
                "any live worker takes it back within a second".to_owned()
            }
            Why::Running { .. } => format!("it ends by itself; stop it: lockstep job cancel {id}"),
            Why::CancelRequested { .. } => {
                "it ends when its handler stops; a lost worker's lease ends it too".to_owned()
            }
            Why::Dead {
                fingerprint: Some(group),
                in_group,
                ..
            } => format!(
                "nothing, until somebody retries it: lockstep job retry {id}; all {}of its cause: \
                 lockstep dead replay --all --filter fingerprint:{group}",
                in_group.map(|n| format!("{n} ")).unwrap_or_default()
            ),
            Why::Dead { .. } => {
                format!("nothing, until somebody retries it: lockstep job retry {id}")
            }
            Why::Completed { .. } => format!("nothing; run it again: lockstep job again {id}"),
            Why::Cancelled { .. } => {
                format!("nothing, until somebody lets it try on: lockstep job retry {id}")
            }
        }
    }
}

/// Of a limit that is reached.
fn full((what, name): (&str, &str), most: i64, jobs: &[Uuid]) -> String {
    let jobs = listed(jobs, most);
    format!("{most} jobs of {what} {name} may run at a time and do: {jobs}")
}

/// The first of them; there are `of`, and more than are named may be.
fn listed(jobs: &[Uuid], of: i64) -> String {
    let named: Vec<String> = jobs.iter().take(5).map(Uuid::to_string).collect();
    let more = if of > 5 { ", ..." } else { "" };
    format!("{}{more}", named.join(", "))
}

pub(super) fn because(code: Option<&str>, error: Option<&str>) -> String {
    match (code, error) {
        (Some(code), Some(error)) => format!(" ({code}: {error})"),
        (Some(one), None) | (None, Some(one)) => format!(" ({one})"),
        (None, None) => String::new(),
    }
}
