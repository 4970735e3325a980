//! Pool: how connections are kept, which plans their sessions may use, and when one is not taken back.

use std::time::Duration;

use sqlx::postgres::{PgConnection, PgPoolOptions};
use sqlx::{Executor, PgPool, Row};

/// The settings of every pool of the engine. A connection is not asked whether it lives before each
/// use, which would double the round trips: callers retry, and the server's keepalives find the dead.
pub(crate) fn pool_options(connections: u32) -> PgPoolOptions {
    bare(connections).after_release(|conn, _| Box::pin(is_idle(conn)))
}

/// A pool for the statements that every job goes through. All of them probe an index or a row's
/// address, or walk an index in its order, and must go on to: a plan that was cached while a table
/// was nearly empty, or that trusts old statistics, must not scan or sort it when it has grown.
pub(crate) fn hot_pool(like: &PgPool, connections: u32) -> PgPool {
    let options = (*like.connect_options()).clone().options(HOT_SETTINGS);
    fast_log(bare(connections)).connect_lazy_with(options)
}

/// A hot pool whose commits do not wait for the disk. A claim that a crash of the server takes back leaves
/// its job as it was before; whoever began it holds a fence that no row has any more, so that its
/// settle is refused. The commit of whatever it writes next waits, and takes the claim to disk too.
pub(crate) fn claim_pool(like: &PgPool, queues: usize) -> PgPool {
    let options = (*like.connect_options())
        .clone()
        .options(HOT_SETTINGS)
        .options([UNSAFE_COMMIT]);
    fast_log(bare(u32::try_from(queues).unwrap_or(1).max(1))).connect_lazy_with(options)
}

/// The first change of a page after a checkpoint writes all of it to the log. Where the server compresses that
/// with pglz, a page of jobs takes most of a millisecond; lz4 a small part of it, for as few bytes.
const FAST_LOG: &str = "select set_config('wal_compression', 'lz4', false) from pg_settings \
    where name = 'wal_compression' and setting in ('on', 'pglz') and 'lz4' = any(enumvals) \
        and has_parameter_privilege(name, 'SET')";

fn fast_log(options: PgPoolOptions) -> PgPoolOptions {
    options.after_connect(|conn, _| {
        Box::pin(async move {
            // The first that knows lz4, and the privilege.
            if conn
                .server_version_num()
                .is_some_and(|version| version >= 150_000)
            {
                conn.execute(FAST_LOG).await?;
            }
            Ok(())
        })
    })
}

/// Only for what may be lost with a crash of the server.
const UNSAFE_COMMIT: (&str, &str) = ("synchronous_commit", "off");

/// What the sessions of a hot pool may plan.
pub(crate) const HOT_SETTINGS: [(&str, &str); 8] = [
    ("enable_seqscan", "off"),
    ("enable_bitmapscan", "off"),
    ("enable_mergejoin", "off"),
    // Probes are lateral and stay; what is left are joins of a batch with itself.
    ("enable_nestloop", "off"),
    ("enable_sort", "off"),
    // A row whose address is known is fetched by it: next to the shard's whole index, which looks
    // cheap for as long as the table looks empty, the price of an index entry decides.
    ("cpu_index_tuple_cost", "1000"),
    ("jit", "off"),
    ("plan_cache_mode", "force_generic_plan"),
];

/// A pool for work of one statement, which leaves no transaction open whenever it is dropped: its
/// connections need not be asked when they come back, which saves a busy producer a round trip a job.
pub(crate) fn single_pool(like: &PgPool) -> PgPool {
    let options = (*like.connect_options())
        .clone()
        // One plan for all: planning an enqueue costs more than doing it.
        .options([("plan_cache_mode", "force_generic_plan"), ("jit", "off")]);
    bare(like.options().get_max_connections()).connect_lazy_with(options)
}

/// A statement that reads jobs is given up when it takes longer: a cold disk, a locked table.
pub(crate) const LONGEST_READ: Duration = Duration::from_secs(3);
/// More pages at a time only make each of them slower.
const MOST_READS: u32 = 8;
/// Shapes of filters whose plans a session keeps.
const MOST_SHAPES: usize = 30;

/// A pool for pages of jobs and single ones, each a statement that walks an index and probes others. Planning
/// one costs more than doing it: a session plans each shape of a filter once, and so that the plan
/// holds for whatever the tables become, it may only walk and probe.
pub(crate) fn read_pool(like: &PgPool) -> PgPool {
    let longest = LONGEST_READ.as_millis().to_string();
    let options = (*like.connect_options())
        .clone()
        .statement_cache_capacity(MOST_SHAPES)
        .options([
            ("default_transaction_read_only", "on"),
            ("statement_timeout", &longest),
            ("enable_seqscan", "off"),
            ("enable_bitmapscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
            ("jit", "off"),
            ("plan_cache_mode", "force_generic_plan"),
        ]);
    let most = like.options().get_max_connections().min(MOST_READS);
    bare(most).connect_lazy_with(options)
}

/// A pool for hints, whose commits do not wait for the disk: a hint that is lost costs a poll.
pub(crate) fn hint_pool(like: &PgPool) -> PgPool {
    bare(1).connect_lazy_with((*like.connect_options()).clone().options([UNSAFE_COMMIT]))
}

/// A pool like [`single_pool`] for a worker's own few statements: heartbeats and hints.
pub(crate) fn own_pool(like: &PgPool) -> PgPool {
    bare(3).connect_lazy_with((*like.connect_options()).clone())
}

fn bare(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .acquire_timeout(Duration::from_secs(10))
}

/// False, which drops the connection, when it comes back with a transaction open: its future was
/// dropped between BEGIN and the end. In an idle session a statement's start is its transaction's;
/// that holds for the simple protocol only, where the statement is one message.
async fn is_idle(conn: &mut PgConnection) -> sqlx::Result<bool> {
    let row = conn
        .fetch_one(sqlx::raw_sql("select now() = statement_timestamp()"))
        .await?;
    row.try_get(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Database;

    async fn compression(asked: &'static str) -> String {
        let db = Database::new().await;
        let pool = db.pool();
        let name: String = sqlx::query_scalar("select quote_ident(current_database())")
            .fetch_one(pool)
            .await
            .unwrap();
        let set = format!("alter database {name} set wal_compression = '{asked}'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(set))
            .execute(pool)
            .await
            .unwrap();
        sqlx::query_scalar("show wal_compression")
            .fetch_one(&hot_pool(pool, 1))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn a_log_that_the_server_compresses_slowly_is_compressed_fast() {
        assert_eq!(compression("pglz").await, "lz4");
    }

    #[tokio::test]
    async fn a_log_that_the_server_does_not_compress_stays_so() {
        assert_eq!(compression("off").await, "off");
    }
}
