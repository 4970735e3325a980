//! How jobs and attempts are listed and shown.

use engine::{AttemptView, JobView};
use serde_json::Value;

use crate::flows::{Flow, JobBatch, Progress};
use crate::output::{Row, instant, instant_or_dash, long, plural, span_between};

impl Row for JobView {
    const COLUMNS: &'static [&'static str] = &["ID", "KIND", "STATE", "ATTEMPT", "RUN_AT", "ERROR"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.kind.clone(),
            self.label.to_owned(),
            format!("{}/{}", self.failed, self.max_attempts),
            instant(self.ended_at.unwrap_or(self.run_at)),
            long(self.error.as_deref().unwrap_or("-"), 80),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

impl Row for AttemptView {
    const COLUMNS: &'static [&'static str] = &[
        "ATTEMPT",
        "STARTED_AT",
        "TOOK",
        "OUTCOME",
        "WORKER",
        "ERROR",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.attempt.to_string(),
            instant(self.started_at),
            self.ended_at
                .map_or("-".into(), |end| span_between(self.started_at, end)),
            outcome(self),
            self.worker.clone().unwrap_or_else(|| "-".into()),
            self.error.clone().unwrap_or_else(|| "-".into()),
        ]
    }

    fn name(&self) -> String {
        self.attempt.to_string()
    }
}

/// A job with its attempts and how far it is.
#[derive(serde::Serialize)]
pub(super) struct Whole {
    #[serde(flatten)]
    pub(super) job: JobView,
    pub(super) attempts: Vec<AttemptView>,
    #[serde(flatten)]
    pub(super) flow: Flow,
    /// The last lines of the last attempt that said something: programs ask for the logs themselves.
    #[serde(skip)]
    pub(super) last_said: Vec<String>,
}

impl Row for Whole {
    const COLUMNS: &'static [&'static str] = JobView::COLUMNS;

    fn cells(&self) -> Vec<String> {
        self.job.cells()
    }

    fn name(&self) -> String {
        self.job.name()
    }

    fn details(&self) -> Vec<(String, String)> {
        let job = &self.job;
        let mut pairs = Pairs(Vec::new());
        pairs.add("id", Some(job.id));
        pairs.add("kind", Some(&job.kind));
        pairs.add("state", Some(job.label));
        pairs.add(
            "queue",
            Some(format!("{} (priority {})", job.queue, job.priority)),
        );
        pairs.add("args", Some(pretty(&job.args)));
        pairs.add("created at", Some(instant(job.created_at)));
        pairs.add("asked by", job.asked_by.as_ref());
        let is_over = job.state.is_terminal();
        pairs.add("run at", (!is_over).then(|| instant(job.run_at)));
        pairs.add("lease until", job.lease_until.map(instant));
        pairs.add("ended at", is_over.then(|| instant_or_dash(job.ended_at)));
        pairs.add(
            "failed",
            Some(format!("{} of {} attempts", job.failed, job.max_attempts)),
        );
        pairs.add("crashes", (job.crashes > 0).then_some(job.crashes));
        pairs.add("waiting for", self.flow.waits_for.as_ref());
        pairs.add("progress", self.flow.progress.as_ref().map(far));
        pairs.add("cancel", job.cancel_requested.then_some("asked for"));
        pairs.add("unique key", job.unique_key.as_ref());
        pairs.add("idempotency key", job.idempotency_key.as_ref());
        pairs.add("partition key", job.partition_key.as_ref());
        pairs.add("tags", (!job.tags.is_empty()).then(|| job.tags.join(", ")));
        pairs.add("parent", job.parent_id);
        pairs.add("run again from", job.replayed_from);
        pairs.add("code", job.code.as_ref());
        pairs.add("error", job.error.as_ref());
        pairs.add("result", job.result.as_ref().map(pretty));
        for step in &self.flow.steps {
            let (attempt, at) = (step.attempt, instant(step.ended_at));
            pairs.add(
                &format!("step {}", step.name),
                Some(format!("{at} by attempt {attempt}")),
            );
        }
        for batch in &self.flow.batches {
            pairs.add(&format!("batch {}", batch.name), Some(counts(batch)));
        }
        for attempt in &self.attempts {
            pairs.add(&format!("attempt {}", attempt.attempt), Some(said(attempt)));
        }
        pairs.add(
            "said last",
            (!self.last_said.is_empty()).then(|| self.last_said.join("\n")),
        );
        pairs.0
    }
}

/// Names and values, without what there is not.
pub(in crate::commands) struct Pairs(pub(in crate::commands) Vec<(String, String)>);

impl Pairs {
    pub(in crate::commands) fn add<T: ToString>(&mut self, name: &str, value: Option<T>) {
        if let Some(value) = value {
            self.0.push((name.to_owned(), value.to_string()));
        }
    }
}

/// As `4 of 10 at 2026-01-01 00:00:00Z: reading page 4`.
fn far(progress: &Progress) -> String {
    let mut text = progress.done.to_string();
    if let Some(total) = progress.total {
        text.push_str(&format!(" of {total}"));
    }
    text.push_str(&format!(" at {}", instant(progress.at)));
    if let Some(message) = progress.message.as_ref().filter(|words| !words.is_empty()) {
        text.push_str(&format!(": {message}"));
    }
    text
}

/// As `10 jobs: 4 pending, 5 completed, 1 dead`.
fn counts(batch: &JobBatch) -> String {
    let counts = [
        (batch.pending, "pending"),
        (batch.completed, "completed"),
        (batch.cancelled, "cancelled"),
        (batch.dead, "dead"),
    ];
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let some: Vec<String> = some
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let jobs = plural(usize::try_from(batch.total).unwrap_or_default(), "job");
    match some.is_empty() {
        true => jobs,
        false => format!("{jobs}: {}", some.join(", ")),
    }
}

/// As `put_off (57 times)`.
fn outcome(attempt: &AttemptView) -> String {
    match attempt.times {
        1 => attempt.outcome.clone(),
        times => format!("{} ({times} times)", attempt.outcome),
    }
}

fn said(attempt: &AttemptView) -> String {
    let mut text = format!("{} {}", instant(attempt.started_at), outcome(attempt));
    if let Some(end) = attempt.ended_at {
        text.push_str(&format!(" after {}", span_between(attempt.started_at, end)));
    }
    if let Some(worker) = &attempt.worker {
        text.push_str(&format!(" on {worker}"));
    }
    if let Some(error) = &attempt.error {
        text.push_str(&format!("\n{error}"));
    }
    text
}

fn pretty(value: &Value) -> String {
    let line = value.to_string();
    if line.len() <= 100 {
        line
    } else {
        serde_json::to_string_pretty(value).unwrap_or(line)
    }
}
