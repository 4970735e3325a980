//! Flows and partitions at the command line: what a job waits for, telling it, and what is held up.

use std::time::Duration;

use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Cx, Failure, Job, Limits, NewJob, Outcome, PartitionOrder, Policy, Registry, State};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{database, ended, json, lockstep, redacted};

const HOUR: Duration = Duration::from_secs(3_600);

/// Runs in steps: plans, says how far it is, waits for its parts and then for a person.
#[derive(Serialize, Deserialize)]
pub(crate) struct Import {
    /// How many parts it waits for; they are jobs that nobody runs.
    pub(crate) parts: usize,
}

impl Job for Import {
    const KIND: &'static str = "demo.import";
    type Env = ();
    type Error = Failure;

    async fn run(self, cx: Cx<()>) -> Result<Outcome, Failure> {
        cx.step("plan", async || Ok::<_, Failure>(10)).await?;
        cx.progress(4, Some(10), "reading page 4").await?;
        if self.parts > 0 {
            let part = || NewJob::new("demo.nobody", &json!({})).queue("nobody");
            let parts: Vec<NewJob> = (0..self.parts).map(|_| part()).collect();
            cx.children("companies", |_| Box::pin(async { Ok::<_, Failure>(parts) }))
                .await?;
        }
        let said: Option<Value> = cx.signal("approved", Some(HOUR)).await?;
        Ok(Outcome::Done(said))
    }
}

/// Dies at once, and keeps order.
#[derive(Serialize, Deserialize)]
pub(crate) struct Doomed {
    /// Unless it is not.
    pub(crate) dies: bool,
}

impl Job for Doomed {
    const KIND: &'static str = "demo.doomed";
    type Env = ();
    type Error = Failure;

    fn policy() -> Policy {
        let limits = Limits {
            running: Some(5),
            per_partition: None,
            per_connection: None,
            order: Some(PartitionOrder::Block),
        };
        Policy {
            limits,
            ..Policy::default()
        }
    }

    async fn run(self, _: Cx<()>) -> Result<Outcome, Failure> {
        Ok(match self.dies {
            true => Outcome::Dead("no such contact".into()),
            false => Outcome::done(),
        })
    }
}

/// A worker that knows both.
pub(crate) fn work(client: &engine::Client) -> WorkerGuard {
    let registry = Registry::new().with::<Import>(()).with::<Doomed>(());
    run_worker(client, registry, engine::WorkerOptions::default())
}

/// An import that has come to its wait.
pub(crate) async fn waiting(client: &engine::Client, parts: usize) -> Uuid {
    let id = client
        .enqueue(NewJob::of(&Import { parts }))
        .await
        .expect("enqueue")
        .id;
    comes_to(client, id, State::Waiting).await;
    id
}

/// A partition of this key that a dead job holds up, with one job behind it: both.
pub(crate) async fn blocked(client: &engine::Client, key: &str) -> [Uuid; 2] {
    let jobs = [true, false].map(|dies| NewJob::of(&Doomed { dies }).partition_key(key));
    let ids = [jobs[0].id(), jobs[1].id()];
    client.enqueue_all(&jobs).await.expect("enqueue");
    comes_to(client, ids[0], State::Dead).await;
    ids
}

