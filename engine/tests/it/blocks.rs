//! What a dead job does to its ordered partition, and that time alone undoes nothing of it.

use engine::testing::{Database, run_worker};
use engine::{
    Again, BulkAct, Failure, Limits, NewBulk, NewJob, Outcome, PartitionOrder, Policy, Registry,
    Retention, State, WorkerOptions,
};
use uuid::Uuid;

use crate::bulk::{filter, start};
use crate::eras::{DAY, ended_then, five_days, made_by_hand, old_id, ten_days_old};
use crate::support::*;

/// `bad` dies at once, all else is done and noted.
fn in_order(order: PartitionOrder, noted: &Notes) -> Registry {
    let notes = noted.clone();
    let mut registry = playing(move |name, cx| {
        let notes = notes.clone();
        async move {
            if name == "bad" && cx.fence().attempt < 3 {
                return Err(Failure::new("x", "no").again(Again::Never));
            }
            notes.add(name);
            Ok(Outcome::done())
        }
    });
    let limits = Limits {
        order: Some(order),
        ..Limits::default()
    };
    let policy = Policy {
        limits,
        ..registry.policy("test.act")
    };
    assert!(registry.set_policy("test.act", policy));
    registry
}

/// Dead letters for five days too.
fn all_five_days() -> Retention {
    Retention {
        dead: Some(DAY * 5),
        ..five_days()
    }
}

/// Prunes nothing by itself while a test looks.
fn idle() -> WorkerOptions {
    WorkerOptions {
        service: DAY,
        ..quick()
    }
}

fn of_tenant(name: &str) -> NewJob {
    act(name).partition_key("tenant")
}

/// A partition that a dead job of just now holds up, and the one behind it.
async fn held_up(db: &Database, noted: &Notes) -> (engine::testing::WorkerGuard, [Uuid; 2]) {
    let client = db.client();
    let registry = in_order(PartitionOrder::Block, noted);
    let worker = run_worker(client, registry, quick());
    until_count(
        db,
        "the kind is known",
        "select count(*) from engine.kind where partition_order = 'block'",
        1,
    )
    .await;
    let bad = client.enqueue(of_tenant("bad")).await.unwrap().id;
    let next = client.enqueue(of_tenant("next")).await.unwrap().id;
    reaches(client, bad, State::Dead).await;
    (worker, [bad, next])
}

#[tokio::test]
async fn the_one_behind_a_dead_job_runs_where_its_order_skips_and_not_where_it_blocks() {
    for (order, ran) in [
        (PartitionOrder::Skip, vec!["next", "other"]),
        (PartitionOrder::Block, vec!["other"]),
    ] {
        let db = Database::new().await;
        let client = db.client();
        let noted = Notes::default();
        // In one slot, so that what is done has been claimed before what comes later.
        let worker = run_worker(client, in_order(order, &noted), slots(1));
        until_count(
            &db,
            "the kind is known",
            "select count(*) from engine.kind where partition_order is not null",
            1,
        )
        .await;

        let bad = client.enqueue(of_tenant("bad")).await.unwrap().id;
        let next = client.enqueue(of_tenant("next")).await.unwrap().id;
        reaches(client, bad, State::Dead).await;
        if order == PartitionOrder::Skip {
            assert_eq!(ended(client, next).await.state, State::Completed);
        }
        let other = client
            .enqueue(act("other").partition_key("other"))
            .await
            .unwrap()
            .id;
        assert_eq!(ended(client, other).await.state, State::Completed);
        worker.stop().await;

        assert_eq!(noted.all(), ran, "{order:?}");
        let blocks = client.blocked_partitions(None, 50).await.unwrap().data;
        assert_eq!(blocks.len(), usize::from(order == PartitionOrder::Block));
        let left = number(&db, "select count(*) from engine.pending").await;
        assert_eq!(left, i64::from(order == PartitionOrder::Block));
    }
}

