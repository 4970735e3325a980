//! Zones: the statements of their table, and reading. A row that an answer leaves unchanged is never written.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};

use super::record::Table;
use super::{instant, instant_or_none, listing};
use crate::Error;
use crate::plan::adopt::{Adoption, Named};
use crate::zone::{Filter, Status, Zone};

/// The zones of companies. Their answers are kept, for people who look into a fault.
pub(crate) const TABLE: Table = Table {
    stored: include_str!("zone/stored.sql"),
    create: include_str!("zone/create.sql"),
    update: include_str!("zone/update.sql"),
    missing: include_str!("zone/missing.sql"),
    gone: include_str!("zone/gone.sql"),
    live: include_str!("zone/live.sql"),
};

/// The rows of a company that have no remote id.
pub(crate) async fn without_id(
    conn: &mut PgConnection,
    company_id: i64,
) -> Result<Vec<Named>, Error> {
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "select id, name from sync.zone \
         where company_id = $1 and soundtrack_zone_id is null order by id",
    )
    .bind(company_id)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, name)| Named {
            id,
            name,
            is_fresh: false,
        })
        .collect())
}

/// The rows of a run's company that have a remote id and one of these names.
pub(crate) async fn with_id(
    conn: &mut PgConnection,
    run_id: i64,
    names: &[String],
) -> Result<Vec<Named>, Error> {
    let rows: Vec<(i64, String, bool)> = sqlx::query_as(
        "select z.id, z.name, z.created_at >= r.started_at \
         from sync.run r join sync.zone z on z.company_id = r.company_id \
         where r.id = $1 and z.soundtrack_zone_id is not null and z.orphaned_at is null \
             and trim(z.name) = any($2) \
         order by z.id",
    )
    .bind(run_id)
    .bind(names)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(id, name, is_fresh)| Named { id, name, is_fresh })
        .collect())
}

/// Gives each kept row the identity and the content of its fresh twin, which goes.
pub(crate) async fn adopt(conn: &mut PgConnection, adoptions: &[Adoption]) -> Result<u64, Error> {
    let done = sqlx::query(include_str!("zone/adopt.sql"))
        .bind(
            adoptions
                .iter()
                .map(|pair| pair.kept_id)
                .collect::<Vec<_>>(),
        )
        .bind(
            adoptions
                .iter()
                .map(|pair| pair.fresh_id)
                .collect::<Vec<_>>(),
        )
        .execute(conn)
        .await?;
    Ok(done.rows_affected())
}

pub(crate) async fn get(conn: &mut PgConnection, id: i64) -> Result<Option<Zone>, Error> {
    let row = select(conn, Some(id), &Filter::default(), 1).await?;
    Ok(row.into_iter().next())
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Zone>, Error> {
    select(conn, None, filter, limit).await
}

async fn select(
    conn: &mut PgConnection,
    id: Option<i64>,
    filter: &Filter,
    limit: i64,
) -> Result<Vec<Zone>, Error> {
    let rows = listing(include_str!("zone/list.sql"))
        .bind(id)
        .bind(filter.company_id)
        .bind(filter.status.map(Status::as_str))
        .bind(filter.orphaned)
        .bind(filter.after.unwrap_or(0))
        .bind(limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

fn read(row: &PgRow) -> sqlx::Result<Zone> {
    let status: String = row.try_get("status")?;
    Ok(Zone {
        id: row.try_get("id")?,
        company_id: row.try_get("company_id")?,
        soundtrack_zone_id: row.try_get("soundtrack_zone_id")?,
        name: row.try_get("name")?,
        status: Status::parse(&status)
            .ok_or_else(|| sqlx::Error::Protocol(format!("unknown zone status {status}")))?,
        device_name: row.try_get("device_name")?,
        last_seen_online: instant_or_none(row, "last_seen_online")?,
        last_api_sync_at: instant_or_none(row, "last_api_sync_at")?,
        orphaned_at: instant_or_none(row, "orphaned_at")?,
        raw: row
            .try_get::<Option<Json<_>>, _>("raw")?
            .map(|Json(raw)| raw),
        created_at: instant(row, "created_at")?,
        updated_at: instant(row, "updated_at")?,
    })
}
