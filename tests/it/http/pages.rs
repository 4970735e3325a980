//! Lists that go on: each row comes once, on pages of whatever size, and to the end, whatever comes in
//! between.

use std::collections::BTreeSet;

use engine::NewToken;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Front, header, read, send, text};

/// Each list with what tells its rows apart.
const LISTS: [(&str, &[&str]); 6] = [
    ("/workers", &["id"]),
    ("/tokens", &["id"]),
    ("/schedules/night%2Fly/ticks", &["tick_at", "manual"]),
    ("/companies", &["id"]),
    ("/zones", &["id"]),
    ("/audit", &["id"]),
];

/// All rows of a list by pages of two; `between` happens after the first.
async fn walked(front: &Front, path: &str, between: impl AsyncFnOnce()) -> Vec<Value> {
    let (mut all, mut between) = (Vec::new(), Some(between));
    let mut next = format!("/api/v1{path}?limit=2");
    loop {
        let answer = send(front.bare(Method::GET, &next).bearer_auth(&front.admin)).await;
        let link = header(&answer, "link").map(str::to_owned);
        let (status, page) = read(answer).await;
        assert_eq!(status, 200, "{path}: {page}");
        let rows = page["data"].as_array().expect("rows");
        assert!((1..=2).contains(&rows.len()), "{path}: {page}");
        all.extend(rows.iter().cloned());
        if let Some(between) = between.take() {
            between().await;
        }
        let cursor = page["page"]["next"].as_str();
        assert_eq!(page["page"]["has_more"], json!(cursor.is_some()), "{page}");
        assert_eq!(link.is_some(), cursor.is_some(), "{path}: {link:?}");
        let (Some(link), Some(cursor)) = (link, cursor) else {
            return all;
        };
        let target = link.strip_prefix('<').and_then(|rest| rest.split_once('>'));
        next = target.expect("a link").0.to_owned();
        assert!(next.contains(cursor), "{path}: {next}");
        assert!(all.len() < 50, "{path} does not end");
    }
}

/// Some rows in each list; `n` numbers them.
async fn fill(front: &Front, n: std::ops::RangeInclusive<i32>) {
    let (first, last) = (*n.start(), *n.end());
    let sql = "with n as (select * from generate_series($1::integer, $2::integer) n), \
         w as (insert into engine.worker (id, label, version, queues, kinds, seen_at, stopped_at) \
             select lpad(to_hex(n), 32, '0')::uuid, 'worker ' || n, '1', '{}', '{}', \
                 now() - case when n % 2 = 0 then interval '1 hour' else interval '1 second' end, null from n), \
         s as (insert into engine.schedule (name, cron, time_zone, kind, catch_up, overlap) \
             values ('night/ly', '0 2 * * *', 'UTC', 'a.b', 'latest', 'skip') on conflict do nothing), \
         t as (insert into engine.tick (schedule, tick_at, manual, decision) \
             select 'night/ly', timestamptz '2026-01-01Z' + n / 2 * interval '1 day', n % 2 = 0, 'skipped_paused' from n), \
         c as (insert into sync.company (name) select 'company ' || n from n returning id) \
         insert into sync.zone (company_id, soundtrack_zone_id, name) select id, 'z' || id, 'Lobby' from c";
    sqlx::query(sql)
        .bind(first)
        .bind(last)
        .execute(front.database.pool())
        .await
        .expect("rows");
    for n in n {
        let new = NewToken {
            id: format!("token{n}"),
            name: format!("token {n}"),
            secret_hash: vec![0; 32],
            scopes: vec!["jobs:read".into()],
            created_by: "tester".into(),
            valid_for: None,
        };
        let actor = engine::Actor::new("tester", "test");
        let made = front.client().create_token(new, &actor).await;
        made.expect("a token");
    }
}

fn keys(rows: &[Value], fields: &[&str]) -> Vec<String> {
    let key = |row: &Value| fields.iter().map(|field| row[*field].to_string()).collect();
    rows.iter().map(key).collect()
}

#[tokio::test]
async fn each_row_comes_once_whatever_comes_in_between() {
    for (path, fields) in LISTS {
        let front = Front::start().await;
        fill(&front, 2..=8).await;
        let (_, whole) = front.get(&format!("{path}?limit=500")).await;
        let before = keys(whole["data"].as_array().expect("rows"), fields);

        let quiet = walked(&front, path, async || {}).await;
        let busy = walked(&front, path, async || fill(&front, 9..=13).await).await;

        assert_eq!(keys(&quiet, fields), before, "{path}");
        let busy = keys(&busy, fields);
        let each: BTreeSet<&String> = busy.iter().collect();
        assert_eq!(each.len(), busy.len(), "{path}: twice: {busy:?}");
        let missed: Vec<_> = before.iter().filter(|row| !each.contains(row)).collect();
        assert!(missed.is_empty(), "{path}: missed {missed:?} of {before:?}");
        front.stop().await;
    }
}

#[tokio::test]
async fn a_full_page_that_is_the_last_says_so() {
    let front = Front::start().await;
    fill(&front, 2..=8).await;

    for (path, _) in LISTS {
        let (_, whole) = front.get(&format!("{path}?limit=500")).await;
        let rows = whole["data"].as_array().expect("rows").len();
        let (_, full) = front.get(&format!("{path}?limit={rows}")).await;
        let (_, less) = front.get(&format!("{path}?limit={}", rows - 1)).await;

        assert_eq!(
            full["page"],
            json!({"next": null, "has_more": false}),
            "{path}"
        );
        assert_eq!(less["page"]["has_more"], json!(true), "{path}");
    }
}

#[tokio::test]
async fn workers_come_the_living_first_and_ticks_the_newest_first() {
    let front = Front::start().await;
    fill(&front, 1..=7).await;

    let workers = walked(&front, "/workers", async || {}).await;
    let ticks = walked(&front, "/schedules/night%2Fly/ticks", async || {}).await;

    let order = [7, 5, 3, 1, 6, 4, 2].map(|n| format!("\"worker {n}\""));
    assert_eq!(keys(&workers, &["label"]), order);
    let alive = ["true", "true", "true", "true", "false", "false", "false"];
    assert_eq!(keys(&workers, &["alive"]), alive);
    let times = keys(&ticks, &["tick_at"]);
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
}

#[tokio::test]
async fn a_cursor_that_is_none_of_the_list_is_refused_with_advice() {
    let front = Front::start().await;
    fill(&front, 2..=8).await;
    let mut cursors = Vec::new();
    for (path, _) in LISTS {
        let (_, page) = front.get(&format!("{path}?limit=2")).await;
        cursors.push(text(&page["page"]["next"]));
    }

    for (place, (path, _)) in LISTS.into_iter().enumerate() {
        let own = &cursors[place];
        let others = cursors.iter().filter(|cursor| *cursor != own);
        let others = others.map(|cursor| (cursor.as_str(), "cursor_mismatch"));
        let bad = ["", "nonsense", "%F0%9F", "AAAAAAAAAAAAAA", &own[1..]];
        let bad = bad.map(|cursor| (cursor, ""));
        for (cursor, code) in others.chain(bad) {
            let (status, problem) = front.get(&format!("{path}?cursor={cursor}")).await;

            assert_eq!(status, 400, "{path} {cursor}: {problem}");
            let got = text(&problem["code"]);
            assert!(
                got.starts_with(code) && got != "internal",
                "{path} {cursor}: {problem}"
            );
            assert!(
                text(&problem["detail"]).contains("cursor"),
                "{path} {cursor}: {problem}"
            );
        }
    }
}
