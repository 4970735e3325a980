//! A dry run tells what a sync would do, field by field, and writes nothing.

use jobs::zoho::{SyncProducts, preview};
use serde_json::json;
use sim::zoho::ItemPatch;

use super::support::House;
use crate::connection::ZOHO;

fn all() -> SyncProducts {
    SyncProducts {
        connection: ZOHO.into(),
        items: Vec::new(),
        changed: false,
    }
}

#[tokio::test]
async fn a_dry_run_tells_every_difference_and_writes_nothing() {
    let house = House::of(65).await;
    let worker = house.worker();
    house.synced().await;
    worker.stop().await;
    let ids = house.ids();
    house.change(
        &ids[1],
        ItemPatch {
            rate: Some("98.70".into()),
            ..ItemPatch::default()
        },
    );
    house.change(
        &ids[2],
        ItemPatch {
            rate: Some("\"odd\"".into()),
            ..ItemPatch::default()
        },
    );
    house.delete(&ids[3]);
    let added = house.add("New");
    let was = house.product(&ids[1]).await.price;
    let (before, calls) = (house.checksums().await, house.vendor().log().len());

    let preview = preview(&house.env, &all()).await.unwrap();

    assert_eq!(house.checksums().await, before, "nothing was written");
    let log = house.vendor().log();
    assert!(
        log[calls..].iter().all(|call| call.method == "GET"),
        "nothing but reading was asked of the vendor"
    );
    assert_eq!(log.len() - calls, 4);
    let counters = preview.counters;
    assert_eq!((counters.created, counters.updated), (1, 1));
    assert_eq!((counters.unchanged, counters.quarantined), (62, 1));
    assert_eq!((preview.missing, preview.sweep.as_str()), (1, "walk_again"));
    let told = |key: &str| {
        let found = preview.changes.iter().find(|one| one.key == key);
        let found = found.unwrap_or_else(|| panic!("{key} is not told"));
        (found.event.as_str(), found.changes.clone())
    };
    assert_eq!(told(&ids[1]), ("updated", json!({"price": [was, "98.7"]})));
    assert_eq!(told(&ids[2]).0, "quarantined");
    assert_eq!(told(&ids[3]).0, "gone");
    assert_eq!(told(&added).1["name"], json!([null, "New"]));
    assert_eq!(preview.changes.len(), 4);
}

#[tokio::test]
async fn what_a_dry_run_tells_is_what_the_sync_then_does() {
    let house = House::of(45).await;
    let _worker = house.worker();

    let told = preview(&house.env, &all()).await.unwrap();
    let done = house.synced().await;

    assert_eq!(told.counters.created, done.created);
    let run = house.latest_run().await;
    assert_eq!(told.counters, run.counters);
    assert_eq!(Some(told.sweep), run.sweep);
}

#[tokio::test]
async fn a_dry_run_of_chosen_items_asks_for_these_alone() {
    let house = House::of(45).await;
    let ids = house.ids();
    let chosen = SyncProducts {
        items: vec![ids[0].clone(), "1".into()],
        ..all()
    };

    let told = preview(&house.env, &chosen).await.unwrap();

    let counters = told.counters;
    assert_eq!((counters.created, counters.gone), (1, 0));
    assert_eq!(counters.quarantined, 1, "nobody knows item 1, as in a run");
    assert_eq!(house.calls(), 2);
    assert!(house.products().await.is_empty());
}

#[tokio::test]
async fn a_dry_run_counts_what_a_person_ignores_as_the_sync_does() {
    let house = House::of(45).await;
    let _worker = house.worker();
    let ids = house.ids();
    for (id, rate) in [(&ids[1], "\"odd\""), (&ids[2], "\"odder\"")] {
        let rate = Some(rate.to_owned());
        house.change(
            id,
            ItemPatch {
                rate,
                ..ItemPatch::default()
            },
        );
    }
    house.synced().await;
    sqlx::query("update sync.quarantine set status = 'ignored', ignored_by = 'nok', ignored_because = 'x' where key = $1")
        .bind(&ids[1])
        .execute(&house.env.pool)
        .await
        .unwrap();

    let told = preview(&house.env, &all()).await.unwrap();
    house.synced().await;

    let counters = told.counters;
    assert_eq!((counters.ignored, counters.quarantined), (1, 1));
    assert_eq!(counters, house.latest_run().await.counters);
    let keys: Vec<_> = told.changes.iter().map(|one| &one.key).collect();
    assert_eq!(keys, [&ids[2]], "what is ignored is no difference");
}

#[tokio::test]
async fn a_dry_run_of_chosen_items_counts_as_the_sync_then_does() {
    let house = House::of(45).await;
    let _worker = house.worker();
    house.synced().await;
    let ids = house.ids();
    house.delete(&ids[0]);
    let items = vec![ids[0].clone(), ids[1].clone(), "1".into()];
    let chosen = SyncProducts { items, ..all() };

    let told = preview(&house.env, &chosen).await.unwrap();
    house.synced_items(&[&ids[0], &ids[1], "1"]).await;

    assert_eq!(told.counters, house.latest_run().await.counters);
    assert_eq!((told.counters.gone, told.counters.quarantined), (1, 1));
}
