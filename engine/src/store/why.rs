//! Why: the causes of where a job stands, looked up one by one for people. Each statement reads a
//! bounded number of rows.

use jiff::Timestamp;
use sqlx::postgres::PgConnection;
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::row::{instant, instant_or_none};
use super::{SHARD, read, why_held, why_shut};
use crate::control::PauseScope;
use crate::view::JobView;
use crate::why::{BusyWorker, Cause, Why, WhyView};
use crate::{Result, State};

/// Counting those ahead stops here.
const MANY: i64 = 10_000;

/// All causes, the nearest first; none when there is no such job.
pub(crate) async fn why(conn: &mut PgConnection, id: Uuid) -> Result<Option<WhyView>> {
    let Some(job) = read::job(conn, id).await? else {
        return Ok(None);
    };
    let causes = match job.state {
        State::Available => of_available(conn, &job).await?,
        State::Waiting => vec![of_waiting(conn, &job).await?.unwrap_or(Why::Next)],
        State::Running => of_running(conn, &job).await?,
        State::Completed => vec![Why::Completed { at: job.ended_at }],
        State::Cancelled => vec![of_cancelled(conn, job.clone()).await?],
        State::Dead => vec![of_dead(conn, job.clone()).await?],
    };
    Ok(Some(WhyView {
        id,
        state: job.state,
        label: job.label,
        causes: causes.into_iter().map(|why| Cause::of(why, id)).collect(),
    }))
}

async fn of_available(conn: &mut PgConnection, job: &JobView) -> Result<Vec<Why>> {
    let now = read::instant_of_database(conn).await?;
    let mut causes = Vec::new();
    let is_due = job.run_at <= now;
    let sent_back = match is_due {
        true => None,
        false => why_shut::sent_back(conn, job).await?,
    };
    if let Some(why) = &sent_back {
        causes.push(why.clone());
    } else if job.failed > 0 {
        causes.push(of_retrying(conn, job).await?);
    } else if !is_due {
        causes.push(Why::Scheduled { run_at: job.run_at });
    }
    causes.extend(pauses(conn, job).await?);
    causes.extend(why_shut::shut(conn, job.id, sent_back.as_ref()).await?);
    let workers = workers(conn, job).await?;
    let able: Vec<&Live> = workers.iter().filter(|worker| worker.knows_kind).collect();
    if workers.is_empty() {
        causes.push(Why::NoWorkerForQueue {
            queue: job.queue.clone(),
        });
    } else if able.is_empty() {
        causes.push(Why::NoWorkerForKind {
            kind: job.kind.clone(),
            workers: workers
                .iter()
                .map(|worker| worker.busy.label.clone())
                .collect(),
        });
    }
    if !is_due {
        return Ok(causes);
    }
    causes.extend(why_held::limits(conn, job).await?);
    let ahead = ahead(conn, job).await?;
    if ahead > 0 {
        causes.push(Why::Behind {
            ahead: ahead.min(MANY),
            or_more: ahead > MANY,
        });
    }
    if !able.is_empty() && able.iter().all(|worker| worker.is_full()) {
        causes.push(Why::SlotsTaken {
            workers: able.into_iter().map(|worker| worker.busy.clone()).collect(),
        });
    }
    // A retry whose time has come is held up by whatever else there is; if nothing, it is next.
    let told = causes
        .iter()
        .any(|why| !matches!(why, Why::Retrying { .. }));
    if !told {
        causes.clear();
        causes.push(if is_in_line(conn, job.id).await? {
            Why::Next
        } else {
            Why::ComingIn { run_at: job.run_at }
        });
    }
    Ok(causes)
}

async fn of_retrying(conn: &mut PgConnection, job: &JobView) -> Result<Why> {
    // The last that failed: it may have been put off or have snoozed since.
    let last = sqlx::query(
        "select code, error, ended_at from engine.attempt \
         where shard = $1 and job_id = $2 and outcome in ('retry', 'crashed', 'dead') order by attempt desc limit 1",
    )
    .bind(SHARD)
    .bind(job.id)
    .fetch_optional(conn)
    .await?;
    let (code, error, failed_at) = match last {
        Some(row) => (
            row.try_get("code")?,
            row.try_get("error")?,
            Some(instant(&row, "ended_at")?),
        ),
        None => (None, None, None),
    };
    Ok(Why::Retrying {
        run_at: job.run_at,
        failed: job.failed,
        max_attempts: job.max_attempts,
        code,
        error,
        failed_at,
    })
}

async fn pauses(conn: &mut PgConnection, job: &JobView) -> Result<Vec<Why>> {
    let rows = sqlx::query(
        "select scope, name, paused_at, paused_by, reason from engine.pause \
         where (scope = 'queue' and name = $1) or (scope = 'kind' and name = $2) order by scope desc",
    )
    .bind(&job.queue)
    .bind(&job.kind)
    .fetch_all(conn)
    .await?;
    rows.iter()
        .map(|row| {
            let scope: String = row.try_get("scope")?;
            Ok(Why::Paused {
                scope: if scope == "kind" {
                    PauseScope::Kind
                } else {
                    PauseScope::Queue
                },
                name: row.try_get("name")?,
                by: row.try_get("paused_by")?,
                since: instant(row, "paused_at")?,
                reason: row.try_get("reason")?,
            })
        })
        .collect()
}

