//! `creatio.reconcile`: one record arrives on the other side, and its echo is none.

use jobs::creatio::{Counts, Sort, Status, record};
use serde_json::json;
use sim::creatio::{Empties, TimePrecision};

use super::support::{CREATIO, House, lead};

#[tokio::test]
async fn a_lead_edited_here_arrives_there_and_back_without_an_echo() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = house.insert("lead", lead(1)).await;

    let made = house.reconciled().await;

    assert_eq!(made.created_in_creatio, 1, "{made:?}");
    let there = house.there(Sort::Lead, id).await;
    assert_eq!(there["Contact"], "Ann 1");
    assert_eq!(there["Budget"], "1500.5");
    assert_eq!(house.vendor.count("Lead"), 1);
    let record = house.record(Sort::Lead, id).await;
    assert_eq!(record.status, Status::Success, "{record:?}");

    house
        .edit("lead", id, json!({"company": "Grand Inn"}))
        .await;
    let pushed = house.reconciled().await;
    assert_eq!(pushed.updated_in_creatio, 1, "{}", house.story().await);
    assert_eq!(house.there(Sort::Lead, id).await["Account"], "Grand Inn");

    let remote_id = house.record(Sort::Lead, id).await.remote_id.unwrap();
    house.set("Lead", remote_id, json!({"Commentary": "call back"}));
    let pulled = house.synced_changes().await;
    assert_eq!(
        pulled,
        Counts {
            updated_here: 1,
            ..pulled
        }
    );
    assert_eq!(house.row("lead", id).await["commentary"], "call back");
    assert_eq!(house.row("lead", id).await["company"], "Grand Inn");

    house.assert_quiet().await;
}

#[tokio::test]
async fn records_of_one_address_are_one_and_nothing_is_made_twice() {
    let house = House::empty().await;
    let _worker = house.worker();
    let here = house
        .insert(
            "contact",
            json!({"full_name": "Ann", "email": " Ann@Inn.example", "job_title": "Owner"}),
        )
        .await;
    let there = house.add(
        "Contact",
        json!({"Name": "Ann", "Email": "ann@inn.example", "Phone": "+66 2 1"}),
    );

    let counts = house.synced().await;

    assert_eq!(
        (
            counts.linked,
            counts.created_here,
            counts.created_in_creatio
        ),
        (1, 3, 0),
        "{}",
        house.story().await
    );
    assert_eq!(house.here(Sort::Contact, &there).await, here);
    assert_eq!(house.there(Sort::Contact, here).await["JobTitle"], "Owner");
    assert_eq!(house.row("contact", here).await["phone"], "+6621");
    house.assert_quiet().await;
}

#[tokio::test]
async fn who_comes_twice_into_question_is_a_persons_to_say() {
    let house = House::empty().await;
    let _worker = house.worker();
    let ann = house
        .insert(
            "contact",
            json!({"full_name": "Ann", "email": "info@inn.example"}),
        )
        .await;
    let bob = house
        .insert(
            "contact",
            json!({"full_name": "Bob", "email": "info@inn.example"}),
        )
        .await;
    let there = house.add(
        "Contact",
        json!({"Name": "Annie", "Email": "info@inn.example"}),
    );
    house.synced().await;
    for id in [ann, bob] {
        let record = house.record(Sort::Contact, id).await;
        assert_eq!(
            (record.status, record.code.as_deref()),
            (Status::ManualReview, Some("several_match")),
            "{record:?}"
        );
    }

    let mut tx = house.env.pool.begin().await.unwrap();
    let of = (ann, there.parse().unwrap());
    record::pair(&mut tx, CREATIO, Sort::Contact, of)
        .await
        .unwrap();
    let other = house.record(Sort::Contact, bob).await;
    record::separate(&mut tx, other.id).await.unwrap();
    tx.commit().await.unwrap();
    house.synced().await;

    assert_eq!(house.here(Sort::Contact, &there).await, ann);
    assert_eq!(house.there(Sort::Contact, bob).await["Name"], "Bob");
    house.assert_quiet().await;
}

