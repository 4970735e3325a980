//! `zoho.sync_products`: an organisation's items become its products.

use engine::State;
use jobs::run::{Mode, Status};
use jobs::zoho::sync_of;
use serde_json::json;
use sim::wire::Fault;
use sim::zoho::{Change, ItemPatch};

use super::support::House;
use crate::connection::ZOHO;

#[tokio::test]
async fn every_item_becomes_a_product_over_all_pages() {
    let house = House::of(65).await;
    let _worker = house.worker();

    let job = house.run(sync_of(ZOHO, false, "test")).await;

    assert_eq!(
        job.result,
        Some(json!({"total": 65, "created": 65, "updated": 0, "failed": 0, "errors": []}))
    );
    house.assert_true().await;
    let run = house.latest_run().await;
    assert_eq!((run.status, run.mode), (Status::Succeeded, Mode::All));
    assert_eq!(run.connection.as_deref(), Some(ZOHO));
}

#[tokio::test]
async fn r9_prices_and_stock_are_exact_and_unchanged_rows_are_not_written() {
    let house = House::of(40).await;
    let _worker = house.worker();
    house.synced().await;
    let before = house.versions().await;
    let ids = house.ids();
    let priced = |rate: &str, stock: &str| ItemPatch {
        rate: Some(rate.into()),
        stock: Some(stock.into()),
        ..ItemPatch::default()
    };

    let again = house.synced().await;
    let after = house.versions().await;
    house.change(&ids[0], priced("0", "0.1"));
    house.change(&ids[1], priced("12345678901234567.89", "-0.005"));
    house.change(&ids[2], priced("0.10", "12.3450"));
    let changed = house.synced().await;

    assert_eq!((again.total, again.created, again.updated), (40, 0, 0));
    assert_eq!(after, before, "no row was written again");
    assert!(changed.updated <= 3, "{changed:?}");
    let numbers = async |id: &str| {
        let product = house.product(id).await;
        (product.price.unwrap(), product.stock_quantity.unwrap())
    };
    assert_eq!(numbers(&ids[0]).await, ("0".into(), "0.1".into()));
    assert_eq!(
        numbers(&ids[1]).await,
        ("12345678901234567.89".into(), "-0.005".into())
    );
    assert_eq!(numbers(&ids[2]).await, ("0.1".into(), "12.345".into()));
    house.assert_true().await;
}

#[tokio::test]
async fn blank_skus_are_none_and_shared_ones_are_kept_for_each() {
    let house = House::of(40).await;
    let _worker = house.worker();

    house.synced().await;

    let products = house.products().await;
    let blank = products.iter().filter(|one| one.sku.is_none()).count();
    let twins = products
        .iter()
        .filter(|one| one.sku.as_deref() == Some("SK-TWIN"))
        .count();
    assert!(blank >= 3 && twins >= 3, "{blank} blank, {twins} twins");
    house.assert_true().await;
}

#[tokio::test]
async fn a_sku_that_moves_from_item_to_item_ends_where_it_is() {
    let house = House::of(25).await;
    let _worker = house.worker();
    house.synced().await;
    let ids = house.ids();
    let sku = |sku: &str| ItemPatch {
        sku: Some(sku.into()),
        ..ItemPatch::default()
    };

    house.change(&ids[0], sku("MOVED"));
    house.synced().await;
    house.change(&ids[1], sku("MOVED"));
    house.change(&ids[0], sku(""));
    let moved = house.synced().await;

    assert_eq!((moved.updated, moved.failed), (2, 0));
    assert_eq!(house.product(&ids[0]).await.sku, None);
    assert_eq!(house.product(&ids[1]).await.sku.as_deref(), Some("MOVED"));
}

#[tokio::test]
async fn only_the_word_active_is_active() {
    let house = House::of(25).await;
    let _worker = house.worker();
    let ids = house.ids();
    let status = |word: &str| ItemPatch {
        status: Some(word.into()),
        ..ItemPatch::default()
    };

    house.change(&ids[0], status("active"));
    house.change(&ids[1], status("inactive"));
    house.synced().await;

    assert!(house.product(&ids[0]).await.is_active);
    assert!(!house.product(&ids[1]).await.is_active);
}

