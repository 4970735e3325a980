//! Server: a Postgres of the soak's own, which can be killed without anybody else's tests being hurt.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use engine::testing::Database;
use jobs::creatio::{SyncAll, sync_all_of};

use crate::creatio::support::{CREATIO, House, until};

/// A server that ends again and again is started later each time: after the fifth end within this, a minute later.
const FORGIVEN_AFTER: Duration = Duration::from_secs(600);
const MOST_ENDS: usize = 4;

pub(super) struct Server {
    server: Option<postgres::Server>,
    dir: PathBuf,
    /// When it was ended.
    ends: Vec<Instant>,
}

impl Server {
    pub(super) async fn start() -> Server {
        let dir = std::env::temp_dir().join(format!("lockstep-soak-{}", std::process::id()));
        let options = postgres::Options::new(&dir);
        let server =
            tokio::task::spawn_blocking(move || postgres::Server::start(&options).unwrap());
        Server {
            server: Some(server.await.unwrap()),
            dir,
            ends: Vec::new(),
        }
    }

    fn server(&self) -> &postgres::Server {
        self.server.as_ref().unwrap()
    }

    /// A new database.
    pub(super) async fn database(&self, seed: u64) -> Database {
        let name = &format!("seed_{seed}");
        let admin = sqlx::PgPool::connect(&self.server().url("lockstep"))
            .await
            .unwrap();
        let sql = format!("create database {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&admin)
            .await
            .unwrap();
        admin.close().await;
        let database = Database::at(&self.server().url(name)).await;
        jobs::migrate(database.pool()).await.unwrap();
        database
    }

    /// Where processes may write what they say.
    pub(super) fn logs(&self, seed: u64) -> PathBuf {
        let dir = self.dir.join(format!("logs-{seed}"));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    /// What a seed has left behind.
    pub(super) async fn forget(&self, seed: u64) {
        let _ = std::fs::remove_dir_all(self.logs(seed));
        let admin = sqlx::PgPool::connect(&self.server().url("lockstep"))
            .await
            .unwrap();
        let sql = format!("drop database seed_{seed} with (force)");
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&admin)
            .await
            .unwrap();
        admin.close().await;
    }

    /// It ends at once and comes back, its log replayed. People wait until it answers. False where it has ended too
    /// often of late.
    pub(super) async fn restart(&mut self, house: &House) -> bool {
        self.ends.retain(|end| end.elapsed() < FORGIVEN_AFTER);
        if self.ends.len() >= MOST_ENDS {
            return false;
        }
        self.ends.push(Instant::now());
        let (before, pid) = (self.server().restarts(), self.server().pid().unwrap());
        let done = Command::new("kill")
            .args(["-QUIT", &pid.to_string()])
            .status();
        assert!(done.unwrap().success());
        until("Postgres is started again", async || {
            self.server().restarts() > before && self.server().pid().is_some()
        })
        .await;
        // Each failure is a dead connection less in the pools: that of the engine's own statements too, to whom a sync
        // that is queued already is no news.
        let asked = SyncAll {
            connection: Some(CREATIO.to_owned()),
            changed: true,
        };
        let mut good = 0;
        until("all connections are new", async || {
            let answers = tokio::join!(
                sqlx::query("select 1").execute(&house.env.pool),
                house.engine().job(uuid::Uuid::nil()),
                house.engine().enqueue(sync_all_of(&asked, "soak"))
            );
            let is_good = answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok();
            good = if is_good { good + 1 } else { 0 };
            good >= 15
        })
        .await;
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.server.take());
        if std::thread::panicking() {
            println!("what the workers said stays in {}", self.dir.display());
            return;
        }
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
