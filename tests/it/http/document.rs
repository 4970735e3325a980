//! What every answer looks like, and the OpenAPI document.

use lockstep::http::document;
use reqwest::Method;
use serde_json::json;

use super::{Front, header, read, send};

#[test]
fn the_openapi_document_changes_only_on_purpose() {
    insta::assert_json_snapshot!("openapi", document());
}

#[tokio::test]
async fn the_document_is_served_to_everybody() {
    let front = Front::start().await;

    let (status, served) = read(send(front.bare(Method::GET, "/api/v1/openapi.json")).await).await;

    assert_eq!(status, 200);
    assert_eq!(served["openapi"], "3.1.0");
    assert_eq!(
        served,
        serde_json::to_value(document()).expect("a document")
    );
}

#[test]
fn health_and_the_document_itself_are_described_and_need_no_token() {
    let document = serde_json::to_value(document()).expect("a document");

    for path in ["/livez", "/readyz", "/api/v1/openapi.json"] {
        let operation = &document["paths"][path]["get"];
        assert!(operation["responses"]["200"].is_object(), "{path}");
        assert!(operation["security"].is_null(), "{path}");
    }
    let not_ready = &document["paths"]["/readyz"]["get"]["responses"]["503"];
    assert!(not_ready.is_object(), "{not_ready}");
}

#[tokio::test]
async fn every_operation_has_an_id_of_its_own_and_every_reference_leads_somewhere() {
    let document = serde_json::to_value(document()).expect("a document");
    let mut ids = Vec::new();
    for item in document["paths"].as_object().expect("paths").values() {
        ids.extend(
            item.as_object()
                .expect("a path")
                .values()
                .map(|operation| operation["operationId"].to_string()),
        );
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);

    for part in document
        .to_string()
        .split("\"#/components/schemas/")
        .skip(1)
    {
        let name = part.split('"').next().expect("a name");
        assert!(
            !document["components"]["schemas"][name].is_null(),
            "{name} is not in the document"
        );
    }
}

#[tokio::test]
async fn a_problem_says_what_where_and_what_helps() {
    let front = Front::start().await;

    let request = front
        .ask(Method::POST, "/jobs")
        .header("X-Request-Id", "req-7")
        .json(&json!({"kind": "a.b", "max_attempts": 0}));
    let response = send(request).await;

    assert_eq!(
        header(&response, "content-type"),
        Some("application/problem+json")
    );
    assert_eq!(header(&response, "x-request-id"), Some("req-7"));
    let (_, problem) = read(response).await;
    let expected = json!({
        "type": "/problems/invalid",
        "title": "The request cannot be accepted as it is",
        "status": 422,
        "detail": "/max_attempts: expected 1 to 1000",
        "instance": "/api/v1/jobs",
        "code": "invalid",
        "request_id": "req-7",
        "retryable": false,
        "hint": "The entries of `errors` say where and what.",
        "errors": [{"pointer": "/max_attempts", "code": "invalid", "message": "expected 1 to 1000"}],
    });
    assert_eq!(problem, expected);
    let (status, page) = read(send(front.bare(Method::GET, "/problems/invalid")).await).await;
    assert_eq!(status, 200);
    assert!(
        page.as_str()
            .is_some_and(|page| page.starts_with("invalid (422)")),
        "{page}"
    );
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_it_safe() {
    let front = Front::start().await;

    for path in ["/livez", "/api/v1/jobs", "/api/v1/openapi.json", "/nowhere"] {
        let response = send(front.bare(Method::GET, path).bearer_auth(&front.admin)).await;

        assert_eq!(
            header(&response, "cache-control"),
            Some("no-store"),
            "{path}"
        );
        assert_eq!(
            header(&response, "x-content-type-options"),
            Some("nosniff"),
            "{path}"
        );
        assert!(
            header(&response, "content-security-policy")
                .is_some_and(|policy| policy.contains("default-src 'none'")),
            "{path}"
        );
        assert!(
            header(&response, "x-request-id").is_some_and(|id| id.len() == 36),
            "{path}"
        );
        assert_eq!(
            header(&response, "access-control-allow-origin"),
            None,
            "{path}"
        );
    }
}
