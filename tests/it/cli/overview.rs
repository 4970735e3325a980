//! The overview and rollups at the command line.

use engine::testing::Database;
use serde_json::json;

use super::{database, ended, json, lockstep, redacted};

/// Three that were done within a tenth of a second, and one that died after two.
async fn history(database: &Database) {
    let sql = "insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, \
             max_attempts, started_at, ended_at, outcome) \
         select 0, gen_random_uuid(), kind, 'default', state::engine.job_state, 0, 1, 0, 0, 8, \
             now() - took * interval '1 millisecond', now(), outcome \
         from (values ('demo.a', 'completed', 'done', 100), ('demo.a', 'completed', 'done', 100), \
             ('demo.a', 'completed', 'done', 100), ('demo.b', 'dead', 'dead', 2000)) x (kind, state, outcome, took)";
    sqlx::raw_sql(sql)
        .execute(database.pool())
        .await
        .expect("ended jobs");
}

#[tokio::test]
async fn the_overview_tells_what_was_done_and_what_needs_a_person() {
    let _redacted = redacted();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter("[·▁▂▃▄▅▆▇█]{60}", "[bars]");
    let _bars = settings.bind_to_scope();
    let database = database().await;
    history(&database).await;
    let later = [
        "enqueue",
        "soundtrack.sync_zones",
        "--args",
        "{\"company_id\": 1}",
        "--delay",
        "1h",
    ];
    let (code, _, err) = ended(lockstep(&database, &later)).await;
    assert_eq!(code, 0, "{err}");
    let pause = ["queue", "pause", "default", "--reason", "maintenance"];
    ended(lockstep(&database, &pause)).await;

    let (code, out, err) = ended(lockstep(&database, &["overview"])).await;
    let (_, whole) = json(lockstep(&database, &["overview", "-o", "json"])).await;

    insta::assert_snapshot!("overview", format!("{out}---\n{err}"));
    assert_eq!(code, 0);
    assert_eq!(whole["dead"], 1);
    assert_eq!(whole["hour"]["completed"], 3);
    assert_eq!(whole["minutes"].as_array().map(Vec::len), Some(60));
    assert_eq!(whole["depths"]["rows"][0]["scheduled"], 1);
}

#[tokio::test]
async fn rollups_are_listed_by_what_was_asked_for() {
    let database = database().await;
    history(&database).await;

    let list = |more: &[&str]| {
        let mut words = vec!["rollup", "list", "-o", "json"];
        words.extend(more);
        lockstep(&database, &words)
    };
    let (_, kinds) = json(list(&["--step", "1d", "--by", "kind,state"])).await;
    let (_, one) = json(list(&["--kind", "demo.b"])).await;
    let (_, none) = json(list(&["--to", "2020-01-01T00:00:00Z", "--step", "1h"])).await;
    let (code, _, err) = ended(list(&["--since", "30d"])).await;

    let said: Vec<_> = kinds
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| json!([row["kind"], row["state"], row["completed"], row["failed"]]))
        .collect();
    assert_eq!(
        json!(said),
        json!([["demo.a", "completed", 3, 0], ["demo.b", "dead", 0, 1]])
    );
    assert_eq!(
        (&one[0]["dead"], &one[0]["max_ms"]),
        (&json!(1), &json!(2000.0))
    );
    assert_eq!(none, json!([]));
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("take a step of 29 minutes or more"), "{err}");
}
