//! The tables of pulled records: what is stored, what is written, what is missing. Each table brings its
//! statements; how they are called is the same for all.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};
use sqlx::postgres::PgConnection;
use sqlx::{Acquire as _, Row, types::Json};

use super::{instant_or_none, storable};
use crate::Error;
use crate::flow::{Bad, Partition, Record};
use crate::plan::classify::Stored;

/// The statements of a table. `$1` is the company's id and `$2` the connection of a partition; one is null.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// `$3` keys: key, is_ours, hash, is_gone, modified_at (of rows written within ten minutes), fields (an object,
    /// decimals as text).
    pub(crate) stored: &'static str,
    /// `$3` rows, as an array of objects: key, the fields, modified_at if the remote told it, and raw and hash where
    /// answers are kept.
    pub(crate) create: &'static str,
    /// The same. A field that a row does not name keeps its value.
    pub(crate) update: &'static str,
    /// `$1` run, `$2` keys of its last page: how many rows are known, and the keys of those that no page
    /// named. Rows that were written since the run began, or are in quarantine, are none of them (G8).
    pub(crate) missing: &'static str,
    /// `$3` keys, `$4` run or null: marks rows that are not marked, and with a run only those that were
    /// not written since it began; their keys.
    pub(crate) gone: &'static str,
    /// Keys of all rows that are not marked.
    pub(crate) live: &'static str,
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// All in one statement. What the database refuses fails the page.
    AtOnce,
    /// By halves where the database refuses some, each under a savepoint, down to the one that it does not take.
    Apart,
}

/// What is stored beside what a run has named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Rows with a remote id that are not marked as gone.
    pub(crate) known: u64,
    /// Those of them that no page of the run named.
    pub(crate) keys: Vec<String>,
}

/// What is stored under the keys of records.
pub(crate) async fn stored(
    conn: &mut PgConnection,
    table: &Table,
    partition: &Partition,
    records: &[&Record],
) -> Result<HashMap<String, Stored>, Error> {
    let keys: Vec<&str> = records.iter().map(|record| record.key.as_str()).collect();
    let rows = sqlx::query(table.stored)
        .bind(partition.company_id())
        .bind(partition.connection())
        .bind(keys)
        .fetch_all(conn)
        .await?;
    let mut stored = HashMap::with_capacity(rows.len());
    for row in &rows {
        let Json(fields): Json<Map<String, Value>> = row.try_get("fields")?;
        let one = Stored {
            is_ours: row.try_get("is_ours")?,
            hash: row.try_get("hash")?,
            is_gone: row.try_get("is_gone")?,
            modified_at: instant_or_none(row, "modified_at")?,
            fields,
        };
        stored.insert(row.try_get("key")?, one);
    }
    Ok(stored)
}

pub(crate) async fn create(
    conn: &mut PgConnection,
    table: &Table,
    partition: &Partition,
    (records, how): (&[&Record], Write),
) -> Result<Vec<Bad>, Error> {
    write(conn, table.create, partition, (records, how)).await
}

pub(crate) async fn update(
    conn: &mut PgConnection,
    table: &Table,
    partition: &Partition,
    (records, how): (&[&Record], Write),
) -> Result<Vec<Bad>, Error> {
    write(conn, table.update, partition, (records, how)).await
}

/// Writes records; those that the database does not take.
async fn write(
    conn: &mut PgConnection,
    sql: &'static str,
    partition: &Partition,
    (records, how): (&[&Record], Write),
) -> Result<Vec<Bad>, Error> {
    let mut refused = Vec::new();
    if how == Write::AtOnce {
        write_all(conn, sql, partition, records).await?;
        return Ok(refused);
    }
    let mut parts = vec![records];
    while let Some(part) = parts.pop() {
        // A savepoint, since the page's transaction is open.
        let mut tx = conn.begin().await?;
        let Err(error) = write_all(&mut tx, sql, partition, part).await else {
            tx.commit().await?;
            continue;
        };
        tx.rollback().await?;
        let Some(by) = error.refusal() else {
            return Err(error);
        };
        match part {
            [one] => refused.push(refused_by(one, &by)),
            _ => {
                let (front, back) = part.split_at(part.len() / 2);
                parts.extend([back, front]);
            }
        }
    }
    Ok(refused)
}

fn refused_by(record: &Record, by: &str) -> Bad {
    // What has no fingerprint stands beside the fields and is no answer.
    let answer = record.kept.as_ref().filter(|(_, hash)| !hash.is_empty());
    Bad {
        key: Some(record.key.clone()),
        field: "row".to_owned(),
        expected: format!("one that the database takes ({by})"),
        raw: match answer {
            Some((raw, _)) => raw.clone(),
            None => Value::Object(record.fields.clone()),
        },
    }
}

async fn write_all(
    conn: &mut PgConnection,
    sql: &'static str,
    partition: &Partition,
    records: &[&Record],
) -> Result<(), Error> {
    if records.is_empty() {
        return Ok(());
    }
    let rows = Value::Array(records.iter().map(|record| row(record)).collect());
    sqlx::query(sql)
        .bind(partition.company_id())
        .bind(partition.connection())
        .bind(storable(&rows))
        .execute(conn)
        .await?;
    Ok(())
}

fn row(record: &Record) -> Value {
    let mut row = record.fields.clone();
    row.insert("key".to_owned(), Value::from(record.key.as_str()));
    if let Some(at) = record.modified_at {
        row.insert("modified_at".to_owned(), Value::from(at.to_string()));
    }
    if let Some((raw, hash)) = &record.kept {
        use std::fmt::Write as _;
        let mut hex = String::with_capacity(hash.len() * 2);
        for byte in hash {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        row.insert("raw".to_owned(), raw.clone());
        row.insert("hash".to_owned(), Value::from(hex));
    }
    Value::Object(row)
}

/// What no page of the run named; `last` are the ids of the last page, which is not stored.
pub(crate) async fn missing(
    conn: &mut PgConnection,
    table: &Table,
    run_id: i64,
    last: &[String],
) -> Result<Missing, Error> {
    let row = sqlx::query(table.missing)
        .bind(run_id)
        .bind(last)
        .fetch_one(conn)
        .await?;
    Ok(Missing {
        known: row.try_get::<i64, _>("known")?.cast_unsigned(),
        keys: row.try_get("keys")?,
    })
}

/// Marks rows as gone; their keys. Nothing is deleted: a record that reappears is revived with its row.
pub(crate) async fn gone(
    conn: &mut PgConnection,
    table: &Table,
    partition: &Partition,
    keys: &[String],
    since_run: Option<i64>,
) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(table.gone)
        .bind(partition.company_id())
        .bind(partition.connection())
        .bind(keys)
        .bind(since_run)
        .fetch_all(conn)
        .await?)
}

/// Which of some keys have a row, marked or not.
pub(crate) async fn known_among(
    conn: &mut PgConnection,
    table: &Table,
    partition: &Partition,
    keys: &[String],
) -> Result<HashSet<String>, Error> {
    let rows = sqlx::query(table.stored)
        .bind(partition.company_id())
        .bind(partition.connection())
        .bind(keys)
        .fetch_all(conn)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.try_get("key"))
        .collect::<sqlx::Result<_>>()?)
}

/// The keys of all rows of a partition that are not marked as gone.
pub(crate) async fn live(
    conn: &mut PgConnection,
    table: &Table,
    partition: &Partition,
) -> Result<Vec<String>, Error> {
    Ok(sqlx::query_scalar(table.live)
        .bind(partition.company_id())
        .bind(partition.connection())
        .fetch_all(conn)
        .await?)
}
