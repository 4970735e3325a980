//! The plans of the hot statements, on tables large enough to matter, with statistics that mislead: what
//! they touch must follow from what they are asked for, and not from how full the tables are.

use std::borrow::Cow;

use engine::testing::{Database, hot_settings};
use sqlx::postgres::PgConnection;

use crate::eras::ten_days_old;
use crate::support::*;

/// What the planner was told last, before the tables came to be as they are.
pub(crate) struct Told {
    pub(crate) name: &'static str,
    filled_first: bool,
    due_then: bool,
}

pub(crate) const MISLED: &[Told] = &[
    Told {
        name: "analysed while empty",
        filled_first: false,
        due_then: true,
    },
    Told {
        name: "analysed when all was due",
        filled_first: true,
        due_then: true,
    },
    Told {
        name: "analysed when nothing was due",
        filled_first: true,
        due_then: false,
    },
];

/// 60,000 jobs due, one in ten with one of 300 partition keys, as many to come and as many running.
const ROWS: &[&str] = &[
    "insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts) \
     select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.act', '{}', 'default', n % 10, now(), 8 from generate_series(1, 180000) n",
    "insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts, partition_key) \
     select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.act', 'default', n <= 60000, n % 10, \
            case when n <= 60000 then now() else now() + interval '1 day' end, 8, \
            case when n % 10 = 0 then 'key ' || n % 3000 end \
     from generate_series(1, 120000) n",
    "insert into engine.running (shard, id, kind, queue, priority, attempt, failed, crashes, max_attempts, nonce, worker_id, started_at, lease_until) \
     select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.act', 'default', 0, 1, 0, 0, 8, 7, gen_random_uuid(), now(), now() + interval '1 hour' \
     from generate_series(120001, 180000) n",
];

const TABLES: &[&str] = &[
    "job",
    "pending",
    "running",
    "ended",
    "attempt",
    "batch",
    "key",
    "flow",
    "signal",
    "step",
    "partition_block",
];

/// Makes the tables as they are, and the planner believe otherwise.
pub(crate) async fn fill(db: &Database, told: &Told) {
    fill_with(db, told, async || ()).await;
}

/// The same with more rows.
pub(crate) async fn fill_with(db: &Database, told: &Told, more: impl AsyncFn()) {
    without_autovacuum(db).await;
    if told.filled_first {
        fill_rows(db).await;
        more().await;
    }
    if !told.due_then {
        meddle(db, "update engine.pending set due = false").await;
    }
    analyze(db).await;
    if !told.filled_first {
        fill_rows(db).await;
        more().await;
    }
    if !told.due_then {
        meddle(db, "update engine.pending set due = run_at <= now()").await;
        // What the two updates left dead is not what is asked about.
        meddle(db, "vacuum engine.pending").await;
    }
}

pub(crate) async fn fill_rows(db: &Database) {
    for rows in ROWS {
        meddle(db, rows).await;
    }
}

