//! `zoho.sync_organizations`: every organisation, and their totals.

use engine::State;
use jobs::zoho::sync_all_of;
use serde_json::json;
use sim::wire::Fault;

use super::support::House;

#[tokio::test]
async fn every_organisation_is_synced_and_their_totals_are_the_result() {
    let house = House::of(45).await;
    let _worker = house.worker();

    let job = house.run(sync_all_of(false, "test")).await;

    assert_eq!(
        job.result,
        Some(json!({"total": 45, "created": 45, "updated": 0, "failed": 0, "errors": []}))
    );
    house.assert_true().await;
}

#[tokio::test]
async fn an_organisation_that_fails_is_named() {
    let house = House::of(45).await;
    let _worker = house.worker();
    house.vendor().inject(Fault::status(503).on_path("/items"));

    let job = house.run(sync_all_of(false, "test")).await;

    assert_eq!(job.state, State::Completed);
    let result = job.result.unwrap();
    assert_eq!(result["failed"], 1);
    assert_eq!(
        result["errors"],
        json!(["zoho/10234695 was not synced: remote_failed"])
    );
}
