//! Packages: written and swept for one profile at a time, under the lock of its row.

use sqlx::Row;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::instant_or_none;
use crate::Error;
use crate::packages::{Changes, Package};

/// Brings the rows to what an answer says; how many were made and changed. `answer` is a JSON list.
pub(crate) async fn write(
    conn: &mut PgConnection,
    profile_id: Uuid,
    answer: &str,
) -> Result<Changes, Error> {
    let row = sqlx::query(include_str!("write_packages.sql"))
        .bind(profile_id)
        .bind(answer)
        .fetch_one(conn)
        .await?;
    Ok(Changes {
        created: row.try_get("created")?,
        updated: row.try_get("updated")?,
        ..Changes::default()
    })
}

/// Marks what a complete answer does not name; how many are missing now, and how many gone. `at_once` those
/// that are another customer's.
pub(crate) async fn sweep(
    conn: &mut PgConnection,
    profile_id: Uuid,
    named: &[String],
    at_once: bool,
) -> Result<(i64, i64), Error> {
    let gone: Vec<bool> = sqlx::query_scalar(include_str!("sweep_packages.sql"))
        .bind(profile_id)
        .bind(named)
        .bind(at_once)
        .fetch_all(conn)
        .await?;
    let of = |wanted: bool| gone.iter().filter(|gone| **gone == wanted).count() as i64;
    Ok((of(false), of(true)))
}

/// The packages of a profile, by the CRM's id: those that are not gone, or all.
pub(crate) async fn list(
    conn: &mut PgConnection,
    profile_id: Uuid,
    with_gone: bool,
) -> Result<Vec<Package>, Error> {
    let rows = sqlx::query(
        "select crm_package_id, site_package_id, name, display_name, category, total_hours::text, used_hours::text, \
             remaining_hours::text, pax, validity, first_used_on::text, expires_on::text, purchased_on::text, \
             missing_since, gone_at, coalesce(missing_since < now() - interval '10 minutes', false) as is_overdue \
         from sync.package where profile_id = $1 and ($2 or gone_at is null) order by crm_package_id",
    )
    .bind(profile_id)
    .bind(with_gone)
    .fetch_all(conn)
    .await?;
    let mut packages = Vec::with_capacity(rows.len());
    for row in &rows {
        packages.push(Package {
            id: row.try_get("crm_package_id")?,
            site_id: row.try_get("site_package_id")?,
            name: row.try_get("name")?,
            display_name: row.try_get("display_name")?,
            category: row.try_get("category")?,
            total_hours: row.try_get("total_hours")?,
            used_hours: row.try_get("used_hours")?,
            remaining_hours: row.try_get("remaining_hours")?,
            pax: row.try_get("pax")?,
            validity: row.try_get("validity")?,
            first_used_on: row.try_get("first_used_on")?,
            expires_on: row.try_get("expires_on")?,
            purchased_on: row.try_get("purchased_on")?,
            missing_since: instant_or_none(row, "missing_since")?,
            gone_at: instant_or_none(row, "gone_at")?,
            is_overdue: row.try_get("is_overdue")?,
        });
    }
    Ok(packages)
}
