//! A claim does not wait for the disk, and what may run once only does not begin before its claim is there.
//! Each test has a server of its own, whose WAL writer stands still: then nothing reaches the disk but
//! what somebody waits for, and a crash of the server takes all the rest back.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use engine::testing::{WorkerGuard, run_worker};
use engine::{Client, Outcome, State, WorkerOptions};
use postgres::{Options, Server};
use uuid::Uuid;

use crate::support::*;

/// A durable server that is this test's alone. Nothing but commits that wait writes its log out.
struct Fragile {
    server: Option<Server>,
    dir: PathBuf,
}

impl Fragile {
    async fn start() -> Fragile {
        let dir = PathBuf::from(format!("/tmp/engine-pg-{}", Uuid::now_v7().simple()));
        std::fs::create_dir(&dir).unwrap();
        let mut options = Options::new(dir.join("pg"));
        options.socket_dir = Some(dir.join("socket"));
        options.settings = [
            ("autovacuum", "off"),
            // Who writes a page out must write its log out first.
            ("bgwriter_lru_maxpages", "0"),
            ("checkpoint_timeout", "1h"),
            ("wal_level", "minimal"),
            ("max_wal_senders", "0"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        let server = tokio::task::spawn_blocking(move || Server::start(&options));
        let server = Some(server.await.unwrap().unwrap());
        Fragile { server, dir }
    }

    async fn client(&self) -> Client {
        let url = self.server.as_ref().unwrap().url("lockstep");
        Client::connect(&url, 8).await.unwrap()
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        drop(self.server.take());
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The process that writes the log out a moment after commits that did not wait. Stands still until it
/// goes on or is killed.
struct WalWriter(i32);

impl WalWriter {
    async fn hold(client: &Client) -> WalWriter {
        let held = WalWriter(WalWriter::pid(client).await.unwrap());
        held.signal("STOP");
        held
    }

    async fn pid(client: &Client) -> sqlx::Result<i32> {
        sqlx::query_scalar("select pid from pg_stat_activity where backend_type = 'walwriter'")
            .fetch_one(client.pool())
            .await
    }

    /// The server loses its memory, as in any crash, and recovers from what is on disk.
    async fn crash(self, client: &Client) {
        self.signal("KILL");
        until("the server has recovered", || async {
            WalWriter::pid(client).await.is_ok_and(|pid| pid != self.0)
        })
        .await;
    }

    fn signal(&self, name: &str) {
        let _ = Command::new("kill")
            .args([format!("-{name}"), self.0.to_string()])
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for WalWriter {
    fn drop(&mut self) {
        // Or the server would not stop.
        self.signal("CONT");
    }
}

/// Nothing that waits for the disk comes after a claim.
fn still() -> WorkerOptions {
    WorkerOptions {
        lease: Duration::from_secs(600),
        heartbeat: Duration::from_secs(300),
        ..slots(2)
    }
}

fn work(client: &Client, gate: &Gate, noted: &Notes) -> WorkerGuard {
    let (gate, noted) = (gate.clone(), noted.clone());
    let registry = playing(move |name, _| {
        let (gate, noted) = (gate.clone(), noted.clone());
        async move {
            noted.add(name);
            gate.pass().await;
            Ok(Outcome::done())
        }
    });
    run_worker(client, registry, still())
}

/// Lets a job begin, has the server crash, lets it recover and the job end; how often it began.
async fn begun_over_a_crash(max_attempts: u16) -> usize {
    let server = Fragile::start().await;
    let client = server.client().await;
    client.migrate().await.unwrap();
    let (gate, noted) = (Gate::closed(), Notes::default());
    let worker = work(&client, &gate, &noted);
    // After its first heartbeat, which waits for the disk.
    let first = client.enqueue(act("first")).await.unwrap().id;
    gate.open(1);
    ended(&client, first).await;

    let wal_writer = WalWriter::hold(&client).await;
    let job = act("it").max_attempts(max_attempts);
    let id = client.enqueue(job).await.unwrap().id;
    noted.reach("it", 1).await;
    wal_writer.crash(&client).await;
    // A claim that was taken back is made again; one that stands runs on.
    reaches(&client, id, State::Running).await;
    gate.open(2);
    let end = ended(&client, id).await;

    assert_eq!((end.state, end.attempt), (State::Completed, 1));
    gate.open(2);
    worker.stop().await;
    noted.count("it")
}

#[tokio::test]
async fn a_claim_that_a_crash_of_the_server_takes_back_is_made_again() {
    assert_eq!(begun_over_a_crash(2).await, 2);
}

#[tokio::test]
async fn what_may_run_once_does_not_begin_before_its_claim_is_on_disk() {
    assert_eq!(begun_over_a_crash(1).await, 1);
}
