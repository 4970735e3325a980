//! Flows as the command line and the HTTP API show them: how far a job is, and what it waits for.

use engine::{AttemptView, Client, JobView, State, StepQuery, StepView};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::output::instant;

/// How far a job is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Flow {
    /// What it waits for, in words; none when it does not wait.
    pub(crate) waits_for: Option<String>,
    /// How far it last said it was.
    pub(crate) progress: Option<Progress>,
    /// The first fifty steps behind it, oldest first.
    pub(crate) steps: Vec<Step>,
    /// There are more, in pages of their own.
    pub(crate) has_more_steps: bool,
    /// The batches it waits or waited for, oldest first.
    pub(crate) batches: Vec<JobBatch>,
}

/// How far a job says it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Progress {
    /// Units done.
    pub(crate) done: i64,
    /// Units in all, when known.
    pub(crate) total: Option<i64>,
    /// For people.
    pub(crate) message: Option<String>,
    /// When it was said.
    pub(crate) at: Timestamp,
}

/// A step that is not done again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Step {
    /// Its name.
    pub(crate) name: String,
    /// The attempt that did it.
    pub(crate) attempt: i32,
    /// When it was done.
    pub(crate) ended_at: Timestamp,
    /// What it gave, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) result: Option<Value>,
}

impl Step {
    /// None for a wait for a signal, which keeps its limit as a step and is no work that was done.
    pub(crate) fn of(step: StepView) -> Option<Step> {
        (!step.name.starts_with("signal:")).then_some(Step {
            name: step.name,
            attempt: step.attempt,
            ended_at: step.ended_at,
            result: step.result,
        })
    }
}

/// Jobs that one other job, the owner, waits for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobBatch {
    /// Its id.
    pub(crate) id: Uuid,
    /// The owner's name for it.
    pub(crate) name: String,
    /// Jobs in all.
    pub(crate) total: i32,
    /// Not ended.
    pub(crate) pending: i32,
    /// Ended well.
    pub(crate) completed: i32,
    /// Ended by a person or by themselves.
    pub(crate) cancelled: i32,
    /// Given up.
    pub(crate) dead: i32,
}

/// How far a job is.
///
/// # Errors
/// [`engine::Error::Database`].
pub(crate) async fn of(
    client: &Client,
    job: &JobView,
    attempts: &[AttemptView],
) -> engine::Result<Flow> {
    let batches = client.batches(job.id).await?;
    let batches: Vec<JobBatch> = batches.into_iter().map(JobBatch::from).collect();
    let progress = client.progress(job.id).await?.map(Progress::from);
    let steps = client.steps(job.id, &StepQuery::default()).await?;
    let waits = job.waiting_for.as_deref();
    let waits = waits.filter(|_| job.state == State::Waiting);
    Ok(Flow {
        // The attempt that began the wait has its limit on record.
        waits_for: waits.map(|what| {
            let until = attempts.last().and_then(|attempt| attempt.next_run_at);
            in_words(what, until, &batches)
        }),
        progress,
        has_more_steps: steps.next.is_some(),
        steps: steps.data.into_iter().filter_map(Step::of).collect(),
        batches,
    })
}

/// What the engine writes as `signal:approved`, `batch:<id>`, `twin` or `time`.
fn in_words(what: &str, until: Option<Timestamp>, batches: &[JobBatch]) -> String {
    let until = until.map_or_else(String::new, |at| format!(" until {}", instant(at)));
    if let Some(name) = what.strip_prefix("signal:") {
        return format!("a signal named {name}{until}");
    }
    if let Some(id) = what.strip_prefix("batch:") {
        let batch = batches.iter().find(|batch| batch.id.to_string() == id);
        return batch.map_or_else(|| "a batch".to_owned(), JobBatch::waited_for);
    }
    match what {
        "twin" => "its twin to end".to_owned(),
        "time" => format!("its time{until}"),
        other => format!("{other}{until}"),
    }
}

impl JobBatch {
    fn waited_for(&self) -> String {
        let JobBatch { pending, total, .. } = self;
        match self.name.as_str() {
            "chain" => "the job before it in its chain".to_owned(),
            "batch" => format!("{pending} of {total} jobs of its batch"),
            name => format!("{pending} of {total} parts of batch {name}"),
        }
    }
}

impl From<engine::Batch> for JobBatch {
    fn from(of: engine::Batch) -> JobBatch {
        JobBatch {
            id: of.id,
            name: of.name,
            total: of.total,
            pending: of.pending,
            completed: of.completed,
            cancelled: of.cancelled,
            dead: of.dead,
        }
    }
}

impl From<engine::Progress> for Progress {
    fn from(of: engine::Progress) -> Progress {
        Progress {
            done: of.done,
            total: of.total,
            message: of.message,
            at: of.at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_waits_for_is_said_in_words() {
        let id = Uuid::nil();
        let named = |name: &str| JobBatch {
            id,
            name: name.into(),
            total: 10,
            pending: 4,
            completed: 5,
            cancelled: 1,
            dead: 0,
        };
        let at = Timestamp::from_second(0).ok();
        let batch = format!("batch:{id}");
        let table = [
            (
                "signal:approved",
                None,
                "companies",
                "a signal named approved",
            ),
            (
                "signal:approved",
                at,
                "companies",
                "a signal named approved until 1970-01-01 00:00:00Z",
            ),
            (
                &batch,
                None,
                "companies",
                "4 of 10 parts of batch companies",
            ),
            (&batch, None, "batch", "4 of 10 jobs of its batch"),
            (&batch, None, "chain", "the job before it in its chain"),
            ("twin", None, "companies", "its twin to end"),
            (
                "time",
                at,
                "companies",
                "its time until 1970-01-01 00:00:00Z",
            ),
        ];

        for (what, until, name, words) in table {
            assert_eq!(in_words(what, until, &[named(name)]), words);
        }
    }
}
