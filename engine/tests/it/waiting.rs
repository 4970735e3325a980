//! What a hundred thousand waiting jobs cost those statements that every process runs all the time: nothing.

use std::borrow::Cow;

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Limits, Policy, State, WorkerOptions};

use crate::plans::{CLAIM, CLAIM_LIMITED, CLAIM_PLAIN, Hot, PROMOTE, explain};
use crate::support::*;

/// As many wait for signals, batches and twins, and as many more for an hour at most.
const WAITING: &str = "insert into engine.pending (shard, id, kind, queue, state, due, priority, run_at, max_attempts, waiting_for) \
     select 0, engine.uuid_v7(), 'test.act', 'default', 'waiting', false, 0, \
         case n % 2 when 0 then 'infinity' else now() + interval '1 hour' end, 8, \
         (array['signal:go', 'time', 'batch:00000000-0000-0000-0000-000000000000', 'signal:stop', 'twin', 'time'])[n % 6 + 1] \
     from generate_series(1, 100000) n";

/// Of a process that runs nothing.
const HEARTBEAT: Hot = Hot {
    sql: include_str!("../../src/store/heartbeat.sql"),
    types: "smallint, uuid[], integer[], bigint[], bigint",
    args: Cow::Borrowed("0, '{}', '{}', '{}', 15000"),
};

const RESCUE: Hot = Hot {
    sql: include_str!("../../src/store/rescue.sql"),
    types: "smallint, bigint, integer",
    args: Cow::Borrowed("0, 500, 3"),
};

/// Whether jobs are to be put under limits.
const LIMITS: Hot = Hot {
    sql: include_str!("../../src/store/limits_changed.sql"),
    types: "smallint",
    args: Cow::Borrowed("0"),
};

#[tokio::test]
async fn what_runs_every_second_reads_a_handful_of_pages_whatever_waits() {
    let db = Database::new().await;
    // One has limits, since long ago.
    meddle(
        &db,
        "insert into engine.kind (name, most_running, limits_changed_at) \
         values ('test.act', null, null), ('test.extra', 5, now() - interval '2 days')",
    )
    .await;
    meddle(&db, WAITING).await;
    meddle(&db, "vacuum analyze engine.pending").await;

    for (name, hot, most) in [
        ("claim", CLAIM, 20),
        // It looks into two indexes.
        ("limited claim", CLAIM_LIMITED, 30),
        ("plain claim", CLAIM_PLAIN, 20),
        ("promote", PROMOTE, 20),
        ("heartbeat", HEARTBEAT, 20),
        ("rescue", RESCUE, 20),
        ("limits", LIMITS, 5),
    ] {
        let done = explain(&db, hot).await;

        assert!(
            done.pages <= most,
            "{name}: {} pages\n{}",
            done.pages,
            done.plan
        );
        done.reads_only(
            &[
                "pending_ready",
                "pending_fair",
                "pending_limited",
                "pending_timed",
                "running_pkey",
                "job_pkey",
            ],
            name,
        );
    }
}

/// By the service that looks seldom, as no worker changes the limits.
#[tokio::test]
async fn a_job_whose_enqueue_had_not_heard_of_its_kinds_limit_is_put_in_its_place() {
    let db = Database::new().await;
    let client = db.client();
    let mut registry = done();
    let limits = Limits {
        running: Some(5),
        ..Limits::default()
    };
    let policy = Policy {
        limits,
        ..registry.policy("test.act")
    };
    assert!(registry.set_policy("test.act", policy));
    run_worker(client, registry.clone(), quick()).stop().await;
    let id = client.enqueue(act("astray")).await.unwrap().id;
    let moved = meddle(&db, "update engine.pending set limited = false").await;
    assert_eq!(moved, 1);

    let options = WorkerOptions {
        service: Duration::from_millis(5),
        ..quick()
    };
    let worker = run_worker(client, registry, options);

    assert_eq!(ended(client, id).await.state, State::Completed);
    worker.stop().await;
}
