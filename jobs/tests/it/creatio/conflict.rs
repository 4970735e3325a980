//! Conflicts: only the field freezes, a person settles it, and only if both sides are as they saw them.

use jobs::Error;
use jobs::creatio::conflict::{self, Conflict, Status as Standing, Word};
use jobs::creatio::{Chosen, Decision, Sort, Status, journal};
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{House, lead};

/// A lead whose budget both sides have changed.
async fn disputed(house: &House) -> (Uuid, Uuid) {
    let id = house.insert("lead", lead(1)).await;
    house.synced().await;
    let remote_id = house.record(Sort::Lead, id).await.remote_id.unwrap();
    house
        .edit("lead", id, json!({"budget": "10", "company": "Grand Inn"}))
        .await;
    house.set(
        "Lead",
        remote_id,
        json!({"Budget": "20", "Commentary": "theirs"}),
    );
    house.synced_changes().await;
    (id, remote_id)
}

async fn only(house: &House) -> Conflict {
    let all = house.conflicts().await;
    assert_eq!(all.len(), 1, "{all:?}\n{}", house.story().await);
    all.into_iter().next().unwrap()
}

async fn resolve(house: &House, id: i64, decision: Decision) -> Result<Conflict, Error> {
    let mut tx = house.env.pool.begin().await.unwrap();
    let word = Word {
        by: "nok",
        note: Some("asked them"),
        seen: None,
    };
    let done = conflict::resolve(&mut tx, id, &decision, word).await;
    tx.commit().await.unwrap();
    done
}

async fn ended(house: &House, id: i64) -> Conflict {
    conflict::show(&house.env.pool, id).await.unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn only_the_disputed_field_waits() {
    let house = House::empty().await;
    let _worker = house.worker();

    let (id, remote_id) = disputed(&house).await;

    let one = only(&house).await;
    assert_eq!(
        (one.field.as_str(), one.policy.as_str()),
        ("budget", "manual")
    );
    assert_eq!(
        (&one.base_local, &one.ours, &one.theirs),
        (&json!("1500.5"), &json!("10"), &json!("20"))
    );
    assert_eq!(house.there(Sort::Lead, id).await["Account"], "Grand Inn");
    assert_eq!(house.row("lead", id).await["commentary"], "theirs");
    assert_eq!(house.record(Sort::Lead, id).await.status, Status::Conflict);

    // A new edit brings the open row up to date and adds none.
    house.set("Lead", remote_id, json!({"Budget": "30"}));
    house.synced_changes().await;
    let again = only(&house).await;
    assert_eq!((again.id, &again.theirs), (one.id, &json!("30")));
    house.assert_quiet().await;
}

#[tokio::test]
async fn each_way_to_settle_it_is_carried_out_and_told() {
    for (decision, expected) in [
        (Decision::Take(Chosen::Local), 10.0),
        (Decision::Take(Chosen::Creatio), 20.0),
        (Decision::Value(json!("15.50")), 15.5),
    ] {
        let house = House::empty().await;
        let _worker = house.worker();
        let (id, _) = disputed(&house).await;
        let one = only(&house).await;

        resolve(&house, one.id, decision.clone()).await.unwrap();
        house.reconciled().await;

        assert_eq!(
            number(&house.row("lead", id).await["budget"]),
            expected,
            "{decision:?}"
        );
        assert_eq!(
            number(&house.there(Sort::Lead, id).await["Budget"]),
            expected,
            "{decision:?}"
        );
        let after = ended(&house, one.id).await;
        assert_eq!(
            (after.status, after.outcome.as_deref()),
            (Standing::Applied, Some("applied"))
        );
        assert_eq!(after.decided_by.as_deref(), Some("nok"));
        assert_eq!(house.record(Sort::Lead, id).await.status, Status::Success);
        let told = house.journal().await;
        assert!(
            told.iter()
                .any(|entry| entry.conflict_id == Some(one.id) && entry.actor == "nok"),
            "{told:?}"
        );
        house.assert_quiet().await;
    }
}

#[tokio::test]
async fn a_decision_on_what_is_no_more_is_not_carried_out() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (id, _) = disputed(&house).await;
    let one = only(&house).await;
    resolve(&house, one.id, Decision::Take(Chosen::Creatio))
        .await
        .unwrap();
    house.edit("lead", id, json!({"budget": "11"})).await;

    house.reconciled().await;

    let after = only(&house).await;
    assert_eq!(
        (after.id, after.outcome.as_deref()),
        (one.id, Some("stale"))
    );
    assert_eq!((&after.ours, &after.theirs), (&json!("11"), &json!("20")));
    assert_eq!(number(&house.row("lead", id).await["budget"]), 11.0);
    assert_eq!(number(&house.there(Sort::Lead, id).await["Budget"]), 20.0);
}

