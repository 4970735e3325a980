//! `./dev soak leads`: the first import of 100,000 leads, nine tenths of which Creatio has and one tenth is here; as a
//! dry run, which must write nothing, and then live, by a worker process of its own. Prints time, calls and the memory
//! of the process that does it. It ends with an error when a lead is not on both sides alike, and once.

mod compare;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use connectors::reach::Service;
use engine::testing::{Database, run_worker};
use engine::{Client, Registry, State, WorkerOptions};
use jobs::connection::{Connections, Declared};
use jobs::creatio::preview::preview;
use jobs::creatio::{Sort, SyncAll, sync_all_of};
use jobs::testing::{self, memory};
use serde_json::json;
use sim::creatio::{Change, Config, Simulator};
use tokio::time::Instant;

const CREATIO: &str = "creatio/acme";
const LEADS: u32 = 100_000;
/// One in so many is here, and not at Creatio.
const OURS: u32 = 10;
const PATIENCE: Duration = Duration::from_secs(3_600);
/// What a sync writes.
const TABLES: [&str; 14] = [
    "contact",
    "lead",
    "activity",
    "participant",
    "dirty",
    "dirty_mark",
    "observed",
    "link",
    "intent",
    "conflict",
    "journal",
    "operation",
    "run",
    "history",
];

type Failure = Box<dyn std::error::Error>;

struct Stage {
    database: Database,
    vendor: Simulator,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let said: Vec<String> = std::env::args().skip(1).collect();
    match said
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["work", database, service, identity] => work(database, service, identity).await,
        ["dry-run", database, service, identity] => dry_run(database, service, identity).await,
        [] => soak(LEADS).await,
        [leads] => soak(leads.parse()?).await,
        _ => Err("say how many leads, or nothing".into()),
    }
}

async fn soak(leads: u32) -> Result<(), Failure> {
    let stage = set(leads).await?;
    let (calls, sums) = (stage.vendor.log().len(), stage.checksums().await?);
    let (took, _) = stage.watch("dry-run", leads, "select 0::bigint").await?;
    let wrote = stage.vendor.log()[calls..]
        .iter()
        .filter(|call| call.method != "GET" && !call.path.ends_with("/connect/token"))
        .count();
    if wrote > 0 || stage.checksums().await? != sums {
        return Err("the dry run wrote something".into());
    }
    println!(
        "the dry run: {took:.0} s, {} calls, none of which writes; no table of the sync has changed",
        stage.vendor.log().len() - calls
    );

    let asked = SyncAll {
        connection: Some(CREATIO.to_owned()),
        changed: false,
    };
    let before = stage.vendor.stats().calls;
    let job = stage
        .database
        .client()
        .enqueue(sync_all_of(&asked, "soak"))
        .await?;
    let done = "select (select count(*) from sync.observed) + (select count(*) from sync.link where status = 'success')";
    // Each lead is seen, unless it is ours, and linked.
    let (took, memory) = stage.watch("work", leads * 2 - leads / OURS, done).await?;
    let state = stage.database.client().wait(job.id, PATIENCE).await?;
    let calls = stage.vendor.stats().calls - before;
    println!(
        "the import: {state}, {took:.0} s, {:.0} leads/s, {calls} calls, {memory}",
        f64::from(leads) / took
    );
    if state != State::Completed {
        return Err("the import did not end well".into());
    }
    compare::compare(stage.database.pool(), &stage.vendor, leads).await
}

async fn set(leads: u32) -> Result<Stage, Failure> {
    let (database, vendor) = tokio::join!(testing::database(), Simulator::start(Config::empty()));
    let vendor = vendor?;
    let all = connections(database.client(), &vendor.url(), &vendor.identity_url());
    let config = vendor.config();
    let secrets = [
        ("client_id", config.client_id.as_str()),
        ("client_secret", config.client_secret.as_str()),
    ];
    testing::authorise(&all, database.pool(), CREATIO, &secrets).await?;
    let ours = leads / OURS;
    for nth in ours..leads {
        let lead = json!({
            "Contact": format!("Guest {nth}"), "Account": format!("Inn {}", nth % 977),
            "Email": format!("guest{nth}@inn.example"), "Website": format!("inn{nth}.example"),
            "Commentary": "asked for a quiet room",
        });
        vendor.change(Change::add("Lead", lead))?;
    }
    sqlx::query(
        "insert into sync.lead (connection, contact_name, company, email, website, commentary) \
         select $1, 'Guest ' || n, 'Inn ' || n % 977, 'guest' || n || '@inn.example', 'inn' || n || '.example', \
             'asked for a quiet room' from generate_series(0, $2 - 1) n",
    )
    .bind(CREATIO)
    .bind(i32::try_from(ours)?)
    .execute(database.pool())
    .await?;
    println!("{} leads at Creatio, {ours} here", vendor.count("Lead"));
    Ok(Stage { database, vendor })
}

