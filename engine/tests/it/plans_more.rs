//! What the statements touch that are sent for every enqueue, step, call, put-off, failure and crash: pages in
//! proportion to what they are asked for, however full the tables are and whatever the planner believes.

use engine::testing::Database;

use crate::plans::{self, Hot};
use crate::support::*;

/// Beside the rows of the plans' tables: all that runs has a key, a step and a log, all to come was put off for one
/// of ten connections, and 60,000 have ended, half of them dead and in groups.
const ROWS: &[&str] = &[
    "insert into engine.key (shard, kind, key, job_id) \
     select 0, 'test.act', 'key ' || n, lpad(to_hex(n), 32, '0')::uuid from generate_series(120001, 180000) n",
    "insert into engine.flow (shard, job_id) select shard, id from engine.running",
    "insert into engine.step (shard, job_id, name, attempt, result) select shard, id, 'first', 1, '1' from engine.running",
    "insert into engine.attempt_log (shard, job_id, attempt, lines, left_out) select shard, id, 1, '[]', 0 from engine.running",
    "insert into engine.put_off (shard, job_id, key) \
     select 0, lpad(to_hex(n), 32, '0')::uuid, 'remote/' || n % 10 from generate_series(60001, 120000) n",
    "insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts) \
     select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.act', '{}', 'default', 0, now(), 8 from generate_series(180001, 240000) n",
    "insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, outcome, error, fingerprint) \
     select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.act', 'default', \
            case when n % 2 = 0 then 'dead' else 'completed' end::engine.job_state, 0, 1, 0, 0, 8, 'failed', 'x', \
            case when n % 2 = 0 and n > 180200 then '1:x' end \
     from generate_series(180001, 240000) n",
    "insert into engine.tally (shard, minute_at, queue, kind, state, bucket, ended, stock, sum_ms, most_ms) \
     select 0, date_trunc('minute', now()), 'default', 'test.act', 'completed', 1, 1, 1, 1, 1 from generate_series(1, 60000)",
    "insert into engine.budget (shard, key, capacity, refill_per_s, refill_ceiling_per_s, tokens, level_known) \
     select 0, 'remote/' || n, 1000, 10, 10, 1000, true from generate_series(1, 100) n",
    "update engine.running set lease_until = now() - interval '1 second' where id <= lpad(to_hex(120200), 32, '0')::uuid",
];

/// Two hundred jobs, with the rest that `rest` says.
fn enqueued(sql: &'static str, rest: impl Fn(u32) -> String) -> Hot {
    let each = |word: &dyn Fn(u32) -> String| {
        let words: Vec<String> = (300_001..=300_200).map(word).collect();
        format!("array[{}]", words.join(","))
    };
    let ids = each(&|n| format!("'{n:032x}'::uuid"));
    let rests = each(&|n| format!("'{}'::jsonb", rest(n)));
    let all = |value: &str| format!("array_fill({value}, array[200])");
    let args = [
        all("0::smallint"),
        ids,
        all("'test.act'::text"),
        all("'{}'::text"),
        all("null::text"),
        all("null::smallint"),
        all("null::smallint"),
        all("0::bigint"),
        all("null::timestamptz"),
        rests,
        "false".to_owned(),
    ];
    Hot {
        sql,
        types: "smallint[], uuid[], text[], text[], text[], smallint[], smallint[], bigint[], timestamptz[], jsonb[], boolean",
        args: args.join(", ").into(),
    }
}

