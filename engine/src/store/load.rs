//! Load: what the database has written so far, for benchmarks.

use sqlx::postgres::PgConnection;

use crate::Result;

/// Bytes of write-ahead log of the whole server, and commits in this database. The commits of other
/// sessions show up to a second late.
pub(crate) async fn written(conn: &mut PgConnection) -> Result<(i64, i64)> {
    Ok(sqlx::query_as(
        "select (pg_current_wal_insert_lsn() - '0/0')::bigint, \
             (select xact_commit from pg_stat_database where datname = current_database())",
    )
    .fetch_one(conn)
    .await?)
}
