//! Preview: what an act on many would be done to, counted within bounds.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::Result;
use crate::bulk::{BulkAct, BulkCause, BulkKind, BulkPreview};
use crate::filter::Filter;
use crate::store::SHARD;
use crate::store::list::step::{Meant, step};
use crate::store::read::{JOB, read_job};

/// Jobs that are counted at most.
const MOST: usize = 10_000;
/// After this no further step begins.
const PATIENCE: Duration = Duration::from_secs(2);
/// A statement that takes longer is given up.
const LONGEST: &str =
    "set transaction isolation level repeatable read read only; set local statement_timeout = '5s'";
/// Jobs that are shown.
const SAMPLES: usize = 5;

/// The jobs that meet a filter now, as far as they were counted, and whether these are all. Runs in a
/// transaction of its own, which it makes a read-only one with one view of all tables.
pub(crate) async fn matched(conn: &mut PgConnection, filter: &Filter) -> Result<(Vec<Uuid>, bool)> {
    sqlx::raw_sql(LONGEST).execute(&mut *conn).await?;
    let begun = Instant::now();
    let (mut ids, mut from) = (Vec::new(), None);
    let meant = Meant {
        filter,
        as_of: None,
    };
    loop {
        // One more tells whether there is more.
        let step = step(&mut *conn, meant, from, MOST + 1 - ids.len()).await?;
        ids.extend(step.ids);
        from = step.next;
        if ids.len() > MOST {
            ids.truncate(MOST);
            return Ok((ids, false));
        }
        if from.is_none() || begun.elapsed() >= PATIENCE {
            return Ok((ids, from.is_none()));
        }
    }
}

/// The whole preview, in such a transaction. `meant` is the filter narrowed to what `act` is legal for.
pub(crate) async fn preview(
    conn: &mut PgConnection,
    act: BulkAct,
    meant: &Filter,
) -> Result<BulkPreview> {
    let (ids, matched_all) = matched(&mut *conn, meant).await?;
    let first: Vec<Uuid> = ids.iter().copied().take(SAMPLES).collect();
    Ok(BulkPreview {
        act,
        filter: meant.to_string(),
        matched: i64::try_from(ids.len()).unwrap_or(i64::MAX),
        matched_all,
        kinds: kinds(&mut *conn, &ids).await?,
        causes: causes(&mut *conn, &ids).await?,
        samples: {
            let rows = sqlx::query(AssertSqlSafe(format!(
                "{JOB} where s.shard = $1 and s.id = any($2) order by array_position($2, s.id), s.id"
            )))
            .bind(SHARD)
            .bind(first)
            .fetch_all(conn)
            .await?;
            rows.iter().map(read_job).collect::<Result<_>>()?
        },
    })
}

async fn kinds(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<BulkKind>> {
    let rows = sqlx::query(include_str!("preview_kinds.sql"))
        .bind(SHARD)
        .bind(ids)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(BulkKind {
                kind: row.try_get("kind")?,
                state: row.try_get("state")?,
                jobs: row.try_get("jobs")?,
            })
        })
        .collect()
}

async fn causes(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<BulkCause>> {
    let rows = sqlx::query(include_str!("preview_causes.sql"))
        .bind(SHARD)
        .bind(ids)
        .fetch_all(conn)
        .await?;
    rows.iter()
        .map(|row| {
            Ok(BulkCause {
                fingerprint: row.try_get("fingerprint")?,
                code: row.try_get("code")?,
                error: row.try_get("error")?,
                jobs: row.try_get("jobs")?,
            })
        })
        .collect()
}
