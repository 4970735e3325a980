//! Records as the product has them. The statements of the four tables differ in their names and columns alone.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};
use uuid::Uuid;

use super::alike::{Alike, probing};
use crate::Error;
use crate::creatio::Sort;
use crate::store::{instant, storable};

/// A record as it is here.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) id: Uuid,
    pub(crate) version: i64,
    /// When somebody else than the sync wrote it last.
    pub(crate) edited_at: Timestamp,
    pub(crate) is_deleted: bool,
    /// By the mapping's names.
    pub(crate) fields: Map<String, Value>,
}

/// What is to be written to a record that stands at a version.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    pub(crate) id: Uuid,
    pub(crate) version: i64,
    pub(crate) fields: Map<String, Value>,
    /// Marks it as deleted, or takes that back.
    pub(crate) deletes: Option<bool>,
}

struct Statements {
    load: &'static str,
    lock: &'static str,
    create: &'static str,
    update: &'static str,
    matching: &'static str,
    walk: &'static str,
}

/// `exact` are the decimals: a number of JSON would be read as a float.
macro_rules! statements {
    ($table:literal, $columns:literal, $exact:literal) => {
        Statements {
            load: concat!(
                "select t.id, t.version, t.edited_at, t.deleted_at is not null as is_deleted, \
                     to_jsonb(t) || ", $exact, " as fields \
                 from sync.", $table, " t where t.connection = $1 and t.id = any($2)"
            ),
            // Whoever edits a record now is not waited for: it will be looked at again.
            lock: concat!(
                "select t.id from sync.", $table, " t where t.connection = $1 and t.id = any($2) \
                 order by t.id for update skip locked"
            ),
            create: concat!(
                "insert into sync.", $table, " (id, connection, custom, ", $columns, ") \
                 select (x.row ->> 'id')::uuid, $1, coalesce(x.row -> 'custom', '{}'), ", $columns, " \
                 from jsonb_array_elements($2::jsonb) x (row), \
                     jsonb_populate_record(null::sync.", $table, ", (x.row -> 'set') - 'id' - 'custom')"
            ),
            update: concat!(
                "update sync.", $table, " t set (", $columns, ") = (select ", $columns, " \
                         from jsonb_populate_record(t, x.row -> 'set')), \
                     custom = t.custom || coalesce(x.row -> 'custom', '{}'), \
                     deleted_at = case (x.row -> 'deletes')::text when 'true' then coalesce(t.deleted_at, now()) \
                         when 'false' then null else t.deleted_at end \
                 from jsonb_array_elements($2::jsonb) x (row) \
                 where t.connection = $1 and t.id = (x.row ->> 'id')::uuid \
                     and t.version = (x.row ->> 'version')::bigint \
                 returning t.id, t.version, t.edited_at, t.deleted_at is not null as is_deleted, \
                     to_jsonb(t) || ", $exact, " as fields"
            ),
            matching: concat!(
                "select k.key, m.id, m.match_keys from unnest($2::text[]) as k (key) cross join lateral ( \
                     select t.id, t.match_keys \
                     from (select id, connection, match_keys, deleted_at from sync.", $table, " \
                           where match_keys @> array[k.key] offset 0) t \
                     left join sync.link l on l.connection = t.connection and l.stream = $3 and l.local_id = t.id \
                     where t.connection = $1 and t.deleted_at is null \
                         and (l.id is null or l.state = 'new' and l.remote_id is null and not l.is_separate) \
                     limit 20) m"
            ),
            walk: concat!(
                "select t.id, t.version, t.edited_at, t.deleted_at is not null as is_deleted, \
                     to_jsonb(t) || ", $exact, " as fields \
                 from sync.", $table, " t where t.connection = $1 and t.id > $2 and t.deleted_at is null \
                 order by t.id limit $3"
            ),
        }
    };
}

const CONTACT: Statements = statements!(
    "contact",
    "full_name, first_name, last_name, email, phone, mobile_phone, job_title, contact_type, address, notes",
    "'{}'::jsonb"
);
const LEAD: Statements = statements!(
    "lead",
    "lead_name, contact_name, company, job_title, email, mobile_phone, business_phone, website, status, source, \
     budget, predictive_score, decision_role, decision_at, meeting_at, commentary, notes, contact_id",
    "jsonb_build_object('budget', t.budget::text)"
);
const ACTIVITY: Statements = statements!(
    "activity",
    "title, starts_at, due_at, activity_type, category, status, priority, detailed_result, notes, location, \
     lead_id, contact_id",
    "'{}'::jsonb"
);
const PARTICIPANT: Statements = statements!(
    "participant",
    "activity_id, contact_id, role, description",
    "'{}'::jsonb"
);

fn of(sort: Sort) -> &'static Statements {
    match sort {
        Sort::Contact => &CONTACT,
        Sort::Lead => &LEAD,
        Sort::Activity => &ACTIVITY,
        Sort::Participant => &PARTICIPANT,
    }
}

