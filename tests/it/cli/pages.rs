//! Lists that go on, at the command line: each page says how the next is asked for.

use std::collections::BTreeSet;

use engine::testing::Database;
use serde_json::Value;

use super::{database, ended, lockstep};

/// Each list with the flag that turns its page and what tells its rows apart.
const LISTS: [(&str, &str, &[&str]); 7] = [
    ("worker list", "--before", &["id"]),
    ("token list", "--before", &["id"]),
    (
        "schedule history nightly",
        "--before",
        &["tick_at", "manual"],
    ),
    ("company list", "--after", &["id"]),
    ("zone list", "--after", &["id"]),
    ("audit list", "--before", &["id"]),
    ("partition list", "--after", &["partition_key"]),
];

/// Some rows in each list; `first` and `last` number them.
async fn fill(database: &Database, first: i32, last: i32) {
    let sql = "with n as (select * from generate_series($1::integer, $2::integer) n), \
         w as (insert into engine.worker (id, label, version, queues, kinds, stopped_at) \
             select lpad(to_hex(n), 32, '0')::uuid, 'worker', '1', '{}', '{}', case when n % 2 = 0 then now() end from n), \
         s as (insert into engine.schedule (name, cron, time_zone, kind, catch_up, overlap) \
             values ('nightly', '0 2 * * *', 'UTC', 'a.b', 'latest', 'skip') on conflict do nothing), \
         t as (insert into engine.tick (schedule, tick_at, manual, decision) \
             select 'nightly', timestamptz '2026-01-01Z' + n / 2 * interval '1 day', n % 2 = 0, 'skipped_paused' from n), \
         k as (insert into engine.token (id, name, secret_hash, scopes, created_by) \
             select 'token' || n, 'ci', '\\x00', '{}', 'tester' from n), \
         b as (insert into engine.partition_block (shard, partition_key, job_id, kind, blocked_at) \
             select 0, 'key' || n, lpad(to_hex(n), 32, '0')::uuid, 'a.b', timestamptz '2026-01-01Z' + n / 2 * interval '1 day' from n), \
         a as (insert into engine.audit (actor, via, action, target) select 'tester', 'cli', 'test.act', 't' || n from n), \
         c as (insert into sync.company (name) select 'company ' || n from n returning id) \
         insert into sync.zone (company_id, soundtrack_zone_id, name) select id, 'z' || id, 'Lobby' from c";
    sqlx::query(sql)
        .bind(first)
        .bind(last)
        .execute(database.pool())
        .await
        .expect("rows");
}

/// A page as keys of its rows, and the words that ask for the next.
async fn page(
    database: &Database,
    list: &str,
    fields: &[&str],
    more: &[&str],
) -> (Vec<String>, Option<[String; 2]>) {
    let words: Vec<&str> = list.split(' ').chain(more.iter().copied()).collect();
    let json = [words.as_slice(), &["-o", "json"]].concat();
    let (code, out, err) = ended(lockstep(database, &json)).await;
    assert_eq!(code, 0, "{list}: {err}");
    let rows: Vec<Value> = serde_json::from_str(&out).expect("JSON");
    let key = |row: &Value| fields.iter().map(|field| row[*field].to_string()).collect();
    let (_, _, told) = ended(lockstep(database, &words)).await;
    let next = told.trim().strip_prefix("More: add ").map(|words| {
        let (flag, place) = words.split_once(' ').expect("a flag and a place");
        [flag.to_owned(), place.to_owned()]
    });
    (rows.iter().map(key).collect(), next)
}

#[tokio::test]
async fn each_row_comes_once_to_the_end_whatever_comes_in_between() {
    for (list, flag, fields) in LISTS {
        let database = database().await;
        fill(&database, 2, 7).await;
        let (before, end) = page(&database, list, fields, &["--limit", "500"]).await;
        assert_eq!((before.len(), end), (6, None), "{list}");
        let (full, end) = page(&database, list, fields, &["--limit", "6"]).await;
        assert_eq!((full.len(), end), (6, None), "{list}: full, and the last");

        let (mut seen, mut next) = page(&database, list, fields, &["--limit", "3"]).await;
        fill(&database, 8, 10).await;
        while let Some([said, place]) = next {
            assert_eq!(said, flag, "{list}");
            let more = ["--limit", "3", flag, &place];
            let (rows, after) = page(&database, list, fields, &more).await;
            assert!(!rows.is_empty(), "{list}: an empty page was announced");
            seen.extend(rows);
            next = after;
        }

        let each: BTreeSet<&String> = seen.iter().collect();
        assert_eq!(each.len(), seen.len(), "{list}: twice: {seen:?}");
        assert!(
            before.iter().all(|row| each.contains(row)),
            "{list}: {before:?} are not all in {seen:?}"
        );
    }
}

#[tokio::test]
async fn a_place_that_is_none_of_the_list_is_refused_with_advice() {
    let database = database().await;
    fill(&database, 2, 7).await;

    for (list, flag, _) in LISTS {
        for place in ["nonsense", "", "9999999999999999999~x"] {
            let words: Vec<&str> = list.split(' ').chain([flag, place]).collect();
            let (code, out, err) = ended(lockstep(&database, &words)).await;

            assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {err}");
            assert!(
                err.contains(flag) || err.contains("the place to go on from is of another list"),
                "{words:?}: {err}"
            );
        }
        let words: Vec<&str> = list.split(' ').chain(["--limit", "501"]).collect();
        let (code, _, err) = ended(lockstep(&database, &words)).await;
        assert_eq!(code, 2, "{err}");
        assert!(err.contains("501 is not in 1..=500"), "{err}");
    }
}
