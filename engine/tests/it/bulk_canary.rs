//! Acts on many: a few first, and the rest only when these did well.

use std::time::Duration;

use engine::testing::{Database, run_worker};
use engine::{
    Again, BulkAct, BulkState, BulkView, Canary, Client, Failure, NewBulk, Outcome, Registry,
};
use uuid::Uuid;

use crate::bulk::{bury, drain, filter, over, retry, start};
use crate::support::*;

fn with_canary(new: NewBulk, jobs: u16, tolerate: u16) -> NewBulk {
    let canary = Canary {
        jobs,
        tolerate,
        wait: Duration::from_secs(60),
    };
    NewBulk {
        canary: Some(canary),
        ..new
    }
}

fn dying() -> Registry {
    playing(|_, _| async { Err(Failure::new("http_500", "still down").again(Again::Never)) })
}

/// Does what is due until the act is over, as a process that waits for it does.
async fn help(client: &Client, id: Uuid) -> BulkView {
    until("the act is over", || async {
        client.advance_bulk(id).await.unwrap();
        client.bulk(id).await.unwrap().state.is_over()
    })
    .await;
    client.bulk(id).await.unwrap()
}

#[tokio::test]
async fn a_canary_that_dies_again_stops_the_act_and_no_more_is_touched() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 40).await;
    let bulk = start(client, with_canary(retry("state:dead"), 5, 1)).await;
    let worker = run_worker(client, dying(), quick());

    let bulk = over(client, bulk.id).await;
    worker.stop().await;

    assert_eq!(
        (bulk.state, bulk.done, bulk.canary_ids.len()),
        (BulkState::Stopped, 5, 5)
    );
    assert!(
        bulk.error
            .as_ref()
            .unwrap()
            .contains("canary jobs died again, 1 tolerated"),
        "{bulk:?}"
    );
    assert_eq!(number(&db, "select count(*) from engine.attempt").await, 5);
    assert_eq!(number(&db, "select count(*) from engine.pending").await, 0);
    let trail = client.audit(Some(&bulk.id.to_string()), 1).await.unwrap();
    assert_eq!(trail[0].action, "bulk.stopped");
}

#[tokio::test]
async fn what_a_canary_stopped_goes_on_when_a_person_says_so() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 12).await;
    let bulk = start(client, with_canary(retry("state:dead"), 2, 0)).await;
    let worker = run_worker(client, dying(), quick());
    over(client, bulk.id).await;
    worker.stop().await;

    client
        .resume_bulk(bulk.id, &somebody(), Some("mended"))
        .await
        .unwrap();
    let bulk = help(client, bulk.id).await;

    // The two that died again have died since, and are not touched again.
    assert_eq!(
        (bulk.state, bulk.done, bulk.canary_passed),
        (BulkState::Done, 12, true)
    );
    assert_eq!(number(&db, "select count(*) from engine.pending").await, 10);
}

#[tokio::test]
async fn a_canary_that_does_well_lets_the_rest_follow() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 30).await;
    for new in [
        retry("state:dead"),
        NewBulk::new(BulkAct::RunAgain, filter("state:completed")),
    ] {
        let bulk = start(client, with_canary(new, 3, 0)).await;
        let waiting = drain(client, bulk.id).await;
        assert_eq!((waiting.state, waiting.done), (BulkState::Waiting, 3));
        assert_eq!(waiting.canary_ids.len(), 3);
        // No chunk more while nobody runs them, however often it is looked at.
        meddle(&db, "update engine.bulk set next_at = now()").await;
        let waiting = drain(client, bulk.id).await;
        assert_eq!((waiting.state, waiting.done), (BulkState::Waiting, 3));

        let worker = run_worker(client, done(), quick());
        let bulk = over(client, bulk.id).await;
        until("all have run", || async {
            number(
                &db,
                "select count(*) from engine.ended where state = 'completed'",
            )
            .await
                == number(&db, "select count(*) from engine.job").await
        })
        .await;
        worker.stop().await;

        assert_eq!((bulk.state, bulk.done), (BulkState::Done, 30));
        assert!(bulk.canary_passed);
    }
}

#[tokio::test]
async fn a_canary_that_nobody_runs_stops_the_act_when_its_wait_is_over() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 10).await;
    let bulk = start(client, with_canary(retry("state:dead"), 5, 0)).await;
    drain(client, bulk.id).await;

    meddle(
        &db,
        "update engine.bulk set next_at = now(), canary_until = now()",
    )
    .await;
    let bulk = drain(client, bulk.id).await;

    assert_eq!((bulk.state, bulk.done), (BulkState::Stopped, 5));
    assert!(bulk.error.unwrap().contains("is there a worker for them?"));
}

#[tokio::test]
async fn a_canary_that_still_fails_when_its_wait_is_over_stops_the_act() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 10).await;
    meddle(&db, "update engine.ended set max_attempts = 900").await;
    let bulk = start(client, with_canary(retry("state:dead"), 2, 0)).await;
    drain(client, bulk.id).await;
    let noted = Notes::default();
    let notes = noted.clone();
    let registry = playing(move |_, _| {
        notes.add("tried");
        async {
            Err::<Outcome, _>(
                Failure::new("http_500", "still down")
                    .again(Again::After(Duration::from_secs(600))),
            )
        }
    });
    let worker = run_worker(client, registry, quick());
    noted.reach("tried", 2).await;
    until_count(
        &db,
        "both are put back",
        "select count(*) from engine.attempt where outcome = 'retry'",
        2,
    )
    .await;

    meddle(
        &db,
        "update engine.bulk set next_at = now(), canary_until = now()",
    )
    .await;
    let bulk = help(client, bulk.id).await;
    worker.stop().await;

    assert_eq!((bulk.state, bulk.done), (BulkState::Stopped, 2));
    assert!(bulk.error.unwrap().contains("2 still fail"));
}

#[tokio::test]
async fn an_act_that_is_aborted_while_its_canary_runs_waits_for_it_again_when_resumed() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 10).await;
    let bulk = start(client, with_canary(retry("state:dead"), 2, 0)).await;
    drain(client, bulk.id).await;

    client.abort_bulk(bulk.id, &somebody(), None).await.unwrap();
    let resumed = client
        .resume_bulk(bulk.id, &somebody(), None)
        .await
        .unwrap();

    assert_eq!(
        (resumed.state, resumed.canary_passed),
        (BulkState::Waiting, false)
    );
}
