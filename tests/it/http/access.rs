//! Who may do what: each route of the OpenAPI document, without a token, with every scope but its
//! own, and with its own.

use lockstep::http::{document, token::SCOPES};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Front, header, mint, read, send};

/// What is open to everybody.
const OPEN: [&str; 3] = ["/api/v1/openapi.json", "/livez", "/readyz"];

/// Method, path and scope of every operation that asks for one, path parameters filled in.
fn operations() -> Vec<(Method, String, String)> {
    let document = serde_json::to_value(document()).expect("a document");
    let mut operations = Vec::new();
    let mut open = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("a path") {
            let method = method.to_uppercase().parse().expect("a method");
            let Some(scope) = operation["security"][0]["token"][0].as_str() else {
                assert_eq!(method, Method::GET, "{path} names no scope");
                open.push(path.as_str());
                continue;
            };
            let scope = scope.to_owned();
            let path = path
                .replace("{id}", "0197a000-0000-7000-8000-000000000000")
                .replace("{name}", "x")
                .replace("{zone_id}", "1");
            operations.push((method, path, scope));
        }
    }
    assert_eq!(open, OPEN, "no other path opens without a scope");
    assert!(
        operations.len() >= 30,
        "only {} operations",
        operations.len()
    );
    operations
}

/// Their callers of old know another body.
const KEPT: [&str; 2] = ["/api/crm/sync-packages", "/api/vip/packages"];

#[tokio::test]
async fn no_route_opens_without_a_token() {
    let front = Front::start().await;

    for (method, path, _) in operations() {
        for path in [path.as_str(), path.trim_end_matches('/')] {
            let response = send(front.bare(method.clone(), path)).await;

            assert_eq!(
                header(&response, "www-authenticate"),
                Some("Bearer realm=\"lockstep\""),
                "{method} {path}"
            );
            let (status, body) = read(response).await;
            assert_eq!(status, 401, "{method} {path}");
            match KEPT.contains(&path.trim_end_matches('/')) {
                true => assert_eq!(body, json!({"error": "Unauthorized"}), "{path}"),
                false => assert_eq!(body["code"], "unauthenticated", "{method} {path}"),
            }
        }
    }
}

#[tokio::test]
async fn what_is_open_to_everybody_needs_no_token() {
    let front = Front::start().await;

    for path in OPEN {
        let response = send(front.bare(Method::GET, path)).await;
        assert_eq!(response.status().as_u16(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_route_opens_for_its_own_scope_and_no_other() {
    let front = Front::start().await;

    for (method, path, scope) in operations() {
        let others: Vec<_> = SCOPES
            .iter()
            .map(|known| known.0)
            .filter(|known| *known != scope && *known != "admin")
            .collect();
        let (wrong, right) = (
            mint(front.client(), "wrong", &others).await,
            mint(front.client(), "right", &[&scope]).await,
        );

        let response = send(front.bare(method.clone(), &path).bearer_auth(wrong)).await;
        let challenge = header(&response, "www-authenticate")
            .unwrap_or_default()
            .to_owned();
        let (refused, problem) = read(response).await;
        let (admitted, _) = read(
            send(
                front
                    .bare(method.clone(), &path)
                    .bearer_auth(right)
                    .header("Prefer", "respond-async"),
            )
            .await,
        )
        .await;

        assert_eq!(refused, 403, "{method} {path}: {problem}");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains(&scope)),
            "{problem}"
        );
        assert!(
            challenge.contains(&format!("scope=\"{scope}\"")),
            "{challenge}"
        );
        assert!(
            ![401, 403, 405].contains(&admitted) && admitted < 500,
            "{method} {path}: {admitted}"
        );
    }
}

#[tokio::test]
async fn what_is_no_token_of_ours_opens_nothing() {
    let front = Front::start().await;
    let good = front.admin.clone();
    let stranger = mint(&engine_of(&Front::start().await), "other", &["admin"]).await;
    let (head, tail) = good.split_at(good.len() - 1);
    let wrong_sum = format!("{head}{}", if tail == "0" { "1" } else { "0" });

    let table: Vec<(String, &str)> = vec![
        (format!("Bearer {stranger}"), "of another database"),
        (format!("Bearer {wrong_sum}"), "a wrong checksum"),
        (format!("Bearer {good}x"), "a letter too many"),
        (format!("Basic {good}"), "another scheme"),
        (good.clone(), "no scheme"),
        ("Bearer ".into(), "no token"),
        ("Bearer lockstep_".into(), "a prefix alone"),
        (format!("Bearer {}", "x".repeat(5000)), "very long"),
    ];
    for (value, what) in table {
        let response = send(
            front
                .bare(Method::GET, "/api/v1/jobs")
                .header("Authorization", value),
        )
        .await;
        assert_eq!(response.status().as_u16(), 401, "{what}");
    }
    let twice = front
        .bare(Method::GET, "/api/v1/jobs")
        .bearer_auth(&good)
        .bearer_auth(&good);
    assert_eq!(send(twice).await.status().as_u16(), 401, "two headers");
    let lower = front
        .bare(Method::GET, "/api/v1/jobs")
        .header("Authorization", format!("bearer {good}"));
    assert_eq!(
        send(lower).await.status().as_u16(),
        200,
        "schemes know no case"
    );
}

fn engine_of(front: &Front) -> engine::Client {
    front.client().clone()
}

#[tokio::test]
async fn a_change_that_was_refused_changed_nothing() {
    let front = Front::start().await;
    let reader = front.token(&["jobs:read"]).await;

    let request = front
        .bare(Method::POST, "/api/v1/jobs")
        .bearer_auth(reader)
        .json(&json!({"kind": "demo.greet"}));
    let (status, _) = read(send(request).await).await;

    assert_eq!(status, 403);
    assert_eq!(front.get("/jobs").await.1["data"], Value::Array(Vec::new()));
}