#[tokio::test]
async fn who_saw_another_conflict_decides_nothing() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (_, remote_id) = disputed(&house).await;
    let one = only(&house).await;
    house.set("Lead", remote_id, json!({"Budget": "30"}));
    house.synced_changes().await;

    let mut tx = house.env.pool.begin().await.unwrap();
    let word = Word {
        by: "nok",
        note: None,
        seen: Some(one.updated_at),
    };
    let refused = conflict::resolve(&mut tx, one.id, &Decision::Take(Chosen::Local), word).await;

    assert!(
        matches!(&refused, Err(Error::Decided(why)) if why.contains("look again")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_value_that_the_field_cannot_hold_decides_nothing() {
    let house = House::empty().await;
    let _worker = house.worker();
    disputed(&house).await;
    let one = only(&house).await;

    let refused = resolve(&house, one.id, Decision::Value(json!("much"))).await;

    assert!(
        matches!(&refused, Err(Error::Invalid(why)) if why == "value: expected a number of at most 28 digits for lead.budget"),
        "{refused:?}"
    );
    assert_eq!(ended(&house, one.id).await.status, Standing::Open);
}

#[tokio::test]
async fn sides_that_come_to_agree_need_nobody() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (id, _) = disputed(&house).await;
    let one = only(&house).await;

    house.edit("lead", id, json!({"budget": "20"})).await;
    house.reconciled().await;

    assert_eq!(ended(&house, one.id).await.status, Standing::Superseded);
    assert_eq!(house.record(Sort::Lead, id).await.status, Status::Success);
}

#[tokio::test]
async fn a_proposal_waits_for_somebody_else() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (id, _) = disputed(&house).await;
    let one = only(&house).await;
    let by = |by, note| Word {
        by,
        note,
        seen: None,
    };
    let mut tx = house.env.pool.begin().await.unwrap();

    let proposed = conflict::propose(
        &mut tx,
        one.id,
        &Decision::Take(Chosen::Local),
        by("ann", Some("he said so")),
    )
    .await
    .unwrap();
    let alone = conflict::approve(&mut tx, one.id, by("ann", None)).await;
    let declined = conflict::decline(&mut tx, one.id, by("bob", Some("he did not")))
        .await
        .unwrap();
    let nothing = conflict::approve(&mut tx, one.id, by("bob", None)).await;
    let again = conflict::propose(
        &mut tx,
        one.id,
        &Decision::Take(Chosen::Local),
        by("ann", None),
    )
    .await
    .unwrap();
    let approved = conflict::approve(&mut tx, one.id, by("bob", Some("he does")))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    house.reconciled().await;

    assert_eq!(
        (proposed.status, proposed.proposed_by.as_deref()),
        (Standing::Proposed, Some("ann"))
    );
    let notes = [&proposed, &declined, &again, &approved].map(|one| one.note.as_deref());
    let said = [
        Some("he said so"),
        Some("he did not"),
        None,
        Some("he does"),
    ];
    assert_eq!(notes, said, "each word has its own reason");
    assert!(matches!(alone, Err(Error::Decided(_))), "{alone:?}");
    assert_eq!((declined.status, declined.decision), (Standing::Open, None));
    assert!(matches!(nothing, Err(Error::Decided(_))), "{nothing:?}");
    assert_eq!(
        (approved.status, approved.decided_by.as_deref()),
        (Standing::Resolved, Some("bob"))
    );
    assert_eq!(number(&house.there(Sort::Lead, id).await["Budget"]), 10.0);
}

