//! `lockstep serve` and `work` as an operator knows them: they start, read their settings again, and
//! leave in good order.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use engine::testing::Database;

const SCHEDULES: &str = "\
[worker]
shutdown = \"2s\"

[[schedule]]
name = \"zones\"
cron = \"0 2 * * *\"
kind = \"soundtrack.sync_all\"
";

/// A service, its settings and its log. Killed when its test ends early.
struct Service {
    child: Child,
    dir: PathBuf,
}

impl Service {
    fn start(database: &Database, words: &[&str]) -> Service {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(uuid::Uuid::now_v7().to_string());
        std::fs::create_dir_all(&dir).expect("a directory of its own");
        std::fs::write(dir.join("workers.toml"), SCHEDULES).expect("settings");
        let log = std::fs::File::create(dir.join("log")).expect("log");
        let child = Command::new(assert_cmd::cargo::cargo_bin("lockstep"))
            .args(words)
            .env_clear()
            .env("LOCKSTEP_DATABASE_URL", database.url())
            .current_dir(&dir)
            .stdout(Stdio::null())
            .stderr(Stdio::from(log))
            .spawn()
            .expect("the program runs");
        Service { child, dir }
    }

    fn write(&self, settings: &str) {
        std::fs::write(self.dir.join("workers.toml"), settings).expect("settings");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).expect("log")
    }

    fn signal(&self, signal: &str) {
        let told = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(told.expect("kill runs").success());
    }

    async fn exit_code(&mut self) -> Option<i32> {
        let mut code = None;
        eventually("the service ends", async || {
            let ended = self.child.try_wait().expect("a child");
            code = ended.and_then(|status| status.code());
            ended.is_some()
        })
        .await;
        code
    }
}

impl Service {
    /// Where it listens, once it says so.
    fn address(&self) -> String {
        let log = self.log();
        let rest = log.split("listening on http://").nth(1);
        let rest = rest.expect("an address").chars();
        rest.take_while(|c| !"\" \n".contains(*c)).collect()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(Path::new(&self.dir));
    }
}

/// Looks until it is so. Another process can only be looked at.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let look = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), look)
        .await
        .unwrap_or_else(|_| panic!("never: {what}"));
}

async fn alive(database: &Database) -> usize {
    let workers = database
        .client()
        .workers(None, 500)
        .await
        .expect("workers")
        .data;
    workers.iter().filter(|worker| worker.alive).count()
}

async fn cron(database: &Database) -> Option<String> {
    let schedules = database.client().schedules().await.expect("schedules");
    schedules.into_iter().next().map(|view| view.schedule.cron)
}

#[tokio::test]
async fn a_changed_file_is_read_again_once_and_a_broken_one_is_not_used() {
    let database = crate::cli::database().await;
    let mut service = Service::start(&database, &["work"]);
    eventually("it works", async || alive(&database).await == 1).await;

    service.write(&SCHEDULES.replace("0 2", "61 2"));
    eventually("it complains", async || {
        service.log().contains("`61` is no minute")
    })
    .await;
    assert_eq!(cron(&database).await.as_deref(), Some("0 2 * * *"));

    service.write(&SCHEDULES.replace("0 2", "30 4"));
    eventually("it follows", async || {
        cron(&database).await.as_deref() == Some("30 4 * * *")
    })
    .await;
    eventually("the old worker has left", async || {
        service.log().contains("stopped worker")
    })
    .await;
    service.signal("-TERM");

    assert_eq!(service.exit_code().await, Some(0));
    assert_eq!(service.log().matches("read the settings again").count(), 1);
    assert_eq!(alive(&database).await, 0);
}

#[tokio::test]
async fn a_hangup_replaces_the_worker_and_loses_none() {
    let database = crate::cli::database().await;
    let mut service = Service::start(&database, &["work"]);
    eventually("it works", async || alive(&database).await == 1).await;

    service.signal("-HUP");
    eventually("another works", async || {
        let workers = database
            .client()
            .workers(None, 500)
            .await
            .expect("workers")
            .data;
        workers.len() == 2 && workers.iter().filter(|worker| worker.alive).count() == 1
    })
    .await;
    service.signal("-TERM");

    assert_eq!(service.exit_code().await, Some(0));
}

#[tokio::test]
async fn serve_migrates_answers_and_leaves_in_good_order() {
    let database = Database::new().await;
    let mut service = Service::start(
        &database,
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
        ],
    );

    eventually("it listens", async || {
        service.log().contains("listening on http://")
    })
    .await;
    eventually("it works", async || alive(&database).await == 1).await;
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .expect("a client");
    let url = format!("http://{}/readyz", service.address());
    let ready = http.get(url).send().await.expect("an answer");
    service.signal("-TERM");

    assert_eq!(ready.status(), 200);
    assert_eq!(service.exit_code().await, Some(0));
}

#[tokio::test]
async fn rules_for_breakers_are_read_again_without_a_restart() {
    let database = crate::cli::database().await;
    let words = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "127.0.0.1:0",
    ];
    let mut service = Service::start(&database, &words);
    eventually("it listens", async || {
        service.log().contains("listening on http://")
    })
    .await;
    let token = crate::http::mint(database.client(), "reader", &["jobs:read"]).await;
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .build()
        .expect("a client");
    let failures = async || -> serde_json::Value {
        let url = format!("http://{}/api/v1/breakers", service.address());
        let answer = http.get(url).bearer_auth(&token).send().await;
        let text = answer.expect("an answer").text().await.expect("a body");
        let body: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        body["rules"]["failures"].clone()
    };
    let before = failures().await;

    service.write(&format!("{SCHEDULES}\n[breaker]\nfailures = 9\n"));
    eventually("it follows", async || failures().await == 9).await;
    service.signal("-TERM");

    assert_eq!(before, 5);
    assert_eq!(service.exit_code().await, Some(0));
}
