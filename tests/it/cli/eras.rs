//! Eras and pruning at the command line.

use engine::testing::Database;

use super::{database, ended, json, lockstep, redacted};

/// Dead letters of ten days ago, whose ids are of `past`, and completed jobs of the same time. The era after
/// it has yet to begin, though the hour may have struck since the schema was made.
pub(crate) async fn old(database: &Database) {
    let sql = "with made as materialized ( \
             select (substr(engine.first_id(now() - interval '10 days')::text, 1, 14) || '7000-8000-' || lpad(n::text, 12, '0'))::uuid as id, \
                 case when n <= 3 then 'dead' else 'completed' end::engine.job_state as state, now() - interval '10 days' as at \
             from generate_series(1, 10) n \
         ), asked as ( \
             insert into engine.job (shard, id, kind, args, queue, priority, run_at, max_attempts) \
             select 0, id, 'demo.old', '{}', 'default', 0, at, 8 from made \
         ) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, \
             started_at, ended_at, outcome) \
         select 0, id, 'demo.old', 'default', state, 0, 1, 0, 0, 8, at, at, 'x' from made; \
         update engine.era set until_at = until_at - interval '8 days' where name = 'past'; \
         update engine.era set from_at = until_at - interval '1 hour' where name <> 'past'";
    sqlx::raw_sql(sql)
        .execute(database.pool())
        .await
        .expect("old jobs");
}

#[tokio::test]
async fn eras_are_listed_and_what_has_expired_goes_once_it_is_confirmed() {
    let _redacted = redacted();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{8}_\d{2}", "[era]");
    settings.add_filter(r"\d+ kB", "[size]");
    settings.add_filter(r" +\n", "\n");
    let _named = settings.bind_to_scope();
    let database = database().await;
    old(&database).await;

    let (code, eras, err) = ended(lockstep(&database, &["db", "eras"])).await;
    assert_eq!(code, 0, "{err}");
    let (code, dry, _) = ended(lockstep(&database, &["db", "prune", "--dry-run"])).await;
    assert_eq!(code, 0);
    let (refused, _, asked) = ended(lockstep(&database, &["db", "prune"])).await;
    let yes = ["db", "prune", "--yes", "--reason", "the disk is full"];
    let (code, done, err) = ended(lockstep(&database, &yes)).await;
    assert_eq!(code, 0, "{err}");
    let (_, again) = json(lockstep(&database, &["db", "prune", "--yes", "-o", "json"])).await;

    insta::assert_snapshot!("eras", format!("{eras}---\n{dry}---\n{asked}---\n{done}"));
    assert_eq!(refused, 2, "nobody was there to confirm it");
    assert_eq!(again["emptied"], serde_json::json!([]));
    let left: i64 = sqlx::query_scalar("select count(*) from engine.job")
        .fetch_one(database.pool())
        .await
        .expect("a count");
    assert_eq!(left, 3, "dead letters stay");
    let (_, trail) = json(lockstep(&database, &["audit", "list", "-o", "json"])).await;
    let told = trail.to_string();
    assert!(
        told.contains("history.prune") && told.contains("the disk is full"),
        "{told}"
    );
}
