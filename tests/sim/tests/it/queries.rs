//! The queries the contract names, and those the customers send today.

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use sim::soundtrack::{Change, Fault, FaultKind, Missing, SourceKind, ZonePatch};

use crate::support::{Api, read, text};

/// The sample response of the contract sheet, section 3, with its ids shortened.
const SAMPLE: &str = r#"{"data":{"account":{"id":"QWNjb3VudCwsMXN4N242NTZyeTgv","businessName":"Hilton Pattaya","soundZones":{"total":4,
 "pageInfo":{"hasNextPage":false,"endCursor":"YXJyYXljb25uZWN0aW9uOjM="},
 "edges":[{"cursor":"YXJy","node":{"id":"U291bmRab25lLCwx","name":"Drift Bar","isPaired":true,"online":true,"streamingType":"TIER_3",
  "location":{"id":"TG9jYXRpb24sLDF","name":"Hilton Pattaya","timezone":"Asia/Bangkok"},
  "device":{"id":"RGV2aWNlLCwx","name":"IPAM400 v1.0 (17/10/2018)","softwareVersion":"1.2.3","platform":"linux"},
  "subscription":{"state":"ACTIVE","isActive":true,"activeUntil":"2026-12-31T00:00:00Z"},
  "status":{"state":"OK","code":"ALL_OK"},
  "playFrom":{"__typename":"Schedule","id":"U2NoZWR1bGUsLDFp","name":"DR : Basalt | SCHD"},"schedule":{"id":"a","name":"b"},
  "playback":{"state":"playing","volume":8}}}]}}}}"#;

/// Every key with the sort of its value, depth first, in the order of the document.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| (key.clone(), shape(field)))
            .collect(),
        Value::Array(items) => Value::Array(items.iter().take(1).map(shape).collect()),
        Value::String(_) => json!("text"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("bool"),
        Value::Null => Value::Null,
    }
}

async fn one_zone_on_a_schedule() -> Api {
    let api = Api::with_zones(1, |_| {}).await;
    let zone = api.simulator.truth().accounts[0].zones[0].id.clone();
    let schedule = api.simulator.with_world(|world| {
        let sources = world.sources();
        sources
            .iter()
            .find(|source| source.kind == SourceKind::Schedule)
            .expect("every world has schedules and this zone")
            .id
            .clone()
    });
    let patch = ZonePatch {
        source: Some(schedule),
        is_paired: Some(true),
        online: Some(true),
        ..ZonePatch::default()
    };
    api.simulator
        .change(Change::UpdateZone { zone, patch })
        .expect("every world has schedules and this zone");
    api
}

#[tokio::test]
async fn the_sample_query_gets_the_sample_shape() {
    let api = one_zone_on_a_schedule().await;

    let answer = api.zones().await;

    let sample: Value = serde_json::from_str(SAMPLE).unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(shape(&answer.body), shape(&sample));
}

#[tokio::test]
async fn the_sample_query_tells_the_truth() {
    let api = Api::with_zones(60, |_| {}).await;

    let answer = api.zones().await;

    for zone in api.simulator.truth().zones() {
        let edge = answer
            .edges()
            .iter()
            .find(|edge| edge["node"]["id"] == json!(zone.id));
        let node = &edge.unwrap()["node"];
        assert_eq!(node["name"], json!(zone.name));
        assert_eq!(node["isPaired"], json!(zone.is_paired));
        assert_eq!(node["online"], json!(zone.online));
        assert_eq!(node["streamingType"], json!(zone.streaming_type));
        assert_eq!(node["location"]["timezone"], json!(zone.timezone));
        assert_eq!(
            node["device"]["softwareVersion"],
            json!(zone.software_version)
        );
        assert_eq!(
            node["subscription"]["state"],
            json!(zone.subscription_state)
        );
        assert_eq!(node["status"]["state"], json!(zone.status_state));
        assert_eq!(node["status"]["code"], json!(zone.status_code));
        let play_from = zone.play_from.as_ref().map(|source| source.kind);
        assert_eq!(node["playFrom"]["__typename"], json!(play_from));
        assert_eq!(node["schedule"], json!(zone.schedule));
        assert_eq!(node["playback"], json!(zone.playback));
    }
}

#[tokio::test]
async fn the_nested_query_without_page_info_works() {
    let api = Api::start().await;
    let query = "query($id: ID!) { account(id: $id) { locations(first: 100) { edges { node {
        id name soundZones(first: 100) { edges { node { id name isPaired device { id name }
        schedule { id name } playFrom { __typename ... on Playlist { name } } } } } } } } } }";

    let answer = api.ask(query, json!({"id": api.account()})).await;

    let mut met = Vec::new();
    for location in answer.body["data"]["account"]["locations"]["edges"]
        .as_array()
        .unwrap()
    {
        for zone in location["node"]["soundZones"]["edges"].as_array().unwrap() {
            met.push(text(&zone["node"]["id"]));
        }
    }
    met.sort();
    let truth = api.simulator.truth();
    let zones: Vec<String> = truth.accounts[0]
        .zones
        .iter()
        .map(|zone| zone.id.clone())
        .collect();
    assert_eq!(met, zones);
}

