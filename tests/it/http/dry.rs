//! Dry runs: what would happen is told, also that it would be refused, and nothing happens.

use engine::{Actor, CatchUp, Overlap, Schedule};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Front, read, send, text};

/// All that the requests below could have changed.
async fn everything(front: &Front) -> Value {
    let mut parts = Vec::new();
    for path in ["/jobs", "/companies", "/tokens", "/audit", "/schedules"] {
        let (_, mut part) = front.get(path).await;
        // The caller's own token tells when it was last used.
        for row in part["data"].as_array_mut().expect("rows") {
            if let Some(row) = row.as_object_mut() {
                row.remove("last_used_at");
            }
        }
        parts.push(part);
    }
    Value::Array(parts)
}

async fn ask(front: &Front, method: Method, path: &str, body: Value) -> (u16, Value) {
    let path = format!("{path}?dry_run=true");
    read(send(front.ask(method, &path).json(&body)).await).await
}

#[tokio::test]
async fn a_dry_run_answers_what_the_change_would_and_changes_nothing() {
    let front = Front::start().await;
    let schedule = Schedule {
        name: "nightly".into(),
        cron: "0 2 * * *".into(),
        time_zone: "Asia/Bangkok".into(),
        kind: "demo.greet".into(),
        args: json!({}),
        queue: None,
        catch_up: CatchUp::Latest,
        overlap: Overlap::Skip,
    };
    let actor = Actor::new("test", "test");
    let declared = front.client().sync_schedules(&[schedule], &actor).await;
    declared.expect("declared");
    let (_, company) = front
        .post(
            "/companies",
            json!({"name": "Hilton", "soundtrack_account_id": "a"}),
        )
        .await;
    let company = format!("/companies/{}", company["id"]);
    let (_, token) = front
        .post("/tokens", json!({"name": "ci", "scopes": ["jobs:read"]}))
        .await;
    let token = format!("/tokens/{}", text(&token["id"]));
    let before = everything(&front).await;

    let run = ask(&front, Method::POST, "/schedules/nightly/run", json!({})).await;
    let made = ask(&front, Method::POST, "/companies", json!({"name": "Inn"})).await;
    let changed = ask(
        &front,
        Method::PATCH,
        &company,
        json!({"name": "Hilton Pattaya"}),
    )
    .await;
    let gone = ask(&front, Method::DELETE, &company, json!({})).await;
    let new = json!({"name": "x", "scopes": ["jobs:read"]});
    let minted = ask(&front, Method::POST, "/tokens", new.clone()).await;
    let revoked = ask(&front, Method::DELETE, &token, json!({})).await;

    assert_eq!(
        (run.0, &run.1["answer"], &run.1["dry_run"]),
        (200, &json!("inserted"), &json!(true))
    );
    for ((status, answer), name) in [(made, "Inn"), (changed, "Hilton Pattaya"), (gone, "Hilton")] {
        assert_eq!(
            (status, &answer["name"], &answer["dry_run"]),
            (200, &json!(name), &json!(true))
        );
    }
    let would = json!({"name": "x", "scopes": ["jobs:read"], "dry_run": true});
    assert_eq!(minted, (200, would));
    assert_eq!(revoked, (200, json!({"changed": true, "dry_run": true})));
    assert_eq!(everything(&front).await, before);
}

#[tokio::test]
async fn a_dry_run_is_refused_where_the_change_would_be() {
    let front = Front::start().await;
    let clerk = front.token(&["tokens:admin", "jobs:read"]).await;
    front
        .post(
            "/companies",
            json!({"name": "Hilton", "soundtrack_account_id": "a"}),
        )
        .await;
    let taken = json!({"name": "Inn", "soundtrack_account_id": "a"});
    let scopeless = json!({"name": "x", "scopes": []});
    let table = [
        (Method::POST, "/schedules/none/run", json!({}), 404),
        (Method::POST, "/companies", taken, 409),
        (Method::POST, "/companies", json!({"name": ""}), 422),
        (Method::PATCH, "/companies/999", json!({"name": "x"}), 404),
        (Method::DELETE, "/companies/999", json!({}), 404),
        (Method::POST, "/tokens", scopeless, 422),
        (Method::DELETE, "/tokens/none", json!({}), 404),
    ];

    for (method, path, body, expected) in table {
        let (status, answer) = ask(&front, method.clone(), path, body).await;
        assert_eq!(status, expected, "{method} {path}: {answer}");
    }
    let more = json!({"name": "x", "scopes": ["admin"]});
    let request = front.bare(Method::POST, "/api/v1/tokens?dry_run=true");
    let handed_on = send(request.bearer_auth(&clerk).json(&more)).await;
    assert_eq!(handed_on.status().as_u16(), 403);
}
