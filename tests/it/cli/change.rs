//! Changes: dry runs change nothing, real ones say what they did and leave an audit row.

use engine::testing::Database;
use engine::{Actor, NewJob};
use serde_json::json;
use uuid::Uuid;

use super::{database, ended, json, lockstep, redacted};

async fn queued(database: &Database) -> Uuid {
    let job = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 1}));
    database.client().enqueue(job).await.expect("enqueue").id
}

async fn cancelled(database: &Database) -> Uuid {
    let id = queued(database).await;
    database
        .client()
        .cancel(id, &Actor::new("tester", "test"), "for the test")
        .await
        .expect("cancel");
    id
}

#[tokio::test]
async fn a_dry_run_says_what_would_change_and_changes_nothing() {
    let database = database().await;
    let (live, ended_job) = (
        queued(&database).await.to_string(),
        cancelled(&database).await.to_string(),
    );
    let company = jobs::company::NewCompany {
        name: "Hilton".into(),
        soundtrack_account_id: Some("QWNjb3VudA".into()),
        ..Default::default()
    };
    jobs::company::create(database.pool(), &company)
        .await
        .expect("company");
    let rule = engine::BudgetRule {
        key: "soundtrack/default".into(),
        capacity: 3_600.0,
        refill_per_s: 5.0,
        refill_ceiling_per_s: 50.0,
        start: engine::Start::Full,
    };
    let client = database.client();
    client.declare_budget(&rule).await.expect("budget");
    client
        .close_breaker(&rule.key, None, &Actor::new("tester", "test"))
        .await
        .expect("breaker");
    let changes: &[&[&str]] = &[
        &["migrate"],
        &["enqueue", "soundtrack.sync_all"],
        &["job", "cancel", &live],
        &["job", "retry", &ended_job],
        &["job", "again", &ended_job],
        &["job", "delete", &ended_job],
        &["dead", "replay", "--all"],
        &["queue", "pause", "default"],
        &["queue", "resume", "default"],
        &["breaker", "open", "soundtrack/default"],
        &["breaker", "close", "soundtrack/default"],
        &["budget", "set", "soundtrack/default", "--refill", "9"],
        &["company", "add", "Marriott"],
        &["company", "set", "1", "--name", "Marriott"],
        &["sync", "soundtrack"],
        &["sync", "soundtrack", "--company-id", "1"],
        &["token", "create", "ops", "--scope", "jobs:read"],
    ];
    let before = everything(&database).await;
    for words in changes {
        let (code, out, err) = ended(lockstep(
            &database,
            &[words, ["--dry-run"].as_slice()].concat(),
        ))
        .await;

        assert_eq!(code, 0, "{words:?}: {err}");
        let is_said = ["Would", "up to date", "No dead"]
            .iter()
            .any(|word| out.contains(word));
        assert!(is_said, "{words:?}: {out:?}");
        assert_eq!(everything(&database).await, before, "{words:?}");
    }
}

/// What the changes above could have changed.
async fn everything(database: &Database) -> String {
    let client = database.client();
    let jobs = client
        .jobs(&engine::JobFilter::default())
        .await
        .expect("jobs")
        .data;
    let states: Vec<_> = jobs.iter().map(|job| (job.id, job.state)).collect();
    let companies = jobs::company::list(database.pool(), &Default::default(), 100)
        .await
        .expect("companies");
    let (audit, tokens) = (
        client.audit(None, 100).await.expect("audit"),
        client.tokens().await.expect("tokens"),
    );
    let pauses = client
        .pauses(engine::PauseScope::Queue)
        .await
        .expect("pauses");
    format!("{states:?} {companies:?} {audit:?} {tokens:?} {pauses:?}")
}

#[tokio::test]
async fn a_change_names_the_next_useful_command() {
    let _redacted = redacted();
    let database = database().await;
    let id = queued(&database).await.to_string();
    let said = async |words: &[&str]| {
        let (code, out, err) = ended(lockstep(&database, words)).await;
        assert_eq!(code, 0, "{words:?}: {err}");
        out
    };

    let told = [
        said(&["queue", "pause", "default", "--reason", "maintenance"]).await,
        said(&["queue", "pause", "default"]).await,
        said(&["queue", "resume", "default"]).await,
        said(&["job", "cancel", &id]).await,
        said(&["job", "retry", &id]).await,
        said(&["company", "add", "Hilton Pattaya"]).await,
        said(&["company", "set", "1", "--account", "QWNjb3VudA"]).await,
        said(&[
            "enqueue",
            "soundtrack.sync_zones",
            "--args",
            "{\"company_id\": 1}",
        ])
        .await,
    ];

    insta::assert_snapshot!("changes", told.concat());
}

#[tokio::test]
async fn a_change_is_audited_with_who_and_why() {
    let database = database().await;
    let (code, _, _) = ended(lockstep(
        &database,
        &["queue", "pause", "default", "--reason", "maintenance"],
    ))
    .await;
    assert_eq!(code, 0);

    let (_, audit) = json(lockstep(&database, &["audit", "list", "-o", "json"])).await;

    assert_eq!(audit[0]["action"], "queue.pause");
    assert_eq!(
        (&audit[0]["actor"], &audit[0]["via"]),
        (&json!("tester"), &json!("cli"))
    );
    assert_eq!(audit[0]["detail"]["reason"], "maintenance");
}

#[tokio::test]
async fn what_cannot_be_undone_needs_a_yes() {
    let database = database().await;
    let id = cancelled(&database).await;

    let (code, _, err) = ended(lockstep(&database, &["job", "delete", &id.to_string()])).await;
    assert_eq!(code, 2, "{err}");
    assert!(err.contains("--yes"), "{err}");
    assert!(database.client().job(id).await.expect("job").is_some());

    let (code, _, err) = ended(lockstep(
        &database,
        &["job", "delete", &id.to_string(), "--yes"],
    ))
    .await;
    assert_eq!(code, 0, "{err}");
    assert!(database.client().job(id).await.expect("job").is_none());
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_job() {
    let database = database().await;
    let words = [
        "enqueue",
        "soundtrack.sync_all",
        "--idempotency-key",
        "once",
        "-o",
        "name",
    ];

    let (_, first, _) = ended(lockstep(&database, &words)).await;
    let (_, second, _) = ended(lockstep(&database, &words)).await;

    assert_eq!(first, second);
}

#[tokio::test]
async fn a_token_is_shown_once_and_stops_when_revoked() {
    let database = database().await;
    let create = [
        "token",
        "create",
        "ops",
        "--scope",
        "jobs:read,jobs:write",
        "-o",
        "json",
    ];

    let (_, made) = json(lockstep(&database, &create)).await;
    let secret = made["token"].as_str().expect("a token").to_owned();
    let id = made["id"].as_str().expect("an id").to_owned();
    let (_, listed, _) = ended(lockstep(&database, &["token", "list", "-o", "json"])).await;
    let (code, _, _) = ended(lockstep(&database, &["token", "revoke", &id, "--yes"])).await;

    assert!(secret.starts_with("lockstep_"));
    assert!(listed.contains(&id) && !listed.contains(&secret));
    assert_eq!(code, 0);
    let (code, _, _) = ended(lockstep(&database, &["token", "revoke", &id, "--yes"])).await;
    assert_eq!(code, 4);
}
