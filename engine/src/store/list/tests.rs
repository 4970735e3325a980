//! What a page costs: its plan, and that it stops.

use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::*;
use crate::store::pool::read_pool;
use crate::testing::Database;
use crate::{NewJob, Seed};

const REACH: Reach = Reach {
    hits: 51,
    rows: GLANCE,
};

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
    let mut conn = read_pool(db.pool()).acquire().await.unwrap();

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
    let at = Cursor {
        at: Some(Timestamp::UNIX_EPOCH),
        key: id,
    };
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
        let filter = &Filter::parse(&text).unwrap();
        let plans = [
            kept_plan(&db, filter, None).await,
            kept_plan(&db, filter, Some(at)).await,
            step_plan(&db, filter).await,
        ];
        for plan in plans {
            assert!(plan.contains(index), "{text}\n{plan}");
            for costly in ["Seq Scan", "Sort\n", "Sort  ", "Hash", "Bitmap"] {
                assert!(!plan.contains(costly), "{text}: {costly}\n{plan}");
            }
        }
    }
}

/// The plan that a session keeps for pages of lists, whatever the values are.
async fn kept_plan(db: &Database, filter: &Filter, before: Option<Cursor>) -> String {
    let mut conn = read_pool(db.pool()).acquire().await.unwrap();
    let mut query = QueryBuilder::<Postgres>::new("prepare page as ");
    let drive = Drive::of(filter);
    push_whole(&mut query, Meant::now(filter), &drive, before, REACH);
    let prepare = query.into_sql();
    let values = prepare.as_str().matches('$').count();
    let explain = format!("explain execute page({})", vec!["null"; values].join(", "));
    // Nothing is in any era at the place null: they would be left out of the plan.
    let all = "set enable_partition_pruning = off";
    sqlx::raw_sql(all).execute(&mut *conn).await.unwrap();
    sqlx::raw_sql(prepare).execute(&mut *conn).await.unwrap();
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut *conn);
    told(&rows.await.unwrap())
}

/// The plan of a step of an act on many, which is made for its values: jobs as they stood then.
async fn step_plan(db: &Database, filter: &Filter) -> String {
    let mut conn = read_pool(db.pool()).acquire().await.unwrap();
    let mut query = QueryBuilder::<Postgres>::new("explain ");
    let as_of = Some(Timestamp::UNIX_EPOCH);
    let drive = Drive::of(filter);
    push_statement(&mut query, Meant { filter, as_of }, &drive, None, REACH);
    told(&query.build().fetch_all(&mut *conn).await.unwrap())
}

fn told(rows: &[PgRow]) -> String {
    let lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    // Each era has an index of its own, called after the divided table's.
    lines.join("\n").replace("_past_", "_")
}
