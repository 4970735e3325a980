//! Conflicts: what a person must settle, or has settled.

use serde_json::{Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use crate::Error;
use crate::creatio::conflict::{Conflict, Filter, Status};
use crate::creatio::{Decision, Sort};
use crate::store::{instant, instant_or_none, listing, storable};

/// Not `*`: a column that a migration adds would fail what sessions have prepared.
macro_rules! columns {
    () => {
        "id, link_id, connection, stream, local_id, remote_id, field, base_local, base_remote, ours, theirs, \
         theirs_local, gone, local_version, local_at, remote_at, policy, status, decision, proposed_by, \
         proposed_at, decided_by, decided_at, note, applied_at, outcome, detected_at, updated_at"
    };
}

/// A conflict as a pass has found it.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) link_id: i64,
    pub(crate) field: String,
    pub(crate) base: (Value, Value),
    pub(crate) ours: Value,
    pub(crate) theirs: Value,
    pub(crate) theirs_local: Value,
    pub(crate) gone: Option<&'static str>,
    pub(crate) local_version: Option<i64>,
    pub(crate) local_at: Option<jiff::Timestamp>,
    pub(crate) remote_at: Option<jiff::Timestamp>,
    pub(crate) policy: &'static str,
}

/// Opens conflicts, or brings the open ones up to date. What a person proposed or decided on other values is
/// open again, and says so.
pub(crate) async fn find(
    conn: &mut PgConnection,
    of: (&str, Sort),
    job_id: Uuid,
    found: &[Found],
) -> Result<(), Error> {
    let rows = found.iter().map(|one| {
        json!({
            "link_id": one.link_id, "field": one.field, "base_local": one.base.0, "base_remote": one.base.1,
            "ours": one.ours, "theirs": one.theirs, "theirs_local": one.theirs_local, "gone": one.gone,
            "local_version": one.local_version, "local_at": one.local_at, "remote_at": one.remote_at, "policy": one.policy,
        })
    });
    sqlx::query(include_str!("conflict/find.sql"))
        .bind(of.0)
        .bind(of.1.stream())
        .bind(job_id)
        .bind(storable(&rows.collect()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Ends live conflicts: applied as decided, or superseded since the sides agree.
pub(crate) async fn end(
    conn: &mut PgConnection,
    ids: &[i64],
    (status, outcome): (Status, &str),
) -> Result<(), Error> {
    sqlx::query(
        "update sync.conflict set status = $2, outcome = $3, updated_at = now(), \
             applied_at = case when $2 = 'applied' then now() end \
         where id = any($1) and status in ('open', 'proposed', 'resolved')",
    )
    .bind(ids)
    .bind(status.as_str())
    .bind(outcome)
    .execute(conn)
    .await?;
    Ok(())
}

/// What a person decided cannot be carried out as it is: it is open again, and says why.
pub(crate) async fn reopen(conn: &mut PgConnection, id: i64, outcome: &str) -> Result<(), Error> {
    sqlx::query(
        "update sync.conflict set status = 'open', decision = null, outcome = $2, updated_at = now() \
         where id = $1 and status in ('proposed', 'resolved')",
    )
    .bind(id)
    .bind(outcome)
    .execute(conn)
    .await?;
    Ok(())
}

/// Conflicts of these links that are not over.
pub(crate) async fn live(conn: &mut PgConnection, links: &[i64]) -> Result<Vec<Conflict>, Error> {
    let rows = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.conflict where link_id = any($1) and status in ('open', 'proposed', 'resolved') \
         order by id",
    ))
    .bind(links)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

pub(crate) async fn get(conn: &mut PgConnection, id: i64) -> Result<Option<Conflict>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.conflict where id = $1"
    ))
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// One conflict, locked against others who would decide it.
pub(crate) async fn lock(conn: &mut PgConnection, id: i64) -> Result<Option<Conflict>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.conflict where id = $1 for update"
    ))
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Conflict>, Error> {
    let rows = listing(include_str!("conflict/list.sql"))
        .bind(filter.connection.as_deref())
        .bind(filter.sort.map(Sort::stream))
        .bind(filter.field.as_deref())
        .bind(filter.status.map(Status::as_str))
        .bind(filter.local_id)
        .bind(filter.before)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// The undecided conflicts of one field, oldest first, locked.
pub(crate) async fn of_field(
    conn: &mut PgConnection,
    connection: &str,
    (sort, field): (Sort, &str),
    (after, limit): (i64, i64),
) -> Result<Vec<Conflict>, Error> {
    let rows = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.conflict where connection = $1 and stream = $2 and field = $3 \
             and status in ('open', 'proposed') and id > $4 \
         order by id limit $5 for update",
    ))
    .bind(connection)
    .bind(sort.stream())
    .bind(field)
    .bind(after)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Writes a proposal, or a decision. False when it is over, or decided.
pub(crate) async fn decide(
    conn: &mut PgConnection,
    id: i64,
    status: Status,
    decision: Option<&Decision>,
    (by, note): (&str, Option<&str>),
) -> Result<bool, Error> {
    let done = sqlx::query(include_str!("conflict/decide.sql"))
        .bind(id)
        .bind(status.as_str())
        .bind(decision.map(|decision| storable(&json!(decision))))
        .bind(by)
        .bind(note)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// How many are in which status.
pub(crate) async fn counts(
    conn: &mut PgConnection,
    connection: Option<&str>,
) -> Result<Vec<(String, i64)>, Error> {
    Ok(sqlx::query_as(
        "select status, count(*) from sync.conflict \
         where status in ('open', 'proposed', 'resolved') and ($1::text is null or connection = $1) group by status",
    )
    .bind(connection)
    .fetch_all(conn)
    .await?)
}

fn read(row: &PgRow) -> sqlx::Result<Conflict> {
    let (stream, status): (String, String) = (row.try_get("stream")?, row.try_get("status")?);
    let unknown = |word: &str| sqlx::Error::Protocol(format!("unknown word {word}"));
    let value = |column: &str| -> sqlx::Result<Value> {
        Ok(row
            .try_get::<Option<Json<Value>>, _>(column)?
            .map_or(Value::Null, |json| json.0))
    };
    let decision: Option<Json<Decision>> = row.try_get("decision")?;
    Ok(Conflict {
        id: row.try_get("id")?,
        link_id: row.try_get("link_id")?,
        connection: row.try_get("connection")?,
        sort: Sort::parse(&stream).ok_or_else(|| unknown(&stream))?,
        local_id: row.try_get("local_id")?,
        remote_id: row.try_get("remote_id")?,
        field: row.try_get("field")?,
        base_local: value("base_local")?,
        base_remote: value("base_remote")?,
        ours: value("ours")?,
        theirs: value("theirs")?,
        theirs_local: value("theirs_local")?,
        gone: row.try_get("gone")?,
        local_version: row.try_get("local_version")?,
        local_at: instant_or_none(row, "local_at")?,
        remote_at: instant_or_none(row, "remote_at")?,
        policy: row.try_get("policy")?,
        status: Status::parse(&status).ok_or_else(|| unknown(&status))?,
        decision: decision.map(|json| json.0),
        proposed_by: row.try_get("proposed_by")?,
        proposed_at: instant_or_none(row, "proposed_at")?,
        decided_by: row.try_get("decided_by")?,
        decided_at: instant_or_none(row, "decided_at")?,
        note: row.try_get("note")?,
        applied_at: instant_or_none(row, "applied_at")?,
        outcome: row.try_get("outcome")?,
        detected_at: instant(row, "detected_at")?,
        updated_at: instant(row, "updated_at")?,
    })
}
