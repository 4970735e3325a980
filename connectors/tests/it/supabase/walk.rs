//! Walks: past the silent cut, and never called whole when rows went.

use connectors::page::Next;
use sim::supabase::{Change, Switches};
use sim::wire::Hook;

use super::{Bed, ids_of, walk};

#[tokio::test]
async fn every_customer_is_read_whatever_the_page_the_cap_and_the_header() {
    for page_size in [1, 7, 24, 25, 26, 1_000] {
        for max_rows in [None, Some(1_000), Some(5), Some(1)] {
            for (counts, content_range) in [(true, true), (false, true), (true, false)] {
                let mut bed = Bed::with(
                    25,
                    Switches {
                        max_rows,
                        counts,
                        content_range,
                        ..Switches::default()
                    },
                )
                .await;
                bed.page_size = page_size;

                let pages = walk(&bed.client()).await.unwrap();

                let shown = format!("{page_size} {max_rows:?} {counts} {content_range}");
                assert_eq!(ids_of(&pages), bed.true_ids(), "{shown}");
                assert_eq!(pages.last().unwrap().next, Next::End, "{shown}");
                let counted = (counts && content_range).then_some(25);
                assert_eq!(pages[0].total, counted);
            }
        }
    }
}

#[tokio::test]
async fn more_than_a_thousand_customers_are_read_though_the_gateway_cuts_there() {
    let mut bed = Bed::new(2_345).await;
    bed.page_size = 1_000;

    let pages = walk(&bed.client()).await.unwrap();

    assert_eq!(pages.len(), 3);
    assert_eq!(ids_of(&pages), bed.true_ids());
    assert_eq!(pages.last().unwrap().next, Next::End);
}

#[tokio::test]
async fn ids_may_be_numbers() {
    let bed = Bed::with(
        123,
        Switches {
            integer_ids: true,
            ..Switches::default()
        },
    )
    .await;

    let pages = walk(&bed.client()).await.unwrap();

    assert_eq!(ids_of(&pages), bed.true_ids());
    assert_eq!(pages.last().unwrap().next, Next::End);
}

#[tokio::test]
async fn rows_that_come_in_the_middle_of_a_walk_move_nothing() {
    let bed = Bed::new(45).await;
    let before = bed.true_ids();
    let row =
        serde_json::json!({"id": "ffffffff-0000-4000-8000-000000000000", "customer_name": "New"});
    let table = "customers".to_owned();
    let first = serde_json::json!({"id": "00000000-0000-4000-8000-000000000000"});
    for (page, row) in [(2, first), (3, row)] {
        let change = Change::AddRow {
            table: table.clone(),
            row,
        };
        bed.sim.before_listing(Hook::before(page, change));
    }

    let pages = walk(&bed.client()).await.unwrap();

    let ids = ids_of(&pages);
    assert!(before.iter().all(|id| ids.contains(id)));
    assert_eq!(ids.last().unwrap(), "ffffffff-0000-4000-8000-000000000000");
    assert_eq!(pages.last().unwrap().next, Next::End);
}

#[tokio::test]
async fn rows_that_go_in_the_middle_of_a_walk_leave_it_unclear() {
    let bed = Bed::new(45).await;
    let id = bed.true_ids()[40].clone();
    let table = "customers".to_owned();
    bed.sim
        .before_listing(Hook::before(3, Change::DeleteRow { table, id }));

    let pages = walk(&bed.client()).await.unwrap();

    assert_eq!(ids_of(&pages), bed.true_ids());
    assert_eq!(pages.last().unwrap().next, Next::Unclear);
}

#[tokio::test]
async fn a_reload_that_empties_the_table_in_the_middle_of_a_walk_is_no_end() {
    for page in 1..=5 {
        for counts in [true, false] {
            let bed = Bed::with(
                45,
                Switches {
                    counts,
                    ..Switches::default()
                },
            )
            .await;
            let table = "customers".to_owned();
            bed.sim
                .before_listing(Hook::before(page, Change::EmptyTable { table }));

            let pages = walk(&bed.client()).await.unwrap();

            // Without counts, an empty page is all that says where the list ends.
            if counts || page == 1 {
                assert_eq!(
                    pages.last().unwrap().next,
                    Next::Unclear,
                    "before page {page}"
                );
            }
        }
    }
}

#[tokio::test]
async fn the_customers_since_an_instant_are_those_at_it_and_later() {
    let mut bed = Bed::new(30).await;
    bed.page_size = 100;
    let rows = bed.sim.rows("customers");
    let since = super::text(&rows[20], "update_time").parse().unwrap();

    let page = bed
        .client()
        .customers_page(None, Some(since))
        .await
        .unwrap();

    assert_eq!(page.items.len(), 10, "inclusive");
    assert_eq!(page.next, Next::End);
    assert!(!page.filter_ignored);
}
