//! Packages: written and swept for one profile at a time, under the lock of its row.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use super::instant_or_none;
use crate::Error;
use crate::packages::Package;

/// Brings the rows to what an answer says. What was written, by the CRM's id: each as it was before, if it was there.
/// `answer` is a JSON list.
pub(crate) async fn write(
    conn: &mut PgConnection,
    profile_id: Uuid,
    answer: &str,
) -> Result<Vec<(String, Option<Package>)>, Error> {
    let rows = sqlx::query(include_str!("write_packages.sql"))
        .bind(profile_id)
        .bind(answer)
        .fetch_all(conn)
        .await?;
    let mut written = Vec::with_capacity(rows.len());
    for row in &rows {
        let is_new: bool = row.try_get("is_new")?;
        let before = (!is_new).then(|| read(row)).transpose()?;
        written.push((row.try_get("id")?, before));
    }
    Ok(written)
}

/// Marks what a complete answer does not name; each by its id, and whether it is gone or only missing. `at_once` those
/// that are another customer's.
pub(crate) async fn sweep(
    conn: &mut PgConnection,
    profile_id: Uuid,
    named: &[String],
    at_once: bool,
) -> Result<Vec<(String, bool)>, Error> {
    Ok(sqlx::query_as(include_str!("sweep_packages.sql"))
        .bind(profile_id)
        .bind(named)
        .bind(at_once)
        .fetch_all(conn)
        .await?)
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
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

fn read(row: &PgRow) -> sqlx::Result<Package> {
    Ok(Package {
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
    })
}
