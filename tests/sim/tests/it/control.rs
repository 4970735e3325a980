//! The control API over HTTP, and the counts it tells.

use reqwest::Method;
use serde_json::{Value, json};
use sim::soundtrack::Outcome;

use crate::support::{Api, ZONES};

#[tokio::test]
async fn the_truth_over_http_is_the_truth_in_process() {
    let api = Api::start().await;

    let answer = api.control(Method::GET, "truth", None).await;

    assert_eq!(
        answer.body,
        serde_json::to_value(api.simulator.truth()).unwrap()
    );
    assert_eq!(
        answer.body["accounts"][0]["zones"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
}

#[tokio::test]
async fn the_world_can_be_changed_and_replaced() {
    let api = Api::start().await;
    let zone = api.good_zone();

    let changes = json!([
        {"change": "renameZone", "zone": zone.id, "name": "Renamed"},
        {"change": "updateZone", "zone": zone.id,
            "patch": {"online": false, "subscriptionState": "PAUSED"}},
        {"change": "addZone", "account": zone.account_id, "name": "New"},
    ]);
    let changed = api.control(Method::POST, "world", Some(changes)).await;
    let truth = api.simulator.truth();
    let missing = json!({"change": "deleteZone", "zone": "none"});
    let missing = api.control(Method::POST, "world", Some(missing)).await;
    let new = json!({"seed": 9, "accounts": 2, "zonesPerAccount": 1});
    api.control(Method::PUT, "world", Some(new)).await;

    assert_eq!(changed.body["ids"].as_array().unwrap().len(), 3);
    let found = truth.zones().find(|found| found.id == zone.id).unwrap();
    assert_eq!((found.name.as_str(), found.online), ("Renamed", false));
    assert_eq!(json!(found.status_code), "SUBSCRIPTION_INACTIVE");
    assert_eq!(truth.zones().count(), 16);
    assert_eq!(missing.status, 422);
    assert_eq!(api.simulator.truth().zones().count(), 2);
}

#[tokio::test]
async fn switches_are_patched_one_by_one() {
    let api = Api::start().await;

    let patch = json!({"overLimit": "http429", "refillPerSecond": 5, "maxPageSize": 10});
    let patched = api.control(Method::PATCH, "switches", Some(patch)).await;
    let unknown = api
        .control(Method::PATCH, "switches", Some(json!({"nonsense": 1})))
        .await;

    assert_eq!(patched.body["overLimit"], "http429");
    assert_eq!(patched.body["cursors"], "offset");
    assert_eq!(api.simulator.switches().refill_per_second, Some(5.0));
    assert_eq!(unknown.status, 422);
    assert_eq!(api.zones().await.code(), "BAD_USER_INPUT");
}

#[tokio::test]
async fn faults_are_injected_listed_and_removed() {
    let api = Api::start().await;

    let fault = json!({"kind": "httpStatus", "status": 503, "account": api.account(), "times": 1});
    let injected = api.control(Method::POST, "faults", Some(fault)).await;
    let struck = api.zones().await;
    let listed = api.control(Method::GET, "faults", None).await;
    let path = format!("faults/{}", injected.body["id"]);
    let removed = api.control(Method::DELETE, &path, None).await;
    let again = api.control(Method::DELETE, &path, None).await;
    let change = json!({"kind": "change", "after": 2,
        "change": {"change": "deleteZone", "zone": api.good_zone().id}});
    let changing = api.control(Method::POST, "faults", Some(change)).await;
    let cleared = api.control(Method::DELETE, "faults", None).await;

    assert_eq!(struck.status, 503);
    assert_eq!(listed.body[0]["fired"], 1);
    assert_eq!(listed.body[0]["fault"]["kind"], "httpStatus");
    assert_eq!((removed.status, again.status), (204, 404));
    assert_eq!((changing.status, cleared.status), (200, 204));
    assert!(api.simulator.faults().is_empty());
}

#[tokio::test]
async fn every_call_is_counted_and_logged() {
    let api = Api::with(|switches| switches.refill_per_second = Some(0.0)).await;
    let account = api.account();

    api.zones().await;
    api.ask_as("sim-token-unknown", ZONES, json!({"id": account}))
        .await;
    api.ask("{ me { __typename } }", json!({})).await;
    api.simulator.set_tokens_available(0.0);
    api.zones().await;
    let stats = api.control(Method::GET, "stats", None).await.body;
    let log = api.control(Method::GET, "log", None).await.body;

    assert_eq!(stats["calls"], 4);
    assert_eq!(
        stats["byOperation"],
        json!({"Zones": 2, "me": 1, "unreadable": 1})
    );
    assert_eq!(
        stats["byOutcome"],
        json!({"served": 2, "rateLimited": 1, "unauthenticated": 1})
    );
    assert_eq!(
        stats["byAccount"][&account],
        json!({"calls": 2, "refused": 1})
    );
    assert_eq!(stats["tokensSpent"], 802);
    assert_eq!(stats["maxConcurrent"], 1);
    let numbers: Vec<&Value> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|call| &call["number"])
        .collect();
    assert_eq!(numbers, [&json!(1), &json!(2), &json!(3), &json!(4)]);
    assert_eq!(log[3]["outcome"], "rateLimited");
    assert_eq!(log[3]["cost"], 801);
    assert_eq!(log[0]["accounts"], json!([account]));
}

#[tokio::test]
async fn calls_at_the_same_time_are_counted_as_such() {
    let api = Api::start().await;
    let slow = json!({"kind": "slow", "delayMs": 600_000});
    api.control(Method::POST, "faults", Some(slow)).await;
    let all_came = async {
        while api.simulator.stats().max_concurrent < 3 {
            tokio::task::yield_now().await;
        }
    };

    tokio::select! {
        () = all_came => {}
        _ = async { tokio::join!(api.zones(), api.zones(), api.zones()) } => {}
    }

    assert_eq!(api.simulator.stats().max_concurrent, 3);
    assert_eq!(api.simulator.stats().calls, 3);
}

#[tokio::test]
async fn the_bucket_and_the_tokens_obey() {
    let api = Api::with(|switches| switches.refill_per_second = Some(5.0)).await;
    api.zones().await;

    let empty = json!({"tokens": 0});
    api.control(Method::POST, "bucket", Some(empty)).await;
    let refused = api.zones().await;
    let later = json!({"advanceSeconds": 200});
    api.control(Method::POST, "bucket", Some(later)).await;
    let served = api.zones().await;
    let token = json!({"token": "sim-token-new", "accounts": [api.account()]});
    api.control(Method::POST, "tokens", Some(token)).await;
    let new = api
        .ask_as("sim-token-new", ZONES, json!({"id": api.account()}))
        .await;
    let revoked = api
        .control(Method::DELETE, "tokens/sim-token-new", None)
        .await;
    let gone = api
        .ask_as("sim-token-new", ZONES, json!({"id": api.account()}))
        .await;

    assert_eq!(refused.body["data"], Value::Null);
    assert_eq!(served.edges().len(), 5);
    assert_eq!(new.edges().len(), 5);
    assert_eq!((revoked.status, gone.status), (204, 401));
}

#[tokio::test]
async fn a_reset_returns_to_the_start() {
    let api = Api::start().await;
    let start = api.simulator.truth();
    let zone = api.good_zone().id;
    let delete = json!({"change": "deleteZone", "zone": zone});
    api.control(Method::POST, "world", Some(delete)).await;
    api.control(
        Method::PATCH,
        "switches",
        Some(json!({"cursors": "keyset"})),
    )
    .await;
    api.control(
        Method::POST,
        "faults",
        Some(json!({"kind": "malformedJson"})),
    )
    .await;
    api.zones().await;

    api.control(Method::POST, "reset", None).await;

    assert_eq!(api.simulator.truth(), start);
    assert_eq!(json!(api.simulator.switches().cursors), "offset");
    assert_eq!(api.simulator.stats().calls, 0);
    assert_eq!(api.zones().await.edges().len(), 5);
    assert_eq!(api.simulator.stats().ended(Outcome::Served), 1);
}
