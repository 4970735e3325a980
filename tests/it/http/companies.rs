//! Companies and zones over HTTP.

use reqwest::Method;
use serde_json::json;

use super::{Front, read, send, text};

#[tokio::test]
async fn a_company_is_made_shown_changed_and_listed() {
    let front = Front::start().await;

    let (made, company) = front
        .post(
            "/companies",
            json!({"name": "Hilton", "country": "TH", "soundtrack_account_id": "a"}),
        )
        .await;
    let id = company["id"].as_i64().expect("an id");
    let path = format!("/companies/{id}");
    let patch = json!({"name": "Hilton Pattaya", "soundtrack_account_id": null});
    let (changed, after) = read(send(front.ask(Method::PATCH, &path).json(&patch)).await).await;
    front
        .post(
            "/companies",
            json!({"name": "Shop", "soundtrack_account_id": "b"}),
        )
        .await;

    assert_eq!((made, changed), (201, 200));
    assert_eq!(
        (
            &after["name"],
            &after["soundtrack_account_id"],
            &after["country"]
        ),
        (&json!("Hilton Pattaya"), &json!(null), &json!("TH"))
    );
    assert_eq!(front.get(&path).await.1, after);
    let (_, all) = front.get("/companies").await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(2));
    let (_, with) = front.get("/companies?has_account=true").await;
    assert_eq!(with["data"][0]["name"], "Shop");
    let (_, audit) = front.get(&format!("/audit?target={id}")).await;
    let actions: Vec<_> = audit["data"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| text(&row["action"]))
        .collect();
    assert_eq!(actions, ["company.update", "company.create"]);
    assert_eq!(
        audit["data"][0]["detail"]["changes"]["name"],
        "Hilton Pattaya"
    );
}

#[tokio::test]
async fn a_company_is_deleted_with_its_zones_and_its_parts_stay() {
    let front = Front::start().await;
    let (_, group) = front.post("/companies", json!({"name": "Group"})).await;
    let (_, part) = front
        .post(
            "/companies",
            json!({"name": "Inn", "parent_id": group["id"]}),
        )
        .await;
    let path = format!("/companies/{}", group["id"]);
    sqlx::query(
        "insert into sync.zone (company_id, soundtrack_zone_id, name) values ($1, 'z', 'Lobby')",
    )
    .bind(group["id"].as_i64())
    .execute(front.database.pool())
    .await
    .expect("a zone");

    let gone = send(front.ask(Method::DELETE, &path))
        .await
        .status()
        .as_u16();
    let twice = send(front.ask(Method::DELETE, &path))
        .await
        .status()
        .as_u16();

    assert_eq!((gone, twice), (204, 404));
    assert_eq!(front.get("/zones").await.1["data"], json!([]));
    let (_, part) = front.get(&format!("/companies/{}", part["id"])).await;
    assert_eq!(part["parent_id"], json!(null));
    let (_, audit) = front.get(&format!("/audit?target={}", group["id"])).await;
    let row = &audit["data"][0];
    assert_eq!(
        (&row["action"], &row["detail"]["name"]),
        (&json!("company.delete"), &json!("Group"))
    );
}

#[tokio::test]
async fn a_company_that_cannot_be_is_refused_with_the_place() {
    let front = Front::start().await;
    front
        .post(
            "/companies",
            json!({"name": "Hilton", "soundtrack_account_id": "a"}),
        )
        .await;

    let table = [
        (json!({"name": ""}), 422, "/name"),
        (json!({"name": "a\u{0}"}), 422, ""),
        (json!({"name": "x", "parent_id": 999}), 422, "/parent_id"),
        (json!({"name": "x", "extra": 1}), 422, "/extra"),
        (json!({"country": "TH"}), 422, "/name"),
    ];
    for (body, status, pointer) in table {
        let (got, problem) = front.post("/companies", body.clone()).await;
        assert_eq!(
            (got, &problem["errors"][0]["pointer"]),
            (status, &json!(pointer)),
            "{body}: {problem}"
        );
    }
    let (taken, problem) = front
        .post(
            "/companies",
            json!({"name": "Other", "soundtrack_account_id": "a"}),
        )
        .await;
    assert_eq!((taken, &problem["code"]), (409, &json!("conflict")));
    assert_eq!(
        read(send(front.ask(Method::PATCH, "/companies/999").json(&json!({}))).await)
            .await
            .0,
        404
    );
    assert_eq!(front.get("/companies/999").await.0, 404);
}

#[tokio::test]
async fn zones_are_listed_by_company_and_shown_with_the_remotes_answer() {
    let front = Front::start().await;
    let (_, company) = front.post("/companies", json!({"name": "Hilton"})).await;
    let company = company["id"].as_i64().expect("an id");
    for (name, status) in [("Lobby", "online"), ("Pool", "offline"), ("Spa", "online")] {
        sqlx::query(
            "insert into sync.zone (company_id, soundtrack_zone_id, name, status, raw, hash) \
             values ($1, $2, $2, $3, '{\"id\": 1}', 'x')",
        )
        .bind(company)
        .bind(name)
        .bind(status)
        .execute(front.database.pool())
        .await
        .expect("a zone");
    }

    let (_, online) = front
        .get(&format!(
            "/zones?company_id={company}&status=online&limit=1"
        ))
        .await;
    let cursor = text(&online["page"]["next"]);
    let (_, rest) = front
        .get(&format!(
            "/zones?company_id={company}&status=online&limit=1&cursor={cursor}"
        ))
        .await;
    let (_, orphans) = front.get("/zones?orphaned=true").await;
    let zone = online["data"][0]["id"].as_i64().expect("an id");
    let (_, shown) = front.get(&format!("/zones/{zone}")).await;

    assert_eq!(
        (&online["data"][0]["name"], &rest["data"][0]["name"]),
        (&json!("Lobby"), &json!("Spa"))
    );
    assert_eq!(orphans["data"], json!([]));
    assert_eq!(
        (&shown["raw"], &shown["status"]),
        (&json!({"id": 1}), &json!("online"))
    );
    assert_eq!(front.get("/zones/999").await.0, 404);
    assert_eq!(front.get("/zones?status=asleep").await.0, 400);
}
