//! Zones: read, create and update. A row that an answer leaves unchanged is never written.

use std::collections::HashMap;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Row, types::Json};

use super::{instant, instant_or_none, storable};
use crate::Error;
use crate::plan::adopt::{Adoption, Named};
use crate::plan::classify::Stored;
use crate::zone::{Filter, Status, Zone, ZoneRecord};

/// What is stored under each of `keys`, whatever company it is of.
pub(crate) async fn stored(
    conn: &mut PgConnection,
    keys: &[String],
) -> Result<HashMap<String, Stored>, Error> {
    let rows = sqlx::query(
        "select z.soundtrack_zone_id, z.company_id, z.hash, z.orphaned_at is not null as is_orphan \
         from unnest($1::text[]) as x (key) join sync.zone z on z.soundtrack_zone_id = x.key",
    )
    .bind(keys)
    .fetch_all(conn)
    .await?;
    let mut stored = HashMap::with_capacity(rows.len());
    for row in &rows {
        let one = Stored {
            company_id: row.try_get("company_id")?,
            hash: row.try_get("hash")?,
            is_orphan: row.try_get("is_orphan")?,
        };
        stored.insert(row.try_get("soundtrack_zone_id")?, one);
    }
    Ok(stored)
}

pub(crate) async fn create(
    conn: &mut PgConnection,
    company_id: i64,
    records: &[&ZoneRecord],
) -> Result<(), Error> {
    write(conn, include_str!("create_zone.sql"), company_id, records).await
}

pub(crate) async fn update(
    conn: &mut PgConnection,
    company_id: i64,
    records: &[&ZoneRecord],
) -> Result<(), Error> {
    write(conn, include_str!("update_zone.sql"), company_id, records).await
}

async fn write(
    conn: &mut PgConnection,
    sql: &'static str,
    company_id: i64,
    records: &[&ZoneRecord],
) -> Result<(), Error> {
    if records.is_empty() {
        return Ok(());
    }
    sqlx::query(sql)
        .bind(company_id)
        .bind(
            records
                .iter()
                .map(|zone| zone.key.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            records
                .iter()
                .map(|zone| zone.name.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            records
                .iter()
                .map(|zone| zone.status.as_str())
                .collect::<Vec<_>>(),
        )
        .bind(
            records
                .iter()
                .map(|zone| zone.device_name.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            records
                .iter()
                .map(|zone| storable(&zone.raw))
                .collect::<Vec<_>>(),
        )
        .bind(
            records
                .iter()
                .map(|zone| zone.hash.as_slice())
                .collect::<Vec<_>>(),
        )
        .execute(conn)
        .await?;
    Ok(())
}

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
    let done = sqlx::query(include_str!("adopt_zone.sql"))
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
    let rows = sqlx::query(include_str!("list_zone.sql"))
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
