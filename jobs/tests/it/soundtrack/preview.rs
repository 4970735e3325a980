//! A dry run of a company's zones tells what a sync would do, field by field, and writes nothing.

use jobs::soundtrack::preview;
use serde_json::json;
use sim::soundtrack::Change;

use crate::support::House;

#[tokio::test]
async fn a_dry_run_of_zones_tells_every_difference_and_writes_nothing() {
    let house = House::with_pages_of(5).await;
    let worker = house.worker();
    let (company, account) = house.company_with(12).await;
    house.synced(company).await;
    worker.stop().await;
    let rows = house.zones(company).await;
    let id = |nth: usize| rows[nth].soundtrack_zone_id.clone().unwrap();
    let rename = Change::RenameZone {
        zone: id(1),
        name: "Lobby".into(),
    };
    house.remote.change(rename).unwrap();
    house.delete_zone(&id(2));
    let added = house.add_zone(&account, "Zone 999");
    let (before, runs) = (
        house.versions(company).await,
        house.latest_run(company).await,
    );

    let told = preview(&house.env, company).await.unwrap();

    assert_eq!(house.versions(company).await, before, "no row was written");
    assert_eq!(house.latest_run(company).await, runs, "and no run");
    let counters = told.counters;
    assert_eq!(
        (counters.created, counters.updated, counters.unchanged),
        (1, 1, 10)
    );
    assert_eq!(counters.fetched, 12);
    assert_eq!((told.missing, told.sweep.as_str()), (1, "walk_again"));
    let of = |key: &str| {
        let found = told.changes.iter().find(|one| one.key == key);
        let found = found.unwrap_or_else(|| panic!("{key} is not told"));
        (found.event.as_str(), found.changes.clone())
    };
    let name = &rows[1].name;
    assert_eq!(of(&id(1)), ("updated", json!({"name": [name, "Lobby"]})));
    assert_eq!(of(&id(2)).0, "gone");
    assert_eq!(of(&added).0, "created");
    assert_eq!(of(&added).1["name"], json!([null, "Zone 999"]));
    assert_eq!(told.changes.len(), 3);
}

#[tokio::test]
async fn what_a_dry_run_of_zones_tells_is_what_the_sync_then_does() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, _) = house.company_with(7).await;
    house.synced(company).await;
    let gone = house.zones(company).await[3].soundtrack_zone_id.clone();
    house.delete_zone(&gone.unwrap());

    let told = preview(&house.env, company).await.unwrap();
    let done = house.synced(company).await;

    assert_eq!(told.counters, house.latest_run(company).await.counters);
    assert_eq!((told.missing, told.sweep), (1, done.sweep));
}
