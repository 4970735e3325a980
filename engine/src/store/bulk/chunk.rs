//! Chunk: the next jobs of an act on many, their acts, the counts and the place to go on from, all in one
//! transaction. Whatever dies, the next executor finds all of a chunk or nothing of it.
//!
//! The row's lock is the lease: others skip an act whose chunk is under way, a stop by a person waits for
//! its end, and a process that dies or stands still loses it with its connection.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Row};
use uuid::Uuid;

use super::act::{self, Acted};
use super::row::{VIEW, read};
use crate::bulk::canary::{Doing, Verdict, verdict};
use crate::bulk::{BulkState, BulkView};
use crate::cursor::Cursor;
use crate::filter::Filter;
use crate::store::SHARD;
use crate::store::list::step::{Meant, Step, step};
use crate::store::row::instant_or_none;
use crate::{Error, Result};

/// A process that stands still in mid-chunk for so long loses its connection, and with it the chunk.
const BOUNDS: &str =
    "set local statement_timeout = '30s'; set local idle_in_transaction_session_timeout = '60s'";
/// Jobs of a chunk in which each has a savepoint: beyond 64 Postgres looks them up on disk.
const LARGEST_CAREFUL: i64 = 50;

/// How a chunk is done. Most have no refusal: savepoints are for those that do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The first refusal that leaves something to roll back ends it.
    Fast,
    /// A savepoint each, so that a refusal costs one job.
    Careful,
    /// The same for a single job: next to nothing is locked.
    Single,
}

/// What a chunk has done.
#[derive(Debug)]
pub(crate) struct Chunk {
    /// The act as it is now.
    pub(crate) bulk: BulkView,
    /// Queues that have work by it.
    pub(crate) wake: BTreeSet<String>,
    /// Jobs whose attempts are to be told to stop.
    pub(crate) stop: Vec<Uuid>,
}

/// Locks the act whose next chunk has been due the longest, or `only` that one; none when no chunk is due,
/// or others are at it.
pub(crate) async fn take(conn: &mut PgConnection, only: Option<Uuid>) -> Result<Option<BulkView>> {
    sqlx::raw_sql(BOUNDS).execute(&mut *conn).await?;
    let row = sqlx::query(AssertSqlSafe(format!(
        "{VIEW} where b.ended_at is null and b.next_at <= now() and ($1::uuid is null or b.id = $1) \
         order by b.next_at, b.id limit 1 for update skip locked"
    )))
    .bind(only)
    .fetch_optional(conn)
    .await?;
    row.as_ref().map(read).transpose()
}

/// Does the next chunk of a locked act.
///
/// # Errors
/// The transaction must be rolled back; another [`Way`] may get further.
pub(crate) async fn next(conn: &mut PgConnection, bulk: BulkView, way: Way) -> Result<Chunk> {
    let mut to = Tally::default();
    if bulk.state == BulkState::Waiting {
        match look_at_canary(conn, &bulk).await? {
            Verdict::Wait => return write(conn, &bulk, to, Next::Look).await,
            Verdict::Stop(why) => return write(conn, &bulk, to, Next::Stop(why)).await,
            Verdict::Pass => to.passed = true,
        }
    }
    let canary_left = match bulk.canary() {
        Some(canary) if !bulk.canary_passed && !to.passed => {
            let so_far = i64::try_from(bulk.canary_ids.len()).unwrap_or(i64::MAX);
            Some((i64::from(canary.jobs) - so_far).max(1))
        }
        _ => None,
    };
    let found = walk(conn, &bulk, limit(&bulk, canary_left, way)).await?;
    let mut ids = found.ids;
    // All who lock many jobs do so in this order.
    ids.sort_unstable();
    for id in ids {
        to.note(id, one(conn, &bulk, id, way).await?);
    }
    to.rows = found.rows;
    to.cursor = found.next;
    let runs = i64::try_from(to.runs.len()).unwrap_or(i64::MAX);
    let next = match (found.next, canary_left) {
        (None, _) => Next::End,
        (Some(_), Some(left)) if runs >= left => Next::Canary,
        (Some(_), _) => Next::Chunk,
    };
    to.keep_runs = canary_left.is_some();
    write(conn, &bulk, to, next).await
}

/// Jobs of the next chunk at most.
fn limit(bulk: &BulkView, canary_left: Option<i64>, way: Way) -> usize {
    let mut most = i64::from(bulk.chunk);
    if let Some(rate) = bulk.rate_per_s {
        // A second's worth: the pace is kept between chunks. Saturates, and fits: chunks are small.
        most = most.min((rate as i64).max(1));
    }
    most = most.min(canary_left.unwrap_or(most));
    most = match way {
        Way::Fast => most,
        Way::Careful => most.min(LARGEST_CAREFUL),
        Way::Single => 1,
    };
    usize::try_from(most).unwrap_or(1)
}

async fn walk(conn: &mut PgConnection, bulk: &BulkView, wanted: usize) -> Result<Step> {
    let filter = bulk.act.narrowed(&Filter::parse(&bulk.filter)?)?;
    let place = sqlx::query("select cursor_at, cursor_id from engine.bulk where id = $1")
        .bind(bulk.id)
        .fetch_one(&mut *conn)
        .await?;
    let before = match place.try_get::<Option<Uuid>, _>("cursor_id")? {
        Some(key) => Some(Cursor {
            at: instant_or_none(&place, "cursor_at")?,
            key,
        }),
        None => None,
    };
    let meant = Meant {
        filter: &filter,
        as_of: Some(bulk.as_of),
    };
    step(conn, meant, before, wanted).await
}

