//! Why: what is shut of what a job needs, by whom and until when.

use engine::testing::Database;
use engine::{
    Again, BreakerState, BudgetRule, Failure, Health, NewJob, Outcome, PauseScope, Start, State,
    Why,
};
use std::time::Duration;

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

/// A worker that sends each job back as its name says; by then they are queued again.
async fn sent_back(db: &Database, jobs: Vec<NewJob>) -> Vec<uuid::Uuid> {
    let hour = Duration::from_secs(3_600);
    let registry = playing(move |name, _| async move {
        match name.as_str() {
            "snoozes" => Ok(Outcome::Snooze(hour)),
            code => Err(Failure::new(code, "not now").again(Again::Uncounted(hour))),
        }
    });
    let mut ids = Vec::new();
    for job in jobs {
        ids.push(queued(db, job).await);
    }
    let worker = engine::testing::run_worker(db.client(), registry, quick());
    for id in &ids {
        until("it was sent back", || async {
            let job = job(db.client(), *id).await;
            (job.state, job.attempt) == (State::Available, 1)
        })
        .await;
    }
    worker.stop().await;
    a_worker_of(db, &["test.act"], 5).await;
    ids
}

async fn a_bucket(db: &Database, key: &str, tokens: f64) {
    db.client()
        .declare_budget(&BudgetRule {
            key: key.into(),
            capacity: 600.0,
            refill_per_s: 0.5,
            refill_ceiling_per_s: 0.5,
            start: Start::Full,
        })
        .await
        .unwrap();
    sqlx::query("update engine.budget set tokens = $2, updated_at = now() where key = $1")
        .bind(key)
        .bind(tokens)
        .execute(db.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_job_that_its_attempt_sent_back_is_told_why_and_when_it_goes_on() {
    let db = Database::new().await;
    let jobs = ["busy", "steps_unknown", "snoozes"].map(act);
    let ids = sent_back(&db, jobs.into()).await;

    for (id, code) in ids.iter().zip([Some("busy"), Some("steps_unknown"), None]) {
        let told = why(db.client(), *id).await;
        let [
            Why::Snoozed {
                code: said,
                error,
                since,
                again_at,
            },
        ] = &told[..]
        else {
            panic!("{code:?}: {told:?}");
        };
        assert_eq!(said.as_deref(), code);
        assert_eq!(error.is_some(), code.is_some());
        let wait = again_at.duration_since(*since).as_secs();
        assert!((3_590..=3_610).contains(&wait), "{wait} s");
    }
}

#[tokio::test]
async fn a_job_without_tokens_is_told_the_bucket_its_level_and_when_there_will_be_enough() {
    let db = Database::new().await;
    a_bucket(&db, "remote/one", -1.5).await;
    a_bucket(&db, "remote/one/day", 500.0).await;
    a_bucket(&db, "remote/other", 0.0).await;
    let jobs = vec![calling("throttled"), calling("busy")];
    let ids = sent_back(&db, jobs).await;

    let throttled = db.client().why(ids[0]).await.unwrap().unwrap();
    let busy = why(db.client(), ids[1]).await;
    meddle(
        &db,
        "update engine.budget set queued_until = now() + interval '1 minute' where key = 'remote/one/day'",
    )
    .await;
    let of_two = why(db.client(), ids[0]).await;

    let [sent, bucket] = &throttled.causes[..] else {
        panic!("{throttled:?}");
    };
    let (
        Why::Snoozed { again_at, .. },
        Why::BucketEmpty {
            key,
            tokens,
            capacity,
            enough_at,
            ..
        },
    ) = (&sent.why, &bucket.why)
    else {
        panic!("{throttled:?}");
    };
    assert_eq!((key.as_str(), *capacity), ("remote/one", 600.0));
    assert!(*tokens < 1.0, "{tokens}");
    assert_eq!(enough_at, again_at, "its turn, of which it was told");
    assert!(bucket.next.contains("lockstep budget show remote/one"));
    assert!(
        bucket
            .said
            .ends_with(" of 600, and 0.5 come back each second"),
        "{}",
        bucket.said
    );
    let [
        Why::Snoozed { since, .. },
        Why::BucketEmpty { enough_at, .. },
    ] = &busy[..]
    else {
        panic!("{busy:?}");
    };
    let wait = enough_at.duration_since(*since).as_secs();
    assert!((-60..60).contains(&wait), "one token comes in {wait} s");
    let keys: Vec<_> = of_two
        .iter()
        .filter_map(|why| match why {
            Why::BucketEmpty { key, .. } => Some(key.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(keys, ["remote/one", "remote/one/day"]);
}