#[tokio::test]
async fn an_answer_that_says_nothing_of_stock_forgets_none() {
    let house = House::of(25).await;
    let _worker = house.worker();
    house.synced().await;
    let before = house.versions().await;

    house.switch(|switches| switches.stock_in_lists = false);
    let silent = house.synced().await;

    assert_eq!((silent.total, silent.updated), (25, 0));
    assert_eq!(house.versions().await, before);
    house.assert_true().await;
}

#[tokio::test]
async fn one_bad_item_stops_no_other_and_is_told_without_its_values() {
    let house = House::of(45).await;
    let _worker = house.worker();
    let ids = house.ids();
    house.change(
        &ids[7],
        ItemPatch {
            rate: Some("\"twelve secret\"".into()),
            ..ItemPatch::default()
        },
    );

    let summary = house.synced().await;
    house.change(
        &ids[7],
        ItemPatch {
            rate: Some("12".into()),
            ..ItemPatch::default()
        },
    );
    let mended = house.synced().await;

    let error = format!("Item {}: rate is not an exact decimal number", ids[7]);
    assert_eq!(
        (summary.total, summary.created, summary.failed),
        (45, 44, 1)
    );
    assert_eq!(summary.errors, [error]);
    assert_eq!((mended.created, mended.failed), (1, 0));
    let open: i64 =
        sqlx::query_scalar("select count(*) from sync.quarantine where status = 'open'")
            .fetch_one(&house.env.pool)
            .await
            .unwrap();
    assert_eq!(open, 0);
    house.assert_true().await;
}

#[tokio::test]
async fn what_changed_is_asked_for_since_the_vendors_own_clock() {
    let house = House::of(45).await;
    house.switch(|switches| switches.dates_by_own_clock = true);
    let _worker = house.worker();
    let first = house.synced_changes().await;
    let all = house.latest_run().await;
    let calls = house.calls();
    // So far that the overlap does not reach back to it.
    house.a_while_later().await;
    house
        .vendor()
        .advance(std::time::Duration::from_secs(7_200));
    house.synced_changes().await;
    let (id, added) = (house.ids()[3].clone(), house.add("New"));
    house.change(
        &id,
        ItemPatch {
            name: Some("Renamed".into()),
            ..ItemPatch::default()
        },
    );

    let changed = house.synced_changes().await;

    assert_eq!(
        (first.created, all.mode),
        (45, Mode::All),
        "nothing was known"
    );
    let run = house.latest_run().await;
    assert_eq!(run.mode, Mode::Changed);
    assert!(run.since_at.is_some());
    assert_eq!((changed.total, changed.created, changed.updated), (2, 1, 1));
    // Two hours later the token had run out.
    assert_eq!(house.calls() - calls, 3, "a page each, and one refusal");
    assert_eq!(house.product(&added).await.name, "New");
    house.assert_true().await;
}

#[tokio::test]
async fn a_watermark_from_far_ahead_is_replaced_by_a_whole_walk() {
    let house = House::of(45).await;
    house.switch(|switches| switches.dates_by_own_clock = true);
    let _worker = house.worker();
    house.synced().await;
    house.a_while_later().await;
    sqlx::query("update sync.stream set watermark_at = '2999-01-01'")
        .execute(&house.env.pool)
        .await
        .unwrap();
    let added = house.add("New");

    let seen = house.synced_changes().await;

    assert_eq!((seen.total, seen.created), (46, 1));
    assert_eq!(house.latest_run().await.mode, Mode::All);
    assert_eq!(house.product(&added).await.name, "New");
    house.add("Newer");
    let next = house.synced_changes().await;
    assert_eq!(next.created, 1);
    assert_eq!(
        house.latest_run().await.mode,
        Mode::Changed,
        "it is back in the present"
    );
}

#[tokio::test]
async fn a_filter_that_the_vendor_ignores_never_moves_the_watermark() {
    let house = House::of(45).await;
    let _worker = house.worker();
    house.synced().await;
    house.a_while_later().await;
    house
        .vendor()
        .advance(std::time::Duration::from_secs(90_000));
    let mark = async || -> String {
        sqlx::query_scalar("select watermark_at::text from sync.stream")
            .fetch_one(&house.env.pool)
            .await
            .unwrap()
    };
    let before = mark().await;

    house.switch(|switches| switches.heeds_last_modified = false);
    let everything = house.synced_changes().await;

    assert_eq!(everything.total, 45, "what came is applied all the same");
    assert_eq!(house.latest_run().await.status, Status::Partial);
    assert_eq!(mark().await, before);
}

