//! Why a job stands where it stands: every cause with what is known of it, and its texts in one place.
//! A job can have several causes at once; all are told, the nearest first. Looking them up is
//! `store/why`'s business.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::State;
use crate::control::PauseScope;

/// The answer to "why is it not running?", for a job in any state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhyView {
    /// The job.
    pub id: Uuid,
    /// Where it stands.
    pub state: State,
    /// A finer word than the state.
    pub label: &'static str,
    /// The causes, the nearest first; never empty.
    pub causes: Vec<Why>,
}

/// A worker that is busy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BusyWorker {
    /// Its id.
    pub id: Uuid,
    /// Its label.
    pub label: String,
    /// Jobs of the queue it runs now.
    pub running: i64,
    /// How many it runs at a time.
    pub slots: i64,
}

/// One cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// Its time has not come.
    Scheduled {
        /// When it comes.
        run_at: Timestamp,
    },
    /// It has failed and tries again.
    Retrying {
        /// When.
        run_at: Timestamp,
        /// Attempts that failed.
        failed: i16,
        /// Attempts that may fail.
        max_attempts: i16,
        /// Of the last failure.
        code: Option<String>,
        /// Of the last failure.
        error: Option<String>,
        /// When that was.
        failed_at: Option<Timestamp>,
    },
    /// Somebody has stopped its queue or kind.
    Paused {
        /// Which of the two.
        scope: PauseScope,
        /// Its name.
        name: String,
        /// Who.
        by: String,
        /// Since when.
        since: Timestamp,
        /// What for, if they said.
        reason: Option<String>,
    },
    /// No live worker serves its queue.
    NoWorkerForQueue {
        /// The queue.
        queue: String,
    },
    /// Live workers serve its queue and none of them knows its kind.
    NoWorkerForKind {
        /// The kind.
        kind: String,
        /// The labels of those that serve the queue.
        workers: Vec<String>,
    },
    /// All who could run it are busy.
    SlotsTaken {
        /// They.
        workers: Vec<BusyWorker>,
    },
    /// Others come first: by priority, then by time.
    Behind {
        /// How many.
        ahead: i64,
        /// True when there are more and counting was stopped.
        or_more: bool,
    },
    /// Its time has come and it is not in line yet.
    ComingIn {
        /// When its time came.
        run_at: Timestamp,
    },
    /// Nothing stands in its way.
    Next,
    /// Another job holds its unique key, and it is to run after it.
    Twin {
        /// The other job.
        twin: Option<Uuid>,
        /// Where that stands.
        twin_state: Option<State>,
    },
    /// It waits for something else.
    Waiting {
        /// For what.
        waiting_for: Option<String>,
    },
    /// It runs.
    Running {
        /// Who runs it.
        worker_id: Option<Uuid>,
        /// The label of that.
        worker: Option<String>,
        /// Since when.
        since: Option<Timestamp>,
        /// Until when it may without another heartbeat.
        lease_until: Option<Timestamp>,
        /// The lease has run out: the worker died or stands still.
        is_late: bool,
    },
    /// It runs, and somebody has asked it to stop.
    CancelRequested {
        /// Who.
        by: Option<String>,
        /// When.
        at: Option<Timestamp>,
    },
    /// It was given up.
    Dead {
        /// When.
        at: Option<Timestamp>,
        /// Attempts that failed.
        failed: i16,
        /// Attempts that could.
        max_attempts: i16,
        /// Attempts that took their worker with them.
        crashes: i16,
        /// Of the last failure.
        code: Option<String>,
        /// Of the last failure.
        error: Option<String>,
        /// Its group, once it is in one.
        fingerprint: Option<String>,
        /// Letters of the group.
        in_group: Option<i64>,
    },
    /// It is done.
    Completed {
        /// When.
        at: Option<Timestamp>,
    },
    /// It was ended before it was done.
    Cancelled {
        /// When.
        at: Option<Timestamp>,
        /// By whom; none when its handler did.
        by: Option<String>,
        /// What for.
        reason: Option<String>,
    },
}

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
            Why::Waiting { waiting_for } => format!(
                "it waits for {}",
                waiting_for.as_deref().unwrap_or("something else")
            ),
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
            Why::Paused { scope, name, .. } => {
                format!("it goes on when somebody resumes {} {name}", scope.as_str())
            }
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
            Why::Twin { .. } => "it comes in line when the twin ends".to_owned(),
            Why::Waiting { .. } => "it goes on when that has happened".to_owned(),
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

fn because(code: Option<&str>, error: Option<&str>) -> String {
    match (code, error) {
        (Some(code), Some(error)) => format!(" ({code}: {error})"),
        (Some(one), None) | (None, Some(one)) => format!(" ({one})"),
        (None, None) => String::new(),
    }
}
