//! `creatio.sync_lead`: one lead at once, with the contact it needs, and no other.

use engine::State;
use jobs::creatio::{Sort, Status, sync_lead_of};
use serde_json::json;
use uuid::Uuid;

use super::support::{CREATIO, House, lead};

#[tokio::test]
async fn one_lead_is_synced_with_its_contact_and_no_other() {
    let house = House::empty().await;
    let _worker = house.worker();
    let contact = house.insert("contact", json!({"full_name": "Ann"})).await;
    let mut fields = lead(1);
    fields["contact_id"] = json!(contact);
    let id = house.insert("lead", fields).await;
    house.insert("lead", lead(2)).await;

    let result = house.done(sync_lead_of(CREATIO, id, "test")).await;

    assert_eq!(
        result["status"],
        "success",
        "{result}\n{}",
        house.story().await
    );
    assert_eq!(house.vendor.count("Lead"), 1);
    assert_eq!(
        house.there(Sort::Lead, id).await["QualifiedContactId"],
        house.there(Sort::Contact, contact).await["Id"]
    );
    assert_eq!(house.record(Sort::Lead, id).await.status, Status::Success);
}

#[tokio::test]
async fn a_lead_that_there_is_not_is_told() {
    let house = House::empty().await;
    let _worker = house.worker();

    let job = house
        .run(sync_lead_of(CREATIO, Uuid::from_u128(9), "test"))
        .await;

    assert_eq!(
        (job.state, job.code.as_deref()),
        (State::Dead, Some("no_such"))
    );
}

#[tokio::test]
async fn what_changed_there_is_looked_at_when_somebody_asks() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = house.insert("lead", lead(1)).await;
    house.synced().await;
    let remote_id = house.record(Sort::Lead, id).await.remote_id.unwrap();
    house.set("Lead", remote_id, json!({"Commentary": "call back"}));

    house.done(sync_lead_of(CREATIO, id, "test")).await;

    assert_eq!(house.row("lead", id).await["commentary"], "call back");
    house.assert_quiet().await;
}
