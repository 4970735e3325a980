//! `creatio.sync_all`: everything, parents before children, and a further pass that writes nothing.

use jobs::creatio::{Sort, Status, SyncAll, Totals, sync_all_of};
use serde_json::{Value, json};
use sim::creatio::Config;
use sim::wire::Fault;

use super::support::{CREATIO, House, lead};

#[tokio::test]
async fn everything_that_creatio_has_is_here_and_a_further_pass_is_quiet() {
    let config = Config {
        leads: 25,
        contacts: 20,
        activities: 15,
        ..Config::default()
    };
    let house = House::with(config).await;
    let _worker = house.worker();

    let counts = house.synced().await;

    // Three users are contacts too.
    assert_eq!(
        counts.created_here,
        25 + 23 + 15 + 15,
        "{counts:?}\n{}",
        house.story().await
    );
    assert_eq!(counts.failed, 0, "{counts:?}");
    assert_eq!(house.writes(), 0);
    assert_same(&house).await;
    house.assert_quiet().await;
}

#[tokio::test]
async fn a_tree_made_here_is_made_there_parents_first() {
    let house = House::empty().await;
    let _worker = house.worker();
    // The child comes first: it waits for its parents.
    let contact = uuid::Uuid::from_u128(7);
    let lead_id = uuid::Uuid::from_u128(8);
    let activity = house
        .insert(
            "activity",
            json!({
                "title": "Demo", "starts_at": "2026-09-01T07:00:00Z", "due_at": "2026-09-01T08:00:00Z",
                "lead_id": lead_id, "contact_id": contact, "status": "Not started",
            }),
        )
        .await;
    let participant = house
        .insert(
            "participant",
            json!({"activity_id": activity, "contact_id": contact, "role": "Participant"}),
        )
        .await;
    house.reconciled().await;
    assert_eq!(
        house.record(Sort::Activity, activity).await.status,
        Status::Failed,
        "its lead is not even here"
    );
    let mut fields = lead(1);
    fields["id"] = json!(lead_id);
    fields["contact_id"] = json!(contact);
    house.insert("lead", fields).await;
    house
        .insert(
            "contact",
            json!({"id": contact, "full_name": "Ann", "email": "ann@inn.example"}),
        )
        .await;
    house
        .edit("activity", activity, json!({"location": "Lobby"}))
        .await;

    house.synced().await;

    let there = house.there(Sort::Activity, activity).await;
    assert_eq!(
        there["LeadId"],
        house.there(Sort::Lead, lead_id).await["Id"],
        "{}",
        house.story().await
    );
    assert_eq!(
        there["ContactId"],
        house.there(Sort::Contact, contact).await["Id"]
    );
    assert_eq!(
        house.there(Sort::Participant, participant).await["ActivityId"],
        there["Id"]
    );
    house.assert_quiet().await;
}

#[tokio::test]
async fn a_part_that_fails_is_named_and_the_others_are_done() {
    let house = House::empty().await;
    let _worker = house.worker();
    house.synced().await;
    house.insert("lead", lead(1)).await;
    house
        .vendor
        .inject(Fault::status(400).on_path("/odata/Contact"));

    let asked = SyncAll {
        connection: Some(CREATIO.to_owned()),
        changed: false,
    };
    let result = house.done(sync_all_of(&asked, "test")).await;

    let totals: Totals = serde_json::from_value(result).unwrap();
    assert_eq!(totals.counts.created_in_creatio, 1, "{totals:?}");
    assert_eq!(totals.errors.len(), 1, "{totals:?}");
    assert!(
        totals.errors[0].starts_with("creatio/acme contacts: creatio.observe failed:"),
        "{totals:?}"
    );
}

#[tokio::test]
async fn without_a_name_every_connection_is_synced() {
    let house = House::empty().await;
    let _worker = house.worker();
    house.insert("lead", lead(1)).await;

    let result = house.done(sync_all_of(&SyncAll::default(), "test")).await;

    assert_eq!(result["created_in_creatio"], 1, "{result}");
}

/// Every record of Creatio's is here with the same values, by a comparison of its own.
async fn assert_same(house: &House) {
    for there in house.vendor.records("Lead") {
        let id = house.here(Sort::Lead, there["Id"].as_str().unwrap()).await;
        let here = house.row("lead", id).await;
        for (ours, theirs) in [
            ("lead_name", "LeadName"),
            ("contact_name", "Contact"),
            ("company", "Account"),
        ] {
            assert_eq!(here[ours], there[theirs], "{ours}");
        }
        let lower = |value: &Value| value.as_str().map(str::to_lowercase);
        assert_eq!(lower(&here["email"]), lower(&there["Email"]));
        let status = there["QualifyStatusId"].as_str().and_then(|id| {
            let all = house.vendor.records("QualifyStatus");
            let found = all.into_iter().find(|one| one["Id"] == id)?;
            found["Name"].as_str().map(str::to_owned)
        });
        assert_eq!(here["status"].as_str().map(str::to_owned), status);
        let number = |value: &Value| value.as_str().map(|text| text.parse::<f64>().unwrap());
        assert_eq!(number(&here["budget"]), number(&there["Budget"]));
        match there["QualifiedContactId"].as_str() {
            None => assert_eq!(here["contact_id"], Value::Null),
            Some(id) => assert_eq!(
                here["contact_id"],
                json!(house.here(Sort::Contact, id).await)
            ),
        }
    }
}
