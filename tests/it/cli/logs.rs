//! What handlers said, at the command line.

use std::process::Stdio;
use std::time::Duration;

use engine::testing::Database;
use engine::{LogOptions, NewJob};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use uuid::Uuid;

use super::{database, ended, lockstep, redacted};
use crate::talk::{PATIENCE, Talker, said, talk};

/// A completed job whose handler said four lines, of which two were not kept.
async fn talkative(database: &Database) -> Uuid {
    let job = NewJob::new("soundtrack.sync_zones", &json!({"company_id": 42}));
    let id = job.id();
    database.client().enqueue(job).await.expect("a job");
    let sql = "with gone as (delete from engine.pending returning *) \
         insert into engine.ended (shard, id, kind, queue, state, priority, attempt, failed, crashes, max_attempts, started_at, outcome) \
         select shard, id, kind, queue, 'completed', priority, 1, 0, 0, max_attempts, now(), 'done' from gone; \
         insert into engine.attempt_log (shard, job_id, attempt, lines, left_out) \
         select 0, id, 1, jsonb_build_array( \
             jsonb_build_object('n', 1, 'ms', 0, 'level', 'INFO', 'target', 'jobs::flow', 'text', 'read a page'), \
             jsonb_build_object('n', 4, 'ms', 1, 'level', 'WARN', 'target', 'jobs::flow', 'text', 'the next is slow')), 2 \
         from engine.ended";
    sqlx::raw_sql(sql)
        .execute(database.pool())
        .await
        .expect("a log");
    id
}

#[tokio::test]
async fn logs_are_lines_for_people_and_documents_for_programs() {
    let _redacted = redacted();
    let database = database().await;
    let id = talkative(&database).await.to_string();

    let (code, lines, _) = ended(lockstep(&database, &["job", "logs", &id])).await;
    let (_, json, _) = ended(lockstep(&database, &["job", "logs", &id, "-o", "jsonl"])).await;
    let (_, show, next) = ended(lockstep(&database, &["job", "show", &id])).await;
    let (gone, _, _) = ended(lockstep(
        &database,
        &["job", "logs", &Uuid::now_v7().to_string()],
    ))
    .await;

    assert_eq!((code, gone), (0, 3));
    insta::assert_snapshot!("job_logs", format!("{lines}---\n{json}"));
    assert!(show.contains("WARN the next is slow"), "{show}");
    assert!(next.contains("All it said: lockstep job logs"), "{next}");
}

#[tokio::test]
async fn following_an_ended_job_shows_all_and_ends() {
    let database = database().await;
    let id = talkative(&database).await.to_string();

    let follow = ["job", "logs", &id, "--follow"];
    let (code, out, err) = ended(lockstep(&database, &follow)).await;

    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out.matches("read a page").count(), 1, "{out}");
    assert_eq!(out.matches("2 lines left out").count(), 1, "{out}");
}

#[tokio::test]
async fn one_attempt_is_shown_alone_and_of_one_that_was_not_nothing() {
    let database = database().await;
    let talker = Talker::start(&database, LogOptions::default()).await;
    let id = said(&database, talker, talk(&["begun", "half way"], 2)).await;
    let id = id.to_string();
    let logs = async |more: &[&str]| {
        let words = [&["job", "logs", id.as_str()], more].concat();
        ended(lockstep(&database, &words)).await
    };

    let (_, all, _) = logs(&[]).await;
    let (_, second, _) = logs(&["--attempt", "2"]).await;
    let (_, lines, _) = logs(&["--attempt", "2", "-o", "jsonl"]).await;
    let (code, none, note) = logs(&["--attempt", "9"]).await;
    let (wrong, _, why) = logs(&["--attempt", "zero"]).await;
    let (below, _, too_low) = logs(&["--attempt", "0"]).await;

    let order: Vec<usize> = [
        "attempt 1",
        "try 1: half way",
        "attempt 2",
        "attempt 3",
        "try 3: half way",
    ]
    .map(|word| all.find(word).unwrap_or_else(|| panic!("no {word}: {all}")))
    .to_vec();
    assert!(order.is_sorted(), "{all}");
    assert!(
        !second.contains("try 1") && !second.contains("try 3"),
        "{second}"
    );
    let read = |line: &str| serde_json::from_str::<Value>(line).expect("a document");
    let lines: Vec<Value> = lines.lines().map(read).collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| json!([line["attempt"], line["n"], line["text"]]))
        .collect();
    assert_eq!(
        json!(told),
        json!([[2, 1, "try 2: begun"], [2, 2, "try 2: half way"]])
    );
    assert_eq!((code, none.as_str()), (0, ""));
    assert!(note.contains("Attempt 9 said nothing"), "{note}");
    assert_eq!((wrong, below), (2, 2), "{why}{too_low}");
}

