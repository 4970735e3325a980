//! Parts of a batch whose idempotency key another job has: that job stands for them, live or ended.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Batch, Client, NewJob, Outcome, State};
use uuid::Uuid;

use crate::support::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The same request each time, so that the same key is no mistake.
fn once(name: &str) -> NewJob {
    act(name).idempotency_key(format!("key of {name}"), DAY)
}

/// `slow` waits at the gate, `bad` and `slow bad` die, `no` cancels itself.
fn staged(gate: &Gate) -> engine::Registry {
    let door = gate.clone();
    playing(move |name, _| {
        let door = door.clone();
        async move {
            if name.starts_with("slow") {
                door.pass().await;
            }
            Ok(match name.as_str() {
                "bad" | "slow bad" => Outcome::Dead("bad".into()),
                "no" => Outcome::Cancel("no".into()),
                _ => Outcome::done(),
            })
        }
    })
}

async fn batch_of(client: &Client, parts: &[&str]) -> (Uuid, Batch) {
    let finaliser = act("finaliser");
    let owner = finaliser.id();
    let parts = parts.iter().map(|name| once(name)).collect();
    let batch = client.enqueue_batch(parts, finaliser).await.unwrap();
    (owner, batch)
}

fn counts(batch: &Batch) -> [i32; 4] {
    [batch.pending, batch.completed, batch.cancelled, batch.dead]
}

#[tokio::test]
async fn a_live_job_stands_for_a_part_of_its_idempotency_key_until_it_ends() {
    let db = Database::new().await;
    let client = db.client();
    let gate = Gate::closed();
    let queued = client.enqueue(once("slow")).await.unwrap().id;
    let (early, at_first) = batch_of(client, &["slow"]).await;
    let worker = run_worker(client, staged(&gate), quick());
    let running = client.enqueue(once("slow bad")).await.unwrap().id;
    reaches(client, running, State::Running).await;
    reaches(client, queued, State::Running).await;
    let (late, then) = batch_of(client, &["slow", "slow bad", "plain"]).await;

    gate.open(2);
    for owner in [early, late] {
        assert_eq!(ended(client, owner).await.state, State::Completed);
    }

    assert_eq!(
        (counts(&at_first), at_first.twins),
        ([1, 0, 0, 0], vec![queued])
    );
    assert_eq!((then.pending, then.twins.len()), (3, 2));
    let early = client.batch(at_first.id).await.unwrap().unwrap();
    let late = client.batch(then.id).await.unwrap().unwrap();
    assert_eq!(counts(&early), [0, 1, 0, 0]);
    assert_eq!(counts(&late), [0, 2, 0, 1]);
    assert_eq!(client.verify().await.unwrap(), []);
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_has_ended_counts_as_it_ended_for_a_part_of_its_idempotency_key() {
    let db = Database::new().await;
    let client = db.client();
    let worker = run_worker(client, staged(&Gate::closed()), quick());
    let names = ["good", "bad", "no"];
    for name in names {
        let id = client.enqueue(once(name)).await.unwrap().id;
        ended(client, id).await;
    }

    let (owner, batch) = batch_of(client, &names).await;

    assert_eq!(counts(&batch), [0, 1, 1, 1]);
    assert_eq!(ended(client, owner).await.state, State::Completed);
    worker.stop().await;
}

#[tokio::test]
async fn a_job_that_is_done_while_a_batch_begins_to_wait_for_it_still_counts() {
    let db = Database::new().await;
    let client = db.client();
    let gate = Gate::closed();
    let worker = run_worker(client, staged(&gate), quick());
    let twin = client.enqueue(once("slow")).await.unwrap().id;
    reaches(client, twin, State::Running).await;
    let mut tx = client.pool().begin().await.unwrap();
    let finaliser = act("finaliser");
    let owner = finaliser.id();
    client
        .enqueue_batch_in(&mut tx, vec![once("slow")], finaliser)
        .await
        .unwrap();

    gate.open(1);
    until("its end waits for the batch", || async {
        number(
            &db,
            "select count(*) from pg_stat_activity \
             where datname = current_database() and wait_event_type = 'Lock' and state = 'active'",
        )
        .await
            > 0
    })
    .await;
    tx.commit().await.unwrap();

    assert_eq!(ended(client, owner).await.state, State::Completed);
    assert_eq!(ended(client, twin).await.state, State::Completed);
    assert_eq!(
        number(
            &db,
            "select count(*) from engine.key where watchers is not null"
        )
        .await,
        0
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_queued_job_that_stands_for_a_part_and_is_cancelled_counts_as_cancelled() {
    let db = Database::new().await;
    let client = db.client();
    let twin = client.enqueue(once("slow")).await.unwrap().id;
    let (_, batch) = batch_of(client, &["slow"]).await;

    client.cancel(twin, &somebody(), "no need").await.unwrap();

    let batch = client.batch(batch.id).await.unwrap().unwrap();
    assert_eq!(counts(&batch), [0, 0, 1, 0]);
}
