//! Changes: dry runs change nothing, real ones say what they did and leave an audit row.

use engine::testing::Database;
use engine::{Actor, CatchUp, NewJob, Overlap, PauseScope, Schedule};
use jobs::company::NewCompany;
use serde_json::json;
use uuid::Uuid;

use super::{break_audit, database, ended, json, lockstep, mend_audit, redacted};

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
    super::company(&database, &company).await;
    declare(&database).await;
    let token = database_token(&database).await;
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
        &["job", "signal", &live, "approved"],
        &["job", "retry", &ended_job],
        &["job", "again", &ended_job],
        &["job", "delete", &ended_job],
        &["dead", "replay", "--all"],
        &["queue", "pause", "default"],
        &["queue", "resume", "default"],
        &["breaker", "open", "soundtrack/default"],
        &["breaker", "close", "soundtrack/default"],
        &["breaker", "resume", "soundtrack/default"],
        &["budget", "set", "soundtrack/default", "--refill", "9"],
        &["company", "add", "Marriott"],
        &["company", "set", "1", "--name", "Marriott"],
        &["company", "delete", "1"],
        &["kind", "pause", "soundtrack.sync_all"],
        &["kind", "resume", "soundtrack.sync_all"],
        &["schedule", "run", "nightly"],
        &["schedule", "pause", "nightly"],
        &["schedule", "resume", "nightly"],
        &["token", "create", "ops", "--scope", "jobs:read"],
        &["token", "revoke", &token],
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

async fn declare(database: &Database) {
    let schedule = Schedule {
        name: "nightly".into(),
        cron: "0 2 * * *".into(),
        time_zone: "Asia/Bangkok".into(),
        kind: "soundtrack.sync_all".into(),
        args: json!({}),
        queue: None,
        catch_up: CatchUp::Latest,
        overlap: Overlap::Skip,
    };
    let actor = Actor::new("tester", "test");
    let declared = database.client().sync_schedules(&[schedule], &actor).await;
    declared.expect("declared");
}

/// The id of a token.
async fn database_token(database: &Database) -> String {
    let actor = Actor::new("tester", "test");
    let scopes = ["jobs:read".to_owned()];
    let minted = lockstep::http::token::mint(database.client(), "ci", &scopes, None, &actor).await;
    minted.expect("a token").id
}

/// What the changes above could have changed.
async fn everything(database: &Database) -> String {
    let client = database.client();
    let jobs = client
        .jobs(engine::JobQuery::default())
        .await
        .expect("jobs")
        .data;
    let states: Vec<_> = jobs.iter().map(|job| (job.id, job.state)).collect();
    let companies = jobs::company::list(database.pool(), &Default::default(), 100)
        .await
        .expect("companies")
        .data;
    let (audit, tokens) = (
        client.audit(None, 100).await.expect("audit"),
        client.tokens(None, 500).await.expect("tokens"),
    );
    let mut pauses = Vec::new();
    for scope in [PauseScope::Queue, PauseScope::Kind, PauseScope::Schedule] {
        pauses.extend(client.pauses(scope).await.expect("pauses"));
    }
    let ticks = client.ticks("nightly", None, 10).await.expect("ticks");
    format!("{states:?} {companies:?} {audit:?} {tokens:?} {pauses:?} {ticks:?}")
}

#[tokio::test]
async fn a_dry_run_is_refused_where_the_change_would_be() {
    let database = database().await;
    let company = NewCompany {
        name: "Hilton".into(),
        soundtrack_account_id: Some("QWNjb3VudA".into()),
        ..Default::default()
    };
    super::company(&database, &company).await;
    let over = cancelled(&database).await.to_string();
    let table: &[(&[&str], i32)] = &[
        (&["company", "add", ""], 2),
        (&["company", "add", "Inn", "--account", "QWNjb3VudA"], 4),
        (&["company", "set", "999", "--name", "Inn"], 3),
        (&["company", "delete", "999"], 3),
        (&["schedule", "run", "none"], 3),
        (&["kind", "pause", "soundtrack.sync_al"], 3),
        (&["token", "create", "ops", "--scope", "jobs:raed"], 2),
        (&["token", "revoke", "none"], 3),
        (&["partition", "skip", "none"], 3),
        (&["job", "signal", &over, "approved"], 4),
    ];
    for (words, expected) in table {
        let dry = [words, ["--dry-run"].as_slice()].concat();
        let (code, out, err) = ended(lockstep(&database, &dry)).await;

        assert_eq!(code, *expected, "{words:?}: {out}{err}");
    }
}