#[tokio::test]
async fn an_answer_that_failed_changes_no_product() {
    let house = House::of(45).await;
    let _worker = house.worker();
    house.synced().await;
    let before = house.versions().await;

    house.vendor().inject(Fault::status(503).on_path("/items"));
    let job = house.run(sync_of(ZOHO, false, "test")).await;

    assert_eq!(job.state, State::Dead);
    assert_eq!(house.versions().await, before);
    assert_eq!(house.latest_run().await.status, Status::Failed);
}

#[tokio::test]
async fn the_history_says_why_a_price_is_what_it_is() {
    let house = House::of(25).await;
    let _worker = house.worker();
    house.synced().await;
    let id = house.ids()[2].clone();
    let price = |rate: &str| ItemPatch {
        rate: Some(rate.into()),
        ..ItemPatch::default()
    };
    house.change(&id, price("41"));
    house.synced().await;
    house.synced().await;
    house.change(&id, price("42.50"));
    house.synced().await;

    let history = house.history(&id).await;

    let told: Vec<_> = history
        .iter()
        .map(|one| (one.event.as_str(), one.changes["price"].clone()))
        .collect();
    assert_eq!(told[0], ("updated", json!(["41", "42.5"])));
    assert_eq!((told[1].0, &told[1].1[1]), ("updated", &json!("41")));
    assert_eq!((told[2].0, &told[2].1[0]), ("created", &json!(null)));
    assert_eq!(told.len(), 3, "a sync that changed nothing is no story");
    let run = house.latest_run().await;
    assert_eq!(history[0].run_id, Some(run.id));
    assert_eq!(history[0].job_id, Some(run.job_id));
    assert_eq!(history[0].actor, "sync");
}

#[tokio::test]
async fn two_organisations_may_have_items_of_the_same_id() {
    let house = House::of(25).await;
    let _worker = house.worker();
    house.synced().await;
    house
        .sql(
            "insert into sync.product (connection, zoho_item_id, name, is_active) \
              select 'zoho/999', zoho_item_id, 'theirs', true from sync.product",
        )
        .await;

    house
        .vendor()
        .change(Change::AddItem {
            name: "Mine".into(),
            sku: "M".into(),
            rate: "1".into(),
        })
        .unwrap();
    let summary = house.synced().await;

    assert_eq!(
        (summary.total, summary.created, summary.updated),
        (26, 1, 0)
    );
    let theirs: i64 = sqlx::query_scalar(
        "select count(*) from sync.product where connection = 'zoho/999' and name = 'theirs' and gone_at is null",
    )
    .fetch_one(&house.env.pool)
    .await
    .unwrap();
    assert_eq!(theirs, 25);
}

#[tokio::test]
async fn odd_ids_and_texts_of_one_item_keep_no_other_out_and_write_nothing_twice() {
    let house = House::of(5).await;
    let _worker = house.worker();
    let id = house.ids()[0].clone();
    let name = ItemPatch {
        name: Some("a \\u0000 that is none".into()),
        ..ItemPatch::default()
    };
    house.change(&id, name);
    house.synced().await;
    let before = house.versions().await;
    let again = house.synced().await;

    // An id that no text of Postgres can be, and one that no index takes.
    let nul = json!({"code": 0, "items": [
        {"item_id": "48\u{0}", "name": "?", "rate": 1, "status": "active"},
        {"item_id": "4".repeat(5_000), "name": "?", "rate": 1, "status": "active"},
        {"item_id": "77", "name": "Cup", "rate": 1, "status": "active"},
    ], "page_context": {"page": 1, "per_page": 20, "has_more_page": false}});
    house
        .vendor()
        .inject(sim::wire::Fault::json(200, nul).on_path("/items"));
    let odd = house.synced().await;

    assert_eq!(house.product(&id).await.name, "a \\u0000 that is none");
    assert_eq!(again.updated, 0);
    let after = house.versions().await;
    assert_eq!(before, after[..5]);
    assert_eq!((odd.total, odd.created, odd.failed), (3, 1, 2));
    assert!(house.gone().await.is_empty());
}