#[tokio::test]
async fn whatever_form_creatio_stores_nothing_goes_to_and_fro() {
    for nth in 0..5 {
        let house = House::switched(|switches| match nth {
            0 => switches.formats_phones = true,
            1 => switches.time_precision = TimePrecision::Seconds,
            2 => switches.process_after_save = true,
            3 => switches.empties = Empties::Nulls,
            _ => switches.same_values_touch = false,
        })
        .await;
        let _worker = house.worker();
        let mut fields = lead(1);
        fields["decision_at"] = json!("2026-09-01T07:00:00.123456Z");
        fields["company"] = json!(" Inn by the sea ");
        let id = house.insert("lead", fields).await;
        house.synced().await;
        house
            .edit(
                "lead",
                id,
                json!({"business_phone": "+66 (2) 99-88", "notes": " note "}),
            )
            .await;
        house.synced().await;
        house.synced().await;

        assert_eq!(
            house.record(Sort::Lead, id).await.status,
            Status::Success,
            "{nth}: {}",
            house.story().await
        );
        house.assert_quiet().await;
    }
}

#[tokio::test]
async fn what_creatio_refuses_is_failed_until_it_changes_and_holds_up_no_other() {
    let house = House::empty().await;
    let _worker = house.worker();
    let bad = house.insert("contact", json!({"first_name": "Ann"})).await;
    let good = house.insert("contact", json!({"full_name": "Bob"})).await;
    let long = house.insert("lead", lead(1)).await;
    house.synced().await;
    house
        .edit(
            "lead",
            long,
            json!({"company": "x".repeat(300), "website": "inn.example"}),
        )
        .await;
    house.synced().await;

    let record = house.record(Sort::Contact, bad).await;
    assert_eq!(
        (record.status, record.code.as_deref()),
        (Status::Failed, Some("required")),
        "{record:?}"
    );
    assert_eq!(
        house.record(Sort::Contact, good).await.status,
        Status::Success
    );
    let record = house.record(Sort::Lead, long).await;
    assert_eq!(
        (record.status, record.code.as_deref()),
        (Status::Failed, Some("unmappable")),
        "{record:?}"
    );
    house.synced().await;
    let told = record::history(&house.env.pool, (Sort::Lead, long), None, 10)
        .await
        .unwrap()
        .data;
    let failed: Vec<_> = told.iter().filter(|one| one.status == "failed").collect();
    assert_eq!(failed.len(), 1, "it is told once: {told:?}");
    assert_eq!(
        (failed[0].code.as_deref(), failed[0].direction.as_deref()),
        (Some("unmappable"), Some("to_creatio"))
    );
    assert_eq!(
        house.there(Sort::Lead, long).await["Website"],
        "inn.example"
    );

    house
        .edit("contact", bad, json!({"full_name": "Ann"}))
        .await;
    house.edit("lead", long, json!({"company": "Inn"})).await;
    house.synced().await;
    assert_eq!(
        house.record(Sort::Contact, bad).await.status,
        Status::Success
    );
    assert_eq!(house.record(Sort::Lead, long).await.status, Status::Success);
}

#[tokio::test]
async fn how_it_goes_can_be_asked() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = house.insert("lead", lead(1)).await;
    house.insert("contact", json!({"first_name": "Ann"})).await;
    house.synced().await;
    house
        .edit("lead", id, json!({"company": "Grand Inn"}))
        .await;
    house.synced().await;

    let overview = record::overview(&house.env.pool, Some(CREATIO))
        .await
        .unwrap();
    let history = record::history(&house.env.pool, (Sort::Lead, id), None, 10)
        .await
        .unwrap()
        .data;
    let mut tx = house.env.pool.begin().await.unwrap();
    let retried = record::retry_failed(&mut tx, Some(CREATIO), None)
        .await
        .unwrap();
    tx.commit().await.unwrap();

    let rate = overview
        .rates
        .iter()
        .find(|one| one.stream == "creatio.leads" && one.direction == "to_creatio");
    assert_eq!(rate.unwrap().succeeded, 2, "{overview:?}");
    assert!(rate.unwrap().took_p95_ms > 0.0, "{overview:?}");
    let failed = overview
        .records
        .iter()
        .find(|one| one.status == "failed")
        .unwrap();
    assert_eq!(
        (failed.stream.as_str(), failed.records),
        ("creatio.contacts", 1)
    );
    assert_eq!(history[0].verb, "update");
    assert_eq!(
        json!(history[0].changes),
        json!({"company": ["Inn", "Grand Inn"]})
    );
    assert_eq!(history.last().unwrap().verb, "create");
    assert_eq!(retried, 1);
    assert_eq!(
        house
            .count("select count(*) from sync.dirty_mark where reason = 'retry'")
            .await,
        1
    );
}