#[tokio::test]
async fn what_must_not_be_kept_is_not_shown_and_of_many_lines_some_are_left_out() {
    let database = database().await;
    let options = LogOptions {
        max_lines: 4,
        ..LogOptions::default()
    };
    let talker = Talker::start(&database, options).await;
    let secret = "asking with Bearer canary-4eC39HqLyjWDarjtT1zdp7dc for canary@example.com, +66 81 234 5678";
    let job = talk(&[secret, "2", "3", "4", "5", "6", "7", "\u{1b}[31mred"], 0);
    let id = said(&database, talker, job).await.to_string();

    let (_, lines, _) = ended(lockstep(&database, &["job", "logs", &id])).await;
    let (_, whole, _) = ended(lockstep(&database, &["job", "logs", &id, "-o", "json"])).await;
    let (_, show, _) = ended(lockstep(&database, &["job", "show", &id])).await;

    // The args are shown as they were given; whoever gives secrets there, shows them.
    let (_, last) = show.split_once("said last").expect("its last lines");
    for shown in [lines.as_str(), &whole, last] {
        assert!(
            !shown.contains("canary") && !shown.contains("5678"),
            "{shown}"
        );
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
    assert!(lines.contains("asking with Bearer <secret>"), "{lines}");
    assert!(lines.contains("… 4 lines left out"), "{lines}");
    let rows: Vec<Value> = serde_json::from_str(&whole).expect("JSON");
    let numbers: Vec<_> = rows.iter().map(|row| row["n"].clone()).collect();
    assert_eq!(numbers, [1, 2, 7, 8].map(Value::from));
}

/// `job logs --follow` of a job, as it goes on.
struct Follow {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Follow {
    fn start(database: &Database, id: &str, more: &[&str]) -> Follow {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("lockstep"));
        command
            .env_clear()
            .env("LOCKSTEP_DATABASE_URL", database.url())
            .current_dir(env!("CARGO_TARGET_TMPDIR"))
            .args(["job", "logs", id, "--follow"])
            .args(more)
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the program runs");
        let out = child.stdout.take().expect("its stdout");
        Follow {
            child,
            lines: BufReader::new(out).lines(),
        }
    }

    /// The next line; none when it has ended.
    async fn next(&mut self) -> Option<String> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line());
        line.await.expect("a line in time").expect("its stdout")
    }
}

#[tokio::test]
async fn a_running_job_is_followed_line_by_line_through_its_retries_to_its_end() {
    let database = database().await;
    let talker = Talker::start(&database, LogOptions::default()).await;
    let job = talk(&["begun...", "done"], 1);
    let id = job.id().to_string();
    database.client().enqueue(job).await.expect("a job");

    let mut follow = Follow::start(&database, &id, &["-o", "jsonl"]);
    let mut seen = vec![follow.next().await];
    talker.go_on();
    seen.extend([follow.next().await, follow.next().await]);
    talker.go_on();
    seen.extend([follow.next().await, follow.next().await]);
    let code = tokio::time::timeout(Duration::from_secs(20), follow.child.wait());
    let code = code.await.expect("an end").expect("a code").code();
    talker.stop().await;

    let texts: Vec<Value> = seen[..4]
        .iter()
        .map(|line| serde_json::from_str(line.as_deref().expect("a line")).expect("JSON"))
        .map(|line: Value| line["text"].clone())
        .collect();
    let wanted = [
        "try 1: begun...",
        "try 1: done",
        "try 2: begun...",
        "try 2: done",
    ];
    assert_eq!(
        texts,
        wanted.map(Value::from),
        "each once, and as it was said"
    );
    assert_eq!((seen[4].as_deref(), code), (None, Some(0)));
}
