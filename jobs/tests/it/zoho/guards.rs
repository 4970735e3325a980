//! The ten guards of the sweep, each with the one thing changed that it is there for.

use jobs::held::{self, Status as HeldStatus};
use jobs::run::Status;
use sim::wire::{Fault, Hook, Kind};
use sim::zoho::{Change, ItemPatch};

use super::support::House;
use crate::connection::{OLD, ZOHO};

/// A synced organisation of three pages, of whose items one is gone since.
async fn missing_one() -> (House, String) {
    let house = House::of(55).await;
    {
        let worker = house.worker();
        house.synced().await;
        worker.stop().await;
    }
    let id = house.ids()[4].clone();
    house.delete(&id);
    (house, id)
}

#[tokio::test]
async fn with_nothing_against_it_what_is_gone_is_marked() {
    let (house, id) = missing_one().await;
    let _worker = house.worker();

    let summary = house.synced().await;

    assert_eq!(house.gone().await, [id]);
    assert_eq!(summary.total, 54);
    let run = house.latest_run().await;
    assert_eq!(
        (run.status, run.orphaned, run.walks),
        (Status::Succeeded, 1, 2)
    );
}

#[tokio::test]
async fn g1_an_item_without_an_id_may_be_any_of_them() {
    let (house, _) = missing_one().await;
    let _worker = house.worker();
    let nameless = serde_json::json!({"code": 0, "items": [{"name": "?"}], "page_context":
        {"page": 1, "per_page": 20, "has_more_page": false}});

    house
        .vendor()
        .inject(Fault::json(200, nameless).on_path("/items"));
    let summary = house.synced().await;

    assert!(house.gone().await.is_empty());
    assert_eq!((summary.total, summary.failed), (1, 1));
    let run = house.latest_run().await;
    assert_eq!(run.sweep.as_deref(), Some("unproven"));
}

#[tokio::test]
async fn g2_the_first_walk_with_another_grant_marks_nothing() {
    let (house, id) = missing_one().await;
    let grant = house.vendor().config().refresh_token.clone();
    // Another grant may see less. Here it sees the same, which nobody knows beforehand.
    let all = house.inner.connections(&[OLD]);
    house
        .inner
        .set(&all, "refresh_token", "1000.another")
        .await
        .unwrap();
    house
        .inner
        .set(&all, "refresh_token", &grant)
        .await
        .unwrap();
    let _worker = house.worker();

    house.synced().await;
    let first = (house.gone().await, house.latest_run().await.sweep);
    house.synced().await;

    assert_eq!(first, (vec![], Some("scope_changed".into())));
    assert_eq!(house.gone().await, [id], "the second walk knows the grant");
}

#[tokio::test]
async fn g3_a_walk_during_which_the_grant_changed_marks_nothing() {
    let (house, _) = missing_one().await;
    let all = house.inner.connections(&[OLD]);
    let grant = house.vendor().config().refresh_token.clone();
    // The last page of the second walk is held back while the grant is changed.
    house.vendor().inject(
        Fault::new(Kind::Slow { delay_ms: 1_500 })
            .on_path("/items")
            .after(5)
            .times(1),
    );
    let _worker = house.worker();
    let job = house
        .enqueue(jobs::zoho::sync_of(ZOHO, false, "test"))
        .await;
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    let calls = house.calls();
    while house.latest_run().await.pages < 5 {
        assert!(tokio::time::Instant::now() < deadline, "{calls} calls");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }

    house
        .inner
        .set(&all, "refresh_token", &grant)
        .await
        .unwrap();
    let job = house.end_of(job).await;

    assert_eq!(job.state, engine::State::Completed, "{:?}", job.error);
    assert!(house.gone().await.is_empty());
    assert_eq!(
        house.latest_run().await.sweep.as_deref(),
        Some("scope_changed")
    );
}

#[tokio::test]
async fn g4_a_listing_that_moved_is_walked_again() {
    let (house, id) = missing_one().await;
    let _worker = house.worker();
    let first = house.vendor().items()[0].id;

    // Every walk but the last loses one behind its back.
    house
        .vendor()
        .before_listing(Hook::before(3, Change::DeleteItem { id: first }));
    house.synced().await;

    let run = house.latest_run().await;
    assert!(
        run.walks >= 3,
        "one that moved, and two that agree: {run:?}"
    );
    assert!(house.gone().await.contains(&id));
}

#[tokio::test]
async fn g5_an_empty_listing_marks_nothing_and_waits_for_a_person() {
    let house = House::of(5).await;
    let _worker = house.worker();
    house.synced().await;

    for id in house.ids() {
        house.delete(&id);
    }
    house.synced().await;

    assert!(house.gone().await.is_empty());
    let run = house.latest_run().await;
    assert_eq!((run.status, run.held), (Status::Held, 5));
    let held = held::get(&house.env.pool, run.id).await.unwrap();
    assert_eq!(
        (held.cause.as_str(), held.candidates.len()),
        ("held_empty", 5)
    );
}