/// Each with the pages it may touch: for two hundred rows an index's depth, the row and what is written, for each of the
/// tables it changes.
fn statements() -> Vec<(&'static str, Hot, u64)> {
    let step = "0, '0000000000000000000000000001d4c1', 1, 7, 'second'";
    vec![
        (
            "enqueue",
            enqueued(include_str!("../../src/store/enqueue.sql"), |_| "{}".to_owned()),
            200 * 30,
        ),
        (
            "keyed enqueue, half of it twins",
            enqueued(
                include_str!("../../src/store/enqueue_keyed.sql"),
                |n| {
                    // The first hundred stand already.
                    let key = if n <= 300_100 { n - 180_000 } else { n };
                    format!(r#"{{"unique_key": "key {key}", "unique_scope": "queued_or_running", "twin": "keep"}}"#)
                },
            ),
            200 * 40,
        ),
        (
            "rescue",
            Hot {
                sql: include_str!("../../src/store/rescue.sql"),
                types: "smallint, bigint, integer",
                args: "0, 500, 3".into(),
            },
            // The leases have no index, which each heartbeat would write: all that runs is read.
            2_000 + 200 * 40,
        ),
        (
            "put off",
            Hot {
                sql: include_str!("../../src/store/put_off.sql"),
                types: "smallint, uuid[], integer[], bigint[], bigint[], text[], text[], text[]",
                args: "0, IDS, array_fill(1, array[200]), array_fill(7::bigint, array[200]), array_fill(1000::bigint, array[200]), \
                       array_fill('x'::text, array[200]), array_fill('x'::text, array[200]), array_fill('remote/1'::text, array[200])"
                    .into(),
            },
            200 * 25,
        ),
        (
            "wake what was put off",
            Hot {
                sql: include_str!("../../src/store/wake_put_off.sql"),
                types: "smallint, text, bigint, bigint, bigint, bigint",
                args: "0, 'remote/1', 200, 0, null, 6".into(),
            },
            200 * 40,
        ),
        (
            "what is shut",
            Hot {
                sql: include_str!("../../src/store/shut.sql"),
                types: "smallint, bigint",
                args: "0, 300000".into(),
            },
            200,
        ),
        (
            "keep a step",
            Hot {
                sql: include_str!("../../src/store/keep_step.sql"),
                types: "smallint, uuid, integer, bigint, text, text, integer",
                args: format!("{step}, '1', 1").into(),
            },
            60,
        ),
        (
            "sleep",
            Hot {
                sql: include_str!("../../src/store/sleep_step.sql"),
                types: "smallint, uuid, integer, bigint, text, bigint, integer",
                args: format!("{step}, 1000, 1").into(),
            },
            60,
        ),
        (
            "keep logs",
            Hot {
                sql: include_str!("../../src/store/keep_log.sql"),
                types: "smallint, uuid[], integer[], text[], bigint[]",
                args: "0, IDS, array_fill(1, array[200]), array_fill('[]'::text, array[200]), array_fill(0::bigint, array[200])".into(),
            },
            200 * 60,
        ),
        (
            "fold tallies",
            Hot {
                sql: include_str!("../../src/store/fold_tallies.sql"),
                types: "smallint, bigint",
                args: "0, 200".into(),
            },
            200 * 5,
        ),
        (
            "take letters for groups",
            Hot {
                sql: include_str!("../../src/store/group_take.sql"),
                types: "smallint, bigint",
                args: "0, 200".into(),
            },
            200 * 4,
        ),
        (
            "reserve tokens",
            Hot {
                sql: "select * from engine.reserve_tokens($1, $2, $3, $4, $5, $6, $7)",
                types: "smallint, uuid, text[], double precision[], double precision[], bigint, bigint",
                args: "0, gen_random_uuid(), '{remote/7,remote/8}', '{1,1}', '{1,1}', 0, 1000".into(),
            },
            120,
        ),
    ]
}

#[tokio::test]
async fn what_other_statements_touch_follows_from_what_they_are_asked_for() {
    for told in plans::MISLED {
        let db = Database::new().await;
        plans::fill(&db, told).await;
        for rows in ROWS {
            meddle(&db, rows).await;
        }
        // To lock a row of a page that was vacuumed touches its visibility map too.
        for vacuum in [
            "",
            "vacuum engine.pending, engine.running, engine.ended, engine.budget",
        ] {
            meddle(&db, vacuum).await;
            for (name, hot, most) in statements() {
                let done = plans::explain(&db, hot).await;

                assert!(
                    done.pages <= most,
                    "{name}, {}, {vacuum}: {} pages\n{}",
                    told.name,
                    done.pages,
                    done.plan
                );
            }
        }
    }
}

/// A transaction that sees the jobs of now for as long as it is open.
async fn snapshot(db: &Database) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut old = db.pool().begin().await.unwrap();
    sqlx::raw_sql(
        "set transaction isolation level repeatable read; select from engine.pending limit 1",
    )
    .execute(&mut *old)
    .await
    .unwrap();
    old
}