pub(crate) async fn comes_to(client: &engine::Client, id: Uuid, state: State) {
    let patience = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let job = client.job(id).await.expect("job").expect("the job");
        if job.state == state {
            return;
        }
        assert!(tokio::time::Instant::now() < patience, "{job:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A database with a worker at work and a registered kind.
async fn at_work() -> (Database, WorkerGuard) {
    let database = database().await;
    let worker = work(database.client());
    (database, worker)
}

#[tokio::test]
async fn a_job_shows_how_far_it_is_and_what_it_waits_for() {
    let _redacted = redacted();
    let (database, worker) = at_work().await;
    let approval = waiting(database.client(), 0).await.to_string();
    let parts = waiting(database.client(), 3).await.to_string();
    worker.stop().await;

    let (_, out, err) = ended(lockstep(&database, &["job", "show", &approval])).await;
    let (_, whole) = json(lockstep(&database, &["job", "show", &parts, "-o", "json"])).await;

    insta::assert_snapshot!("job_show_flow", format!("{out}---\n{err}"));
    assert_eq!(whole["waits_for"], "3 of 3 parts of batch companies");
    assert_eq!(whole["progress"]["done"], 4);
    assert_eq!(
        (&whole["steps"][0]["name"], &whole["steps"][0]["attempt"]),
        (&json!("plan"), &json!(1))
    );
    let batch = &whole["batches"][0];
    assert_eq!(
        (&batch["name"], &batch["total"], &batch["pending"]),
        (&json!("companies"), &json!(3), &json!(3))
    );
}

#[tokio::test]
async fn a_job_is_told_what_it_waits_for_once() {
    let (database, worker) = at_work().await;
    let id = waiting(database.client(), 0).await;
    let word = id.to_string();
    let payload = ["--payload", r#"{"by": "ann"}"#, "--reason", "checked"];
    let signal = ["job", "signal", &word, "approved"];
    let ask = async |more: &[&str]| json(lockstep(&database, &[&signal, more].concat())).await;

    let dry = ask(&["--dry-run", "-o", "json"]).await;
    let sent = ask(&[&payload, ["-o", "json"].as_slice()].concat()).await;
    let job = database.client().wait(id, HOUR / 180).await;
    worker.stop().await;
    let (late, _, err) = ended(lockstep(&database, &signal)).await;

    let told = |answer: &str| json!({"id": id, "signal": "approved", "answer": answer});
    let mut would = told("sent");
    would["dry_run"] = json!(true);
    assert_eq!(dry, (0, would));
    assert_eq!(sent, (0, told("sent")));
    assert_eq!(job.expect("job"), State::Completed);
    let job = database.client().job(id).await.expect("job");
    assert_eq!(job.expect("job").result, Some(json!({"by": "ann"})));
    assert_eq!(late, 4, "{err}");
    let audit = database.client().audit(Some(&word), 10).await;
    let audit = audit.expect("audit");
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert_eq!(
        (audit[0].action.as_str(), &audit[0].detail),
        (
            "job.signal",
            &Some(json!({"signal": "approved", "reason": "checked"}))
        )
    );
}

#[tokio::test]
async fn a_second_word_is_not_heard_and_no_fault() {
    let database = database().await;
    let job = NewJob::new("demo.nobody", &json!({}));
    let id = database.client().enqueue(job).await.expect("enqueue").id;
    let word = id.to_string();
    let signal = ["job", "signal", &word, "approved"];

    let (first, _, _) = ended(lockstep(&database, &signal)).await;
    let (second, out, _) = ended(lockstep(&database, &signal)).await;
    let (garbled, _, err) = ended(lockstep(
        &database,
        &[&signal[..], &["--payload", "{"]].concat(),
    ))
    .await;
    let none = Uuid::now_v7().to_string();
    let (nobody, _, _) = ended(lockstep(&database, &["job", "signal", &none, "x"])).await;

    assert_eq!((first, second, garbled, nobody), (0, 0, 2, 3));
    assert!(out.contains("that stands"), "{out}");
    assert!(err.contains("the payload is not JSON"), "{err}");
}

#[tokio::test]
async fn a_partition_that_is_held_up_is_listed_and_skipped_with_a_reason() {
    let _redacted = redacted();
    let (database, worker) = at_work().await;
    let [dead, next] = blocked(database.client(), "company-42").await;
    let skip = ["partition", "skip", "company-42"];
    let reason = ["--reason", "the contact is gone"];

    let (_, listed, _) = ended(lockstep(&database, &["partition", "list"])).await;
    let (dry, would, err) = ended(lockstep(&database, &[&skip[..], &["--dry-run"]].concat())).await;
    assert_eq!(dry, 0, "{err}");
    let (without, _, why) = ended(lockstep(&database, &skip)).await;
    let unchanged = database.client().blocked_partitions(None, 50).await;
    let (code, done, _) = ended(lockstep(&database, &[&skip[..], &reason].concat())).await;
    comes_to(database.client(), next, State::Completed).await;
    worker.stop().await;
    let typo = ["partition", "skip", "company-4", "--reason", "x"];
    let (gone, _, _) = ended(lockstep(&database, &typo)).await;

    insta::assert_snapshot!("partitions", [listed, would, done].concat());
    assert_eq!((without, code, gone), (2, 0, 3));
    assert!(why.contains("--reason"), "{why}");
    assert_eq!(unchanged.expect("blocked").data.len(), 1);
    let audit = database.client().audit(Some("company-42"), 10).await;
    let detail = json!({"skipped": dead, "reason": "the contact is gone"});
    assert_eq!(audit.expect("audit")[0].detail, Some(detail));
}

#[tokio::test]
async fn a_kind_is_listed_with_its_limits() {
    let (database, worker) = at_work().await;
    waiting(database.client(), 0).await;
    worker.stop().await;

    let (_, kinds) = json(lockstep(&database, &["kind", "list", "-o", "json"])).await;
    let (_, table, _) = ended(lockstep(&database, &["kind", "list"])).await;

    let limits = json!({
        "running": 5, "partition": {"running": null, "order": "block"}, "connection": {"running": null},
    });
    assert_eq!(
        (&kinds[0]["name"], &kinds[0]["policy"]["limits"]),
        (&json!("demo.doomed"), &limits)
    );
    assert!(table.contains("5 running, in order (block)"), "{table}");
}

#[tokio::test]
async fn a_kind_that_is_limited_per_connection_is_enqueued_with_its_connection() {
    let database = database().await;
    sqlx::query(
        "insert into engine.kind (name, partition_running, by_connection) values ('demo.greet', 2, true)",
    )
    .execute(database.pool())
    .await
    .expect("a kind");

    let without = ended(lockstep(&database, &["enqueue", "demo.greet"])).await;
    let dry = ended(lockstep(&database, &["enqueue", "demo.greet", "--dry-run"])).await;
    let words = [
        "enqueue",
        "demo.greet",
        "--rate-key",
        "zoho/1",
        "--rate-key",
        "calls",
        "-o",
        "json",
    ];
    let (code, made) = json(lockstep(&database, &words)).await;
    let (_, table, _) = ended(lockstep(&database, &["kind", "list"])).await;

    for (code, out, err) in [without, dry] {
        assert_eq!((code, out.as_str()), (2, ""), "{err}");
        assert!(
            err.contains("kind demo.greet is limited per connection: give the job a rate key"),
            "{err}"
        );
    }
    assert_eq!(code, 0, "{made}");
    let keys: (String, Vec<String>) =
        sqlx::query_as("select partition_key, rate_keys from engine.job")
            .fetch_one(database.pool())
            .await
            .expect("the job");
    assert_eq!(
        keys,
        ("zoho/1".into(), vec!["zoho/1".into(), "calls".into()])
    );
    assert!(table.contains("2 of a connection"), "{table}");
}

#[tokio::test]
async fn a_job_is_enqueued_with_its_partition() {
    let database = database().await;
    let keyed = |key| {
        [
            "enqueue",
            "soundtrack.sync_all",
            "--partition-key",
            key,
            "-o",
            "json",
        ]
    };

    let (code, made) = json(lockstep(&database, &keyed("inn 7"))).await;
    let (refused, _, why) = ended(lockstep(&database, &keyed(""))).await;

    assert_eq!(code, 0, "{made}");
    let key: String = sqlx::query_scalar("select partition_key from engine.job")
        .fetch_one(database.pool())
        .await
        .expect("the one job");
    assert_eq!(key, "inn 7");
    assert_eq!(refused, 2, "{why}");
    assert!(why.contains("partition key"), "{why}");
}
