//! Mappings are checked before they are in force, and a change has every record looked at once.

use engine::State;
use jobs::creatio::{Sort, Status, mapping, reconcile_of};
use serde_json::json;

use super::delete::enable;
use super::support::{CREATIO, House, lead, until};
use crate::support::PATIENCE;

#[tokio::test]
async fn a_mapping_that_does_not_fit_is_refused_with_all_its_faults() {
    let house = House::empty().await;
    house
        .insert(
            "lead",
            json!({"contact_name": "Ann", "status": "Nwe", "job_title": "x".repeat(300)}),
        )
        .await;
    let text = "\
[lead]
remote = \"Led\"

[lead.fields]
email = { remote = \"Email\", codec = \"email\" }

[activity]
remote = \"Activity\"
required = [\"Title\", \"StartDate\"]

[activity.fields]
title = { remote = \"Titel\" }
notes = { remote = \"StatusId\" }
lead_id = { remote = \"ContactId\" }
location = { remote = \"ModifiedOn\" }
";
    let data = "\
[lead]
remote = \"Lead\"

[lead.fields]
status = { remote = \"QualifyStatusId\", codec = \"lookup\" }
job_title = { remote = \"FullJobTitle\" }
";

    let faults = mapping::check(&house.env, CREATIO, text)
        .await
        .unwrap()
        .unwrap_err();
    let of_data = mapping::check(&house.env, CREATIO, data)
        .await
        .unwrap()
        .unwrap_err();

    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    for expected in [
        "line 1: lead.remote: Creatio has no set `Led`; did you mean `Lead`?",
        "activity.required: `Title` is required and no field is mapped to it",
        "activity.required: `StartDate` is required and no field is mapped to it",
        "line 12: activity.fields.title: Creatio's Activity has no column `Titel`; did you mean `Title`?",
        "line 13: activity.fields.notes: Creatio's `StatusId` is a lookup, which the codec text does not fit",
        "line 14: activity.fields.lead_id: it points into Contact there",
        "line 15: activity.fields.location: Creatio writes `ModifiedOn` by itself",
    ] {
        assert!(
            told.iter().any(|one| one.contains(expected)),
            "{expected}\n{}",
            told.join("\n")
        );
    }
    let told: Vec<String> = of_data.iter().map(ToString::to_string).collect();
    assert!(
        told[0].contains("Creatio's lookup does not have \"Nwe\""),
        "{told:?}"
    );
    assert!(
        told[1].contains("1 records have a text that is longer"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_default_that_does_not_fit_is_a_dead_job_that_says_why() {
    let house = House::empty().await;
    let _worker = house.worker();
    house
        .insert("lead", json!({"contact_name": "Ann", "status": "Nwe"}))
        .await;

    let job = house.run(reconcile_of(CREATIO, "test")).await;

    assert_eq!(
        (job.state, job.code.as_deref()),
        (State::Dead, Some("mapping"))
    );
    assert!(
        job.error.as_deref().unwrap_or_default().contains("Nwe"),
        "{:?}",
        job.error
    );
}

#[tokio::test]
async fn a_change_of_the_mapping_looks_at_everything_once() {
    let house = House::empty().await;
    let _worker = house.worker();
    let id = house.insert("lead", lead(1)).await;
    house.synced().await;
    let remote_id = house.record(Sort::Lead, id).await.remote_id.unwrap();
    house.set("Lead", remote_id, json!({"Zip": "10110"}));
    house.synced().await;

    let text = mapping::DEFAULT.replace(
        "[lead.fields]",
        "[lead.fields]\n\"custom.zip\" = { remote = \"Zip\" }",
    );
    enable(&house, &text).await;
    enable(&house, &text).await;
    let counts = house.synced().await;

    assert_eq!(
        counts.updated_here,
        1,
        "{counts:?}\n{}",
        house.story().await
    );
    assert_eq!(
        house.row("lead", id).await["custom"],
        json!({"zip": "10110"})
    );
    assert_eq!(house.record(Sort::Lead, id).await.status, Status::Success);
    let versions = mapping::versions(&house.env.pool, CREATIO, None, 10)
        .await
        .unwrap()
        .data;
    assert_eq!(
        versions
            .iter()
            .map(|one| one.is_current)
            .collect::<Vec<_>>(),
        [true, false]
    );
    house.assert_quiet().await;
}

#[tokio::test]
async fn what_a_person_enables_while_the_first_sync_begins_stays_in_force() {
    let house = House::empty().await;
    house.insert("lead", lead(1)).await;
    let text = mapping::DEFAULT.replace(
        "[lead.fields]",
        "[lead.fields]\n\"custom.zip\" = { remote = \"Zip\" }",
    );
    let checked = mapping::check(&house.env, CREATIO, &text).await.unwrap();
    let checked = checked.unwrap();
    let mut tx = house.env.pool.begin().await.unwrap();
    mapping::enable(&mut tx, &checked, "nok").await.unwrap();

    let _worker = house.worker();
    let job = house.enqueue(reconcile_of(CREATIO, "test")).await;
    until("the sync waits to put the default into force", async || {
        house
            .count(
                "select count(*) from pg_locks where locktype = 'advisory' and not granted \
                 and database = (select oid from pg_database where datname = current_database())",
            )
            .await
            > 0
    })
    .await;
    tx.commit().await.unwrap();
    house.engine().wait(job, PATIENCE).await.unwrap();

    let versions = mapping::versions(&house.env.pool, CREATIO, None, 10)
        .await
        .unwrap()
        .data;
    assert_eq!(versions.len(), 1, "{versions:?}");
    assert_eq!(versions[0].text, text);
    let mut tx = house.env.pool.begin().await.unwrap();
    let before = mapping::enable(&mut tx, &checked, "nok")
        .await
        .unwrap()
        .version;
    assert_eq!(before.id, versions[0].id);
}