#[tokio::test]
async fn a_dead_letter_that_holds_up_its_partition_outlives_its_retention() {
    let db = Database::new().await;
    let client = db.client();
    let noted = Notes::default();
    let (worker, [bad, next]) = held_up(&db, &noted).await;
    worker.stop().await;
    let other = NewJob::of(&Extra { name: "bad".into() });
    let other = client.enqueue(other).await.unwrap().id;
    let worker = run_worker(client, in_order(PartitionOrder::Block, &noted), idle());
    reaches(client, other, State::Dead).await;
    meddle(
        &db,
        "update engine.ended set ended_at = now() - interval '30 days'",
    )
    .await;
    // Shorter than eras are kept, so that they go row by row.
    let keep = Retention {
        completed: None,
        ..all_five_days()
    };
    let would = client.prune_preview(keep).await.unwrap();

    let pruned = client.prune(keep).await.unwrap();

    assert_eq!((would.rows, pruned.rows), (1, 1), "the other one has gone");
    assert!(client.job(other).await.unwrap().is_none());
    assert_eq!(job(client, bad).await.state, State::Dead);
    assert_eq!(
        client.blocked_partitions(None, 50).await.unwrap().data[0].job_id,
        bad
    );
    assert_eq!(noted.all(), Vec::<String>::new());
    client
        .skip_dead("tenant", &somebody(), Some("not needed"))
        .await
        .unwrap();
    assert_eq!(ended(client, next).await.state, State::Completed);
    assert_eq!(client.prune(keep).await.unwrap().rows, 1, "and now it goes");
    assert!(client.job(bad).await.unwrap().is_none());
    worker.stop().await;
}

#[tokio::test]
async fn an_era_that_is_emptied_keeps_the_dead_letter_that_holds_up_a_partition() {
    let db = ten_days_old().await;
    let client = db.client();
    made_by_hand(&db).await;
    let noted = Notes::default();
    let worker = run_worker(client, in_order(PartitionOrder::Block, &noted), idle());
    ended_then(&db, "test.act", "completed", (1, 100)).await;
    ended_then(&db, "test.act", "dead", (101, 103)).await;
    let bad = old_id(&db, 102).await;
    meddle(
        &db,
        "update engine.job set partition_key = 'tenant' where id = engine.old_id(102)",
    )
    .await;
    meddle(
        &db,
        "select engine.block_partition(0::smallint, 'tenant', engine.old_id(102), 'test.act')",
    )
    .await;
    let next = client.enqueue(of_tenant("next")).await.unwrap().id;
    let would = client.prune_preview(all_five_days()).await.unwrap();

    let pruned = client.prune(all_five_days()).await.unwrap();

    assert_eq!(would, pruned, "a dry run says what is done");
    let first = &pruned.emptied[1];
    assert_eq!((first.gone, first.stayed), (102, 1), "{pruned:?}");
    assert_eq!(
        client.blocked_partitions(None, 50).await.unwrap().data[0].job_id,
        bad
    );
    assert_eq!(outcomes(client, bad).await, ["retry", "dead"]);
    // Again, by the row and by the sweep, now that the era is emptied.
    let again = client.prune(all_five_days()).await.unwrap();
    assert_eq!((again.emptied, again.rows), (vec![], 0));
    assert_eq!(
        client
            .blocked_partitions(None, 50)
            .await
            .unwrap()
            .data
            .len(),
        1
    );
    assert_eq!(number(&db, "select count(*) from engine.pending").await, 1);
    client.retry(bad, &somebody()).await.unwrap();
    assert_eq!(ended(client, bad).await.state, State::Completed);
    assert_eq!(ended(client, next).await.state, State::Completed);
    worker.stop().await;
    assert_eq!(client.verify().await.unwrap(), []);
}

#[tokio::test]
async fn whoever_deletes_the_dead_job_lets_its_partition_go_on_and_that_is_on_the_trail() {
    for way in ["job", "kind", "bulk"] {
        let db = Database::new().await;
        let client = db.client();
        let noted = Notes::default();
        let (worker, [bad, _]) = held_up(&db, &noted).await;

        match way {
            "job" => client.delete(bad, &somebody()).await.unwrap(),
            // Of the one behind it too, if that has ended meanwhile.
            "kind" => assert!(client.delete_ended("test.act", &somebody()).await.unwrap() > 0),
            _ => {
                start(client, NewBulk::new(BulkAct::Delete, filter("state:dead"))).await;
            }
        }

        until("the next one ran", || async { noted.all() == ["next"] }).await;
        let trail = client.audit(Some("tenant"), 10).await.unwrap();
        let one = trail
            .first()
            .unwrap_or_else(|| panic!("{way}: nothing is on the trail"));
        assert_eq!(
            (one.actor.as_str(), one.action.as_str()),
            ("ada", "partition.skip")
        );
        let detail = one.detail.as_ref().unwrap();
        assert_eq!(
            (&detail["skipped"], &detail["deleted"]),
            (&serde_json::json!(bad), &serde_json::json!(true))
        );
        worker.stop().await;
    }
}