pub(crate) async fn load(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[Uuid],
) -> Result<Vec<Local>, Error> {
    let rows = sqlx::query(of(sort).load)
        .bind(connection)
        .bind(ids)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Those of the records that nobody else is writing now, held until the transaction ends.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    ids: &[Uuid],
) -> Result<Vec<Uuid>, Error> {
    Ok(sqlx::query_scalar(of(sort).lock)
        .bind(connection)
        .bind(ids)
        .fetch_all(conn)
        .await?)
}

/// Until the transaction ends, what is written is the sync's: no edit of anybody.
pub(crate) async fn write_as_sync(conn: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("select set_config('sync.writer', 'sync', true)")
        .execute(conn)
        .await?;
    Ok(())
}

pub(crate) async fn create(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    rows: &[(Uuid, Map<String, Value>)],
) -> Result<(), Error> {
    let rows = rows.iter().map(|(id, fields)| row(*id, fields));
    sqlx::query(of(sort).create)
        .bind(connection)
        .bind(storable(&rows.collect()))
        .execute(conn)
        .await?;
    Ok(())
}

/// Writes records that still stand at their versions; what those are then.
pub(crate) async fn update(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    patches: &[Patch],
) -> Result<Vec<Local>, Error> {
    let rows = patches.iter().map(|patch| {
        let mut row = row(patch.id, &patch.fields);
        row["version"] = json!(patch.version);
        row["deletes"] = json!(patch.deletes);
        row
    });
    let rows = sqlx::query(of(sort).update)
        .bind(connection)
        .bind(storable(&rows.collect()))
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Records without a counterpart that have one of these match keys, with all of theirs; 20 at the most.
pub(crate) async fn matching(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    keys: &[String],
) -> Result<Alike, Error> {
    let mut tx = probing(conn).await?;
    let rows = sqlx::query_as(of(sort).matching)
        .bind(connection)
        .bind(keys)
        .bind(sort.stream())
        .fetch_all(&mut *tx)
        .await?;
    tx.commit().await?;
    Ok(Alike::of(rows))
}

/// The next live records in the order of their ids.
pub(crate) async fn walk(
    conn: &mut PgConnection,
    connection: &str,
    sort: Sort,
    (after, limit): (Uuid, i64),
) -> Result<Vec<Local>, Error> {
    let rows = sqlx::query(of(sort).walk)
        .bind(connection)
        .bind(after)
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Distinct values of a column of names, so many at the most.
pub(crate) async fn words(
    conn: &mut PgConnection,
    connection: &str,
    (sort, field): (Sort, &str),
    limit: i64,
) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(sampling(sort).0)
        .bind(connection)
        .bind(path(field))
        .bind(limit)
        .fetch_all(conn)
        .await?)
}

/// How many records have a longer text in a column.
pub(crate) async fn longer_than(
    conn: &mut PgConnection,
    connection: &str,
    (sort, field): (Sort, &str),
    most: u32,
) -> Result<i64, Error> {
    Ok(sqlx::query_scalar(sampling(sort).1)
        .bind(connection)
        .bind(path(field))
        .bind(i64::from(most))
        .fetch_one(conn)
        .await?)
}

macro_rules! sampling {
    ($table:literal) => {
        (
            concat!(
                "select distinct to_jsonb(t) #>> $2 as word from sync.", $table, " t \
                 where t.connection = $1 and t.deleted_at is null and nullif(to_jsonb(t) #>> $2, '') is not null \
                 order by word limit $3"
            ),
            concat!(
                "select count(*) from sync.", $table, " t where t.connection = $1 and t.deleted_at is null \
                     and length(to_jsonb(t) #>> $2) > $3"
            ),
        )
    };
}

fn sampling(sort: Sort) -> (&'static str, &'static str) {
    match sort {
        Sort::Contact => sampling!("contact"),
        Sort::Lead => sampling!("lead"),
        Sort::Activity => sampling!("activity"),
        Sort::Participant => sampling!("participant"),
    }
}

fn path(field: &str) -> Vec<&str> {
    field.splitn(2, '.').collect()
}

/// `custom.zip` goes into the object of fields that the mapping adds.
fn row(id: Uuid, fields: &Map<String, Value>) -> Value {
    let (mut set, mut custom) = (Map::new(), Map::new());
    for (name, value) in fields {
        match name.strip_prefix("custom.") {
            Some(name) => custom.insert(name.to_owned(), value.clone()),
            None => set.insert(name.clone(), value.clone()),
        };
    }
    json!({"id": id, "set": set, "custom": custom})
}

fn read(row: &PgRow) -> sqlx::Result<Local> {
    let Json(mut fields): Json<Map<String, Value>> = row.try_get("fields")?;
    if let Some(Value::Object(custom)) = fields.remove("custom") {
        for (name, value) in custom {
            fields.insert(format!("custom.{name}"), value);
        }
    }
    Ok(Local {
        id: row.try_get("id")?,
        version: row.try_get("version")?,
        edited_at: instant(row, "edited_at")?,
        is_deleted: row.try_get("is_deleted")?,
        fields,
    })
}
