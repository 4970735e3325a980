//! Who is let in, what they may see, and how a document that makes no sense is answered.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sim::soundtrack::{InvalidDocument, Outcome, UnauthenticatedBody};

use crate::support::{Api, ZONES, read};

const ME: &str = r#"{"query":"{ me { __typename } }"}"#;

#[tokio::test]
async fn only_the_token_verbatim_is_let_in() {
    let api = Api::start().await;
    let status = async |authorization: &str| {
        api.post(authorization, ME)
            .send()
            .await
            .unwrap()
            .status()
            .as_u16()
    };

    assert_eq!(status("Basic sim-token-soundtrack").await, 200);
    // Encoded once more, as a standard client would do with a user name and password.
    assert_eq!(status("Basic c2ltLXRva2VuLXNvdW5kdHJhY2s=").await, 401);
    assert_eq!(status("Bearer sim-token-soundtrack").await, 401);
    assert_eq!(status("sim-token-soundtrack").await, 401);
    assert_eq!(status("").await, 401);
}

#[tokio::test]
async fn an_unknown_token_gets_the_body_that_is_switched_to() {
    let errors =
        r#"{"errors":[{"message":"Unauthenticated","extensions":{"code":"UNAUTHENTICATED"}}]}"#;
    let bodies = [
        (UnauthenticatedBody::Errors, errors),
        (UnauthenticatedBody::Text, "Unauthenticated"),
        (UnauthenticatedBody::Empty, ""),
    ];
    for (switch, body) in bodies {
        let api = Api::with(|switches| switches.unauthenticated_body = switch).await;

        let answer = api
            .ask_as("sim-token-unknown", "{ me { __typename } }", json!({}))
            .await;

        assert_eq!(answer.status, 401);
        let expected = serde_json::from_str(body).unwrap_or(Value::Null);
        assert_eq!(answer.body, expected);
        assert!(answer.body != Value::Null || answer.text == body);
        assert_eq!(api.simulator.stats().ended(Outcome::Unauthenticated), 1);
    }
}

#[tokio::test]
async fn a_revoked_token_is_unknown_at_once() {
    let api = Api::start().await;

    api.simulator.revoke("sim-token-soundtrack");

    assert_eq!(api.zones().await.status, 401);
}

#[tokio::test]
async fn a_limited_token_is_forbidden_the_other_accounts() {
    let api = Api::start().await;
    let truth = api.simulator.truth();
    let (own, other) = (&truth.accounts[0], &truth.accounts[1]);
    api.simulator
        .grant("sim-token-limited", Some(BTreeSet::from([own.id.clone()])));

    let seen = api
        .ask_as("sim-token-limited", ZONES, json!({"id": own.id}))
        .await;
    let refused = api
        .ask_as("sim-token-limited", ZONES, json!({"id": other.id}))
        .await;
    let zone = "query($id: ID!) { soundZone(id: $id) { name } }";
    let zone = api
        .ask_as(
            "sim-token-limited",
            zone,
            json!({"id": other.zones[0].id.clone()}),
        )
        .await;
    let listed = "{ me { ... on PublicAPIClient { accounts { edges { node { id } } } } } }";
    let listed = api.ask_as("sim-token-limited", listed, json!({})).await;

    assert_eq!(seen.edges().len(), 5);
    assert_eq!(refused.status, 200);
    assert_eq!(
        refused.body,
        json!({"data": {"account": null}, "errors": [{"message": "Forbidden",
        "path": ["account"], "locations": [{"line": 2, "column": 0}]}]})
    );
    assert_eq!(zone.body["data"], json!({"soundZone": null}));
    assert_eq!(zone.error()["message"], "Forbidden");
    let edges = json!([{"node": {"id": own.id}}]);
    assert_eq!(listed.body["data"]["me"]["accounts"]["edges"], edges);
    assert_eq!(api.simulator.stats().ended(Outcome::Forbidden), 2);
}

#[tokio::test]
async fn an_invalid_document_is_answered_with_200_or_400() {
    for (switch, status) in [
        (InvalidDocument::Http200, 200),
        (InvalidDocument::Http400, 400),
    ] {
        let api = Api::with(|switches| switches.invalid_document = switch).await;

        let unknown = "{ schedule(id: \"s\") { timezone } }";
        let unknown = api.ask(unknown, json!({})).await;
        let broken = api.ask("{ me {", json!({})).await;
        let wrong =
            "mutation($v: Volume!) { setVolume(input: {soundZone: \"z\", level: $v}) { volume } }";
        let wrong = api.ask(wrong, json!({"v": 3})).await;

        assert_eq!(unknown.status, status);
        assert_eq!(
            unknown.body,
            json!({"errors": [
            {"message": "Field 'timezone' does not exist on type 'Schedule'."}]})
        );
        assert_eq!(broken.status, status);
        assert_eq!(broken.body.get("data"), None);
        assert_eq!(wrong.status, status);
        assert_eq!(wrong.body.get("data"), None);
        assert_eq!(api.simulator.stats().ended(Outcome::Invalid), 3);
    }
}

#[tokio::test]
async fn a_body_that_is_no_request_is_a_client_error() {
    let api = Api::start().await;
    let token = format!("Basic {}", api.simulator.token());

    let no_json = read(api.post(&token, "{ me }").send().await.unwrap()).await;
    let other = api
        .http
        .post(api.simulator.url())
        .header("authorization", &token);
    let other = read(
        other
            .header("content-type", "text/plain")
            .body(ME)
            .send()
            .await
            .unwrap(),
    );

    assert_eq!(no_json.status, 400);
    assert_eq!(other.await.status, 415);
}