#[tokio::test]
async fn g6_more_than_ten_and_than_a_tenth_wait_for_a_person() {
    let house = House::of(55).await;
    let _worker = house.worker();
    house.synced().await;

    for id in &house.ids()[..11] {
        house.delete(id);
    }
    house.synced().await;

    assert!(house.gone().await.is_empty());
    let run = house.latest_run().await;
    assert_eq!((run.status, run.held), (Status::Held, 11));
    assert_eq!(run.sweep.as_deref(), Some("held_large"));
}

#[tokio::test]
async fn g7_several_pages_are_believed_when_a_second_walk_says_the_same() {
    let (house, id) = missing_one().await;
    let _worker = house.worker();
    let calls = house.calls();

    house.synced().await;

    assert_eq!(house.latest_run().await.walks, 2);
    assert_eq!(house.calls() - calls, 6, "three pages, twice");
    assert_eq!(house.gone().await, [id]);
}

/// A listing of these items as one page, which says that it is the last.
fn page_of(items: &[sim::zoho::Item]) -> serde_json::Value {
    let items: Vec<_> = items
        .iter()
        .map(|item| {
            serde_json::json!({"item_id": item.id.to_string(), "name": item.name, "sku": item.sku,
                "rate": 1, "status": item.status})
        })
        .collect();
    serde_json::json!({"code": 0, "items": items, "page_context":
        {"page": 1, "per_page": 20, "has_more_page": false}})
}

#[tokio::test]
async fn g7_one_page_that_was_cut_short_and_says_it_is_the_last_marks_nothing() {
    let house = House::of(15).await;
    let _worker = house.worker();
    house.synced().await;
    let cut = page_of(&house.vendor().items()[..9]);

    house
        .vendor()
        .inject(Fault::json(200, cut).on_path("/items").times(1));
    house.synced().await;

    assert!(house.gone().await.is_empty());
    let run = house.latest_run().await;
    assert_eq!((run.walks, run.orphaned), (2, 0));
    assert_eq!(run.sweep.as_deref(), Some("nothing"));
}

#[tokio::test]
async fn g7_what_one_page_misses_is_marked_when_a_second_walk_misses_it_too() {
    let house = House::of(15).await;
    let _worker = house.worker();
    house.synced().await;
    let id = house.ids()[4].clone();
    house.delete(&id);
    let calls = house.calls();

    house.synced().await;

    assert_eq!(house.gone().await, [id]);
    assert_eq!(house.calls() - calls, 2, "one page, twice");
}

#[tokio::test]
async fn g8_a_row_that_was_written_since_the_run_began_is_not_marked() {
    let (house, id) = missing_one().await;
    let (slow, _worker) = (Fault::new(Kind::Slow { delay_ms: 1_000 }), house.worker());
    house
        .vendor()
        .inject(slow.on_path("/items").after(1).times(1));
    let job = house
        .enqueue(jobs::zoho::sync_of(ZOHO, false, "test"))
        .await;
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    while house.latest_run().await.pages < 1 || house.latest_run().await.ended_at.is_some() {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }

    sqlx::query("update sync.product set updated_at = now() where zoho_item_id = $1")
        .bind(&id)
        .execute(&house.env.pool)
        .await
        .unwrap();
    house.end_of(job).await;

    assert!(house.gone().await.is_empty(), "another hand has it");
}

#[tokio::test]
async fn g8_a_row_in_quarantine_is_not_marked() {
    let (house, id) = missing_one().await;
    let _worker = house.worker();
    sqlx::query(
        "insert into sync.quarantine (stream, connection, key, is_named, field, expected, raw, run_id) \
         values ('zoho.products', $1, $2, true, 'rate', 'a number', '{}', 1)",
    )
    .bind(ZOHO)
    .bind(&id)
    .execute(&house.env.pool)
    .await
    .unwrap();

    house.synced().await;
    let first = house.gone().await;
    house.synced().await;

    assert!(
        first.is_empty(),
        "that it cannot be read does not say that it is gone"
    );
    assert_eq!(house.gone().await, [id]);
}

#[tokio::test]
async fn g9_what_is_back_is_revived_with_its_row() {
    let house = House::of(25).await;
    let _worker = house.worker();
    house.synced().await;
    let id = house.ids()[3].clone();
    let row = house.product(&id).await.id;
    // The vendor makes no item of an old id, so the mark is put on one that is there.
    sqlx::query("update sync.product set gone_at = now() where id = $1")
        .bind(row)
        .execute(&house.env.pool)
        .await
        .unwrap();

    house.synced().await;

    let product = house.product(&id).await;
    assert_eq!((product.id, product.gone_at), (row, None));
    assert_eq!(house.latest_run().await.counters.revived, 1);
    assert_eq!(house.history(&id).await[0].event, "revived");
}

