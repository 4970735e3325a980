//! Connection: which ones are known, by whatever has named them.

use sqlx::postgres::PgConnection;

use super::SHARD;
use crate::Result;

/// Jobs that are looked at, the newest: their rate keys have no index.
const LOOK_BACK: i64 = 10_000;

/// Connections that a breaker, a budget, a pause, a job that was put off or one of the newest jobs names,
/// by name; at most 1,000.
pub(crate) async fn known(conn: &mut PgConnection) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "select connection from engine.breaker where shard = $1 \
         union select key from engine.budget where shard = $1 \
         union select name from engine.pause where scope = 'connection' \
         union select key from engine.put_off where shard = $1 \
         union select unnest(rate_keys) from ( \
             select rate_keys from engine.job where shard = $1 order by id desc limit $2) newest \
         order by 1 limit 1000",
    )
    .bind(SHARD)
    .bind(LOOK_BACK)
    .fetch_all(conn)
    .await?)
}
