//! Enqueue: one or thousands of jobs in one statement for those without keys and one for the rest.

use std::collections::HashSet;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::wake::FUTURE;
use super::{SHARD, millis};
use crate::job::{Answer, Enqueued, NewJob, Twin, UniqueScope, When};
use crate::{Error, Result};

/// What the statements answer: the jobs in the order asked, and the queues that have work now.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) enqueued: Vec<Enqueued>,
    /// Each once.
    pub(crate) wake: Vec<String>,
    /// True when a job waits for its time, which the promote services must learn.
    pub(crate) future: bool,
}

/// Who tells workers of what was enqueued.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hint {
    /// The caller, once it is durable, by what [`Stored`] names.
    Caller,
    /// The transaction itself, once it commits: the caller's may do so whenever it likes.
    Transaction,
}

/// Writes `jobs` in the caller's transaction, or in one of its own for a bare connection. Those that are
/// there already are found out.
pub(crate) async fn enqueue(
    conn: &mut PgConnection,
    jobs: &[NewJob],
    hint: Hint,
) -> Result<Stored> {
    let (keyed, mut plain): (Vec<_>, Vec<_>) = jobs
        .iter()
        .enumerate()
        .partition(|(_, job)| job.needs_its_own_call());
    let mut stored = Stored::default();
    let mut answers = vec![None; jobs.len()];
    if !plain.is_empty() {
        let mut new = insert_plain(conn, &mut plain, (ENQUEUE, hint), &mut stored).await?;
        for (place, job) in &plain {
            let answer = if new.remove(&job.id) {
                Answer::Inserted
            } else {
                Answer::Existing
            };
            answers[*place] = Some(Enqueued { id: job.id, answer });
        }
    }
    if !keyed.is_empty() {
        insert_keyed(conn, (&keyed, hint), &mut stored, &mut answers).await?;
    }
    stored.enqueued = answers.into_iter().flatten().collect();
    Ok(stored)
}

/// Writes plain jobs in a transaction of its own, in the belief that none of them is there already: a
/// unique violation says otherwise, and nothing is written.
pub(crate) async fn enqueue_new(conn: &mut PgConnection, jobs: &[NewJob]) -> Result<Stored> {
    let mut plain: Vec<_> = jobs.iter().enumerate().collect();
    let mut stored = Stored::default();
    insert_plain(conn, &mut plain, (&ENQUEUE_NEW, Hint::Caller), &mut stored).await?;
    let inserted = |job: &NewJob| Enqueued {
        id: job.id,
        answer: Answer::Inserted,
    };
    stored.enqueued = jobs.iter().map(inserted).collect();
    Ok(stored)
}

/// How much later a job of the next priority is taken.
const MS_A_PRIORITY: i64 = 60_000;

const ENQUEUE: &str = include_str!("enqueue.sql");

/// Looking for a twin of each row first costs a third of the insert, and nearly no row has one.
static ENQUEUE_NEW: LazyLock<String> =
    LazyLock::new(|| ENQUEUE.replace("on conflict (shard, id) do nothing", ""));

