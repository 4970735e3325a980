//! Every fault, as a client meets it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sim::soundtrack::{Fault, FaultKind, Outcome, ZoneField};

use crate::support::{Api, ZONES, read};

async fn struck_by(kind: FaultKind) -> Api {
    let api = Api::start().await;
    api.simulator.inject(Fault::new(kind).times(1));
    api
}

#[tokio::test]
async fn a_status_fault_has_no_effect_and_passes() {
    for status in [500, 502, 503] {
        let api = struck_by(FaultKind::HttpStatus { status }).await;

        let struck = api.zones().await;
        let next = api.zones().await;

        assert_eq!(struck.status, status);
        assert_eq!(struck.body, Value::Null, "a gateway's page is no JSON");
        assert_eq!(next.edges().len(), 5);
        assert_eq!(api.simulator.stats().ended(Outcome::Faulted), 1);
        assert_eq!(api.simulator.stats().refused(), 0);
    }
}

#[tokio::test]
async fn a_known_token_can_be_refused_by_fault() {
    let api = struck_by(FaultKind::Unauthenticated).await;

    let struck = api.zones().await;

    assert_eq!(struck.status, 401);
    assert_eq!(struck.code(), "UNAUTHENTICATED");
    assert_eq!(api.zones().await.status, 200);
}

#[tokio::test]
async fn an_account_can_be_forbidden_by_fault() {
    let api = Api::start().await;
    let truth = api.simulator.truth();
    let (struck, spared) = (&truth.accounts[0].id, &truth.accounts[1].id);
    api.simulator
        .inject(Fault::new(FaultKind::Forbidden).on_account(struck));

    let forbidden = api.ask(ZONES, json!({"id": struck})).await;
    let served = api.ask(ZONES, json!({"id": spared})).await;

    assert_eq!(forbidden.body["data"], json!({"account": null}));
    assert_eq!(forbidden.error()["message"], "Forbidden");
    assert_eq!(served.edges().len(), 5);
    assert_eq!(api.simulator.stats().by_account[struck].refused, 1);
    assert_eq!(api.simulator.stats().by_account[spared].refused, 0);
}

#[tokio::test]
async fn errors_can_come_with_200_and_no_data() {
    let api = struck_by(FaultKind::NullData {
        message: "Something went wrong".into(),
    })
    .await;

    let struck = api.zones().await;

    assert_eq!(struck.status, 200);
    let errors = json!([{"message": "Something went wrong"}]);
    assert_eq!(struck.body, json!({"data": null, "errors": errors}));
}

#[tokio::test]
async fn a_field_error_leaves_the_rest_of_the_data() {
    let fields = [
        (ZoneField::Location, "location"),
        (ZoneField::Device, "device"),
        (ZoneField::PlayFrom, "playFrom"),
        (ZoneField::Schedule, "schedule"),
        (ZoneField::Playback, "playback"),
    ];
    for (field, name) in fields {
        let code = "NOT_FOUND".to_owned();
        let api = Api::with_zones(5, |_| {}).await;
        let zone = api.good_zone().id;
        api.simulator
            .inject(Fault::new(FaultKind::FieldError { field, code }).on_zone(&zone));

        let answer = api.zones().await;

        assert_eq!(answer.status, 200);
        assert_eq!(answer.edges().len(), 5);
        let errors = answer.body["errors"].as_array().unwrap();
        assert_eq!(errors.len(), 1);
        let path = errors[0]["path"].as_array().unwrap();
        assert_eq!(path.last(), Some(&json!(name)));
        let edge = path[3].as_u64().unwrap() as usize;
        let node = &answer.edges()[edge]["node"];
        assert_eq!(node["id"], json!(zone));
        assert_eq!(node.get(name), Some(&Value::Null), "null and not left out");
        assert_eq!(api.simulator.stats().ended(Outcome::Partial), 1);
    }
}

