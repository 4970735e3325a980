//! Load: what the database has written and answered so far, for benchmarks.

use sqlx::postgres::PgConnection;

use crate::Result;
use crate::view::ServerView;

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

/// Statements in this database so far, this one not yet; none without pg_stat_statements.
pub(crate) async fn statements(conn: &mut PgConnection) -> Result<Option<i64>> {
    let counted: bool = sqlx::query_scalar("select to_regclass('pg_stat_statements') is not null")
        .fetch_one(&mut *conn)
        .await?;
    if !counted {
        return Ok(None);
    }
    Ok(sqlx::query_scalar(
        "select coalesce(sum(calls), 0)::bigint from pg_stat_statements s join pg_database d on d.oid = s.dbid \
         where d.datname = current_database()",
    )
    .fetch_one(conn)
    .await?)
}

/// What doctors ask of the server.
pub(crate) async fn server(conn: &mut PgConnection) -> Result<ServerView> {
    let (now, fsync, full_page_writes, synchronous_commit): (
        jiff_sqlx::Timestamp,
        String,
        String,
        String,
    ) = sqlx::query_as(
        "select clock_timestamp(), current_setting('fsync'), current_setting('full_page_writes'), \
                 current_setting('synchronous_commit')",
    )
    .fetch_one(conn)
    .await?;
    Ok(ServerView {
        now: now.to_jiff(),
        fsync,
        full_page_writes,
        synchronous_commit,
    })
}