async fn analyze(db: &Database) {
    for table in TABLES {
        let statement = format!("analyze engine.{table}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
            .execute(db.pool())
            .await
            .unwrap();
    }
}

/// A statement as workers send it, with what they ask for.
#[derive(Clone)]
pub(crate) struct Hot {
    pub(crate) sql: &'static str,
    pub(crate) types: &'static str,
    /// `IDS` stands for two hundred that run.
    pub(crate) args: Cow<'static, str>,
}

/// A claim's statement, put together as `store::claim` does.
macro_rules! claim {
    ($($part:literal),*) => {
        concat!($(include_str!(concat!("../../src/store/claim/", $part, ".sql"))),*)
    };
}

/// Twenty jobs of kinds without limits.
pub(crate) const CLAIM: Hot = Hot {
    sql: claim!("allowed", "keys", "keyed", "take"),
    types: "smallint, text, text[], bigint, bigint, uuid, bigint, text, boolean, bigint, text[], text[], timestamptz[]",
    args: Cow::Borrowed(
        "0, 'default', '{test.act}', 20, 1, '00000000-0000-0000-0000-000000000000', 1000, '', true, 20, '{}', '{}', '{}'",
    ),
};

/// Twenty jobs, where another kind has limits.
pub(crate) const CLAIM_LIMITED: Hot = Hot {
    sql: claim!("allowed", "keys", "limited", "take"),
    types: "smallint, text, text[], bigint, bigint, uuid, bigint, text, boolean, bigint, text[], text[], timestamptz[], \
            text[], integer[], integer[], boolean[]",
    args: Cow::Borrowed(
        "0, 'default', '{test.act}', 20, 1, '00000000-0000-0000-0000-000000000000', 1000, '', true, 20, '{}', '{}', '{}', \
           '{test.limited}', '{null}', '{2}', '{false}'",
    ),
};

/// Twenty jobs that have no key, after those that were claimed before.
pub(crate) const CLAIM_PLAIN: Hot = Hot {
    sql: claim!("allowed", "plain", "take"),
    types: "smallint, text, text[], bigint, bigint, uuid, bigint, timestamptz, uuid, boolean, boolean",
    args: Cow::Borrowed(
        "0, 'default', '{test.act}', 20, 1, '00000000-0000-0000-0000-000000000000', 1000, \
           now() - interval '1 hour', '00000000-0000-0000-0000-000000000000', true, true",
    ),
};

/// Two hundred attempts that are done.
const COMPLETE: Hot = Hot {
    sql: include_str!("../../src/store/complete.sql"),
    types: "smallint, uuid[], integer[], bigint[], text[]",
    args: Cow::Borrowed(
        "0, IDS, \
           array_fill(1, array[200]), array_fill(7::bigint, array[200]), array_fill(null::text, array[200])",
    ),
};

/// Two hundred attempts that are tried again.
pub(crate) const SETTLE: Hot = Hot {
    sql: include_str!("../../src/store/settle.sql"),
    types: "smallint, uuid[], integer[], bigint[], text[], text[], bigint[], text[], text[], text[], text[]",
    args: Cow::Borrowed(
        "0, IDS, \
           array_fill(1, array[200]), array_fill(7::bigint, array[200]), array_fill('available'::text, array[200]), \
           array_fill('retry'::text, array[200]), array_fill(1000::bigint, array[200]), array_fill('x'::text, array[200]), \
           array_fill('x'::text, array[200]), array_fill(null::text, array[200]), array_fill(null::text, array[200])",
    ),
};

/// Two hundred leases.
const HEARTBEAT: Hot = Hot {
    sql: include_str!("../../src/store/heartbeat.sql"),
    types: "smallint, uuid[], integer[], bigint[], bigint",
    args: Cow::Borrowed(
        "0, IDS, \
           array_fill(1, array[200]), array_fill(7::bigint, array[200]), 15000",
    ),
};

/// Whatever has come due: nothing.
pub(crate) const PROMOTE: Hot = Hot {
    sql: include_str!("../../src/store/promote.sql"),
    types: "smallint, bigint",
    args: Cow::Borrowed("0, 5000"),
};

/// What a statement did when it was run.
pub(crate) struct Explained {
    pub(crate) plan: String,
    /// Pages it touched, one as often as it was touched.
    pub(crate) pages: u64,
}

impl Explained {
    /// Fails when it scanned a table, or took another index to read by than these.
    pub(crate) fn reads_only(&self, indexes: &[&str], case: &str) {
        for table in TABLES {
            let scan = format!("Seq Scan on {table} ");
            assert!(
                !self.plan.contains(&scan),
                "{case}: scans {table}\n{}",
                self.plan
            );
        }
        for line in self.plan.lines().filter(|line| line.contains("Index")) {
            let Some((_, rest)) = line.split_once(" using ") else {
                continue;
            };
            let index = rest.split(' ').next().unwrap_or_default();
            let known = indexes.contains(&index)
                || !index.starts_with(|c| "pjre".contains(c))
                || index.starts_with("pause");
            assert!(known, "{case}: reads by {index}\n{}", self.plan);
        }
    }
}

impl Explained {
    /// Fails unless of the tables of eras one was looked at, by their indexes of this name.
    pub(crate) fn looks_into_one_era(&self, index: &str, case: &str) {
        let probes = self
            .plan
            .lines()
            .filter(|line| line.contains(&format!(" using {index} ")));
        let (never, run): (Vec<&str>, Vec<&str>) =
            probes.partition(|line| line.contains("never executed"));
        assert_eq!(run.len(), 1, "{case}:\n{}", self.plan);
        assert!(
            never.len() > 1,
            "{case}: there is but one era\n{}",
            self.plan
        );
    }
}

/// A statement within another, in sessions that know its function.
const RUN: &str = "create function pg_temp.run(statement text) returns void language plpgsql \
    as $$ begin execute statement; end $$; ";

/// A worker's session with a hot statement in it that has been planned and run once.
pub(crate) async fn session(db: &Database, hot: &Hot) -> PgConnection {
    session_with(db, &hot_settings(), hot).await
}

/// The same with settings of its own.
pub(crate) async fn session_with(
    db: &Database,
    settings: &[(&str, &str)],
    hot: &Hot,
) -> PgConnection {
    let mut statements = String::new();
    for (name, value) in settings {
        statements.push_str(&format!("set {name} = {value}; "));
    }
    statements.push_str(RUN);
    statements.push_str(&format!("prepare hot ({}) as {}", hot.types, hot.sql));
    // In messages of their own: the statements of one message are one transaction.
    let run = format!(
        "begin; select pg_temp.run($run$execute hot ({})$run$); rollback",
        hot.args()
    );
    let mut conn = db.pool().acquire().await.unwrap().detach();
    for message in [statements, run] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(message))
            .execute(&mut conn)
            .await
            .unwrap();
    }
    conn
}

