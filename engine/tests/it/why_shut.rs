//! Why: what is shut of what a job needs, by whom and until when.

use engine::testing::Database;
use engine::{BreakerState, BudgetRule, Health, NewJob, PauseScope, Start, Why};

use crate::support::*;
use crate::why::{a_worker_of, queued, why};

/// A job that needs a connection.
fn calling(name: &str) -> NewJob {
    act(name).rate_key("remote/one")
}

#[tokio::test]
async fn a_job_is_told_the_breaker_that_keeps_it_back_and_who_opened_it() {
    let db = Database::new().await;
    let client = db.client();
    a_worker_of(&db, &["test.act"], 5).await;
    let id = queued(&db, calling("it")).await;
    let other = queued(&db, act("other")).await;

    client
        .open_breaker("remote/one", None, Some("moving house"), &somebody())
        .await
        .unwrap();
    let by_hand = client.why(id).await.unwrap().unwrap();
    let untouched = why(client, other).await;
    client
        .close_breaker("remote/one", None, &somebody())
        .await
        .unwrap();
    for _ in 0..5 {
        client
            .report_health("remote/one", id, Health::Bad)
            .await
            .unwrap();
    }
    let by_itself = why(client, id).await;
    meddle(
        &db,
        "update engine.breaker set state = 'half_open', open_until = null, probe_job = gen_random_uuid(), \
         probe_until = now() + interval '1 minute', version = version + 1",
    )
    .await;
    let probed = why(client, id).await;

    assert!(
        by_hand.causes[0]
            .said
            .ends_with("opened by ada: moving house"),
        "{by_hand:?}"
    );
    assert_eq!(
        by_hand.causes[0].next,
        "it goes on when somebody closes it: lockstep breaker close remote/one"
    );
    assert!(
        !untouched
            .iter()
            .any(|it| matches!(it, Why::BreakerShut { .. }))
    );
    let [
        Why::BreakerShut {
            state: BreakerState::Open,
            next_probe_at: Some(probe_at),
            since: Some(since),
            forced_by: None,
            opens: 1,
            ..
        },
    ] = &by_itself[..]
    else {
        panic!("{by_itself:?}");
    };
    assert_eq!(probe_at.duration_since(*since).as_secs(), 15);
    assert!(matches!(
        &probed[..],
        [Why::BreakerShut {
            state: BreakerState::HalfOpen,
            probe_job: Some(_),
            next_probe_at: Some(_),
            ..
        }]
    ));
}

#[tokio::test]
async fn a_job_is_told_the_budget_and_the_pause_that_keep_it_back() {
    let db = Database::new().await;
    let client = db.client();
    a_worker_of(&db, &["test.act"], 5).await;
    let id = queued(&db, calling("it")).await;
    client
        .declare_budget(&BudgetRule {
            key: "remote/one".into(),
            capacity: 10.0,
            refill_per_s: 1.0,
            refill_ceiling_per_s: 1.0,
            start: Start::Full,
        })
        .await
        .unwrap();

    meddle(
        &db,
        "update engine.budget set blocked_until = now() + interval '1 minute'",
    )
    .await;
    let blocked = why(client, id).await;
    client
        .pause(
            PauseScope::Connection,
            "remote/one",
            &somebody(),
            Some("no contract"),
        )
        .await
        .unwrap();
    let paused = client.why(id).await.unwrap().unwrap();

    assert!(
        matches!(&blocked[..], [Why::BudgetShut { key, .. }] if key == "remote/one"),
        "{blocked:?}"
    );
    assert_eq!(paused.causes.len(), 2, "{paused:?}");
    assert!(paused.causes[0].said.ends_with(": no contract"));
    assert_eq!(
        paused.causes[0].next,
        "it goes on when somebody resumes it: lockstep breaker resume remote/one"
    );
}

#[tokio::test]
async fn a_job_that_was_put_off_is_told_what_for_how_often_and_when_it_asks_again() {
    let db = Database::new().await;
    let client = db.client();
    client
        .open_breaker("remote/one", None, None, &somebody())
        .await
        .unwrap();
    let id = queued(&db, calling("it")).await;
    let worker = engine::testing::run_worker(client, done(), quick());

    until_count(
        &db,
        "it is put off",
        "select count(*) from engine.put_off",
        1,
    )
    .await;
    let told = why(client, id).await;
    worker.stop().await;

    let [
        Why::PutOff {
            key,
            times: 1,
            since,
            again_at,
        },
        Why::BreakerShut { forced_by, .. },
        ..,
    ] = &told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(
        (key.as_deref(), forced_by.as_deref()),
        (Some("remote/one"), Some("ada"))
    );
    assert!(again_at > since);
}
