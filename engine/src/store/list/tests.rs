//! What a page costs: its plan, and that it stops.

use sqlx::Row;
use uuid::Uuid;

use super::*;
use crate::store::pool::list_pool;
use crate::testing::Database;
use crate::{NewJob, Seed};

async fn full() -> Database {
    let db = Database::new().await;
    let seed = Seed {
        finished: 24_500,
        dead: 500,
        future: 500,
        ..Seed::default()
    };
    db.client().seed_for_bench(seed).await.unwrap();
    db
}

#[tokio::test]
async fn a_search_stops_after_its_time_and_looks_on_from_there() {
    let db = full().await;
    let filter = Filter::parse("args.page:1").unwrap();
    let drive = Drive::of(&filter);
    let mut conn = list_pool(db.pool()).acquire().await.unwrap();

    let mut searched = Vec::new();
    let mut before = None;
    let found = loop {
        let page = turn(
            &mut conn,
            Meant::now(&filter),
            &drive,
            before,
            (50, Duration::ZERO),
        );
        let page = page.await.unwrap();
        searched.extend(page.searched.map(|searched| searched.rows));
        before = page.next;
        if before.is_none() {
            break page.data;
        }
        assert_eq!(page.data, []);
    };

    // 25,500 jobs, the oldest of which is the one.
    assert_eq!(searched, [1_000; 25]);
    assert_eq!(found.len(), 1);
}

#[tokio::test]
async fn a_page_is_the_walk_of_an_index_and_nothing_is_sorted_or_scanned() {
    let db = full().await;
    db.client()
        .enqueue(NewJob::new("test.act", &serde_json::json!({})))
        .await
        .unwrap();
    let id = Uuid::nil();
    let cases = [
        (String::new(), "job_pkey"),
        ("kind:bench.* -tag:vip age>1s".into(), "job_pkey"),
        ("state:dead".into(), "ended_unfinished"),
        (
            "state:dead,cancelled error:401 args.page:7".into(),
            "ended_unfinished",
        ),
        ("state:dead ended<1h".into(), "ended_unfinished"),
        ("fingerprint:f".into(), "ended_by_group"),
        ("state:scheduled queue:bench_slow".into(), "pending_pkey"),
        ("state:available,running".into(), "running_pkey"),
        ("state:completed tag:vip".into(), "ended_pkey"),
        ("key:company-50".into(), "job_by_unique_key"),
        (format!("parent:{id}"), "job_by_parent"),
        (format!("batch:{id}"), "job_by_batch"),
    ];
    for (text, index) in cases {
        // As things stand, for lists; as they stood then, for acts on many.
        for as_of in [None, Some(Timestamp::UNIX_EPOCH)] {
            let filter = &Filter::parse(&text).unwrap();
            let plan = plan(&db, Meant { filter, as_of }).await;

            assert!(plan.contains(index), "{text}\n{plan}");
            for costly in ["Seq Scan", "Sort\n", "Sort  ", "Hash", "Bitmap"] {
                assert!(!plan.contains(costly), "{text}: {costly}\n{plan}");
            }
        }
    }
}

async fn plan(db: &Database, meant: Meant<'_>) -> String {
    let filter = meant.filter;
    let mut conn = list_pool(db.pool()).acquire().await.unwrap();
    let drive = Drive::of(filter);
    let mut explained = QueryBuilder::<Postgres>::new("explain ");
    let reach = Reach {
        hits: 51,
        rows: GLANCE,
    };
    push_whole(&mut explained, meant, &drive, None, reach);
    let rows = explained.build().fetch_all(&mut *conn).await.unwrap();
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // Each era has an index of its own, called after the divided table's.
    lines.join("\n").replace("_past_", "_")
}