/// In the order of their ranks: claims then find neighbours on a page, where they would read and change a page for each job.
async fn insert_plain(
    conn: &mut PgConnection,
    jobs: &mut [(usize, &NewJob)],
    (statement, hint): (&'static str, Hint),
    stored: &mut Stored,
) -> Result<HashSet<Uuid>> {
    jobs.sort_by_key(|(_, job)| rank(job));
    let columns = Columns::of(jobs)?;
    let rows = columns
        .bind(sqlx::query(statement), hint)
        .fetch_all(conn)
        .await
        .map_err(refused)?;
    let mut new = HashSet::with_capacity(jobs.len());
    for row in rows {
        new.extend(row.try_get::<Vec<Uuid>, _>("ids")?);
        if row.try_get("due")? {
            stored.wake.push(row.try_get("queue")?);
        } else {
            stored.future = true;
        }
    }
    Ok(new)
}

/// About as `rank_at` will be, in milliseconds; what has an instant comes last, as what now is only the database knows.
fn rank(job: &NewJob) -> (bool, i64) {
    let (dated, due) = match job.when {
        When::Now => (false, 0),
        When::After(delay) => (false, millis(delay)),
        When::At(at) => (true, at.as_millisecond()),
    };
    let priority = job.priority.map_or(0, i64::from);
    (dated, due.saturating_add(priority * MS_A_PRIORITY))
}

async fn insert_keyed(
    conn: &mut PgConnection,
    (jobs, hint): (&[(usize, &NewJob)], Hint),
    stored: &mut Stored,
    answers: &mut [Option<Enqueued>],
) -> Result<()> {
    let columns = Columns::of(jobs)?;
    let rows = columns
        .bind(sqlx::query(include_str!("enqueue_keyed.sql")), hint)
        .fetch_all(conn)
        .await
        .map_err(refused)?;
    for row in rows {
        let ordinal: i64 = row.try_get("place")?;
        let (place, job) = jobs[usize::try_from(ordinal - 1).unwrap_or(0)];
        let word: &str = row.try_get("answer")?;
        let id = row.try_get("id")?;
        if word == "mismatch" {
            let key = job
                .idempotency
                .as_ref()
                .map(|(key, _)| key.clone())
                .unwrap_or_default();
            return Err(Error::IdempotencyMismatch { key, twin: id });
        }
        answers[place] = Some(Enqueued {
            id,
            answer: Answer::parse(word),
        });
        match row.try_get::<Option<String>, _>("wake")? {
            Some(wake) if wake == FUTURE => stored.future = true,
            Some(wake) if !stored.wake.contains(&wake) => stored.wake.push(wake),
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// What a kind asks of its jobs is known there: 22023 is raised with what to say instead.
fn refused(error: sqlx::Error) -> Error {
    match &error {
        sqlx::Error::Database(db) if db.code().as_deref() == Some("22023") => {
            Error::Invalid(db.message().to_owned())
        }
        _ => error.into(),
    }
}

/// The jobs as columns, for `unnest`.
#[derive(Default)]
struct Columns {
    shards: Vec<i16>,
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    args: Vec<String>,
    queues: Vec<Option<String>>,
    priorities: Vec<Option<i16>>,
    max_attempts: Vec<Option<i16>>,
    delays_ms: Vec<Option<i64>>,
    run_at: Vec<Option<jiff_sqlx::Timestamp>>,
    rest: Vec<Option<Json<Value>>>,
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments>;

impl Columns {
    fn of(jobs: &[(usize, &NewJob)]) -> Result<Columns> {
        let mut columns = Columns::default();
        for (_, job) in jobs {
            columns.args.push(job.checked_args()?.to_owned());
            columns.shards.push(SHARD);
            columns.ids.push(job.id);
            columns.kinds.push(job.kind.clone());
            columns.queues.push(job.queue.clone());
            columns.priorities.push(job.priority);
            columns
                .max_attempts
                .push(job.max_attempts.and_then(|n| i16::try_from(n).ok()));
            let (delay, at) = match job.when {
                When::Now => (None, None),
                When::After(delay) => (Some(millis(delay)), None),
                When::At(at) => (None, Some(jiff_sqlx::Timestamp::from(at))),
            };
            columns.delays_ms.push(delay);
            columns.run_at.push(at);
            columns.rest.push(rest_of(job).map(Json));
        }
        Ok(columns)
    }

    fn bind(self, query: Query<'static>, hint: Hint) -> Query<'static> {
        query
            .bind(self.shards)
            .bind(self.ids)
            .bind(self.kinds)
            .bind(self.args)
            .bind(self.queues)
            .bind(self.priorities)
            .bind(self.max_attempts)
            .bind(self.delays_ms)
            .bind(self.run_at)
            .bind(self.rest)
            .bind(hint == Hint::Transaction)
    }
}

/// What few jobs say, as one JSON object, so that the many that say none of it pay nothing.
fn rest_of(job: &NewJob) -> Option<Value> {
    let mut rest = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            rest.insert(name.to_owned(), value);
        }
    };
    put("timeout_ms", job.timeout.map(|span| json!(millis(span))));
    put("backoff", job.backoff.map(|backoff| json!(backoff)));
    put("tags", (!job.tags.is_empty()).then(|| json!(job.tags)));
    put(
        "partition_key",
        job.partition_key.as_ref().map(|key| json!(key)),
    );
    put(
        "partition_yields",
        job.partition_yields.then_some(Value::Bool(true)),
    );
    put(
        "rate_keys",
        (!job.rate_keys.is_empty()).then(|| json!(job.rate_keys)),
    );
    put("parent_id", job.parent_id.map(|id| json!(id)));
    put("batch_id", job.batch_id.map(|id| json!(id)));
    put("waits_for", job.waits_for.map(|id| json!(id)));
    put("replayed_from", job.replayed_from.map(|id| json!(id)));
    put(
        "trace_context",
        job.trace_context.as_ref().map(|trace| json!(trace)),
    );
    put("asked_by", job.asked_by.as_ref().map(|who| json!(who)));
    if let Some(unique) = &job.unique {
        let (scope, keep) = match unique.scope {
            UniqueScope::Queued => ("queued", None),
            UniqueScope::QueuedOrRunning => ("queued_or_running", None),
            UniqueScope::Period(period) => ("period", Some(millis(period))),
        };
        put("unique_key", Some(json!(unique.key)));
        put("unique_scope", Some(json!(scope)));
        put("keep_ms", keep.map(|ms| json!(ms)));
        put(
            "twin",
            Some(json!(match unique.twin {
                Twin::Keep => "keep",
                Twin::ReplaceArgs => "replace_args",
                Twin::RunAfter => "run_after",
            })),
        );
    }
    if let Some((key, keep)) = &job.idempotency {
        put("idempotency_key", Some(json!(key)));
        put("keep_ms", Some(json!(millis(*keep))));
    }
    (!rest.is_empty()).then_some(Value::Object(rest))
}