/// One job: acted on, moved meanwhile, or refused.
async fn one(
    conn: &mut PgConnection,
    bulk: &BulkView,
    id: Uuid,
    way: Way,
) -> Result<std::result::Result<Option<Acted>, Error>> {
    if way == Way::Fast {
        return match act::act(conn, bulk, id).await {
            Ok(acted) => Ok(Ok(acted)),
            // Refused before anything was written.
            Err(error @ Error::Invalid(_)) => Ok(Err(error)),
            Err(error) => Err(error),
        };
    }
    let mut savepoint = conn.begin().await?;
    match act::act(&mut savepoint, bulk, id).await {
        Ok(acted) => {
            savepoint.commit().await?;
            Ok(Ok(acted))
        }
        // Not the job's fault.
        Err(error) if error.is_unavailable() || error.is_conflict() => Err(error),
        Err(error) => {
            savepoint.rollback().await?;
            Ok(Err(error))
        }
    }
}

/// What a chunk adds to its act.
#[derive(Debug, Default)]
struct Tally {
    done: i64,
    skipped: i64,
    refused: BTreeMap<&'static str, (String, Vec<Uuid>)>,
    rows: i64,
    cursor: Option<Cursor>,
    wake: BTreeSet<String>,
    stop: Vec<Uuid>,
    runs: Vec<Uuid>,
    keep_runs: bool,
    passed: bool,
}

impl Tally {
    fn note(&mut self, id: Uuid, became: std::result::Result<Option<Acted>, Error>) {
        match became {
            Ok(Some(acted)) => {
                self.done += 1;
                self.wake.extend(acted.wake);
                self.runs.extend(acted.runs);
                if acted.stop {
                    self.stop.push(id);
                }
            }
            Ok(None) => self.skipped += 1,
            Err(error) => {
                let message = || error.to_string();
                let (_, ids) = self
                    .refused
                    .entry(error.code())
                    .or_insert_with(|| (message(), Vec::new()));
                ids.push(id);
            }
        }
    }
}

/// What follows the chunk.
enum Next {
    /// Another.
    Chunk,
    /// Nothing: all were come to.
    End,
    /// The canary is complete, and is waited for.
    Canary,
    /// The canary is looked at once more.
    Look,
    /// The rest must not follow.
    Stop(String),
}

impl Next {
    fn state(&self) -> BulkState {
        match self {
            Next::Chunk => BulkState::Running,
            Next::End => BulkState::Done,
            Next::Canary | Next::Look => BulkState::Waiting,
            Next::Stop(_) => BulkState::Stopped,
        }
    }
}

async fn write(conn: &mut PgConnection, bulk: &BulkView, to: Tally, next: Next) -> Result<Chunk> {
    let refused: usize = to.refused.values().map(|(_, ids)| ids.len()).sum();
    let refused = i64::try_from(refused).unwrap_or(i64::MAX);
    let why = match &next {
        Next::Stop(why) => Some(why.as_str()),
        _ => None,
    };
    let row = sqlx::query(include_str!("advance.sql"))
        .bind(bulk.id)
        .bind(next.state().as_str())
        .bind(why)
        .bind(to.rows)
        .bind(to.done)
        .bind(to.skipped)
        .bind(refused)
        .bind(
            to.cursor
                .and_then(|cursor| cursor.at)
                .map(jiff_sqlx::Timestamp::from),
        )
        .bind(to.cursor.map(|cursor| cursor.key))
        .bind(if to.keep_runs { to.runs } else { Vec::new() })
        .bind(to.passed)
        .bind(matches!(next, Next::Canary))
        .bind(matches!(next, Next::Look))
        .fetch_one(&mut *conn)
        .await?;
    for (code, (message, ids)) in &to.refused {
        sqlx::query(include_str!("add_result.sql"))
            .bind(bulk.id)
            .bind(code)
            .bind(message)
            .bind(ids)
            .execute(&mut *conn)
            .await?;
    }
    Ok(Chunk {
        bulk: read(&row)?,
        wake: to.wake,
        stop: to.stop,
    })
}

async fn look_at_canary(conn: &mut PgConnection, bulk: &BulkView) -> Result<Verdict> {
    let Some(canary) = bulk.canary() else {
        return Ok(Verdict::Pass);
    };
    let row = sqlx::query(include_str!("canary.sql"))
        .bind(SHARD)
        .bind(bulk.id)
        .fetch_one(conn)
        .await?;
    let doing = Doing {
        jobs: row.try_get("jobs")?,
        completed: row.try_get("completed")?,
        died: row.try_get("died")?,
        gone: row.try_get("gone")?,
        failing: row.try_get("failing")?,
    };
    Ok(verdict(canary, doing, row.try_get("is_over")?))
}

/// What the audit trail keeps of an act's end.
pub(crate) fn told(bulk: &BulkView) -> serde_json::Value {
    serde_json::json!({
        "act": bulk.act, "filter": bulk.filter, "done": bulk.done, "skipped": bulk.skipped,
        "refused": bulk.refused, "error": bulk.error,
    })
}