/// Runs a hot statement in its session, takes it back, and says what it did: the better of two runs, since a session that
/// others have left behind with news of the catalog reads that anew, and functions do it in the midst of the statement.
pub(crate) async fn explain_in(conn: &mut PgConnection, hot: &Hot) -> Explained {
    let first = explain_once(conn, hot).await;
    let second = explain_once(conn, hot).await;
    if first.pages < second.pages {
        first
    } else {
        second
    }
}

/// One run.
pub(crate) async fn explain_once(conn: &mut PgConnection, hot: &Hot) -> Explained {
    sqlx::raw_sql("begin").execute(&mut *conn).await.unwrap();
    let run = format!(
        "explain (analyze, buffers, timing off) execute hot ({})",
        hot.args()
    );
    let lines: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(run))
        .fetch_all(&mut *conn)
        .await
        .unwrap();
    sqlx::raw_sql("rollback").execute(conn).await.unwrap();
    // What reads no page has no such line.
    let pages = lines.iter().find_map(|line| pages(line)).unwrap_or(0);
    Explained {
        plan: undivided(&lines.join("\n")),
        pages,
    }
}

/// A plan in which the tables of eras, and their indexes, are called as the table that they divide.
fn undivided(plan: &str) -> String {
    let mut plain = plan.replace("_past", "").replace("_other", "");
    // `job_20261121_13_pkey`
    while let Some(at) = plain.find("_20") {
        plain.replace_range(at..at + "_20261121_13".len(), "");
    }
    plain
}

/// The same in a session of its own.
pub(crate) async fn explain(db: &Database, hot: Hot) -> Explained {
    explain_in(&mut session(db, &hot).await, &hot).await
}

impl Hot {
    fn args(&self) -> String {
        let ids: Vec<String> = (120_001..=120_200).map(|n| format!("{n:032x}")).collect();
        self.args
            .replace("IDS", &format!("'{{{}}}'", ids.join(",")))
    }
}

/// The same of the statement and its triggers, which EXPLAIN leaves out unless it all is a part of another statement: their
/// pages, and the one number that `then` selects behind them.
pub(crate) async fn whole(conn: &mut PgConnection, hot: &Hot, then: &str) -> (u64, i64) {
    let first = whole_once(conn, hot, then).await;
    first.min(whole_once(conn, hot, then).await)
}