fn connections(engine: &Client, service: &str, identity: &str) -> Connections {
    let declared = Declared {
        identity_url: Some(identity.to_owned()),
        // The walk is to be measured, and not how it is spared.
        refill: Some(1e6),
        ..testing::declared(CREATIO, Service::Creatio, service.to_owned())
    };
    testing::connections(engine, vec![declared], Some(testing::keyring()))
}

async fn env_of(
    database: &str,
    service: &str,
    identity: &str,
) -> Result<(Client, jobs::Env), Failure> {
    let engine = Client::connect(database, 8).await?;
    let env = jobs::Env {
        pool: engine.pool().clone(),
        connections: connections(&engine, service, identity),
    };
    Ok((engine, env))
}

/// A worker's process, until it is killed.
async fn work(database: &str, service: &str, identity: &str) -> Result<(), Failure> {
    let (engine, env) = env_of(database, service, identity).await?;
    let registry = jobs::register(Registry::new(), &env);
    let _worker = run_worker(&engine, registry, WorkerOptions::default());
    std::future::pending().await
}

/// Tells how many changes it has told as it goes on, for whoever started it.
async fn dry_run(database: &str, service: &str, identity: &str) -> Result<(), Failure> {
    let (_, env) = env_of(database, service, identity).await?;
    let (mut told, mut tenths) = (0_u32, 0);
    let leads = sqlx::query_scalar::<_, i64>("select count(*) from sync.lead")
        .fetch_one(&env.pool)
        .await?;
    let each = u32::try_from(leads)?;
    let preview = preview(&env, CREATIO, |change| {
        // Creatio's users are contacts.
        told += u32::from(change.sort == Sort::Lead);
        if told / each > tenths && [1, 5, 10].contains(&(told / each)) {
            tenths = told / each;
            println!("  {told} changes told, {} MB", memory("self", "VmRSS:"));
        }
    })
    .await?;
    let counts = preview.counts;
    println!(
        "  {} would be made here, {} at Creatio; {} MB at most",
        counts.created_here,
        counts.created_in_creatio,
        memory("self", "VmHWM:")
    );
    match told == each * OURS {
        true => Ok(()),
        false => Err(format!("{told} changes were told").into()),
    }
}

impl Stage {
    /// Runs this program again to do it, and looks at its memory at 10, 50 and 100 % of the work; seconds, and what was
    /// seen.
    async fn watch(
        &self,
        what: &str,
        all: u32,
        done: &'static str,
    ) -> Result<(f64, String), Failure> {
        let began = Instant::now();
        let child = Command::new(std::env::current_exe()?)
            .args([
                what,
                self.database.url(),
                &self.vendor.url(),
                &self.vendor.identity_url(),
            ])
            .stdin(Stdio::null())
            .spawn()?;
        let mut child = Ends(child);
        let (mut shares, mut seen) = (vec![100, 50, 10], Vec::new());
        let mut peak = 0;
        loop {
            let id = child.0.id().to_string();
            peak = peak.max(memory(&id, "VmHWM:"));
            let so_far: i64 = sqlx::query_scalar(done)
                .fetch_one(self.database.pool())
                .await?;
            while shares
                .last()
                .is_some_and(|share| so_far * 100 >= i64::from(all) * share)
            {
                let share = shares.pop().unwrap_or_default();
                seen.push(format!("{} MB at {share} %", memory(&id, "VmRSS:")));
            }
            if let Some(status) = child.0.try_wait()? {
                if !status.success() {
                    return Err(format!("{what} ended with {status}").into());
                }
                break;
            }
            let job =
                "select count(*) from engine.pending union all select count(*) from engine.running";
            let live: Vec<i64> = sqlx::query_scalar(job)
                .fetch_all(self.database.pool())
                .await?;
            if what == "work" && live.iter().sum::<i64>() == 0 {
                break;
            }
            if began.elapsed() > PATIENCE {
                return Err(format!("{what} takes too long").into());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        seen.push(format!("{peak} MB at most"));
        Ok((began.elapsed().as_secs_f64(), seen.join(", ")))
    }

    async fn checksums(&self) -> Result<Vec<String>, Failure> {
        let mut sums = Vec::new();
        for table in TABLES {
            let sql = format!(
                "select '{table} ' || count(*) || ' ' || coalesce(sum(hashtextextended(t::text || t.ctid::text, 0)), 0) \
                 from sync.{table} t"
            );
            let sum = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
            sums.push(sum.fetch_one(self.database.pool()).await?);
        }
        Ok(sums)
    }
}

struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
