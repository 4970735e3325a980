//! Acts on many: their pace, what is told before one is made, and what is refused.

use std::time::Duration;

use engine::testing::Database;
use engine::{BulkAct, BulkState, Canary, Error, NewBulk};
use serde_json::json;

use crate::bulk::{bury, drain, filter, retry, start};
use crate::support::*;

#[tokio::test]
async fn a_pace_is_kept_whoever_does_the_chunks() {
    let db = Database::new().await;
    bury(&db, 60).await;
    let new = NewBulk {
        rate_per_s: Some(40.0),
        chunk: 8,
        ..NewBulk::new(BulkAct::RunAgain, filter("state:dead"))
    };
    let bulk = start(db.client(), new).await;
    let clients = [another_client(&db).await, another_client(&db).await];

    let mut turn = 0;
    until("all is done", || {
        turn += 1;
        let client = clients[turn % 2].clone();
        async move {
            client.advance_bulk(bulk.id).await.unwrap();
            client.bulk(bulk.id).await.unwrap().state == BulkState::Done
        }
    })
    .await;

    // By the database's clock: in no window more than a chunk and what the pace gives for its length.
    let too_many = number(
        &db,
        "with made as (select created_at from engine.job where replayed_from is not null) \
         select count(*) from made a join made b on b.created_at >= a.created_at \
         where (select count(*) from made c where c.created_at between a.created_at and b.created_at) \
             > 8 + 40 * extract(epoch from b.created_at - a.created_at) + 0.001",
    )
    .await;
    let made = number(
        &db,
        "select count(*) from engine.job where replayed_from is not null",
    )
    .await;
    assert_eq!((too_many, made), (0, 60));
}

#[tokio::test]
async fn a_chunk_is_no_more_than_a_second_of_the_pace() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 30).await;
    for (rate, at_once) in [(7.0, 7), (0.5, 1), (1_000.0, 10)] {
        let new = NewBulk {
            rate_per_s: Some(rate),
            chunk: 10,
            ..NewBulk::new(BulkAct::RunAgain, filter("state:dead"))
        };
        let bulk = start(client, new).await;
        client.advance_bulk(bulk.id).await.unwrap();
        let bulk = client.bulk(bulk.id).await.unwrap();

        assert_eq!(bulk.done, at_once, "{rate}");
        let pause = bulk.next_at.duration_since(bulk.started_at.unwrap());
        let expected = Duration::from_secs_f64(at_once as f64 / rate);
        let pause = Duration::try_from(pause).unwrap();
        assert!(
            pause.abs_diff(expected) < Duration::from_millis(1),
            "{rate}: {pause:?}"
        );
        client.abort_bulk(bulk.id, &somebody(), None).await.unwrap();
    }
}

#[tokio::test]
async fn a_preview_counts_by_kind_and_cause_and_changes_nothing() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 12).await;
    meddle(&db, "update engine.ended set code = 'timeout', error = 'too late' where attempt = 1 and id in (select id from engine.ended order by id limit 4)").await;
    client.enqueue(act("live")).await.unwrap();

    let preview = client.preview_bulk(&retry("kind:test.*")).await.unwrap();

    assert_eq!(
        (preview.matched, preview.matched_all, preview.samples.len()),
        (12, true, 5)
    );
    assert_eq!(preview.filter, "kind:test.* state:dead,cancelled");
    let kinds: Vec<_> = preview
        .kinds
        .iter()
        .map(|of| (of.kind.as_str(), of.state.as_str(), of.jobs))
        .collect();
    assert_eq!(kinds, [("test.act", "dead", 12)]);
    let causes: Vec<_> = preview
        .causes
        .iter()
        .map(|of| (of.code.as_deref(), of.jobs))
        .collect();
    assert_eq!(causes, [(Some("http_500"), 8), (Some("timeout"), 4)]);
    assert_eq!(number(&db, "select count(*) from engine.bulk").await, 0);
    assert_eq!(number(&db, "select count(*) from engine.ended").await, 12);
}

#[tokio::test]
async fn more_than_can_be_counted_is_told_as_at_least() {
    let db = Database::new().await;
    bury(&db, 10_001).await;

    let preview = db.client().preview_bulk(&retry("")).await.unwrap();

    assert_eq!((preview.matched, preview.matched_all), (10_000, false));
}