#[tokio::test]
async fn one_word_settles_all_of_a_field() {
    let house = House::empty().await;
    let _worker = house.worker();
    let mut ids = Vec::new();
    for nth in 0..3 {
        ids.push(house.insert("lead", lead(nth)).await);
    }
    house.synced().await;
    for id in &ids {
        let remote_id = house.record(Sort::Lead, *id).await.remote_id.unwrap();
        house
            .edit(
                "lead",
                *id,
                json!({"budget": "10", "status": "Qualification"}),
            )
            .await;
        let status = house
            .vendor
            .lookup("QualifyStatus", "Satisfied")
            .unwrap()
            .to_string();
        house.set(
            "Lead",
            remote_id,
            json!({"Budget": "20", "QualifyStatusId": status}),
        );
    }
    house.synced_changes().await;
    assert_eq!(house.conflicts().await.len(), 6);

    let mut tx = house.env.pool.begin().await.unwrap();
    let word = Word {
        by: "nok",
        note: None,
        seen: None,
    };
    let of = (Sort::Lead, "budget");
    let settled = conflict::resolve_field(
        &mut tx,
        super::support::CREATIO,
        of,
        &Decision::Take(Chosen::Local),
        word,
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    house.reconciled().await;

    assert_eq!(settled, 3);
    let left = house.conflicts().await;
    assert_eq!(
        left.iter()
            .map(|one| one.field.as_str())
            .collect::<Vec<_>>(),
        ["status"; 3]
    );
    for one in left {
        assert_ne!(one.theirs, json!("Satisfied"), "Creatio's form is an id");
        assert_eq!(one.theirs_local, json!("Satisfied"));
    }
    for id in ids {
        assert_eq!(number(&house.there(Sort::Lead, id).await["Budget"]), 10.0);
    }
}

#[tokio::test]
async fn what_a_rule_wrote_over_can_be_put_back_while_nothing_has_changed_since() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = house.insert("lead", lead(1)).await;
    house.synced().await;
    let remote_id = house.record(Sort::Lead, id).await.remote_id.unwrap();
    // Creatio's clock is months behind, so ours is the newer edit.
    house.set("Lead", remote_id, json!({"Account": "Their Inn"}));
    house.edit("lead", id, json!({"company": "Our Inn"})).await;
    house.synced_changes().await;
    assert_eq!(
        house.there(Sort::Lead, id).await["Account"],
        "Our Inn",
        "{}",
        house.story().await
    );
    let told = house.journal().await;
    assert_eq!(
        (told[0].event.as_str(), &told[0].lost_remote),
        ("overwrote_remote", &json!("Their Inn"))
    );

    let mut tx = house.env.pool.begin().await.unwrap();
    let undone = journal::undo(&mut tx, told[0].id, None, "nok")
        .await
        .unwrap();
    let twice = journal::undo(&mut tx, told[0].id, None, "nok").await;
    tx.commit().await.unwrap();
    house.synced_changes().await;

    assert_eq!(undone.undone_by.as_deref(), Some("nok"));
    assert!(matches!(twice, Err(Error::Decided(_))), "{twice:?}");
    assert_eq!(house.row("lead", id).await["company"], "Their Inn");
    assert_eq!(house.there(Sort::Lead, id).await["Account"], "Their Inn");

    house.set("Lead", remote_id, json!({"Account": "Third Inn"}));
    house
        .edit("lead", id, json!({"company": "Fourth Inn"}))
        .await;
    house.synced_changes().await;
    house
        .edit("lead", id, json!({"company": "Fifth Inn"}))
        .await;
    let told = house.journal().await;
    let mut tx = house.env.pool.begin().await.unwrap();
    let late = journal::undo(&mut tx, told[0].id, None, "nok").await;
    assert!(
        matches!(&late, Err(Error::Decided(why)) if why.contains("changed since")),
        "{late:?}"
    );
}