/// A live worker of the job's queue.
struct Live {
    busy: BusyWorker,
    knows_kind: bool,
}

impl Live {
    /// An older release does not say how many slots it has.
    fn is_full(&self) -> bool {
        self.busy.slots > 0 && self.busy.running >= self.busy.slots
    }
}

async fn workers(conn: &mut PgConnection, job: &JobView) -> Result<Vec<Live>> {
    let rows = sqlx::query(include_str!("why_line.sql"))
        .bind(SHARD)
        .bind(&job.queue)
        .bind(&job.kind)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            let slots: Option<i32> = row.try_get("slots")?;
            Ok(Live {
                busy: BusyWorker {
                    id: row.try_get("id")?,
                    label: row.try_get("label")?,
                    running: row.try_get("running")?,
                    slots: i64::from(slots.unwrap_or(0)),
                },
                knows_kind: row.try_get("knows_kind")?,
            })
        })
        .collect()
}

async fn ahead(conn: &mut PgConnection, job: &JobView) -> Result<i64> {
    Ok(sqlx::query_scalar(include_str!("why_ahead.sql"))
        .bind(SHARD)
        .bind(&job.queue)
        .bind(job.partition_key.as_deref())
        .bind(job.id)
        .fetch_one(conn)
        .await?)
}

async fn is_in_line(conn: &mut PgConnection, id: Uuid) -> Result<bool> {
    let due: Option<bool> =
        sqlx::query_scalar("select due from engine.pending where shard = $1 and id = $2")
            .bind(SHARD)
            .bind(id)
            .fetch_optional(conn)
            .await?;
    // Gone from there is claimed, or ended, since it was read.
    Ok(due.unwrap_or(true))
}

async fn of_waiting(conn: &mut PgConnection, job: &JobView) -> Result<Option<Why>> {
    if job.waiting_for.as_deref() != Some("twin") {
        return why_held::wait(conn, job).await;
    }
    let twin: Option<Uuid> = sqlx::query_scalar(
        "select job_id from engine.key where shard = $1 and kind = $2 and key = 'unique:' || $3",
    )
    .bind(SHARD)
    .bind(&job.kind)
    .bind(&job.unique_key)
    .fetch_optional(&mut *conn)
    .await?;
    let twin_state = match twin {
        Some(twin) => read::state(conn, twin).await?,
        None => None,
    };
    Ok(Some(Why::Twin { twin, twin_state }))
}

async fn of_running(conn: &mut PgConnection, job: &JobView) -> Result<Vec<Why>> {
    let row = sqlx::query(
        "select now() as now, (select label from engine.worker where id = $1) as label",
    )
    .bind(job.worker_id)
    .fetch_one(&mut *conn)
    .await?;
    let now = instant(&row, "now")?;
    let mut causes = Vec::new();
    if job.cancel_requested {
        let (by, at, _) = cancel(conn, job.id).await?;
        causes.push(Why::CancelRequested { by, at });
    }
    causes.push(Why::Running {
        worker_id: job.worker_id,
        worker: row.try_get("label")?,
        since: job.started_at,
        lease_until: job.lease_until,
        is_late: job.lease_until.is_some_and(|until| until < now),
    });
    Ok(causes)
}

async fn of_cancelled(conn: &mut PgConnection, job: JobView) -> Result<Why> {
    let (by, _, reason) = cancel(conn, job.id).await?;
    Ok(Why::Cancelled {
        at: job.ended_at,
        by,
        reason: reason.or(job.error),
    })
}

/// Who last cancelled a job, when and what for.
async fn cancel(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<(Option<String>, Option<Timestamp>, Option<String>)> {
    let row = sqlx::query(
        "select actor, at, detail from engine.audit \
         where target = $1 and action = 'job.cancel' order by id desc limit 1",
    )
    .bind(id.to_string())
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else {
        return Ok((None, None, None));
    };
    let detail: Option<Json<serde_json::Value>> = row.try_get("detail")?;
    let reason = detail
        .as_ref()
        .and_then(|Json(detail)| detail.get("reason")?.as_str())
        .map(str::to_owned);
    Ok((row.try_get("actor")?, instant_or_none(&row, "at")?, reason))
}

async fn of_dead(conn: &mut PgConnection, job: JobView) -> Result<Why> {
    let in_group: Option<i64> = sqlx::query_scalar(
        "select dead from engine.dead_group where shard = $1 and fingerprint = $2",
    )
    .bind(SHARD)
    .bind(&job.fingerprint)
    .fetch_optional(conn)
    .await?;
    Ok(Why::Dead {
        at: job.ended_at,
        failed: job.failed,
        max_attempts: job.max_attempts,
        crashes: job.crashes,
        code: job.code,
        error: job.error,
        fingerprint: job.fingerprint,
        in_group,
    })
}