async fn whole_once(conn: &mut PgConnection, hot: &Hot, then: &str) -> (u64, i64) {
    let run = format!(
        "explain (analyze, buffers, timing off) select pg_temp.run($run$execute hot ({})$run$)",
        hot.args()
    );
    sqlx::raw_sql("begin").execute(&mut *conn).await.unwrap();
    let lines: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(run))
        .fetch_all(&mut *conn)
        .await
        .unwrap();
    let number = sqlx::query_scalar(sqlx::AssertSqlSafe(then.to_owned()))
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    sqlx::raw_sql("rollback").execute(conn).await.unwrap();
    let pages = lines.iter().find_map(|line| pages(line)).unwrap();
    (pages, number)
}

/// `Buffers: shared hit=12 read=3 dirtied=1`: what was hit and what was read.
fn pages(line: &str) -> Option<u64> {
    let (_, counts) = line.split_once("Buffers: shared ")?;
    let number = |word: &str| {
        let (_, rest) = counts.split_once(word)?;
        rest.split(' ').next()?.parse::<u64>().ok()
    };
    Some(number("hit=").unwrap_or(0) + number("read=").unwrap_or(0))
}

/// Each with the indexes it may read by and the pages it may touch: for each of two hundred rows an
/// index's depth, the row, and what is written.
fn hot_statements() -> Vec<(&'static str, Hot, Vec<&'static str>, u64)> {
    let claims = vec![
        "pending_ready",
        "pending_fair",
        "pending_limited",
        "job_pkey",
    ];
    vec![
        ("claim", CLAIM, claims.clone(), 400),
        ("limited claim", CLAIM_LIMITED, claims.clone(), 400),
        ("plain claim", CLAIM_PLAIN, claims, 400),
        ("complete", COMPLETE, vec!["running_pkey"], 200 * 25),
        ("settle", SETTLE, vec!["running_pkey"], 200 * 30),
        ("heartbeat", HEARTBEAT, vec!["running_pkey"], 200 * 25),
        ("promote", PROMOTE, vec!["pending_timed"], 50),
    ]
}

#[tokio::test]
async fn what_a_hot_statement_touches_follows_from_what_it_is_asked_for() {
    for told in MISLED {
        let db = Database::new().await;
        fill(&db, told).await;
        for (name, hot, indexes, most) in hot_statements() {
            let case = format!("{name}, {}", told.name);

            let done = explain(&db, hot).await;

            done.reads_only(&indexes, &case);
            assert!(
                done.pages <= most,
                "{case}: {} pages\n{}",
                done.pages,
                done.plan
            );
        }
    }
}

/// A worker that started with an empty database keeps its plans until somebody analyses: it drained
/// 16,000 jobs a second where it now drains 40,000, reading the shard's index for each address it had.
#[tokio::test]
async fn plans_that_were_made_while_the_tables_were_empty_are_good_when_they_are_full() {
    let db = Database::new().await;
    // The planner knows that they are empty, and not only nothing of them.
    meddle(&db, "vacuum analyze engine.running").await;
    meddle(&db, "vacuum analyze engine.pending").await;
    let mut sessions = Vec::new();
    for (name, hot, indexes, most) in hot_statements() {
        sessions.push((session(&db, &hot).await, name, hot, indexes, most));
    }
    fill_rows(&db).await;

    for (mut conn, name, hot, indexes, most) in sessions {
        let done = explain_in(&mut conn, &hot).await;

        done.reads_only(&indexes, name);
        assert!(
            done.pages <= most,
            "{name}: {} pages\n{}",
            done.pages,
            done.plan
        );
        for line in done
            .plan
            .lines()
            .filter(|line| line.contains("Rows Removed by Filter"))
        {
            let (_, count) = line.split_once(": ").unwrap();
            let removed: u64 = count.trim().parse().unwrap();
            assert!(
                removed <= 400,
                "{name}: reads and drops {removed}\n{}",
                done.plan
            );
        }
    }
}

/// The plan names the tables of all eras; which of them is opened for a job follows from its id as it is claimed.
#[tokio::test]
async fn a_claim_looks_for_its_jobs_in_their_own_era() {
    let db = ten_days_old().await;
    fill(&db, &MISLED[0]).await;
    for (name, hot) in [("claim", CLAIM), ("plain claim", CLAIM_PLAIN)] {
        let done = explain(&db, hot).await;

        done.looks_into_one_era("job_pkey", name);
    }
}
