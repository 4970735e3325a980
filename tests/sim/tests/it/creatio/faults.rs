//! Writes whose replies are lost, readers who lag behind, and the second actor.

use std::time::Duration;

use serde_json::{Value, json};
use sim::creatio::{Change, Right, Verb};
use sim::wire::{Fault, Hook, Kind};

use super::{Api, column, guid, ids};
use crate::support::{Answer, read};

#[tokio::test]
async fn a_write_may_happen_and_its_reply_be_lost() {
    for kind in [
        Kind::CutReply { after_bytes: 0 },
        Kind::StatusAfter { status: 502 },
        Kind::EmptyBody,
        Kind::Html,
    ] {
        let api = Api::start().await;
        api.simulator.inject(
            Fault::new(kind.clone())
                .on_path("Lead")
                .on_method("POST")
                .times(1),
        );
        assert_eq!(api.get("Lead?$top=1").await.status, 200);
        let body = json!({"Id": "7c0a2a52-5f0e-5b4e-9a51-0d6a3f6f2b11", "LeadName": "x"});

        let sent = api.request("POST", "Lead").json(&body).send().await;
        let text = match sent {
            Ok(reply) => reply.text().await.ok(),
            Err(_) => None,
        };

        let told = text.is_some_and(|text| text.contains("LeadName"));
        assert!(!told, "{kind:?}");
        let save = &api.simulator.saves()[0];
        assert_eq!((save.verb, save.id), (Verb::Create, guid(&body["Id"])));
        assert_eq!(api.simulator.faults()[0].fired, 1);
        assert_eq!(api.send("POST", "Lead", &body).await.status, 500);
        assert_eq!(api.simulator.count("Lead"), 26);
    }
}

#[tokio::test]
async fn a_patch_may_be_carried_out_and_answered_by_a_gateway() {
    let api = Api::start().await;
    let id = api.first("Lead");
    let fault = Fault::new(Kind::StatusAfter { status: 504 }).on_method("PATCH");
    api.simulator.inject(fault.times(1));

    let lost = api
        .send("PATCH", &format!("Lead({id})"), &json!({"Zip": "1"}))
        .await;

    assert_eq!((lost.status, lost.body), (504, Value::Null));
    assert_eq!(api.simulator.record("Lead", id).unwrap()["Zip"], "1");
}

#[tokio::test]
async fn an_empty_page_has_its_context_and_no_records() {
    let api = Api::start().await;
    api.simulator.inject(Fault::new(Kind::EmptyPage).times(1));

    let empty = api.get("Lead?$count=true").await;

    assert_eq!(
        (&empty.body["value"], &empty.body["@odata.count"]),
        (&json!([]), &json!(25))
    );
}

#[tokio::test]
async fn a_person_edits_between_two_calls_and_leaves_traces() {
    let api = Api::start().await;
    let id = api.first("Lead");
    let edit = Change::set(
        "Lead",
        id,
        json!({"Email": "new@example.test", "Budget": "7.10"}),
    );
    api.simulator.before_listing(Hook::before(2, edit));
    let options = [
        ("$select", "Id,Email,ModifiedById,Budget"),
        ("$top", "1"),
        ("$orderby", "Id"),
    ];

    let (before, after) = (
        api.list("Lead", &options).await,
        api.list("Lead", &options).await,
    );

    assert_ne!(column(&before, "Email"), column(&after, "Email"));
    let person = api.simulator.users().person.to_string();
    let row = &after.body["value"][0];
    assert_eq!(
        (&row["ModifiedById"], &row["Budget"]),
        (&json!(person), &json!(7.10))
    );
    let saves = api.simulator.saves();
    assert!(saves.len() == 1 && !saves[0].through_api);
}

