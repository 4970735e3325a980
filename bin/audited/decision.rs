//! What people decide on what a sync has left to them, each with the audit row that tells of it.

use engine::{Client, Enqueued};
use jobs::held::{self, Held};
use jobs::quarantine::{self, Quarantined};
use serde_json::json;
use sqlx::PgPool;

use super::{Asked, Told};

/// What becomes of a held sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Mark what is still missing.
    Approve,
    /// Mark nothing.
    Reject,
}

/// Decides on a held sweep; in a dry run, the answer says what would be marked.
///
/// # Errors
/// Those of [`held::approve`].
pub(crate) async fn decide_sweep(
    pool: &PgPool,
    run_id: i64,
    decision: Decision,
    reason: Option<&str>,
    asked: &Asked,
) -> Result<Held, jobs::Error> {
    let mut tx = pool.begin().await?;
    let by = (asked.by.name.as_str(), reason);
    let (done, action) = match decision {
        Decision::Approve => (held::approve(&mut tx, run_id, by).await?, "sweep.approve"),
        Decision::Reject => (held::reject(&mut tx, run_id, by).await?, "sweep.reject"),
    };
    let told = Told {
        action,
        target: run_id.to_string(),
        detail: json!({"stream": done.stream, "partition": done.partition, "marked": done.marked, "reason": reason}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(done)
}

/// Lets a bad record be as it is.
///
/// # Errors
/// Those of [`quarantine::ignore`].
pub(crate) async fn ignore_record(
    pool: &PgPool,
    id: i64,
    reason: &str,
    asked: &Asked,
) -> Result<Quarantined, jobs::Error> {
    let mut tx = pool.begin().await?;
    let done = quarantine::ignore(&mut tx, id, (&asked.by.name, reason)).await?;
    let told = Told {
        action: "quarantine.ignore",
        target: id.to_string(),
        detail: json!({"stream": done.stream, "key": done.key, "reason": reason}),
    };
    asked.conclude(tx, Some(told)).await?;
    Ok(done)
}

/// Has a bad record read again, by a job.
///
/// # Errors
/// Those of [`quarantine::retry_job`].
pub(crate) async fn retry_record(
    client: &Client,
    id: i64,
    asked: &Asked,
) -> Result<Enqueued, jobs::Error> {
    let mut conn = client.pool().acquire().await?;
    let job = quarantine::retry_job(&mut conn, id, &asked.by.name).await?;
    drop(conn);
    let (job_id, target) = (job.id(), id.to_string());
    let told = |stood: &[Enqueued]| {
        stood.first().map(|one| Told {
            action: "quarantine.retry",
            target: target.clone(),
            detail: json!({"job": one.id}),
        })
    };
    let stood = super::enqueue(client, &[job], asked, told).await?;
    Ok(stood
        .into_iter()
        .next()
        .ok_or(engine::Error::NoJob(job_id))?)
}