#[tokio::test]
async fn a_change_whose_audit_row_cannot_be_written_is_not_made() {
    let database = database().await;
    let company = NewCompany {
        name: "Hilton".into(),
        soundtrack_account_id: Some("QWNjb3VudA".into()),
        ..Default::default()
    };
    super::company(&database, &company).await;
    declare(&database).await;
    let changes: &[&[&str]] = &[
        &["enqueue", "soundtrack.sync_all"],
        &["enqueue", "soundtrack.sync_all", "--unique-key", "one"],
        &["sync", "soundtrack", "--no-wait"],
        &["sync", "soundtrack", "--company-id", "1", "--no-wait"],
        &["company", "add", "Inn"],
        &["company", "set", "1", "--name", "Inn"],
        &["company", "delete", "1", "--yes"],
    ];
    let ask = async |words: &[&str]| {
        let mut command = lockstep(&database, words);
        // Whoever has no token and no worker cannot sync.
        command.env("LOCKSTEP_SOUNDTRACK_TOKEN", "dG9rZW4=");
        ended(command).await
    };

    let before = everything(&database).await;
    break_audit(&database).await;
    for words in changes {
        let (code, out, err) = ask(words).await;

        assert_eq!(code, 1, "{words:?}: {out}{err}");
        assert!(err.contains("the audit trail is lost"), "{words:?}: {err}");
        assert_eq!(everything(&database).await, before, "{words:?}");
    }

    mend_audit(&database).await;
    for words in changes {
        let before = everything(&database).await;
        let (code, out, err) = ask(words).await;

        assert_eq!(code, 0, "{words:?}: {out}{err}");
        assert_ne!(everything(&database).await, before, "{words:?}");
    }
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
async fn an_enqueue_and_a_company_are_audited_with_what_was_done_and_why() {
    let database = database().await;
    let args = ["--args", "{\"company_id\": 1}", "--reason", "asked for"];
    let changes: &[&[&str]] = &[
        &["company", "add", "Inn", "--reason", "new customer"],
        &["company", "set", "1", "--country", "TH"],
        &[&["enqueue", "soundtrack.sync_zones"], args.as_slice()].concat(),
        &["company", "delete", "1", "--yes", "--reason", "left us"],
    ];
    for words in changes {
        let (code, _, err) = ended(lockstep(&database, words)).await;
        assert_eq!(code, 0, "{words:?}: {err}");
    }

    let (_, audit) = json(lockstep(&database, &["audit", "list", "-o", "json"])).await;

    let rows = audit.as_array().expect("rows").iter().rev();
    let told: Vec<_> = rows
        .map(|row| json!([row["action"], row["detail"]]))
        .collect();
    let kind = "soundtrack.sync_zones";
    assert_eq!(
        told,
        [
            json!(["company.create", {"name": "Inn", "reason": "new customer"}]),
            json!(["company.update", {"changes": {"country": "TH"}}]),
            json!(["job.enqueue", {"kind": kind, "answer": "inserted", "reason": "asked for"}]),
            json!(["company.delete", {"name": "Inn", "reason": "left us"}]),
        ]
    );
}

#[tokio::test]
async fn a_reason_stands_in_the_row_of_what_was_done_for_it_and_in_no_other() {
    let database = database().await;
    declare(&database).await;
    let job = cancelled(&database).await.to_string();
    let token = database_token(&database).await;
    let changes: &[(&[&str], &str)] = &[
        (&["job", "again", &job], "job.run_again"),
        (&["job", "delete", "--yes", &job], "job.delete"),
        (&["queue", "pause", "default"], "queue.pause"),
        (&["queue", "resume", "default"], "queue.resume"),
        (&["schedule", "run", "nightly"], "schedule.run"),
        (&["token", "revoke", "--yes", &token], "token.revoke"),
        (&["breaker", "open", "--force", "a/b"], "breaker.open"),
        (&["breaker", "close", "a/b"], "breaker.close"),
    ];
    for (words, action) in changes {
        let before = database.client().audit(None, 1).await.expect("audit")[0].id;
        let because = ["--reason", "asked for"];
        let (code, _, err) = ended(lockstep(&database, &[*words, &because].concat())).await;
        assert_eq!(code, 0, "{words:?}: {err}");

        let rows = database.client().audit(None, 5).await.expect("audit");

        let rows: Vec<_> = rows.iter().filter(|row| row.id > before).collect();
        let [row] = &rows[..] else {
            panic!("{words:?}: {rows:?}");
        };
        let detail = row.detail.as_ref().expect("a detail");
        assert_eq!(
            (row.action.as_str(), &detail["reason"]),
            (*action, &json!("asked for")),
            "{words:?}"
        );
    }
}

#[tokio::test]
async fn whoever_no_variable_names_is_audited_by_the_name_of_the_user() {
    let database = database().await;
    let mut command = lockstep(&database, &["company", "add", "Inn"]);
    command.env_remove("LOCKSTEP_ACTOR");
    let (code, _, err) = ended(command).await;
    assert_eq!(code, 0, "{err}");

    let audit = database.client().audit(None, 1).await.expect("audit");

    assert_ne!(audit[0].actor, "unknown");
    assert_eq!(audit[0].actor, postgres::own_name());
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