#[tokio::test]
async fn another_code_of_a_field_error_is_told() {
    let api = Api::start().await;
    let kind = FaultKind::FieldError {
        field: ZoneField::Device,
        code: "INTERNAL_SERVER_ERROR".into(),
    };
    api.simulator.inject(Fault::new(kind));

    let answer = api.zones().await;

    assert_eq!(answer.code(), "INTERNAL_SERVER_ERROR");
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn an_edge_can_lose_its_node() {
    let api = struck_by(FaultKind::NullNode).await;

    let answer = api.zones().await;

    let nulls = answer
        .edges()
        .iter()
        .filter(|edge| edge["node"].is_null())
        .count();
    assert_eq!((answer.edges().len(), nulls), (5, 1));
    assert_eq!(answer.body["data"]["account"]["soundZones"]["total"], 5);
    assert_eq!(answer.body.get("errors"), None);
}

#[tokio::test]
async fn a_cut_reply_breaks_in_its_body_after_the_effect() {
    let api = Api::start().await;
    let zone = api.good_zone();
    api.simulator
        .inject(Fault::new(FaultKind::CutReply { after_bytes: 10 }).times(1));
    let query = json!({"query": "mutation($z: ID!) { pause(input: {soundZone: $z}) { status } }",
        "variables": {"z": zone.id}});
    let token = format!("Basic {}", api.simulator.token());

    let reply = api.post(&token, &query.to_string()).send().await.unwrap();

    assert_eq!(reply.status(), 200);
    assert!(
        reply.bytes().await.is_err(),
        "the body ends before its promised length"
    );
    let stored = api
        .simulator
        .with_world(|world| world.zone(&zone.id))
        .unwrap();
    assert!(!stored.playing, "the pause was carried out");
}

#[tokio::test]
async fn malformed_json_is_complete_as_http() {
    let api = struck_by(FaultKind::MalformedJson).await;

    let struck = api.zones().await;

    assert_eq!(struck.status, 200);
    assert!(struck.text.starts_with("{\"data\""), "{}", struck.text);
    assert_eq!(struck.body, Value::Null);
}

#[tokio::test]
async fn an_overlong_body_is_long_and_valid() {
    for bytes in [10, 3_000_000] {
        let api = struck_by(FaultKind::OverlongBody { bytes }).await;

        let struck = api.zones().await;

        assert!(struck.text.len() > bytes);
        assert_eq!(struck.edges().len(), 5);
        assert_eq!(
            struck.body["extensions"]["padding"].as_str().unwrap().len(),
            bytes
        );
    }
}

#[tokio::test]
async fn a_slow_reply_is_held_back_after_the_effect() {
    let api = struck_by(FaultKind::Slow { delay_ms: 600_000 }).await;
    let zone = api.good_zone().id;
    let query = "mutation($z: ID!) { pause(input: {soundZone: $z}) { status } }";
    let body = json!({"query": query, "variables": {"z": zone}}).to_string();
    let request = api.post(&format!("Basic {}", api.simulator.token()), &body);

    let asked = tokio::spawn(request.send());
    while api.simulator.faults()[0].fired == 0 {
        tokio::task::yield_now().await;
    }

    assert!(!asked.is_finished());
    assert!(
        !api.simulator
            .with_world(|world| world.zone(&zone))
            .unwrap()
            .playing
    );
    assert!(api.simulator.log().is_empty());
    asked.abort();
}

#[tokio::test]
async fn stopping_does_not_wait_for_a_slow_reply() {
    let api = struck_by(FaultKind::Slow { delay_ms: 600_000 }).await;
    let body = json!({"query": "{ me { __typename } }"}).to_string();
    let request = api.post(&format!("Basic {}", api.simulator.token()), &body);
    let started = Instant::now();

    let asked = tokio::spawn(request.send());
    while api.simulator.faults()[0].fired == 0 {
        tokio::task::yield_now().await;
    }
    api.simulator.stop().await;
    let answer = read(asked.await.unwrap().unwrap()).await;

    assert_eq!(answer.status, 200);
    assert!(started.elapsed() < Duration::from_secs(300));
}

#[tokio::test]
async fn a_fault_can_wait_and_be_spent() {
    let api = Api::start().await;
    let fault = Fault::new(FaultKind::HttpStatus { status: 500 })
        .after(1)
        .times(2);
    api.simulator.inject(fault);

    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(api.zones().await.status);
    }

    assert_eq!(statuses, [200, 500, 500, 200, 200]);
}

#[tokio::test]
async fn a_probability_strikes_the_same_calls_for_the_same_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let api = Api::start().await;
        api.simulator
            .inject(Fault::new(FaultKind::HttpStatus { status: 500 }).chance(0.4));
        let mut statuses = Vec::new();
        for _ in 0..40 {
            statuses.push(api.zones().await.status);
        }
        runs.push(statuses);
    }

    assert_eq!(runs[0], runs[1]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500));
}

#[tokio::test]
async fn a_fault_of_one_account_spares_the_others() {
    let api = Api::start().await;
    let truth = api.simulator.truth();
    let fault = Fault::new(FaultKind::HttpStatus { status: 502 });
    api.simulator
        .inject(fault.on_account(&truth.accounts[2].id));

    let mut statuses = Vec::new();
    for account in &truth.accounts {
        statuses.push(api.ask(ZONES, json!({"id": account.id})).await.status);
    }
    let zone = &truth.accounts[2].zones[0].id;
    let of_zone = "query($z: ID!) { soundZone(id: $z) { id } }";

    assert_eq!(statuses, [200, 200, 502]);
    assert_eq!(api.ask(of_zone, json!({"z": zone})).await.status, 502);
}

#[tokio::test]
async fn removed_and_cleared_faults_strike_no_more() {
    let api = Api::start().await;
    let kind = FaultKind::HttpStatus { status: 500 };
    let id = api.simulator.inject(Fault::new(kind.clone()));

    assert_eq!(api.zones().await.status, 500);
    assert!(api.simulator.remove_fault(id));
    assert_eq!(api.zones().await.status, 200);
    api.simulator.inject(Fault::new(kind));
    api.simulator.clear_faults();
    assert_eq!(api.zones().await.status, 200);
}
