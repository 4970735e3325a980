//! Companies: read and write.

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::{instant, listing};
use crate::Error;
use crate::company::{Company, Filter, NewCompany, Patch};

/// Not `*`: a column that a migration adds would fail what sessions have prepared.
macro_rules! columns {
    () => {
        "id, name, country, parent_id, soundtrack_account_id, alerts, created_at, updated_at"
    };
}

pub(crate) async fn get(conn: &mut PgConnection, id: i64) -> Result<Option<Company>, Error> {
    let row = sqlx::query(concat!(
        "select ",
        columns!(),
        " from sync.company where id = $1"
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
) -> Result<Vec<Company>, Error> {
    let rows = listing(concat!(
        "select ",
        columns!(),
        " from sync.company \
         where id > $1 and ($2::boolean is null or (soundtrack_account_id is not null) = $2) \
         order by id limit $3",
    ))
    .bind(filter.after.unwrap_or(0))
    .bind(filter.has_account)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// Every company with whether it has an account: what a sync of all goes by.
pub(crate) async fn all(conn: &mut PgConnection) -> Result<Vec<(i64, bool)>, Error> {
    let all = sqlx::query_as(
        "select id, soundtrack_account_id is not null from sync.company order by id",
    );
    Ok(all.fetch_all(conn).await?)
}

pub(crate) async fn create(
    conn: &mut PgConnection,
    company: &NewCompany,
) -> Result<Company, Error> {
    let row = sqlx::query(concat!(
        "insert into sync.company (name, country, parent_id, soundtrack_account_id, alerts) \
         values ($1, $2, $3, $4, $5) returning ",
        columns!(),
    ))
    .bind(&company.name)
    .bind(&company.country)
    .bind(company.parent_id)
    .bind(&company.soundtrack_account_id)
    .bind(company.alerts)
    .fetch_one(conn)
    .await?;
    Ok(read(&row)?)
}

pub(crate) async fn update(
    conn: &mut PgConnection,
    id: i64,
    patch: &Patch,
) -> Result<Option<Company>, Error> {
    let row = sqlx::query(include_str!("update_company.sql"))
        .bind(id)
        .bind(&patch.name)
        .bind(&patch.country)
        .bind(patch.parent_id.is_some())
        .bind(patch.parent_id.flatten())
        .bind(patch.soundtrack_account_id.is_some())
        .bind(
            patch
                .soundtrack_account_id
                .as_ref()
                .and_then(Option::as_deref),
        )
        .bind(patch.alerts)
        .fetch_optional(conn)
        .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

/// Takes the company's zones and runs with it; what it was, if there was one.
pub(crate) async fn delete(conn: &mut PgConnection, id: i64) -> Result<Option<Company>, Error> {
    let row = sqlx::query(concat!(
        "delete from sync.company where id = $1 returning ",
        columns!()
    ))
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row.as_ref().map(read).transpose()?)
}

fn read(row: &PgRow) -> sqlx::Result<Company> {
    Ok(Company {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        country: row.try_get("country")?,
        parent_id: row.try_get("parent_id")?,
        soundtrack_account_id: row.try_get("soundtrack_account_id")?,
        alerts: row.try_get("alerts")?,
        created_at: instant(row, "created_at")?,
        updated_at: instant(row, "updated_at")?,
    })
}
