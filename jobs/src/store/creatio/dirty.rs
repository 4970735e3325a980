//! Records that must be looked at: marks, what is made of them, and who looks.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Row};
use uuid::Uuid;

use crate::Error;
use crate::creatio::Sort;
use crate::plan::reconcile::Side;

/// A record that this job looks at now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dirty {
    pub(crate) side: Side,
    pub(crate) key: Uuid,
    /// The mark that is being looked at; a later one is another look.
    pub(crate) marked: i64,
    pub(crate) tries: i32,
}

/// What becomes of a row that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Release {
    pub(crate) side: Side,
    pub(crate) key: Uuid,
    pub(crate) marked: i64,
    /// None: nothing is left to do.
    pub(crate) again_s: Option<f64>,
    /// The parent that it waits for, by its sort and local or remote id.
    pub(crate) waits: Option<(Sort, Uuid)>,
    /// That it comes again is the fault of a try that failed.
    pub(crate) counts: bool,
}

/// Makes rows of marks, each record one; false when there was no mark.
pub(crate) async fn fold(conn: &mut PgConnection, connection: &str) -> Result<bool, Error> {
    let mut tx = conn.begin().await?;
    let folded = sqlx::query(include_str!("dirty/fold.sql"))
        .bind(connection)
        .fetch_one(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(folded.try_get::<i64, _>("taken")? > 0)
}

/// Takes rows that are due, of one sort, parents first; or those of some records.
pub(crate) async fn claim(
    conn: &mut PgConnection,
    connection: &str,
    job_id: Uuid,
    limit: i64,
) -> Result<Option<(Sort, Vec<Dirty>)>, Error> {
    let rows = sqlx::query(include_str!("dirty/claim.sql"))
        .bind(connection)
        .bind(job_id)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let stream: String = first.try_get("stream")?;
    let sort = Sort::parse(&stream)
        .ok_or_else(|| sqlx::Error::Protocol(format!("unknown stream {stream}")))?;
    let claimed = rows.iter().map(read).collect::<sqlx::Result<_>>()?;
    Ok(Some((sort, claimed)))
}

/// Takes the row of one record, due or not; makes it if there is none. None while another job has it.
pub(crate) async fn claim_one(
    conn: &mut PgConnection,
    connection: &str,
    (sort, side, key): (Sort, Side, Uuid),
    job_id: Uuid,
) -> Result<Option<Dirty>, Error> {
    let row = sqlx::query(include_str!("dirty/claim_one.sql"))
        .bind(connection)
        .bind(sort.stream())
        .bind(word(side))
        .bind(key)
        .bind(sort.rank())
        .bind(job_id)
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Whether a record is to be looked at now.
pub(crate) async fn is_due(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    local_id: Uuid,
) -> Result<bool, Error> {
    Ok(sqlx::query_scalar(
        "select exists (select from sync.dirty where connection = $1 and stream = $2 and side = 'local' and key = $3 \
             and due_at <= now() and holder is null) \
         or exists (select from sync.dirty_mark where connection = $1 and stream = $2 and side = 'local' and key = $3)",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(local_id)
    .fetch_one(conn)
    .await?)
}

/// Which of the rows this job still holds, locked until the transaction ends.
pub(crate) async fn held(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    job_id: Uuid,
) -> Result<Vec<(Side, Uuid)>, Error> {
    let rows = sqlx::query(
        "select side, key from sync.dirty \
         where connection = $1 and stream = $2 and holder = $3 and lease_until > now() \
         order by side, key for update",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(job_id)
    .fetch_all(conn)
    .await?;
    let held = rows.iter().map(|row| Ok((side(row)?, row.try_get("key")?)));
    Ok(held.collect::<sqlx::Result<_>>()?)
}

/// Gives rows back, each as it says. One that was marked meanwhile is due at once.
pub(crate) async fn release(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    job_id: Uuid,
    rows: &[Release],
) -> Result<(), Error> {
    let rows = rows.iter().map(|row| {
        serde_json::json!({
            "side": word(row.side), "key": row.key, "marked": row.marked, "again_s": row.again_s,
            "waits_stream": row.waits.map(|(sort, _)| sort.stream()),
            "waits_key": row.waits.map(|(_, key)| key), "counts": row.counts,
        })
    });
    sqlx::query(include_str!("dirty/release.sql"))
        .bind(connection)
        .bind(sort.stream())
        .bind(job_id)
        .bind(serde_json::Value::Array(rows.collect()).to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// Gives back everything that the job holds, as it was.
pub(crate) async fn let_go(
    conn: &mut PgConnection,
    connection: &str,
    job_id: Uuid,
) -> Result<(), Error> {
    sqlx::query(
        "update sync.dirty set holder = null, lease_until = null where connection = $1 and holder = $2",
    )
    .bind(connection)
    .bind(job_id)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn mark(
    conn: &mut PgConnection,
    connection: &str,
    (sort, side): (Sort, Side),
    keys: &[Uuid],
    reason: &str,
) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.dirty_mark (connection, stream, side, key, reason) \
         select $1, $2, $3, x.key, $5 from unnest($4::uuid[]) as x (key)",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(word(side))
    .bind(keys)
    .bind(reason)
    .execute(conn)
    .await?;
    Ok(())
}

/// Everything that is known of the connection is looked at once more.
pub(crate) async fn mark_all(conn: &mut PgConnection, connection: &str) -> Result<(), Error> {
    sqlx::query(include_str!("dirty/mark_all.sql"))
        .bind(connection)
        .execute(conn)
        .await?;
    Ok(())
}

/// The children that wait for these records, by local or remote id, are looked at again.
pub(crate) async fn wake(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    keys: &[Uuid],
) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.dirty_mark (connection, stream, side, key, reason) \
         select connection, stream, side, key, 'parent' from sync.dirty \
         where waits_key = any($3) and waits_stream = $2 and connection = $1",
    )
    .bind(connection)
    .bind(sort.stream())
    .bind(keys)
    .execute(conn)
    .await?;
    Ok(())
}

/// Rows that are due or soon will be, and how long the oldest of the due has waited, in seconds.
pub(crate) async fn depth(
    conn: &mut PgConnection,
    connection: Option<&str>,
) -> Result<(i64, i64, Option<f64>), Error> {
    Ok(sqlx::query_as(include_str!("dirty/depth.sql"))
        .bind(connection)
        .fetch_one(conn)
        .await?)
}

pub(crate) fn word(side: Side) -> &'static str {
    match side {
        Side::Local => "local",
        Side::Remote => "remote",
    }
}

pub(crate) fn side_of(word: &str) -> Option<Side> {
    match word {
        "local" => Some(Side::Local),
        "remote" => Some(Side::Remote),
        _ => None,
    }
}

fn side(row: &PgRow) -> sqlx::Result<Side> {
    let word: String = row.try_get("side")?;
    side_of(&word).ok_or_else(|| sqlx::Error::Protocol(format!("unknown side {word}")))
}

fn read(row: &PgRow) -> sqlx::Result<Dirty> {
    Ok(Dirty {
        side: side(row)?,
        key: row.try_get("key")?,
        marked: row.try_get("marked")?,
        tries: row.try_get("tries")?,
    })
}
