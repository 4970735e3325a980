//! The ids that the pages of a run have named.

use std::collections::HashMap;

use sqlx::postgres::PgConnection;

use crate::Error;

/// Those of `keys` that an earlier page of the run named, each with whether a page of this walk did.
pub(crate) async fn seen(
    conn: &mut PgConnection,
    run_id: i64,
    generation: u16,
    keys: &[String],
) -> Result<HashMap<String, bool>, Error> {
    let seen: Vec<(String, bool)> = sqlx::query_as(
        "select key, bool_or(generation = $2) from sync.page, unnest(keys) as key \
         where run_id = $1 and key = any($3) group by key",
    )
    .bind(run_id)
    .bind(generation.cast_signed())
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