#[tokio::test]
async fn the_control_door_does_what_the_rust_api_does() {
    let api = Api::start().await;
    let world = async |body: Value| -> Answer {
        let url = format!("{}/world", api.simulator.control_url());
        read(api.http.post(url).json(&body).send().await.unwrap()).await
    };
    let add = json!({"change": "add", "entity": "Contact", "set": {"Name": "Ada", "TypeId": null}});
    let id = world(add).await.body["id"].as_str().unwrap().to_owned();

    let set = json!({"change": "set", "entity": "Contact", "id": id, "set": {"Age": 36}});
    assert_eq!(world(set).await.status, 200);
    assert_eq!(
        api.simulator.record("Contact", guid(&json!(id))).unwrap()["Age"],
        36
    );
    let deny = json!({"change": "deny", "entity": "Contact", "right": "write"});
    assert_eq!(world(deny).await.status, 200);
    assert_eq!(
        api.send("PATCH", &format!("Contact({id})"), &json!({}))
            .await
            .status,
        403
    );
    let delete = json!({"change": "delete", "entity": "Contact", "id": id});
    assert_eq!(world(delete.clone()).await.status, 200);
    assert_eq!(world(delete).await.status, 422);
    let nothing = json!({"change": "add", "entity": "Nothing", "set": {}});
    assert_eq!(world(nothing).await.status, 422);
    let wrong = json!({"change": "add", "entity": "Lead", "set": {"Nothing": 1}});
    assert_eq!(world(wrong).await.status, 422);
    let url = format!("{}/switches", api.simulator.control_url());
    let patch = json!({"empties": "nulls", "overMaxRows": "fail", "throttle": {"perMinute": 1, "status": 429}});
    let switched = read(api.http.patch(url).json(&patch).send().await.unwrap()).await;
    assert_eq!(
        (&switched.body["empties"], &switched.body["maxRows"]),
        (&json!("nulls"), &json!(20_000))
    );
}

#[tokio::test]
async fn changes_are_seen_late_where_readers_lag_behind() {
    let api = Api::with(|switches| switches.visible_after_ms = 60_000).await;
    let records = api.simulator.records("Lead");
    let [changed, deleted] = [0, 1].map(|at: usize| guid(&records[at]["Id"]));
    for activity in api.simulator.records("Activity") {
        let unlink = Change::set("Activity", guid(&activity["Id"]), json!({"LeadId": null}));
        api.simulator.change(unlink).unwrap();
    }
    let path = format!("Lead({changed})");
    assert_eq!(
        api.send("PATCH", &path, &json!({"Zip": "late"}))
            .await
            .status,
        204
    );
    let gone = api
        .send("DELETE", &format!("Lead({deleted})"), &Value::Null)
        .await;
    assert_eq!(gone.status, 204);
    let made = api.send("POST", "Lead", &json!({"LeadName": "late"})).await;
    assert_eq!((made.status, &made.body["LeadName"]), (201, &json!("late")));
    let new = made.body["Id"].as_str().unwrap().to_owned();

    let seen = async || {
        let options = [("$orderby", "ModifiedOn,Id"), ("$select", "Id")];
        let all = ids(&api.list("Lead", &options).await);
        let one = api.get(&path).await.body["Zip"].clone();
        (
            all.len(),
            all.contains(&new),
            all.contains(&deleted.to_string()),
            one,
        )
    };
    assert_eq!(seen().await, (25, false, true, json!("")));
    api.simulator.advance(Duration::from_secs(61));
    assert_eq!(seen().await, (25, true, false, json!("late")));
}

#[tokio::test]
async fn a_save_can_come_to_light_with_an_instant_that_is_past() {
    let api = Api::start().await;
    let early = json!({"LeadName": "early", "ModifiedOn": "2025-12-31T23:00:00Z"});
    api.simulator.change(Change::add("Lead", early)).unwrap();

    let newer = "ModifiedOn gt 2025-12-31T23:30:00Z and LeadName eq 'early'";

    assert!(api.found("Lead", newer).await.is_empty());
    assert_eq!(api.found("Lead", "LeadName eq 'early'").await.len(), 1);
}

#[tokio::test]
async fn a_reset_brings_all_of_it_back() {
    let api = Api::start().await;
    let truth = api.simulator.truth();
    api.send("POST", "Lead", &json!({"LeadName": "x"})).await;
    api.simulator
        .change(Change::deny("Lead", None, Right::Read))
        .unwrap();
    api.change(|switches| switches.max_rows = 1);

    api.simulator.reset();

    assert_eq!(api.simulator.truth(), truth);
    assert_eq!(ids(&api.get("Lead").await).len(), 25);
    assert_eq!(api.simulator.stats().calls, 1);
}
