//! Walks: complete, exact, and never silently short.

use connectors::page::Next;
use connectors::zoho::Item;
use rust_decimal::Decimal;
use sim::wire::Hook;
use sim::zoho::{Change, Item as SimItem, ItemPatch, Switches};

use super::{Bed, items_of, walk};

fn exact(text: &str) -> Option<Decimal> {
    Some(Decimal::from_str_exact(text).unwrap())
}

fn assert_is(item: &Item, truth: &SimItem) {
    assert_eq!(item.id, truth.id.to_string());
    assert_eq!(item.name, truth.name);
    assert_eq!(item.sku.as_deref().unwrap_or(""), truth.sku);
    assert_eq!(
        item.description.as_deref(),
        Some(truth.description.as_str())
    );
    assert_eq!(item.unit.as_deref(), Some(truth.unit.as_str()));
    assert_eq!(item.price, exact(&truth.rate), "{}", truth.rate);
    assert_eq!(item.stock, truth.stock.as_deref().and_then(exact));
    assert_eq!(item.is_active(), truth.status == "active");
    assert_eq!(item.created_at.unwrap().as_second(), truth.created_s);
    assert_eq!(item.modified_at.unwrap().as_second(), truth.modified_s);
}

#[tokio::test]
async fn a_full_walk_equals_the_truth_in_every_field() {
    for page_size in [20, 21, 60, 199, 200] {
        let mut bed = Bed::new(430).await;
        bed.page_size = page_size;

        let pages = walk(&bed.client()).await.unwrap();

        let (ours, truth) = (items_of(&pages), bed.sim.items());
        assert_eq!(ours.len(), truth.len());
        for (item, truth) in ours.iter().zip(&truth) {
            assert_is(item, truth);
        }
        let last = pages.last().unwrap();
        assert_eq!(last.next, Next::End, "{page_size}");
        assert!(last.server_date.is_some());
        assert!(!last.filter_ignored);
    }
}

#[tokio::test]
async fn the_generated_items_are_as_odd_as_real_ones() {
    let bed = Bed::new(430).await;

    let items = items_of(&walk(&bed.client()).await.unwrap());

    let count = |is: &dyn Fn(&Item) -> bool| items.iter().filter(|item| is(item)).count();
    assert!(count(&|item| item.sku.is_none()) > 10, "blank SKUs");
    assert!(
        count(&|item| item.sku.as_deref() == Some("SK-TWIN")) > 10,
        "shared SKUs"
    );
    assert!(
        count(&|item| item.price == exact("0")) > 10,
        "prices of zero"
    );
    assert!(count(&|item| item.stock.is_some_and(|stock| stock < Decimal::ZERO)) > 10);
    assert!(
        count(&|item| item.stock.is_none()) > 10,
        "services without stock"
    );
    assert!(count(&|item| !item.is_active()) > 10);
    assert!(count(&|item| item.price == exact("12345678901234567.89")) > 10);
}

#[tokio::test]
async fn an_organization_without_items_is_a_good_and_empty_end() {
    let bed = Bed::new(0).await;

    let pages = walk(&bed.client()).await.unwrap();

    assert_eq!((pages.len(), pages[0].items.len()), (1, 0));
    assert_eq!(pages[0].next, Next::End);
}

#[tokio::test]
async fn a_deletion_in_the_middle_of_a_walk_is_noticed_wherever_it_is() {
    for (gone, before) in [(0, 2), (19, 2), (5, 4)] {
        let bed = Bed::new(100).await;
        let id = bed.sim.items()[gone].id;
        bed.sim
            .before_listing(Hook::before(before, Change::DeleteItem { id }));

        let pages = walk(&bed.client()).await.unwrap();

        assert_eq!(
            pages.last().unwrap().next,
            Next::Unclear,
            "item {gone}, page {before}"
        );
        assert!(pages.len() > 4, "the walk goes on");
    }
}

#[tokio::test]
async fn what_is_added_moved_or_changed_in_the_middle_of_a_walk_loses_nothing() {
    let bed = Bed::new(100).await;
    let items = bed.sim.items();
    let rename = Change::ChangeItem {
        id: items[90].id,
        patch: ItemPatch {
            name: Some("AAA first of all".to_owned()),
            sku: Some(items[10].sku.clone()),
            ..ItemPatch::default()
        },
    };
    let add = Change::AddItem {
        name: "AAA new".to_owned(),
        sku: String::new(),
        rate: "0".to_owned(),
    };
    let delete_ahead = Change::DeleteItem { id: items[99].id };
    for (page, change) in [(2, rename), (3, add), (4, delete_ahead)] {
        bed.sim.before_listing(Hook::before(page, change));
    }

    let pages = walk(&bed.client()).await.unwrap();

    let ours: Vec<String> = items_of(&pages).into_iter().map(|item| item.id).collect();
    let truth: Vec<String> = bed
        .sim
        .items()
        .iter()
        .map(|item| item.id.to_string())
        .collect();
    assert_eq!(ours, truth);
    assert_eq!(pages.last().unwrap().next, Next::End);
}

#[tokio::test]
async fn one_item_is_found_by_its_id() {
    let bed = Bed::new(30).await;
    let client = bed.client();

    for truth in bed.sim.items() {
        let item = client.item(&truth.id.to_string()).await.unwrap();

        assert_is(&item.decoded.unwrap(), &truth);
    }
}

#[tokio::test]
async fn the_changes_since_an_instant_are_listed_and_a_deaf_filter_is_noticed() {
    for heeds in [true, false] {
        let bed = Bed::with(
            60,
            Switches {
                heeds_last_modified: heeds,
                ..Switches::default()
            },
        )
        .await;
        bed.sim.advance(std::time::Duration::from_secs(86_400 * 3));
        let changed = bed.sim.items()[33].id;
        let patch = ItemPatch {
            rate: Some("1.05".to_owned()),
            ..ItemPatch::default()
        };
        bed.sim
            .change(Change::ChangeItem { id: changed, patch })
            .unwrap();
        let since = "2026-01-03T00:00:00Z".parse().unwrap();

        let page = bed.client().items_page(None, Some(since)).await.unwrap();

        assert_eq!(page.filter_ignored, !heeds);
        let ids: Vec<&str> = page
            .items
            .iter()
            .filter_map(|item| item.id.as_deref())
            .collect();
        if heeds {
            assert_eq!(ids, [changed.to_string()]);
            assert_eq!(page.next, Next::End);
        } else {
            assert_eq!(ids.len(), 20);
        }
    }
}

#[tokio::test]
async fn the_probe_tells_rights_price_clock_and_one_record() {
    let bed = Bed::new(5).await;

    let probe = bed.client().test_connection().await.unwrap();

    let organization = probe.organization.unwrap();
    assert_eq!(organization.id, bed.sim.config().organization_id);
    assert_eq!(organization.time_zone.as_deref(), Some("Africa/Harare"));
    assert!(organization.is_default);
    assert_is(&probe.item.unwrap().decoded.unwrap(), &bed.sim.items()[0]);
    assert!(probe.server_clock_offset.unwrap().abs().as_secs() <= 2);
    let calls: u64 = bed
        .sim
        .log()
        .iter()
        .filter(|call| call.path.contains("/inventory/"))
        .count() as u64;
    assert_eq!(u64::from(probe.calls), calls);
}
