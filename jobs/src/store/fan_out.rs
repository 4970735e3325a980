//! What a job that syncs all companies has set going.

use std::time::Duration;

use sqlx::postgres::PgConnection;
use sqlx::{Row, types::Json};
use uuid::Uuid;

use crate::Error;

/// The children of one job, as they were when they were enqueued.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FanOut {
    pub(crate) companies: i32,
    pub(crate) skipped: i32,
    /// Jobs of others that stand for a child: company and job.
    pub(crate) twins: Vec<(i64, Uuid)>,
    pub(crate) twins_ended: i32,
    /// Since the children were enqueued, by the database's clock.
    pub(crate) waited: Duration,
}

pub(crate) async fn get(conn: &mut PgConnection, job_id: Uuid) -> Result<Option<FanOut>, Error> {
    let row = sqlx::query(
        "select companies, skipped, twins, twins_ended, \
             extract(epoch from now() - created_at)::float8 as waited_s \
         from sync.fan_out where job_id = $1",
    )
    .bind(job_id)
    .fetch_optional(conn)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let Json(twins) = row.try_get("twins")?;
    let waited_s: f64 = row.try_get("waited_s")?;
    Ok(Some(FanOut {
        companies: row.try_get("companies")?,
        skipped: row.try_get("skipped")?,
        twins,
        twins_ended: row.try_get("twins_ended")?,
        waited: Duration::try_from_secs_f64(waited_s).unwrap_or_default(),
    }))
}

pub(crate) async fn insert(
    conn: &mut PgConnection,
    job_id: Uuid,
    companies: i32,
    skipped: i32,
    twins: &[(i64, Uuid)],
) -> Result<(), Error> {
    sqlx::query(
        "insert into sync.fan_out (job_id, companies, skipped, twins) values ($1, $2, $3, $4)",
    )
    .bind(job_id)
    .bind(companies)
    .bind(skipped)
    .bind(Json(twins))
    .execute(conn)
    .await?;
    Ok(())
}

/// So many of the twins need not be asked after again.
pub(crate) async fn twins_ended(
    conn: &mut PgConnection,
    job_id: Uuid,
    ended: i32,
) -> Result<(), Error> {
    sqlx::query("update sync.fan_out set twins_ended = $2 where job_id = $1 and twins_ended < $2")
        .bind(job_id)
        .bind(ended)
        .execute(conn)
        .await?;
    Ok(())
}
