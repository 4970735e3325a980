//! Errors: what, why, what to do, and an exit code that scripts can rely on.

use std::time::Duration;

use engine::NewJob;
use serde_json::{Value, json};

use super::{database, ended, lockstep, program, redacted};

const NOBODY: &str = "01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88";

#[tokio::test]
async fn every_sort_of_failure_has_its_exit_code() {
    let database = database().await;
    let job = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 1}));
    let queued = job.id().to_string();
    database.client().enqueue(job).await.expect("enqueue");
    let company = jobs::company::NewCompany {
        name: "Hilton Pattaya".into(),
        ..Default::default()
    };
    let company = super::company(&database, &company).await;
    let without_account = company.id.to_string();
    let table: &[(&[&str], i32)] = &[
        (&["version"], 0),
        (&["job", "list", "--state", "daed"], 2),
        (&["no-such-command"], 2),
        (&["enqueue", "soundtrack.sync_zones", "--args", "{"], 2),
        (&["job", "delete", &queued], 2),
        (&["company", "delete", &without_account], 2),
        (&["kind", "pause", "soundtrack.sync_zone"], 3),
        (&["company", "delete", "999", "--yes"], 3),
        (&["dead", "replay", NOBODY, "--kind", "a.b"], 2),
        (&["job", "list", "-f", "stat:dead"], 2),
        (&["job", "why", NOBODY], 3),
        (&["job", "show", NOBODY], 3),
        (&["dead", "replay", NOBODY], 3),
        (&["queue", "pause", "bluk"], 3),
        (&["schedule", "show", "none"], 3),
        (&["schedule", "history", "none"], 3),
        (&["company", "show", "999"], 3),
        (&["token", "revoke", "none"], 3),
        (&["enqueue", "soundtrack.sync_zone"], 3),
        (&["sync", "soundtrack", "--company-id", "999"], 3),
        (&["sync", "soundtrack", "--company-id", &without_account], 4),
        (&["dead", "show", &queued], 4),
        (&["job", "delete", &queued, "--yes"], 4),
        (&["sync", "soundtrack", "--test-connection"], 5),
        (&["sync", "soundtrack"], 5),
        (&["--config", "/nowhere/workers.toml", "job", "list"], 7),
        (&["job", "cancel", &queued, NOBODY], 8),
        (&["doctor"], 9),
    ];
    for (words, expected) in table {
        let (code, out, err) = ended(lockstep(&database, words)).await;

        assert_eq!(code, *expected, "{words:?}: {out}{err}");
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_is_exit_code_6() {
    let mut command = program(&["job", "list"]);
    command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none");

    let (code, out, err) = ended(command).await;

    assert_eq!((code, out.as_str()), (6, ""));
    assert!(
        err.contains("cannot reach the database (DATABASE_URL)"),
        "{err}"
    );
}

#[tokio::test]
async fn an_error_says_what_why_and_what_to_do() {
    let _redacted = redacted();
    let database = database().await;
    let company = jobs::company::NewCompany {
        name: "Hilton Pattaya".into(),
        ..Default::default()
    };
    super::company(&database, &company).await;
    let said = async |words: &[&str]| ended(lockstep(&database, words)).await.2;

    insta::assert_snapshot!(
        "error_no_account",
        said(&["sync", "soundtrack", "--company-id", "1"]).await
    );
    insta::assert_snapshot!(
        "error_unknown_company",
        said(&["sync", "soundtrack", "--company-id", "999"]).await
    );
    insta::assert_snapshot!("error_no_job", said(&["job", "show", NOBODY]).await);
    insta::assert_snapshot!(
        "error_unknown_kind",
        said(&["enqueue", "soundtrack.sync_zone"]).await
    );
    insta::assert_snapshot!(
        "error_no_token",
        said(&["sync", "soundtrack", "--test-connection"]).await
    );
}

#[tokio::test]
async fn a_whole_number_beyond_64_bits_is_refused_with_its_place() {
    let database = database().await;
    let job = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 1}));
    let queued = job.id().to_string();
    database.client().enqueue(job).await.expect("enqueue");
    let args = "{\"company_id\": [18446744073709551616]}";
    let lines: [&[&str]; 2] = [
        &["enqueue", "soundtrack.sync_zones", "--args", args],
        &["job", "again", &queued, "--args", args],
    ];
    for words in lines {
        let (code, out, err) = ended(lockstep(&database, words)).await;

        assert_eq!((code, out.as_str()), (2, ""), "{words:?}: {err}");
        assert!(
            err.contains("/company_id/0: 18446744073709551616 does not fit 64 bits"),
            "{err}"
        );
        assert!(err.contains("send it as a string"), "{err}");
    }
}

