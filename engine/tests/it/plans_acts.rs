//! What the statements touch that are sent for one job at a time, by people and handlers: a cancel, a signal, a retry, a twin
//! that stands for a member; and for one call: a breaker's move, a budget's report.

use engine::testing::Database;

use crate::plans::{self, Hot};
use crate::plans_settle::{gather, id, other_of, put};
use crate::support::*;

/// Beside those of whom something hangs on: 60,000 that have ended, half of them dead and in a group and in front of a
/// partition of their own, and as many breakers, budgets and leases of tokens.
const ROWS: &[&str] = &[
    "insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts, partition_key, unique_key, unique_scope, batch_id) \
     select 0, job_id(n), 'test.ordered', '{}', 'default', 0, now(), 8, 'dead ' || n, 'dead ' || n, 'queued_or_running', job_id(97) \
     from generate_series(180001, 240000) n",
    "insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, worker_id, started_at, outcome, error, fingerprint) \
     select 0, job_id(n), 'test.ordered', 'default', case when n % 2 = 0 then 'dead' else 'completed' end::engine.job_state, \
            0, 1, 0, 0, 8, job_id(1), now(), 'failed', 'x', case when n % 2 = 0 then '1:' || n end \
     from generate_series(180001, 240000) n",
    "insert into engine.dead_group (shard, fingerprint, version, kind, message, sample_job_id, sample_error, first_seen_at, last_seen_at, deaths, dead) \
     select 0, fingerprint, 1, kind, 'x', id, 'x', now(), now(), 1, 1 from engine.ended where fingerprint is not null",
    "insert into engine.partition_block (shard, partition_key, job_id, kind) \
     select 0, 'dead ' || n, job_id(n), 'test.ordered' from generate_series(180002, 240000, 2) n",
    "insert into engine.batch (shard, id, owner_id, name, total, pending, dead) values (0, job_id(97), job_id(96), 'all', 60000, 30000, 30000)",
    "insert into engine.breaker (shard, connection) select 0, 'remote/' || n from generate_series(1, 60000) n",
    "insert into engine.budget (shard, key, capacity, refill_per_s, refill_ceiling_per_s, tokens, level_known) \
     select 0, 'remote/' || n, 1000, 10, 10, 1000, true from generate_series(1, 60000) n",
    "insert into engine.budget_lease (shard, key, holder, tokens, lease_until) \
     select 0, 'remote/' || n, job_id(m), 5, now() + interval '1 hour' from generate_series(1, 30000) n, generate_series(1, 2) m",
];

/// A dead one.
const DEAD: i32 = 190_000;

/// What is sent, the number that holds once it was done, and the pages that it may touch: about half as many again as it does.
fn statements() -> Vec<(&'static str, Hot, &'static str, u64)> {
    let mut all = cancels();
    all.extend(signals());
    all.extend(retries());
    all.extend(calls());
    all
}

fn cancels() -> Vec<(&'static str, Hot, &'static str, u64)> {
    let ended = "select count(*) from engine.ended where code = 'cancelled'";
    let asked = "select count(*) from engine.running where cancel_requested and batch_id is null and id < job_id(180000)";
    let cancel = |job: i32| Hot {
        sql: include_str!("../../src/store/cancel.sql"),
        types: "smallint, uuid, text",
        args: format!("0, '{}', 'x'", id(job)).into(),
    };
    vec![
        ("cancel one that is to come", cancel(70_001), ended, 65),
        ("cancel one that runs", cancel(150_001), asked, 45),
        (
            "cancel a follower",
            cancel(other_of("followed", 7)),
            ended,
            100,
        ),
        (
            "cancel one in line",
            cancel(other_of("lined", 7)),
            ended,
            100,
        ),
        ("cancel an owner", cancel(other_of("link", 7)), ended, 130),
    ]
}

fn signals() -> Vec<(&'static str, Hot, &'static str, u64)> {
    let tell = |job: i32, name: &str| Hot {
        sql: "select answer, woken from engine.tell($1, $2, $3, null, false, 'x')",
        types: "smallint, uuid, text",
        args: format!("0, '{}', '{name}'", id(job)).into(),
    };
    let said = "select count(*) from engine.signal where sent_by is not null";
    let nothing = "select 1 - count(*) from engine.signal where sent_by is not null";
    vec![
        ("signal", tell(150_001, "stop"), said, 45),
        ("signal again", tell(5, "go"), nothing, 40),
        (
            "signal to one that has ended",
            tell(DEAD, "go"),
            nothing,
            30,
        ),
    ]
}

