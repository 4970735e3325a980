//! What an answer is behind with: by the remote's own time of modification, and where that does not tell.

use sim::wire::{Fault, Kind};
use sim::zoho::ItemPatch;

use super::support::House;

fn rate(rate: &str) -> ItemPatch {
    ItemPatch {
        rate: Some(rate.into()),
        ..ItemPatch::default()
    }
}

/// The listing after the next so many calls is the one before it: from a copy that is behind.
fn behind(calls: u32) -> Fault {
    let last = Fault::new(Kind::DuplicatePage);
    last.on_path("/items").after(calls).times(1)
}

#[tokio::test]
async fn an_answer_that_is_older_than_what_is_stored_undoes_nothing() {
    let house = House::of(15).await;
    let _worker = house.worker();
    house.vendor().inject(behind(2));
    house.synced().await;
    let id = house.ids()[3].clone();
    house.change(&id, rate("77"));
    house.synced_items(&[&id]).await;

    house.synced().await;

    let counters = house.latest_run().await.counters;
    assert_eq!((counters.stale, counters.unchanged), (1, 14));
    assert_eq!(counters.fetched, 15);
    assert_eq!(house.product(&id).await.price.as_deref(), Some("77"));
    let story = house.history(&id).await;
    assert_eq!(story.len(), 2, "created and updated: {story:?}");
    assert!(house.gone().await.is_empty());
}

#[tokio::test]
async fn what_is_older_still_after_ten_minutes_is_a_backup_and_is_believed() {
    let house = House::of(15).await;
    let _worker = house.worker();
    house.vendor().inject(behind(2));
    house.synced().await;
    let id = house.ids()[3].clone();
    let before = house.product(&id).await.price;
    house.change(&id, rate("77"));
    house.synced_items(&[&id]).await;
    house
        .sql("update sync.product set updated_at = now() - interval '11 minutes'")
        .await;

    house.synced().await;

    let counters = house.latest_run().await.counters;
    assert_eq!((counters.stale, counters.updated), (0, 1));
    assert_eq!(house.product(&id).await.price, before);
}

#[tokio::test]
async fn stock_that_moves_no_time_of_modification_is_found_by_the_whole_listing() {
    for moves in [true, false] {
        let house = House::of(25).await;
        let _worker = house.worker();
        house.switch(|switches| {
            switches.stock_moves_last_modified = moves;
            switches.dates_by_own_clock = true;
        });
        house.synced().await;
        let id = house
            .vendor()
            .items()
            .iter()
            .find(|item| item.stock.is_some())
            .map(|item| item.id.to_string())
            .unwrap();
        let before = house.product(&id).await.stock_quantity;
        let stock = Some("12345.5".to_owned());
        house.change(
            &id,
            ItemPatch {
                stock,
                ..ItemPatch::default()
            },
        );

        house.synced_changes().await;
        let changed = house.product(&id).await.stock_quantity;
        house.synced().await;
        let all = house.product(&id).await.stock_quantity;

        let told = Some("12345.5".to_owned());
        assert_eq!(
            changed,
            if moves { told.clone() } else { before },
            "{moves}"
        );
        assert_eq!(all, told, "{moves}");
    }
}
