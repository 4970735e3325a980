//! Records that could not be read.

use std::collections::HashSet;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::{instant, instant_or_none, listing, storable};
use crate::Error;
use crate::flow::{Bad, Partition};
use crate::packages;
use crate::quarantine::{Filter, Named, Quarantined, Status};

/// Keeps bad records as they came. One that is in quarantine already is only counted; the keys of those
/// that a person has said to ignore as they are.
pub(crate) async fn keep(
    conn: &mut PgConnection,
    stream: &str,
    partition: &Partition,
    run_id: i64,
    bad: &[Bad],
) -> Result<HashSet<String>, Error> {
    let whose = Whose {
        company_id: partition.company_id(),
        connection: partition.connection(),
        run_id: Some(run_id),
        profile_id: None,
        job_id: None,
    };
    insert(conn, stream, &whose, bad).await
}

/// The same for packages of a profile, which have no run.
pub(crate) async fn keep_of_profile(
    conn: &mut PgConnection,
    (connection, profile_id): (&str, Uuid),
    job_id: Uuid,
    bad: &[Bad],
) -> Result<HashSet<String>, Error> {
    let whose = Whose {
        company_id: None,
        connection: Some(connection),
        run_id: None,
        profile_id: Some(profile_id),
        job_id: Some(job_id),
    };
    insert(conn, packages::STREAM, &whose, bad).await
}

/// Whose listing has bad records, and who found them.
struct Whose<'a> {
    company_id: Option<i64>,
    connection: Option<&'a str>,
    run_id: Option<i64>,
    profile_id: Option<Uuid>,
    job_id: Option<Uuid>,
}

async fn insert(
    conn: &mut PgConnection,
    stream: &str,
    whose: &Whose<'_>,
    bad: &[Bad],
) -> Result<HashSet<String>, Error> {
    let expected: Vec<&str> = bad.iter().map(|one| one.expected.as_str()).collect();
    let ignored: Vec<String> = sqlx::query_scalar(include_str!("keep_quarantine.sql"))
        .bind(stream)
        .bind(whose.company_id)
        .bind(whose.connection)
        .bind(whose.run_id)
        .bind(bad.iter().map(Bad::quarantine_key).collect::<Vec<_>>())
        .bind(bad.iter().map(|one| one.key.is_some()).collect::<Vec<_>>())
        .bind(bad.iter().map(|one| one.field.as_str()).collect::<Vec<_>>())
        .bind(expected)
        .bind(bad.iter().map(|one| storable(&one.raw)).collect::<Vec<_>>())
        .bind(whose.profile_id)
        .bind(whose.job_id)
        .fetch_all(conn)
        .await?;
    Ok(ignored.into_iter().collect())
}

