//! What one attempt does must not cost another its lease.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{Error, Outcome, State};
use tokio::time::Instant;

use crate::support::*;

/// Plays `long`, a transaction that holds its job for two leases, beside `other`, which only takes long.
async fn beside(settles: bool) {
    let db = Database::new().await;
    let noted = Notes::default();
    let notes = noted.clone();
    let span = quick().lease * 2;
    let worker = run_worker(
        db.client(),
        playing(move |name, cx| {
            let notes = notes.clone();
            async move {
                notes.add(name.clone());
                if name == "other" {
                    let until = Instant::now() + span;
                    tokio::select! { () = tokio::time::sleep_until(until) => {}, () = cx.stopped() => notes.add("other was stopped") }
                    return Ok(Outcome::done());
                }
                let mut tx = cx.client().pool().begin().await.map_err(Error::from)?;
                let settled = if settles {
                    cx.settle(&mut tx, Outcome::done()).await?
                } else {
                    cx.hold(&mut tx).await?;
                    Outcome::done()
                };
                tokio::time::sleep(span).await;
                tx.commit().await.map_err(Error::from)?;
                Ok(settled)
            }
        }),
        quick(),
    );
    let jobs = [act("long"), act("other")];

    db.client().enqueue_all(&jobs).await.unwrap();

    let other = ended(db.client(), jobs[1].id()).await;
    assert_eq!(
        (other.state, other.attempt),
        (State::Completed, 1),
        "settles: {settles}: {other:?}"
    );
    assert_eq!(
        (noted.count("other"), noted.count("other was stopped")),
        (1, 0)
    );
    assert_eq!(
        ended(db.client(), jobs[0].id()).await.state,
        State::Completed
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_long_transaction_that_holds_its_job_costs_no_other_its_lease() {
    beside(false).await;
}

#[tokio::test]
async fn a_long_transaction_that_settles_its_job_costs_no_other_its_lease() {
    beside(true).await;
}

#[tokio::test]
async fn handlers_that_take_every_connection_cost_no_lease() {
    let db = Database::new().await;
    let (gate, noted) = (Gate::closed(), Notes::default());
    let (door, notes) = (gate.clone(), noted.clone());
    let client = another_client(&db).await;
    let worker = run_worker(
        &client,
        playing(move |_, cx| {
            let (door, notes) = (door.clone(), notes.clone());
            async move {
                let conn = cx.client().pool().acquire().await.map_err(Error::from)?;
                notes.add("has one");
                door.pass().await;
                drop(conn);
                Ok(Outcome::done())
            }
        }),
        slots(8),
    );
    let jobs: Vec<_> = (0..8).map(|n| act(&n.to_string())).collect();
    db.client().enqueue_all(&jobs).await.unwrap();
    // The hints and the services hold one now and then.
    noted.reach("has one", 7).await;

    outlive_leases(&db).await;
    gate.open(8);

    for job in &jobs {
        let job = ended(db.client(), job.id()).await;
        assert_eq!((job.state, job.attempt), (State::Completed, 1), "{job:?}");
    }
    worker.stop().await;
}

/// Short leases that no heartbeat renews.
fn without_heartbeats() -> engine::WorkerOptions {
    engine::WorkerOptions {
        heartbeat: Duration::from_secs(60),
        ..quick()
    }
}

#[tokio::test]
async fn each_hold_renews_the_lease() {
    let db = Database::new().await;
    let lease = quick().lease;
    let worker = run_worker(
        db.client(),
        playing(move |_, cx| async move {
            let begun = Instant::now();
            while begun.elapsed() < lease * 2 {
                let mut tx = cx.client().pool().begin().await.map_err(Error::from)?;
                cx.hold(&mut tx).await?;
                tx.commit().await.map_err(Error::from)?;
                tokio::time::sleep(lease / 4).await;
            }
            Ok(Outcome::done())
        }),
        without_heartbeats(),
    );

    let id = db.client().enqueue(act("x")).await.unwrap().id;

    let job = ended(db.client(), id).await;
    assert_eq!((job.state, job.attempt), (State::Completed, 1), "{job:?}");
    worker.stop().await;
}

#[tokio::test]
async fn a_hold_at_the_end_of_a_long_transaction_leaves_a_whole_lease_after_it() {
    let db = Database::new().await;
    let lease = quick().lease;
    let worker = run_worker(
        db.client(),
        playing(move |_, cx| async move {
            let mut tx = cx.client().pool().begin().await.map_err(Error::from)?;
            cx.hold(&mut tx).await?;
            tokio::time::sleep(lease * 2).await;
            cx.hold(&mut tx).await?;
            tx.commit().await.map_err(Error::from)?;
            // Long enough for some rounds of the rescue.
            tokio::time::sleep(lease / 2).await;
            Ok(Outcome::done())
        }),
        without_heartbeats(),
    );

    let id = db.client().enqueue(act("x")).await.unwrap().id;

    let job = ended(db.client(), id).await;
    assert_eq!((job.state, job.attempt), (State::Completed, 1), "{job:?}");
    worker.stop().await;
}
