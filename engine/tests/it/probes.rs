//! Probes of breakers: one in the whole fleet, however slow, and what each finds counts.

use std::time::Duration;

use engine::testing::Database;
use engine::{Again, BreakerRules, BreakerState, Client, Failure, Health, NewJob, Registry};
use uuid::Uuid;

use crate::support::*;

const LEASE: Duration = Duration::from_secs(2);

fn rules() -> BreakerRules {
    BreakerRules {
        first_open: Duration::from_millis(100),
        longest_open: Duration::from_secs(600),
        probe_lease: LEASE,
        ..BreakerRules::default()
    }
}

/// As a process of its own.
async fn process(db: &Database) -> Client {
    another_client(db).await.with_breaker_rules(rules())
}

fn calling(name: &str, connections: &[&str]) -> NewJob {
    let job = act(name).max_attempts(50);
    connections
        .iter()
        .fold(job, |job, connection| job.rate_key(*connection))
}

async fn fails(client: &Client, connection: &str) {
    for _ in 0..5 {
        client
            .report_health(connection, Uuid::now_v7(), Health::Bad)
            .await
            .unwrap();
    }
}

/// Calls that do not answer until the gate lets them, and fail then.
fn slow(gate: &Gate, notes: &Notes) -> Registry {
    let (gate, notes) = (gate.clone(), notes.clone());
    playing(move |_, cx| {
        let (gate, notes) = (gate.clone(), notes.clone());
        async move {
            notes.add("called");
            gate.pass().await;
            cx.client()
                .report_health("remote/one", cx.job_id(), Health::Bad)
                .await?;
            Err(Failure::new("down", "no answer").again(Again::After(Duration::from_millis(10))))
        }
    })
}

async fn opens(client: &Client) -> i64 {
    client.breaker("remote/one").await.unwrap().opens
}

#[tokio::test]
async fn a_probe_that_is_slower_than_its_lease_stays_the_only_one_and_its_verdict_counts() {
    let db = Database::new().await;
    let (one, two) = (process(&db).await, process(&db).await);
    let (gate, notes) = (Gate::closed(), Notes::default());
    fails(&one, "remote/one").await;
    for name in ["a", "b", "c"] {
        one.enqueue(calling(name, &["remote/one"])).await.unwrap();
    }
    let workers = [&one, &two]
        .map(|client| engine::testing::run_worker(client, slow(&gate, &notes), quick()));

    notes.reach("called", 1).await;
    let first: String = sqlx::query_scalar("select probe_until::text from engine.breaker")
        .fetch_one(db.pool())
        .await
        .unwrap();
    // Others would have been told several times since.
    until("its first lease is long over", || async {
        sqlx::query_scalar("select now() > $1::timestamptz + interval '6 seconds'")
            .bind(&first)
            .fetch_one(db.pool())
            .await
            .unwrap()
    })
    .await;
    let called = notes.count("called");
    let state = one.breaker("remote/one").await.unwrap().state;
    gate.open(1);
    until("the probe has failed", || async { opens(&one).await == 2 }).await;

    assert_eq!((called, state), (1, BreakerState::HalfOpen));
    gate.open(1_000);
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn what_a_probe_found_counts_when_another_was_sent_after_it() {
    let db = Database::new().await;
    let client = process(&db).await;
    let (gate, notes) = (Gate::closed(), Notes::default());
    fails(&client, "remote/one").await;
    client
        .enqueue(calling("it", &["remote/one"]))
        .await
        .unwrap();
    let worker = engine::testing::run_worker(&client, slow(&gate, &notes), quick());
    notes.reach("called", 1).await;

    meddle(
        &db,
        "update engine.breaker set version = version + 1, probe_job = gen_random_uuid(), \
         probe_until = now() + interval '1 hour'",
    )
    .await;
    gate.open(1);

    until("its verdict was heard", || async {
        opens(&client).await == 2
    })
    .await;
    worker.stop().await;
}

#[tokio::test]
async fn a_probe_of_two_connections_that_finds_nothing_makes_room_at_both() {
    let db = Database::new().await;
    let client = process(&db).await.with_breaker_rules(BreakerRules {
        probe_lease: Duration::from_secs(3600),
        ..rules()
    });
    let names = ["remote/one", "remote/two"];
    for name in names {
        fails(&client, name).await;
    }
    until_count(
        &db,
        "both may be probed",
        "select count(*) from engine.breaker where open_until < now()",
        2,
    )
    .await;
    let id = client.enqueue(calling("it", &names)).await.unwrap().id;
    let gate = Gate::closed();
    let registry = passing(&gate);
    let worker = engine::testing::run_worker(&client, registry, quick());

    let probed = "select count(*) from engine.breaker where probe_job is not null";
    until_count(&db, "it probes both", probed, 2).await;
    gate.open(1);
    ended(&client, id).await;

    until_count(&db, "both have room", probed, 0).await;
    worker.stop().await;
}