#[tokio::test]
async fn an_act_that_cannot_be_is_not_made_and_says_what_is_wrong() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 2).await;
    let canary = Some(Canary::default());
    let refused = [
        (retry("state:completed"), "means none of these"),
        (
            NewBulk {
                chunk: 1_001,
                ..retry("")
            },
            "chunk: expected 1 to 1000",
        ),
        (
            NewBulk {
                rate_per_s: Some(0.0),
                ..retry("")
            },
            "rate: expected",
        ),
        (
            NewBulk {
                reason: Some("x".repeat(1_001)),
                ..retry("")
            },
            "reason: expected",
        ),
        (
            NewBulk {
                patch: Some(json!({})),
                ..retry("")
            },
            "patch:",
        ),
        (
            NewBulk {
                canary,
                ..NewBulk::new(BulkAct::Cancel, filter(""))
            },
            "canary: after cancel",
        ),
    ];
    for (new, said) in refused {
        let error = client.start_bulk(&new, &somebody()).await.unwrap_err();

        assert!(
            matches!(error, Error::Invalid(_)) && error.to_string().contains(said),
            "{error}"
        );
    }
    let rows = number(
        &db,
        "select (select count(*) from engine.bulk) + (select count(*) from engine.audit)",
    )
    .await;
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_act_and_another_request_is_refused() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 2).await;
    let keyed = |new: NewBulk| NewBulk {
        idempotency_key: Some("once".into()),
        ..new
    };

    let (first, is_new) = client
        .start_bulk(&keyed(retry("state:dead")), &somebody())
        .await
        .unwrap();
    let (second, is_new_too) = client
        .start_bulk(&keyed(retry("state:dead")), &somebody())
        .await
        .unwrap();
    let other = client
        .start_bulk(&keyed(retry("kind:a.b")), &somebody())
        .await;

    assert_eq!((first.id, is_new, is_new_too), (second.id, true, false));
    assert!(
        matches!(other, Err(Error::IdempotencyMismatch { twin, .. }) if twin == first.id),
        "{other:?}"
    );
    assert_eq!(
        number(
            &db,
            "select count(*) from engine.audit where action = 'bulk.start'"
        )
        .await,
        1
    );
}

#[tokio::test]
async fn an_act_whose_chunks_fail_again_and_again_is_given_up_and_can_be_resumed() {
    let db = Database::new().await;
    let client = db.client();
    bury(&db, 3).await;
    let bulk = start(client, retry("state:dead")).await;
    // A filter of a later release, which this one cannot read.
    meddle(&db, "update engine.bulk set filter = 'moon:full'").await;
    for _ in 0..5 {
        client.advance_bulk(bulk.id).await.unwrap();
        meddle(&db, "update engine.bulk set next_at = now()").await;
    }

    let failed = client.bulk(bulk.id).await.unwrap();
    assert_eq!((failed.state, failed.done), (BulkState::Failed, 0));
    assert!(failed.error.unwrap().contains("no key `moon`"));
    let trail = client.audit(Some(&bulk.id.to_string()), 1).await.unwrap();
    assert_eq!(trail[0].action, "bulk.failed");

    meddle(&db, "update engine.bulk set filter = 'state:dead'").await;
    client
        .resume_bulk(bulk.id, &somebody(), None)
        .await
        .unwrap();
    assert_eq!(drain(client, bulk.id).await.done, 3);
}

#[tokio::test]
async fn cancelled_owners_of_a_bulk_act_have_their_parts_cancelled_too() {
    let db = Database::new().await;
    let client = db.client();
    let parts = vec![act("part"), act("part")];
    let batch = client.enqueue_batch(parts, act("owner")).await.unwrap();
    let worker = elsewhere(&db, engine::Registry::new(), quick()).await;

    let owner = filter(&format!("id:{}", batch.owner_id));
    let bulk = start(client, NewBulk::new(BulkAct::Cancel, owner)).await;
    crate::bulk::over(client, bulk.id).await;

    until_count(
        &db,
        "all are cancelled",
        "select count(*) from engine.ended where state = 'cancelled'",
        3,
    )
    .await;
    worker.stop().await;
}