/// Beside an old snapshot nothing of what was claimed leaves the index.
#[tokio::test]
async fn a_claim_that_begins_at_a_floor_steps_over_nothing_that_was_claimed_before() {
    for (key, kind, limited) in [
        ("''", "''", false),
        ("'key'", "''", false),
        ("''", "'test.act'", true),
        ("'key'", "'test.act'", true),
    ] {
        let db = Database::new().await;
        without_autovacuum(&db).await;
        let fill = format!(
            "insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts, partition_key, rank_at, limited) \
             select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.act', 'default', true, 0, now(), 8, nullif({key}, ''), \
                    '2026-01-01Z'::timestamptz + n * interval '1 second', {limited} \
             from generate_series(1, 20100) n"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(fill))
            .execute(db.pool())
            .await
            .unwrap();
        let old = snapshot(&db).await;
        meddle(&db, "delete from engine.pending where rank_at < '2026-01-01Z'::timestamptz + interval '20000 seconds'").await;
        let (free, held, of) = if limited {
            let held = ", '{test.act}', '{null}', '{10}', '{f}'";
            ("{}", held, plans::CLAIM_LIMITED)
        } else {
            ("{test.act}", "", plans::CLAIM)
        };
        let pages = async |floors: &str| {
            let claim = Hot {
                args: format!(
                    "0, 'default', '{free}', 20, 1, '00000000-0000-0000-0000-000000000000', 1000, \
                     '', true, 20, {floors}{held}"
                )
                .into(),
                ..of.clone()
            };
            plans::explain(&db, claim).await.pages
        };

        let whole = pages("'{}', '{}', '{}'").await;
        let behind = pages(&format!(
            "array[{key}], array[{kind}], array['2026-01-01Z'::timestamptz + interval '19999 seconds']"
        ))
        .await;

        let case = format!("{key}, {kind}: {behind} pages, {whole} from the beginning");
        assert!(whole > 400, "nothing to step over: {case}");
        assert!(behind < whole / 3, "{case}");
        old.rollback().await.unwrap();
    }
}

/// It asks for those now and then only, since each time it steps over all that were claimed and not yet vacuumed.
#[tokio::test]
async fn a_plain_claim_that_asks_for_no_others_steps_over_none_of_them() {
    let db = Database::new().await;
    without_autovacuum(&db).await;
    meddle(
        &db,
        "insert into engine.pending (shard, id, kind, queue, due, priority, run_at, max_attempts, partition_key, limited) \
         select 0, lpad(to_hex(n), 32, '0')::uuid, 'test.act', 'default', true, 0, now(), 8, 'key', n % 2 = 0 \
         from generate_series(1, 20000) n",
    )
    .await;
    let old = snapshot(&db).await;
    meddle(&db, "delete from engine.pending").await;
    let pages = async |keyed: bool, limited: bool| {
        let mut claim = plans::CLAIM_PLAIN;
        claim.args = claim
            .args
            .replace("true, true", &format!("{keyed}, {limited}"))
            .into();
        plans::explain(&db, claim).await.pages
    };

    let (keyed, limited) = (pages(true, false).await, pages(false, true).await);
    let none = pages(false, false).await;

    let case = format!("{none} pages, {keyed} and {limited} where it asks");
    assert!(keyed.min(limited) > 200, "nothing to step over: {case}");
    assert!(none < 50, "{case}");
    old.rollback().await.unwrap();
}
