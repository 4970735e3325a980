//! Lists that go on: each row comes once, on pages of whatever size, and to the end.

use std::collections::BTreeSet;

use engine::NewToken;
use serde_json::{Value, json};

use super::{Front, text};

/// All rows of a list by pages of two, as the value of a field.
async fn walked(front: &Front, path: &str, field: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = front.get(&format!("{path}?limit=2{cursor}")).await;
        assert_eq!(status, 200, "{path}: {page}");
        let rows = page["data"].as_array().expect("rows");
        assert!(rows.len() <= 2, "{path}: {page}");
        all.extend(rows.iter().map(|row| row[field].clone()));
        if page["page"]["has_more"] == json!(false) {
            return all;
        }
        cursor = format!("&cursor={}", text(&page["page"]["next"]));
        assert!(all.len() < 50, "{path} does not end");
    }
}

async fn fill(front: &Front) {
    let sql = "insert into engine.worker (id, label, version, queues, kinds, seen_at, stopped_at) \
         select lpad(to_hex(n), 32, '0')::uuid, 'worker ' || n, '1', '{}', '{}', \
             now() - case when n % 2 = 0 then interval '1 hour' else interval '1 second' end, null \
         from generate_series(1, 7) n; \
         insert into engine.schedule (name, cron, time_zone, kind, catch_up, overlap) \
         values ('night/ly', '0 2 * * *', 'UTC', 'a.b', 'latest', 'skip'); \
         insert into engine.tick (schedule, tick_at, manual, decision) \
         select 'night/ly', now() - n / 2 * interval '1 day', n % 2 = 0, 'skipped_paused' from generate_series(2, 8) n";
    sqlx::raw_sql(sql)
        .execute(front.database.pool())
        .await
        .expect("rows");
    for n in 0..4 {
        let new = NewToken {
            id: format!("token{n}"),
            name: format!("token {n}"),
            secret_hash: vec![0; 32],
            scopes: vec!["jobs:read".into()],
            created_by: "tester".into(),
            valid_for: None,
        };
        let actor = engine::Actor::new("tester", "test");
        front
            .client()
            .create_token(new, &actor)
            .await
            .expect("a token");
    }
}

#[tokio::test]
async fn workers_tokens_and_ticks_are_paged_to_their_end_and_each_comes_once() {
    let front = Front::start().await;
    fill(&front).await;

    let workers = walked(&front, "/workers", "label").await;
    let alive = walked(&front, "/workers", "alive").await;
    let tokens = walked(&front, "/tokens", "id").await;
    let ticks = walked(&front, "/schedules/night%2Fly/ticks", "tick_at").await;
    let manual = walked(&front, "/schedules/night%2Fly/ticks", "manual").await;

    let order = [7, 5, 3, 1, 6, 4, 2].map(|n| json!(format!("worker {n}")));
    assert_eq!(workers, order);
    let living = alive.iter().take_while(|one| **one == json!(true)).count();
    assert_eq!((living, alive.len()), (4, 7));
    let each: BTreeSet<String> = tokens.iter().map(text).collect();
    // With the token of the one who asks.
    assert_eq!((each.len(), tokens.len()), (5, 5));
    assert!(
        ticks.is_sorted_by(|one, next| text(one) >= text(next)),
        "{ticks:?}"
    );
    let both: BTreeSet<String> = ticks
        .iter()
        .zip(&manual)
        .map(|(at, manual)| format!("{at} {manual}"))
        .collect();
    assert_eq!((both.len(), ticks.len()), (7, 7));
}

#[tokio::test]
async fn a_place_of_another_sort_of_list_is_refused() {
    let front = Front::start().await;
    fill(&front).await;
    let (_, page) = front.get("/tokens?limit=2").await;
    let cursor = text(&page["page"]["next"]);

    for path in ["/workers", "/schedules/night%2Fly/ticks"] {
        let (status, problem) = front.get(&format!("{path}?cursor={cursor}")).await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("bad_cursor")),
            "{path}"
        );
    }
}