fn retries() -> Vec<(&'static str, Hot, &'static str, u64)> {
    let take_key = |kind: &str, key: &str| Hot {
        sql: "select job_id from engine.take_key($1, $2, 'unique:' || $3, $4, null, null)",
        types: "smallint, text, text, uuid",
        args: format!("0, '{kind}', '{key}', '{}'", id(DEAD)).into(),
    };
    let stand_for = |job: i32| Hot {
        sql: "select engine.stand_for($1, $2, $3)",
        types: "smallint, uuid, uuid",
        args: format!("0, '{}', '{}'", id(97), id(job)).into(),
    };
    let holds = "select count(*) from engine.key where job_id = job_id(190000)";
    let watches = "select count(*) from engine.key where job_id(97) = any(watchers)";
    vec![
        (
            "retry",
            Hot {
                sql: include_str!("../../src/store/retry.sql"),
                types: "smallint, uuid",
                args: format!("0, '{}'", id(DEAD)).into(),
            },
            "select count(*) from engine.pending where id = job_id(190000)",
            60,
        ),
        (
            "let its partition go on",
            Hot {
                sql: include_str!("../../src/store/unblock.sql"),
                types: "smallint, uuid",
                args: format!("0, '{}'", id(DEAD)).into(),
            },
            "select 1 - count(*) from engine.partition_block where job_id = job_id(190000)",
            20,
        ),
        (
            "look behind the members that were told",
            Hot {
                sql: include_str!("../../src/store/live_members.sql"),
                types: "smallint, uuid, uuid, bigint",
                args: format!("0, '{}', '{}', 500", id(97), id(239_995)).into(),
            },
            "select 1::bigint",
            60,
        ),
        (
            "take a key",
            take_key("test.ordered", "dead 190000"),
            holds,
            15,
        ),
        (
            "ask for a key",
            take_key("test.act", "held7"),
            "select 1 - count(*) from engine.key where job_id = job_id(190000)",
            20,
        ),
        (
            "reopen a member",
            Hot {
                sql: "select engine.reopen_member($1, $2, 'dead')",
                types: "smallint, uuid",
                args: format!("0, '{}'", id(97)).into(),
            },
            "select pending::bigint - 30000 from engine.batch where id = job_id(97)",
            15,
        ),
        (
            "stand for a member with a key",
            stand_for(1_000_007),
            watches,
            35,
        ),
        (
            "stand for a member without one",
            stand_for(150_001),
            watches,
            50,
        ),
    ]
}

fn calls() -> Vec<(&'static str, Hot, &'static str, u64)> {
    let store = |version: u32| {
        Hot {
        sql: include_str!("../../src/store/store_breaker.sql"),
        types: "smallint, text, bigint, text, bigint, integer[], integer, bigint, bigint, uuid, bigint, \
                bigint, integer, integer, text, text, bigint, text",
        args: format!(
            "0, 'remote/5000', {version}, 'closed', 0, '{{1,2,3,4}}', 0, null, null, null, null, null, 0, 0, null, null, null, null"
        )
        .into(),
    }
    };
    vec![
        (
            "load a breaker",
            Hot {
                sql: include_str!("../../src/store/load_breaker.sql"),
                types: "smallint, text",
                args: "0, 'remote/5000'".into(),
            },
            "select 1::bigint",
            10,
        ),
        (
            "move a breaker",
            store(0),
            "select version from engine.breaker where connection = 'remote/5000'",
            15,
        ),
        (
            "move a breaker too late",
            store(9),
            "select 1 - version from engine.breaker where connection = 'remote/5000'",
            10,
        ),
        (
            "report tokens",
            Hot {
                sql: "select * from engine.report_tokens($1, $2, $3, 1000, 1, 1, 1, false, 900, 1, 0, 10)",
                types: "smallint, uuid, text",
                args: format!("0, '{}', 'remote/5000'", id(2)).into(),
            },
            "select spent::bigint from engine.budget where key = 'remote/5000'",
            50,
        ),
        (
            "refuse tokens",
            Hot {
                sql: "select engine.refuse_tokens($1, $2, 1, null, 100)",
                types: "smallint, text",
                args: "0, 'remote/5000'".into(),
            },
            "select refusals::bigint from engine.budget where key = 'remote/5000'",
            25,
        ),
    ]
}

#[tokio::test]
async fn what_an_act_touches_does_not_follow_from_how_many_jobs_there_are_if_analysed_while_empty()
{
    acts_are_bounded(&plans::MISLED[0]).await;
}

#[tokio::test]
async fn what_an_act_touches_does_not_follow_from_how_many_jobs_there_are_if_analysed_when_all_was_due()
 {
    acts_are_bounded(&plans::MISLED[1]).await;
}

#[tokio::test]
async fn what_an_act_touches_does_not_follow_from_how_many_jobs_there_are_if_analysed_when_none_was_due()
 {
    acts_are_bounded(&plans::MISLED[2]).await;
}

async fn acts_are_bounded(told: &plans::Told) {
    let db = Database::new().await;
    gather(&db, &["held", "followed", "lined", "link"]).await;
    let more = async || {
        put(&db, 1, 10_000).await;
        for rows in ROWS {
            meddle(&db, rows).await;
        }
    };
    plans::fill_with(&db, told, more).await;
    // As sessions have them at first, and for good.
    for plan in ["force_custom_plan", "force_generic_plan"] {
        for (name, hot, then, most) in statements() {
            let case = format!("{name}, {}, {plan}", told.name);
            let settings = [("plan_cache_mode", plan)];
            let mut conn = plans::session_with(&db, &settings, &hot).await;

            let done = plans::explain_in(&mut conn, &hot).await;
            let (pages, did) = plans::whole(&mut conn, &hot, then).await;

            assert_eq!(did, 1, "{case}");
            assert!(
                pages <= most,
                "{case}: {pages} pages, {} of them without triggers\n{}",
                done.pages,
                done.plan
            );
        }
    }
}
