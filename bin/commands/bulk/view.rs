//! How acts on many are shown.

use engine::{BulkAct, BulkPreview, BulkResult, BulkView};
use serde::Serialize;
use uuid::Uuid;

use crate::output::{Row, instant, instant_or_dash, long, plural, short};

/// Jobs that are named of each refusal.
const NAMED: usize = 5;

/// An act with what it could not be done to.
#[derive(Debug, Serialize)]
pub(super) struct Whole {
    /// The act.
    #[serde(flatten)]
    pub(super) bulk: BulkView,
    /// What it could not be done to.
    pub(super) refusals: Vec<BulkResult>,
}

impl Row for BulkView {
    const COLUMNS: &'static [&'static str] = &[
        "ID",
        "ACT",
        "STATE",
        "DONE",
        "SKIPPED",
        "REFUSED",
        "OF",
        "PERCENT",
        "LEFT",
        "BY",
        "CREATED_AT",
        "FILTER",
    ];

    fn cells(&self) -> Vec<String> {
        let dash = || "-".to_owned();
        let left = |seconds| short(std::time::Duration::from_secs_f64(seconds));
        vec![
            self.id.to_string(),
            self.act.as_str().to_owned(),
            self.state.as_str().to_owned(),
            self.done.to_string(),
            self.skipped.to_string(),
            self.refused.to_string(),
            matched(self.matched, self.matched_all),
            self.percent
                .map_or_else(dash, |percent| format!("{percent:.0}%")),
            self.eta_s.map_or_else(dash, left),
            self.requested_by.clone(),
            instant(self.created_at),
            long(&self.filter, 80),
        ]
    }

    fn name(&self) -> String {
        self.id.to_string()
    }
}

impl Row for Whole {
    const COLUMNS: &'static [&'static str] = BulkView::COLUMNS;

    fn cells(&self) -> Vec<String> {
        self.bulk.cells()
    }

    fn name(&self) -> String {
        self.bulk.name()
    }

    fn details(&self) -> Vec<(String, String)> {
        let bulk = &self.bulk;
        let mut pairs = bulk.details();
        let mut add = |name: &str, value: Option<String>| {
            pairs.extend(value.map(|value| (name.to_owned(), value)));
        };
        add("why", bulk.error.clone());
        add("reason", bulk.reason.clone());
        add("patch", bulk.patch.as_ref().map(ToString::to_string));
        add(
            "chunk",
            Some(format!("{} jobs, {} so far", bulk.chunk, bulk.chunks)),
        );
        add(
            "pace",
            bulk.rate_per_s.map(|rate| format!("at most {rate} jobs/s")),
        );
        add("canary", canary(bulk));
        add("looked at", Some(format!("{} rows", bulk.looked_at)));
        add("started at", Some(instant_or_dash(bulk.started_at)));
        add("ended at", Some(instant_or_dash(bulk.ended_at)));
        for refusal in &self.refusals {
            let ids: Vec<_> = refusal
                .job_ids
                .iter()
                .take(NAMED)
                .map(Uuid::to_string)
                .collect();
            let said = format!("{} × {}", refusal.jobs, long(&refusal.message, 160));
            add(&format!("refused: {}", refusal.code), Some(said));
            add("such as", Some(ids.join(" ")));
        }
        pairs
    }
}

fn canary(bulk: &BulkView) -> Option<String> {
    let jobs = bulk.canary_jobs?;
    let stands = match (bulk.canary_passed, bulk.canary_until) {
        (true, _) => "passed".to_owned(),
        (false, Some(until)) => format!("waited for until {}", instant(until)),
        (false, None) => "not begun".to_owned(),
    };
    let tolerated = bulk.canary_tolerate.unwrap_or_default();
    Some(format!("{jobs} jobs, {tolerated} may die again; {stands}"))
}

/// `12`, or `12+` for at least so many.
fn matched(jobs: i64, all: bool) -> String {
    if all {
        jobs.to_string()
    } else {
        format!("{jobs}+")
    }
}

/// As in "5 jobs", "at least 10000 jobs".
pub(super) fn counted(preview: &BulkPreview, noun: &str) -> String {
    let jobs = plural(usize::try_from(preview.matched).unwrap_or(usize::MAX), noun);
    match preview.matched_all {
        true => jobs,
        false => format!("at least {jobs}"),
    }
}

/// What a preview found, a line each: kinds, causes, a few jobs.
pub(super) fn lines(preview: &BulkPreview) -> Vec<String> {
    let mut lines = Vec::new();
    for of in &preview.kinds {
        lines.push(format!("  {:>6}  {} {}", of.jobs, of.state, of.kind));
    }
    for of in &preview.causes {
        let group = of.fingerprint.as_ref().map(|group| format!(" [{group}]"));
        lines.push(format!(
            "  {:>6}  {}{}: {}",
            of.jobs,
            of.code.as_deref().unwrap_or("-"),
            group.unwrap_or_default(),
            long(of.error.as_deref().unwrap_or("-"), 100)
        ));
    }
    for job in &preview.samples {
        lines.push(format!("  such as  {} {} {}", job.id, job.label, job.kind));
    }
    lines
}

/// The filter that finds what an act has made of its jobs, where there is one.
pub(super) fn found_again(id: Uuid, act: BulkAct) -> Option<String> {
    match act {
        BulkAct::RunAgain => Some(format!("tag:bulk:{id}")),
        BulkAct::Cancel => Some(format!("error:\"bulk act {id}\"")),
        BulkAct::Retry | BulkAct::RunNow | BulkAct::Delete => None,
    }
}