#[tokio::test]
async fn with_json_every_error_is_json_on_stderr() {
    let database = database().await;
    let lines: [&[&str]; 3] = [
        &["job", "show", NOBODY, "-o", "json"],
        &["job", "lits", "-o", "json"],
        &[
            "sync",
            "soundtrack",
            "--company-id",
            "999",
            "--output=jsonl",
        ],
    ];
    for words in lines {
        let (code, out, err) = ended(lockstep(&database, words)).await;

        let error: Value =
            serde_json::from_str(&err).unwrap_or_else(|_| panic!("{words:?}: {err}"));
        assert_eq!(out, "", "{words:?}");
        assert_eq!(error["exit_code"], code, "{words:?}");
        assert!(
            error["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty()),
            "{words:?}"
        );
    }
}

#[tokio::test]
async fn a_password_in_the_database_address_is_never_shown() {
    for url in [
        "postgres://me:canary@127.0.0.1:1/none",
        "mysql://me:canary@host/none",
    ] {
        for verbose in ["-q", "-vv"] {
            let mut command = program(&["job", "list", verbose]);
            command.env("DATABASE_URL", url);

            let (_, out, err) = ended(command).await;

            assert!(!format!("{out}{err}").contains("canary"), "{err}");
        }
    }
}

#[tokio::test]
async fn a_reader_that_leaves_early_is_no_error() {
    use std::process::{Command, Stdio};

    let program = assert_cmd::cargo::cargo_bin("lockstep");
    let mut child = Command::new(program)
        .args(["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    drop(child.stdout.take());

    let output = tokio::task::spawn_blocking(move || child.wait_with_output().expect("it ends"));
    let output = tokio::time::timeout(Duration::from_secs(10), output)
        .await
        .expect("in time")
        .expect("joined");

    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[tokio::test]
async fn wrong_input_is_told_what_was_expected() {
    let database = database().await;
    let dir = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let bad = dir.join(format!("{}.toml", uuid::Uuid::now_v7()));
    std::fs::write(&bad, "[queues.default]\nconcurency = 5\n").expect("settings");
    let bad = bad.to_str().expect("a path");
    let id = "expected an id, as 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88";
    let again = format!("`lockstep check {bad}` looks again");
    let follow = ["job", "logs", NOBODY, "--follow", "-o", "csv"];
    let life = [
        "token",
        "create",
        "x",
        "--scope",
        "jobs:read",
        "--valid-for",
        "0s",
    ];
    let table: &[(&[&str], i32, &str)] = &[
        (&["job", "show", "abc"], 2, id),
        (&["job", "cancel", "abc"], 2, id),
        (&["job", "signal", "abc", "go"], 2, id),
        (&["job", "list", "--parent", "abc"], 2, id),
        (&["dead", "show", "abc"], 2, id),
        (&["bulk", "show", "abc"], 2, id),
        (
            &["zone", "list", "--company-id", "999"],
            3,
            "lockstep company list",
        ),
        (&["--config", bad, "job", "list"], 7, &again),
        (&follow, 2, "add -o jsonl"),
        (&life, 2, "expected a second to a hundred years"),
    ];
    for (words, code, wanted) in table {
        let (got, out, err) = ended(lockstep(&database, words)).await;

        assert_eq!((got, out.as_str()), (*code, ""), "{words:?}: {err}");
        assert!(err.contains(wanted), "{words:?}: {err}");
    }
    std::fs::remove_file(bad).expect("it is there");
}

#[tokio::test]
async fn a_dead_letter_of_bad_args_is_to_be_run_again_with_others() {
    let database = database().await;
    let job = NewJob::new("soundtrack.sync_zones", &json!({"company_id": "x"}));
    let id = job.id().to_string();
    database.client().enqueue(job).await.expect("enqueue");
    let sql = "with gone as (delete from engine.pending returning *) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, started_at, outcome, code, error) \
         select shard, id, kind, queue, 'dead', priority, 1, 1, 0, max_attempts, now(), 'dead', 'bad_args', 'no' from gone";
    let done = sqlx::raw_sql(sql).execute(database.pool()).await;
    done.expect("a dead letter");

    let (_, _, next) = ended(lockstep(&database, &["job", "show", &id])).await;

    assert!(
        next.contains(&format!("lockstep job again {id} --args")),
        "{next}"
    );
    assert!(!next.contains("job retry"), "{next}");
}
