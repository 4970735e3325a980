//! The audit trail: one with the change it tells of, and paged to its end.

use engine::Actor;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Front, header, read, send, text};
use crate::cli::{break_audit, mend_audit};

/// All that the requests below could have changed.
async fn everything(front: &Front) -> Value {
    let sql = "select jsonb_build_object( \
         'jobs', (select count(*) from engine.job), \
         'keys', (select count(*) from engine.key), \
         'companies', (select jsonb_agg(c order by c.id) from sync.company c))";
    sqlx::query_scalar(sql)
        .fetch_one(front.database.pool())
        .await
        .expect("rows")
}

#[tokio::test]
async fn a_change_whose_audit_row_cannot_be_written_is_not_made() {
    let front = Front::start().await;
    let (_, company) = front
        .post(
            "/companies",
            json!({"name": "Hilton", "soundtrack_account_id": "a"}),
        )
        .await;
    let company = format!("/companies/{}", company["id"]);
    let zone: i64 = sqlx::query_scalar(
        "insert into sync.zone (company_id, soundtrack_zone_id, name) \
         select id, 'z', 'Lobby' from sync.company returning id",
    )
    .fetch_one(front.database.pool())
    .await
    .expect("a zone");
    let unique = json!({"kind": "demo.greet", "unique": {"key": "one"}});
    let batch = json!({"jobs": [{"kind": "demo.greet"}, {"kind": "demo.greet"}]});
    let waited = json!({"jobs": [{"kind": "demo.greet"}], "finaliser": {"kind": "demo.greet"}});
    let changes = [
        (
            Method::POST,
            "/jobs".to_owned(),
            json!({"kind": "demo.greet"}),
            201,
        ),
        (Method::POST, "/jobs".to_owned(), unique, 201),
        (Method::POST, "/jobs:batch".to_owned(), batch.clone(), 200),
        (Method::POST, "/batches".to_owned(), waited, 201),
        (Method::POST, "/chains".to_owned(), batch, 201),
        (
            Method::POST,
            "/companies".to_owned(),
            json!({"name": "Inn"}),
            201,
        ),
        (
            Method::PATCH,
            company.clone(),
            json!({"name": "Hilton Pattaya"}),
            200,
        ),
        (Method::POST, "/zones/sync-all/".to_owned(), json!({}), 202),
        (Method::POST, format!("/zones/{zone}/sync/"), json!({}), 202),
        (Method::DELETE, company, json!({}), 204),
    ];
    let ask = async |(method, path, body): (&Method, &str, &Value)| {
        let request = front.ask(method.clone(), path).json(body);
        read(send(request.header("Prefer", "respond-async")).await).await
    };

    let before = everything(&front).await;
    break_audit(&front.database).await;
    for (method, path, body, _) in &changes {
        let (status, answer) = ask((method, path, body)).await;

        assert_eq!(status, 500, "{method} {path}: {answer}");
        assert_eq!(everything(&front).await, before, "{method} {path}");
    }

    mend_audit(&front.database).await;
    for (method, path, body, expected) in &changes {
        let before = everything(&front).await;
        let (status, answer) = ask((method, path, body)).await;

        assert_eq!(status, *expected, "{method} {path}: {answer}");
        assert_ne!(everything(&front).await, before, "{method} {path}");
    }
    let (_, trail) = front.get("/audit").await;
    let rows = trail["data"].as_array().expect("rows").iter();
    let actions: Vec<_> = rows.map(|row| text(&row["action"])).collect();
    assert_eq!(
        actions[..10],
        [
            "company.delete",
            "sync.company",
            "sync.all",
            "company.update",
            "company.create",
            "chain.enqueue",
            "batch.enqueue",
            "job.enqueue_batch",
            "job.enqueue",
            "job.enqueue",
        ]
    );
}

#[tokio::test]
async fn a_request_that_changes_nothing_leaves_no_audit_row() {
    let front = Front::start().await;
    let order = json!({"kind": "demo.greet", "unique": {"key": "one"}});
    front.post("/jobs", order.clone()).await;
    let before = front.get("/audit").await;

    let twin = front.post("/jobs", order.clone()).await;
    let batch = front.post("/jobs:batch", json!({"jobs": [order]})).await;

    assert_eq!(twin.1["answer"], "kept");
    assert_eq!(batch.1["inserted"], 0);
    assert_eq!(front.get("/audit").await, before);
}

#[tokio::test]
async fn the_trail_is_paged_to_its_end_and_each_row_comes_once() {
    let front = Front::start().await;
    let actor = Actor::new("tester", "test");
    for n in 0..5 {
        for target in ["one", "other"] {
            let detail = Some(json!({ "n": n }));
            let noted = front
                .client()
                .record_audit(&actor, "test.act", target, detail);
            noted.await.expect("a row");
        }
    }

    let (mut path, mut seen) = ("/audit?target=one&limit=2".to_owned(), Vec::new());
    loop {
        let response = send(front.ask(Method::GET, &path)).await;
        let link = header(&response, "link").map(str::to_owned);
        let (status, page) = read(response).await;
        assert_eq!(status, 200, "{page}");
        let rows = page["data"].as_array().expect("rows");
        assert!(rows.len() <= 2 && rows.iter().all(|row| row["target"] == "one"));
        seen.extend(rows.iter().map(|row| row["detail"]["n"].clone()));
        assert_eq!(page["page"]["has_more"], json!(link.is_some()));
        let Some(link) = link else { break };
        let next = link
            .strip_prefix("</api/v1")
            .and_then(|link| link.strip_suffix(">; rel=\"next\""));
        path = next.expect("a link").to_owned();
    }

    assert_eq!(seen, [4, 3, 2, 1, 0].map(|n| json!(n)));
    let (_, page) = front.get("/audit?target=one&limit=1").await;
    let cursor = text(&page["page"]["next"]);
    let (status, problem) = front
        .get(&format!("/audit?target=other&cursor={cursor}"))
        .await;
    assert_eq!((status, &problem["code"]), (400, &json!("cursor_mismatch")));
}
