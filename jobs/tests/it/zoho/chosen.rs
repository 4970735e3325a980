//! Some items by their ids.

use engine::State;
use jobs::run::{Mode, Status};
use jobs::zoho::sync_items_of;
use sim::zoho::ItemPatch;

use super::support::House;
use crate::connection::ZOHO;

#[tokio::test]
async fn only_the_chosen_items_are_asked_for_and_written() {
    let house = House::of(45).await;
    let _worker = house.worker();
    house.synced().await;
    let (calls, ids) = (house.calls(), house.ids());
    for id in &ids[..4] {
        house.change(
            id,
            ItemPatch {
                name: Some("Renamed".into()),
                ..ItemPatch::default()
            },
        );
    }

    let summary = house.synced_items(&[&ids[0], &ids[1]]).await;

    assert_eq!((summary.total, summary.updated, summary.failed), (2, 2, 0));
    assert_eq!(house.calls() - calls, 2);
    assert_eq!(house.product(&ids[1]).await.name, "Renamed");
    assert_ne!(house.product(&ids[2]).await.name, "Renamed");
    assert_eq!(house.latest_run().await.mode, Mode::Chosen);
    assert!(
        house.gone().await.is_empty(),
        "a choice proves nothing of the rest"
    );
}

#[tokio::test]
async fn a_chosen_item_that_is_gone_is_marked_and_an_unknown_one_is_an_error() {
    let house = House::of(45).await;
    let _worker = house.worker();
    house.synced().await;
    let ids = house.ids();
    house.delete(&ids[5]);

    let summary = house.synced_items(&[&ids[5], "1", &ids[6]]).await;

    assert_eq!((summary.total, summary.failed), (3, 1));
    assert_eq!(
        summary.errors,
        ["Item 1: id is not one that the remote knows"]
    );
    assert_eq!(house.gone().await, [ids[5].clone()]);
    assert_eq!(house.latest_run().await.status, Status::Partial);
    assert_eq!(house.history(&ids[5]).await[0].event, "gone");
}

#[tokio::test]
async fn many_chosen_items_are_stored_page_by_page() {
    let house = House::of(65).await;
    let _worker = house.worker();
    let ids = house.ids();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();

    let summary = house.synced_items(&ids).await;

    assert_eq!((summary.total, summary.created), (65, 65));
    assert_eq!(house.latest_run().await.pages, 4);
    house.assert_true().await;
}

#[tokio::test]
async fn what_is_no_id_is_refused_before_anybody_is_called() {
    let house = House::of(25).await;
    let _worker = house.worker();

    for odd in ["", "../organizations", "12a", "123456789012345678901"] {
        let job = sync_items_of(ZOHO, vec![odd.into()], "test");
        let job = house.run(job).await;

        assert_eq!(
            (job.state, job.code.as_deref()),
            (State::Dead, Some("invalid")),
            "{odd}"
        );
    }
    assert_eq!(house.calls(), 0);
}

#[tokio::test]
async fn a_bad_record_is_read_again_by_its_id_or_with_its_listing_when_that_is_none() {
    let house = House::of(1).await;
    let row = async |key: &str| -> i64 {
        sqlx::query_scalar(
            "insert into sync.quarantine (stream, connection, key, is_named, field, expected, raw, run_id) \
             values ('zoho.products', $1, $2, true, 'item_id', 'an id of up to 20 digits', '{}', 1) returning id",
        )
        .bind(ZOHO)
        .bind(key)
        .fetch_one(&house.env.pool)
        .await
        .unwrap()
    };

    for (key, items) in [("4815", 1), ("abc", 0), ("481500000004420848150", 0)] {
        let id = row(key).await;
        let mut conn = house.env.pool.acquire().await.unwrap();
        let job = jobs::quarantine::retry_job(&mut conn, id, "nok").await;
        drop(conn);
        let id = house.engine().enqueue(job.unwrap()).await.unwrap().id;

        let args = house.engine().job(id).await.unwrap().unwrap().args;
        assert_eq!(args["items"].as_array().map(Vec::len), Some(items), "{key}");
    }
}