#[tokio::test]
async fn g10_a_successor_goes_on_with_what_was_seen() {
    let house = House::of(105).await;
    {
        let worker = house.worker();
        house.synced().await;
        worker.stop().await;
    }
    let slow = Fault::new(Kind::Slow { delay_ms: 600_000 });
    house
        .vendor()
        .inject(slow.on_path("/items").after(4).times(1));
    let first = house.worker();
    let job = house
        .enqueue(jobs::zoho::sync_of(ZOHO, false, "test"))
        .await;
    house.struck().await;

    drop(first);
    let _second = house.successor();
    house.end_of(job).await;

    // Had the pages of the killed worker been forgotten, their items would be missing.
    assert!(house.gone().await.is_empty());
    let run = house.latest_run().await;
    assert_eq!((run.walks, run.held), (1, 0), "{run:?}");
    assert_eq!(run.status, Status::Succeeded);
}

#[tokio::test]
async fn an_approved_sweep_marks_what_is_missing_still_and_nothing_else() {
    let house = House::of(55).await;
    let _worker = house.worker();
    house.synced().await;
    let ids = house.ids();
    for id in &ids[..12] {
        house.delete(id);
    }
    house.synced().await;
    let run = house.latest_run().await.id;
    // Written by another hand since: a decision on what a person saw does not cover it.
    sqlx::query("update sync.product set updated_at = now() where zoho_item_id = $1")
        .bind(&ids[0])
        .execute(&house.env.pool)
        .await
        .unwrap();

    let mut tx = house.env.pool.begin().await.unwrap();
    let done = held::approve(&mut tx, run, ("nok", Some("moved to the other shop")))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut tx = house.env.pool.begin().await.unwrap();
    let again = held::approve(&mut tx, run, ("nok", None)).await;

    assert_eq!((done.status, done.marked), (HeldStatus::Approved, 11));
    assert_eq!(house.gone().await.len(), 11);
    assert_eq!(again.unwrap_err().code(), "decided");
    let story = house.history(&ids[1]).await;
    assert_eq!(
        (story[0].event.as_str(), story[0].actor.as_str()),
        ("gone", "nok")
    );
    assert_eq!(story[0].reason.as_deref(), Some("moved to the other shop"));
}

#[tokio::test]
async fn what_an_answer_names_meanwhile_is_taken_out_of_a_held_sweep() {
    let house = House::of(55).await;
    let _worker = house.worker();
    house.synced().await;
    let run = {
        // A page without records, as a broken cache gives it: everything seems to be missing.
        house.vendor().inject(
            Fault::json(
                200,
                serde_json::json!({"code": 0, "items": [], "page_context":
            {"page": 1, "per_page": 20, "has_more_page": false}}),
            )
            .on_path("/items"),
        );
        house.synced().await;
        house.vendor().clear_faults();
        house.latest_run().await.id
    };
    let ids = house.ids();

    house.synced_items(&[&ids[0], &ids[1]]).await;
    let struck = held::get(&house.env.pool, run).await.unwrap();
    house.synced().await;
    let after = held::get(&house.env.pool, run).await.unwrap();

    assert_eq!(struck.candidates.len(), 53);
    assert!(!struck.candidates.contains(&ids[0]));
    assert_eq!(after.status, HeldStatus::Superseded);
    assert!(house.gone().await.is_empty());
}

#[tokio::test]
async fn an_ignored_record_makes_no_run_partial_until_it_changes() {
    let house = House::of(25).await;
    let _worker = house.worker();
    let id = house.ids()[2].clone();
    let odd = |rate: &str| ItemPatch {
        rate: Some(format!("\"{rate}\"")),
        ..ItemPatch::default()
    };
    house.change(&id, odd("odd"));
    house.synced().await;
    let first = house.latest_run().await;
    let row: i64 = sqlx::query_scalar("select id from sync.quarantine")
        .fetch_one(&house.env.pool)
        .await
        .unwrap();

    let mut conn = house.env.pool.acquire().await.unwrap();
    jobs::quarantine::ignore(&mut conn, row, ("nok", "a test item of theirs"))
        .await
        .unwrap();
    house.synced().await;
    let ignored = house.latest_run().await;
    house.change(&id, odd("odder"));
    house.synced().await;
    let changed = house.latest_run().await;

    assert_eq!(
        (first.status, first.counters.quarantined),
        (Status::Partial, 1)
    );
    assert_eq!(
        (
            ignored.status,
            ignored.counters.ignored,
            ignored.counters.quarantined
        ),
        (Status::Succeeded, 1, 0)
    );
    assert_eq!(
        (changed.status, changed.counters.quarantined),
        (Status::Partial, 1)
    );
}
