//! Items that are added, changed and deleted while the listing is walked.

use jobs::run::Status;
use sim::wire::Hook;
use sim::zoho::{Change, ItemPatch};

use super::support::House;

impl House {
    /// Before the `nth` listing from now on: one item near the front is deleted, one is added, one behind
    /// the walk and one before it are renamed.
    fn stir(&self, nth: u32) {
        let items = self.vendor().items();
        let nth_of_all = |part: usize| items[(nth as usize * 7 + part) % items.len()].id;
        let renamed = |id, name: &str| Change::ChangeItem {
            id,
            patch: ItemPatch {
                name: Some(format!("{name} {nth}")),
                rate: Some(format!("{nth}.25")),
                ..ItemPatch::default()
            },
        };
        let added = Change::AddItem {
            name: format!("Added {nth}"),
            sku: String::new(),
            rate: "3.10".into(),
        };
        for change in [
            Change::DeleteItem { id: nth_of_all(0) },
            added,
            renamed(nth_of_all(1), "Behind"),
            renamed(
                items[items.len() - 1 - nth as usize % items.len()].id,
                "Ahead",
            ),
        ] {
            self.vendor().before_listing(Hook::before(nth, change));
        }
    }
}

/// Walks while the listing moves, and once more when it is still: then everything must be as it is at the
/// vendor, nothing that lives may be marked, and nothing that went may be left.
async fn end_right(items: u32, page_size: u16, stirs: u32) {
    let house = House::with(items, page_size).await;
    let _worker = house.worker();
    house.synced().await;
    for nth in 1..=stirs {
        house.stir(nth + 1);
    }

    let moved = house.synced().await;
    let run = house.latest_run().await;
    let live: Vec<String> = house.ids();
    let wrongly_gone: Vec<String> = house
        .gone()
        .await
        .into_iter()
        .filter(|id| live.contains(id))
        .collect();
    assert!(
        wrongly_gone.is_empty(),
        "marked and alive: {wrongly_gone:?}"
    );
    assert!(moved.updated > 0, "{moved:?}");
    assert!(run.walks > 1, "a listing that moved was believed: {run:?}");
    house.synced().await;

    house.assert_true().await;
}

#[tokio::test]
async fn items_end_right_though_they_move_during_the_walk() {
    end_right(400, 50, 6).await;
}

#[tokio::test]
async fn a_deletion_behind_the_walk_hides_nothing() {
    let house = House::of(200).await;
    let _worker = house.worker();
    let first = house.vendor().items()[0].id;
    house
        .vendor()
        .before_listing(Hook::before(4, Change::DeleteItem { id: first }));

    let summary = house.synced().await;

    let run = house.latest_run().await;
    assert_eq!(run.status, Status::Succeeded);
    assert_eq!(run.walks, 2, "the first one moved");
    // The item was there when the first page was read; the next run finds that it went.
    assert!((199..=200).contains(&summary.total), "{summary:?}");
    house.synced().await;
    house.assert_true().await;
}