#[tokio::test]
async fn an_api_client_lists_its_accounts() {
    let api = Api::start().await;
    let query = "{ me { __typename ... on PublicAPIClient { id accounts(first: 100) {
        total pageInfo { hasNextPage endCursor } edges { node { id businessName } } } }
        ... on User { accounts(first: 100) { edges { node { id } } } } } }";

    let answer = api.ask(query, json!({})).await;

    let me = &answer.body["data"]["me"];
    assert_eq!(me["__typename"], "PublicAPIClient");
    assert_eq!(me["accounts"]["total"], 3);
    let names: Vec<String> = me["accounts"]["edges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edge| text(&edge["node"]["businessName"]))
        .collect();
    assert!(names.is_sorted(), "{names:?}");
}

#[tokio::test]
async fn one_zone_device_location_and_node_are_found_by_id() {
    let api = Api::start().await;
    let zone = api.good_zone();
    let (location, device) = (zone.location.unwrap(), zone.device.unwrap());
    let query = "query($z: ID!, $l: ID!, $d: ID!) {
        soundZone(id: $z) { id account { id } devicePlatform shortId remoteCode
            nowPlaying { soundZone startedAt track(market: \"TH\") { title artists { name } } } }
        location(id: $l) { id account { id } physicalAddress }
        device(id: $d) { id type label soundZone { id } playback { state volume } }
        node(id: $z) { __typename id ... on SoundZone { name } } }";

    let answer = api
        .ask(
            query,
            json!({"z": zone.id, "l": location.id, "d": device.id}),
        )
        .await;

    let data = &answer.body["data"];
    assert_eq!(answer.body.get("errors"), None);
    assert_eq!(data["soundZone"]["account"]["id"], json!(zone.account_id));
    assert_eq!(data["location"]["id"], json!(location.id));
    assert_eq!(data["device"]["soundZone"]["id"], json!(zone.id));
    assert_eq!(
        data["node"],
        json!({"__typename": "SoundZone", "id": zone.id, "name": zone.name})
    );
}

#[tokio::test]
async fn the_legacy_content_type_takes_a_bare_document() {
    let api = Api::start().await;
    let request = api
        .http
        .post(api.simulator.url())
        .header(AUTHORIZATION, format!("Basic {}", api.simulator.token()));

    let sent = request
        .header(CONTENT_TYPE, "application/graphql")
        .body("{ me { __typename } }");
    let answer = read(sent.send().await.unwrap()).await;

    assert_eq!(
        answer.body,
        json!({"data": {"me": {"__typename": "PublicAPIClient"}}})
    );
}

#[tokio::test]
async fn query_info_tells_the_price_that_the_header_tells() {
    let api = Api::start().await;
    let query = "query($id: ID!) { account(id: $id) { locations(first: 10) { edges { node {
        soundZones(first: 10) { edges { node { device { name } } } } } } } }
        queryInfo { complexity } }";

    let answer = api.ask(query, json!({"id": api.account()})).await;

    assert_eq!(answer.body["data"]["queryInfo"]["complexity"], 211);
    assert_eq!(answer.header("x-ratelimiting-cost"), Some(211));
}

#[tokio::test]
async fn an_unknown_object_is_not_found_or_merely_null() {
    for how in [Missing::NotFound, Missing::Null] {
        let api = Api::with(|switches| switches.unknown_object = how).await;

        let answer = api
            .ask("{ account(id: \"nothing\") { id } }", json!({}))
            .await;

        assert_eq!(answer.body["data"], json!({"account": null}));
        match how {
            Missing::NotFound => assert_eq!(
                answer.body["errors"],
                json!([{"message": "Not found",
                "path": ["account"], "extensions": {"code": "NOT_FOUND"}}])
            ),
            Missing::Null => assert_eq!(answer.body.get("errors"), None),
        }
    }
}

#[tokio::test]
async fn a_zone_without_a_location_keeps_its_data_either_way() {
    for how in [Missing::NotFound, Missing::Null] {
        let api = Api::with_zones(1, |switches| switches.missing_location = how).await;
        let zone = api.simulator.truth().accounts[0].zones[0].id.clone();
        api.simulator
            .change(Change::MoveZone {
                zone: zone.clone(),
                location: None,
            })
            .unwrap();

        let answer = api.zones().await;

        let node = &answer.edges()[0]["node"];
        assert_eq!(node["id"], json!(zone));
        assert_eq!(node["location"], Value::Null);
        match how {
            Missing::NotFound => {
                assert_eq!(answer.code(), "NOT_FOUND");
                let path = answer.error()["path"].as_array().unwrap();
                assert_eq!(path.last(), Some(&json!("location")));
            }
            Missing::Null => assert_eq!(answer.body.get("errors"), None),
        }
    }
}

#[tokio::test]
async fn an_operation_name_picks_one_operation_and_faults_can_aim_at_it() {
    let api = Api::start().await;
    let fault = Fault::new(FaultKind::HttpStatus { status: 503 }).on_operation("B");
    api.simulator.inject(fault);
    let both = "query A { me { __typename } } query B { me { __typename } }";
    let ask = async |name: &str| {
        let body = json!({"query": both, "operationName": name, "variables": null});
        let authorization = format!("Basic {}", api.simulator.token());
        api.post(&authorization, &body.to_string())
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };

    assert_eq!(ask("A").await, 200);
    assert_eq!(ask("B").await, 503);
}
