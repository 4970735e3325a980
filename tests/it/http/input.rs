//! Bad input: whatever is sent, the fault is never ours, and the answer says what was wrong.

use lockstep::http::document;
use reqwest::Method;
use serde_json::json;

use super::{Front, header, read, send};

/// Bodies that have broken servers before.
fn bodies() -> Vec<String> {
    let deep = format!(
        "{{\"kind\":\"a.b\",\"args\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let nested = format!(
        "{{\"kind\":\"a.b\",\"args\":{}1{}}}",
        "[".repeat(100),
        "]".repeat(100)
    );
    let mut bodies: Vec<String> = [
        "", "{", "null", "[]", "1", "\"x\"", "{}", "{} {}", "[[[[", "\u{feff}{}", "{\"a\":1,\"a\":2}",
        r#"{"kind": "a.b", "args": {"x": "\u0000"}}"#,
        r#"{"kind": "a\u0000b"}"#,
        r#"{"kind": "a.b", "args": {"\u0000": 1}}"#,
        r#"{"kind": "a.b", "args": {"x": 1e999}}"#,
        r#"{"kind": "a.b", "args": {"x": "\ud800"}}"#,
        r#"{"kind": "a.b", "args": {"x": 1, "x": 2}}"#,
        r#"{"kind": "a.b", "kind": "c.d"}"#,
        r#"{"kind": "a.b", "priority": 99999999999}"#,
        r#"{"kind": "a.b", "delay_ms": 18446744073709551615}"#,
        r#"{"kind": "a.b", "delay_ms": -1}"#,
        r#"{"kind": "a.b", "run_at": "-009999-01-01T00:00:00Z"}"#,
        r#"{"kind": "a.b", "run_at": "9999-12-30T00:00:00Z"}"#,
        r#"{"kind": "a.b", "run_at": "tomorrow"}"#,
        r#"{"kind": "a.b", "timeout_ms": 18446744073709551615}"#,
        r#"{"kind": "a.b", "max_attempts": 65535}"#,
        r#"{"kind": "a.b", "tags": ["\u0000"]}"#,
        r#"{"kind": "a.b", "tags": "vip"}"#,
        r#"{"kind": "a.b", "id": "not-a-uuid"}"#,
        r#"{"kind": "a.b", "id": "00000000-0000-0000-0000-000000000000"}"#,
        r#"{"kind": "a.b", "unique": {"key": "k", "scope": "always"}}"#,
        r#"{"kind": "a.b", "unique": {"key": "k", "scope": "period", "period_ms": 18446744073709551615}}"#,
        r#"{"kind": "a.b", "backoff": {"base_ms": 1, "factor": 1e308, "max_ms": 1}}"#,
        r#"{"kind": "a.b", "unknown": 1}"#,
        r#"{"jobs": "x"}"#,
        r#"{"jobs": [{"kind": "a.b", "args": "\u0000"}]}"#,
        r#"{"reason": 7}"#,
        r#"{"reason": "\u0000"}"#,
        r#"{"name": "\u0000", "scopes": ["admin"]}"#,
        r#"{"name": "x", "scopes": ["jobs:read"], "expires_in_days": -1}"#,
        r#"{"name": "x", "parent_id": 9223372036854775807}"#,
        r#"{"name": "x", "parent_id": 9223372036854775808}"#,
    ]
    .map(str::to_owned)
    .into();
    bodies.extend([
        deep,
        nested,
        format!("{{\"kind\":\"{}\"}}", "k".repeat(10_000)),
        format!("{{\"reason\":\"{}\"}}", "r".repeat(10_000)),
    ]);
    bodies
}

const IDS: &[&str] = &[
    "x",
    "%00",
    "%ff",
    "..%2f",
    "-1",
    "0",
    "99999999999999999999",
    "00000000-0000-0000-0000-000000000000",
    "%27%3B--",
    "\u{202e}",
    "a%0Ab",
];
const QUERIES: &[&str] = &[
    "?cursor=x",
    "?cursor=%00",
    "?cursor=////",
    "?limit=0",
    "?limit=-1",
    "?limit=99999999999",
    "?limit=x",
    "?state=dead%00",
    "?state=asleep",
    "?kind=%25%27%5C",
    "?kind=*",
    "?tag=%00",
    "?parent_id=x",
    "?unknown=1",
    "?limit=1&limit=2",
    "?company_id=1e9",
    "?%ff=%ff",
    "?dry_run=maybe",
    "?&&&===",
    "?target=%27",
];

#[tokio::test]
async fn nothing_that_is_sent_is_a_fault_of_ours() {
    let front = Front::start().await;
    let document = serde_json::to_value(document()).expect("a document");
    let mut asked = 0;

    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("a path").keys() {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let fill = |id: &str| {
                path.replace("{id}", id)
                    .replace("{name}", id)
                    .replace("{zone_id}", id)
            };
            let mut targets: Vec<String> = IDS.iter().map(|id| fill(id)).collect();
            targets.dedup();
            targets.extend(QUERIES.iter().map(|query| format!("{}{query}", fill("1"))));
            for target in targets {
                check(&front, &method, &target, None).await;
                asked += 1;
            }
            if method != Method::GET {
                for body in bodies() {
                    check(
                        &front,
                        &method,
                        &fill("0197a000-0000-7000-8000-000000000000"),
                        Some(body),
                    )
                    .await;
                    asked += 1;
                }
            }
        }
    }

    assert!(asked > 1500, "only {asked}");
}