/// Keys of those bad records that a person has said to ignore as they are.
pub(crate) async fn ignored(
    conn: &mut PgConnection,
    stream: &str,
    partition: &str,
    bad: &[Bad],
) -> Result<HashSet<String>, Error> {
    if bad.is_empty() {
        return Ok(HashSet::new());
    }
    let ignored: Vec<String> = sqlx::query_scalar(
        "select q.key from unnest($3::text[], $4::text[]) as x (key, raw) \
         join sync.quarantine q on q.stream = $1 and q.partition = $2 and q.key = x.key \
         where q.status = 'ignored' and q.raw = x.raw::jsonb",
    )
    .bind(stream)
    .bind(partition)
    .bind(bad.iter().map(Bad::quarantine_key).collect::<Vec<_>>())
    .bind(bad.iter().map(|one| storable(&one.raw)).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(ignored.into_iter().collect())
}

/// Packages of a profile that an answer has shown to be good, and, if it is whole, all that it did not show to be bad.
pub(crate) async fn resolve_of_profile(
    conn: &mut PgConnection,
    profile_id: Uuid,
    (good, bad): (&[&str], &[String]),
    is_whole: bool,
) -> Result<(), Error> {
    sqlx::query(
        "update sync.quarantine set status = 'resolved', resolved_at = now() \
         where stream = $1 and partition = $2 and status <> 'resolved' \
             and (key = any($3) or ($5 and key <> all($4)))",
    )
    .bind(packages::STREAM)
    .bind(format!("profile:{profile_id}"))
    .bind(good)
    .bind(bad)
    .bind(is_whole)
    .execute(conn)
    .await?;
    Ok(())
}

/// Records that an answer has shown to be good.
pub(crate) async fn resolve(
    conn: &mut PgConnection,
    stream: &str,
    partition: &Partition,
    keys: &[&str],
) -> Result<(), Error> {
    sqlx::query(
        "update sync.quarantine set status = 'resolved', resolved_at = now() \
         where stream = $1 and partition = $2 and key = any($3) and status <> 'resolved'",
    )
    .bind(stream)
    .bind(partition.key())
    .bind(keys)
    .execute(conn)
    .await?;
    Ok(())
}

/// The first records that a run found bad.
pub(crate) async fn of_run(
    conn: &mut PgConnection,
    run_id: i64,
    limit: i64,
) -> Result<Vec<Named>, Error> {
    let rows: Vec<(String, bool, String, String)> = sqlx::query_as(
        "select key, is_named, field, expected from sync.quarantine \
         where run_id = $1 and status = 'open' order by id limit $2",
    )
    .bind(run_id)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    let named = |(key, is_named, field, expected)| Named {
        key: Some(key).filter(|_| is_named),
        field,
        expected,
    };
    Ok(rows.into_iter().map(named).collect())
}

/// Ignores a bad record as it is; false when it is not open.
pub(crate) async fn ignore(
    conn: &mut PgConnection,
    id: i64,
    (by, because): (&str, &str),
) -> Result<bool, Error> {
    let done = sqlx::query(
        "update sync.quarantine set status = 'ignored', ignored_by = $2, ignored_because = $3 \
         where id = $1 and status = 'open'",
    )
    .bind(id)
    .bind(by)
    .bind(because)
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Bad records, newest first.
pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Quarantined>, Error> {
    select(conn, None, filter, limit).await
}

pub(crate) async fn get(conn: &mut PgConnection, id: i64) -> Result<Option<Quarantined>, Error> {
    let found = select(conn, Some(id), &Filter::default(), 1).await?;
    Ok(found.into_iter().next())
}

async fn select(
    conn: &mut PgConnection,
    id: Option<i64>,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Quarantined>, Error> {
    let rows = listing(
        "select id, stream, partition, company_id, connection, key, is_named, field, expected, times, status, \
             profile_id, run_id, job_id, first_seen_at, last_seen_at, resolved_at, ignored_by, ignored_because, \
             raw \
         from sync.quarantine \
         where ($1::bigint is null or id = $1) and ($2::text is null or stream = $2) \
             and ($3::text is null or status = $3) and ($4::bigint is null or id < $4) \
         order by id desc limit $5",
    )
    .bind(id)
    .bind(filter.stream.as_deref())
    .bind(filter.status.map(Status::as_str))
    .bind(filter.before)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

fn read(row: &PgRow) -> sqlx::Result<Quarantined> {
    let status: String = row.try_get("status")?;
    let Json(raw) = row.try_get("raw")?;
    Ok(Quarantined {
        id: row.try_get("id")?,
        stream: row.try_get("stream")?,
        partition: row.try_get("partition")?,
        company_id: row.try_get("company_id")?,
        connection: row.try_get("connection")?,
        key: row.try_get("key")?,
        is_named: row.try_get("is_named")?,
        field: row.try_get("field")?,
        expected: row.try_get("expected")?,
        times: row.try_get("times")?,
        status: Status::parse(&status)
            .ok_or_else(|| sqlx::Error::Protocol(format!("unknown status {status}")))?,
        profile_id: row.try_get("profile_id")?,
        run_id: row.try_get("run_id")?,
        job_id: row.try_get("job_id")?,
        first_seen_at: instant(row, "first_seen_at")?,
        last_seen_at: instant(row, "last_seen_at")?,
        resolved_at: instant_or_none(row, "resolved_at")?,
        ignored_by: row.try_get("ignored_by")?,
        ignored_because: row.try_get("ignored_because")?,
        raw,
    })
}
