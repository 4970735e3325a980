//! The ids that the pages of a run have named.

use std::collections::HashSet;

use sqlx::postgres::PgConnection;

use crate::Error;

/// Those of `keys` that an earlier page of the run named.
pub(crate) async fn seen(
    conn: &mut PgConnection,
    run_id: i64,
    keys: &[String],
) -> Result<HashSet<String>, Error> {
    let seen: Vec<String> = sqlx::query_scalar(
        "select distinct key from sync.page, unnest(keys) as key \
         where run_id = $1 and key = any($2)",
    )
    .bind(run_id)
    .bind(keys)
    .fetch_all(conn)
    .await?;
    Ok(seen.into_iter().collect())
}

/// Distinct ids of one walk, those of its last page, which is not stored, among them.
pub(crate) async fn distinct(
    conn: &mut PgConnection,
    run_id: i64,
    generation: u16,
    last: &[String],
) -> Result<u64, Error> {
    let distinct: i64 = sqlx::query_scalar(
        "select count(*) from ( \
             select unnest(keys) from sync.page where run_id = $1 and generation = $2 \
             union \
             select unnest($3::text[])) as named",
    )
    .bind(run_id)
    .bind(generation.cast_signed())
    .bind(last)
    .fetch_one(conn)
    .await?;
    Ok(distinct.cast_unsigned())
}

pub(crate) async fn insert(
    conn: &mut PgConnection,
    run_id: i64,
    number: i32,
    generation: u16,
    keys: &[String],
) -> Result<(), Error> {
    sqlx::query("insert into sync.page (run_id, number, generation, keys) values ($1, $2, $3, $4)")
        .bind(run_id)
        .bind(number)
        .bind(generation.cast_signed())
        .bind(keys)
        .execute(conn)
        .await?;
    Ok(())
}

/// A run that has ended needs them no more.
pub(crate) async fn forget(conn: &mut PgConnection, run_id: i64) -> Result<(), Error> {
    sqlx::query("delete from sync.page where run_id = $1").bind(run_id).execute(conn).await?;
    Ok(())
}