async fn check(front: &Front, method: &Method, target: &str, body: Option<String>) {
    let request = front
        .bare(method.clone(), target)
        .bearer_auth(&front.admin)
        .header("Prefer", "respond-async");
    let request = match &body {
        Some(body) => request
            .header("Content-Type", "application/json")
            .body(body.clone()),
        None => request,
    };
    let response = send(request).await;
    let status = response.status().as_u16();
    let kind = header(&response, "content-type")
        .unwrap_or_default()
        .to_owned();
    let text = response.text().await.expect("a body");

    let told = body
        .as_deref()
        .map(|body| body.chars().take(80).collect::<String>());
    assert!(status < 500, "{method} {target} {told:?}: {status} {text}");
    if status >= 400 && !target.contains("/sync") {
        assert_eq!(
            kind, "application/problem+json",
            "{method} {target} {told:?}: {status} {text}"
        );
    }
}

#[tokio::test]
async fn each_mistake_has_its_own_answer() {
    let front = Front::start().await;
    let order = "{\"kind\": \"demo.greet\"}";
    let json_type = Some("application/json");
    let table = [
        (
            Method::POST,
            "/jobs",
            json_type,
            "{\"kind\": ",
            400,
            "bad_json",
        ),
        (
            Method::POST,
            "/jobs",
            json_type,
            "{\"kind\": \"a.b\", \"kind\": \"c.d\"}",
            422,
            "invalid",
        ),
        (
            Method::POST,
            "/jobs",
            json_type,
            "{\"args\": {}}",
            422,
            "invalid",
        ),
        // Once taken for an object without members: a whole sync, from a body that asked for none.
        (
            Method::POST,
            "/crm/sync/sync_all/",
            json_type,
            "[]",
            422,
            "invalid",
        ),
        (Method::POST, "/jobs", json_type, " ", 400, "bad_json"),
        (
            Method::POST,
            "/jobs",
            Some("text/plain"),
            order,
            415,
            "unsupported_media_type",
        ),
        (
            Method::POST,
            "/jobs",
            Some("application/x-www-form-urlencoded"),
            order,
            415,
            "unsupported_media_type",
        ),
        (
            Method::POST,
            "/jobs",
            None,
            order,
            415,
            "unsupported_media_type",
        ),
        (
            Method::PUT,
            "/jobs",
            json_type,
            order,
            405,
            "method_not_allowed",
        ),
        (Method::POST, "/nothing", json_type, order, 404, "no_route"),
        (
            Method::GET,
            "/jobs/nonsense",
            None,
            "",
            400,
            "bad_parameter",
        ),
        (
            Method::GET,
            "/jobs/0197a000-0000-7000-8000-000000000000",
            None,
            "",
            404,
            "not_found",
        ),
        (
            Method::GET,
            "/jobs?limit=501",
            None,
            "",
            400,
            "bad_parameter",
        ),
        (
            Method::GET,
            "/jobs?cursor=nonsense",
            None,
            "",
            400,
            "bad_cursor",
        ),
        (
            Method::GET,
            "/jobs?stat=dead",
            None,
            "",
            400,
            "bad_parameter",
        ),
        (
            Method::GET,
            "/jobs?tag=a%00b",
            None,
            "",
            400,
            "bad_parameter",
        ),
        (
            Method::POST,
            "/jobs/0197a000-0000-7000-8000-000000000000/retry",
            None,
            "",
            404,
            "not_found",
        ),
    ];

    for (method, path, kind, body, status, code) in table {
        let request = front.ask(method.clone(), path).body(body);
        let request = kind.map_or(front.ask(method.clone(), path).body(body), |kind| {
            request.header("Content-Type", kind)
        });
        let (got, problem) = read(send(request).await).await;

        assert_eq!(
            (got, &problem["code"]),
            (status, &json!(code)),
            "{method} {path} {body}: {problem}"
        );
    }
}

#[tokio::test]
async fn a_bad_idempotency_key_is_refused_and_a_bad_preference_is_ignored() {
    let front = Front::start().await;
    let long = "k".repeat(500);

    for key in ["", "\"", &long] {
        let request = front
            .ask(Method::POST, "/jobs")
            .header("Idempotency-Key", key)
            .json(&json!({"kind": "a.b"}));
        let (status, problem) = read(send(request).await).await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("bad_header")),
            "{key}"
        );
    }
    let request = front
        .ask(Method::POST, "/zones/sync-all/")
        .header("Prefer", "wait=forever, 🎷");
    let response = send(request.header("Prefer", "colour=red; respond-async")).await;
    assert_eq!(response.status().as_u16(), 202);
}
