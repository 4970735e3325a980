//! What the tests share: a database, a simulator and a worker, by the domain's words.

use std::time::Duration;

use connectors::Token;
use connectors::budget::{BucketConfig, Budget, SharedBucket};
use connectors::http::{Http, HttpConfig};
use connectors::soundtrack::{Client, Config};
use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{Backoff, Enqueued, JobView, QueueOptions, Registry, State, WorkerOptions};
use jobs::company::NewCompany;
use jobs::connection::Connections;
use jobs::run::{Partition, Run};
use jobs::soundtrack::{Summary, enqueue_sync};
use jobs::zone::{self, Zone};
use sim::soundtrack::{Change, Simulator, Switches, WorldSize};

/// Longer than anything here takes on a busy machine; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A remote that never refuses for its price.
pub(crate) fn unthrottled() -> Switches {
    Switches {
        capacity: 1e9,
        refill_per_second: None,
        ..Switches::default()
    }
}

/// How a test's house is built.
pub(crate) struct Plan {
    pub(crate) size: WorldSize,
    pub(crate) switches: Switches,
    pub(crate) page_size: u16,
    pub(crate) bucket: BucketConfig,
    pub(crate) max_attempts: u16,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            size: WorldSize {
                accounts: 0,
                locations_per_account: 0,
                zones_per_account: 0,
            },
            switches: unthrottled(),
            page_size: 100,
            bucket: BucketConfig {
                capacity: 1_000_000_000,
                refill_per_s: 1e9,
                refill_ceiling_per_s: 1e9,
            },
            max_attempts: 2,
        }
    }
}

/// A database, a simulated remote and what the handlers need of them.
pub(crate) struct House {
    pub(crate) database: Database,
    pub(crate) remote: Simulator,
    pub(crate) env: jobs::Env,
    max_attempts: u16,
}

impl House {
    pub(crate) async fn new() -> House {
        House::build(Plan::default()).await
    }

    pub(crate) async fn with_pages_of(page_size: u16) -> House {
        House::build(Plan {
            page_size,
            ..Plan::default()
        })
        .await
    }

    pub(crate) async fn build(plan: Plan) -> House {
        let config = sim::soundtrack::Config {
            size: plan.size,
            switches: plan.switches,
            ..Default::default()
        };
        let (database, remote) = tokio::join!(jobs::testing::database(), Simulator::start(config));
        let remote = remote.unwrap();
        let client = client(&remote.url(), remote.token(), plan.page_size, plan.bucket);
        let env = jobs::Env {
            pool: database.pool().clone(),
            connections: Connections::of_soundtrack(client),
        };
        House {
            database,
            remote,
            env,
            max_attempts: plan.max_attempts,
        }
    }

    pub(crate) fn engine(&self) -> &engine::Client {
        self.database.client()
    }

    /// Every kind, with waits that a test can bear.
    pub(crate) fn registry(&self) -> Registry {
        registry(&self.env, self.max_attempts)
    }

    pub(crate) fn worker(&self) -> WorkerGuard {
        run_worker(self.engine(), self.registry(), options(20))
    }

    /// A new account of so many zones, named `Zone 000` and on, and its company.
    pub(crate) async fn company_with(&self, zones: usize) -> (i64, String) {
        let account = self
            .remote
            .change(Change::AddAccount { name: "Inn".into() })
            .unwrap();
        for nth in 0..zones {
            self.add_zone(&account, &format!("Zone {nth:03}"));
        }
        (self.company(Some(&account)).await, account)
    }

    pub(crate) async fn company(&self, account: Option<&str>) -> i64 {
        let company = NewCompany {
            name: "Hilton Pattaya".into(),
            soundtrack_account_id: account.map(str::to_owned),
            alerts: true,
            ..NewCompany::default()
        };
        let mut conn = self.env.pool.acquire().await.unwrap();
        jobs::company::create(&mut conn, &company).await.unwrap().id
    }

    pub(crate) fn add_zone(&self, account: &str, name: &str) -> String {
        let (account, name) = (account.to_owned(), name.to_owned());
        self.remote
            .change(Change::AddZone {
                account,
                location: None,
                name,
            })
            .unwrap()
    }

    pub(crate) fn delete_zone(&self, zone: &str) {
        self.remote
            .change(Change::DeleteZone {
                zone: zone.to_owned(),
            })
            .unwrap();
    }

    pub(crate) async fn enqueue(&self, company_id: i64) -> Enqueued {
        enqueue_sync(self.engine(), company_id, "test")
            .await
            .unwrap()
    }

    /// Asks for a sync and waits for the job's end.
    pub(crate) async fn sync(&self, company_id: i64) -> JobView {
        let enqueued = self.enqueue(company_id).await;
        self.end_of(enqueued).await
    }

    pub(crate) async fn end_of(&self, enqueued: Enqueued) -> JobView {
        let state = self.engine().wait(enqueued.id, PATIENCE).await.unwrap();
        assert!(state.is_terminal(), "job is {state} after {PATIENCE:?}");
        self.engine().job(enqueued.id).await.unwrap().unwrap()
    }

    /// Asks for a sync that must end well.
    pub(crate) async fn synced(&self, company_id: i64) -> Summary {
        let job = self.sync(company_id).await;
        assert_eq!(
            job.state,
            State::Completed,
            "{:?} {:?}",
            job.code,
            job.error
        );
        serde_json::from_value(job.result.unwrap()).unwrap()
    }

    /// All zones of a company.
    pub(crate) async fn zones(&self, company_id: i64) -> Vec<Zone> {
        let (mut zones, mut after) = (Vec::new(), None);
        loop {
            let filter = zone::Filter {
                company_id: Some(company_id),
                after,
                ..Default::default()
            };
            let page = zone::list(&self.env.pool, &filter, 500).await.unwrap();
            after = page.next.map(|next| *next.key());
            zones.extend(page.data);
            if after.is_none() {
                return zones;
            }
        }
    }

    pub(crate) async fn orphans(&self, company_id: i64) -> Vec<String> {
        let zones = self.zones(company_id).await;
        let orphans = zones.into_iter().filter(|zone| zone.orphaned_at.is_some());
        orphans.filter_map(|zone| zone.soundtrack_zone_id).collect()
    }

    pub(crate) async fn latest_run(&self, company_id: i64) -> Run {
        jobs::run::latest(&self.env.pool, &Partition::Company(company_id))
            .await
            .unwrap()
            .expect("a run")
    }

    /// Ends once the company's newest run has applied so many pages.
    pub(crate) async fn pages_applied(&self, company_id: i64, pages: i32) {
        self.until("pages are applied", async || {
            let run = jobs::run::latest(&self.env.pool, &Partition::Company(company_id))
                .await
                .unwrap();
            run.is_some_and(|run| run.pages >= pages)
        })
        .await;
    }

    pub(crate) async fn until(&self, what: &str, holds: impl AsyncFn() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds().await {
            assert!(
                tokio::time::Instant::now() < deadline,
                "waited {PATIENCE:?} until {what}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What tells one version of each row from another.
    pub(crate) async fn versions(&self, company_id: i64) -> Vec<(i64, String)> {
        sqlx::query_as("select id, xmin::text || ' ' || ctid::text from sync.zone where company_id = $1 order by id")
            .bind(company_id)
            .fetch_all(&self.env.pool)
            .await
            .unwrap()
    }

    /// The company's live rows are the account's zones at the remote, field by field.
    pub(crate) async fn assert_true(&self, company_id: i64, account: &str) {
        let truth = self.remote.truth();
        let account = truth
            .accounts
            .iter()
            .find(|one| one.id == account)
            .expect("the account");
        let mut expected: Vec<_> = account
            .zones
            .iter()
            .map(|zone| (zone.id.clone(), zone.name.clone()))
            .collect();
        let zones = self.zones(company_id).await;
        let live = zones.into_iter().filter(|zone| zone.orphaned_at.is_none());
        let mut stored: Vec<_> = live
            .map(|zone| (zone.soundtrack_zone_id.unwrap_or_default(), zone.name))
            .collect();
        expected.sort();
        stored.sort();
        assert_eq!(stored, expected);
    }
}

pub(crate) fn client(url: &str, token: &str, page_size: u16, bucket: BucketConfig) -> Client {
    client_with(url, token, page_size, SharedBucket::new(bucket))
}

pub(crate) fn client_with(
    url: &str,
    token: &str,
    page_size: u16,
    budget: impl Budget + 'static,
) -> Client {
    let hosts = vec!["127.0.0.1".to_owned()];
    let http = Http::new(HttpConfig {
        allowed_hosts: hosts,
        ..HttpConfig::default()
    })
    .unwrap();
    let mut config = Config::new(Token::basic(token).unwrap());
    (config.base_url, config.page_size) = (url.to_owned(), page_size);
    Client::new(config, http, budget).unwrap()
}

pub(crate) fn registry(env: &jobs::Env, max_attempts: u16) -> Registry {
    let mut registry = jobs::register(Registry::new(), env);
    for kind in registry.kinds() {
        let mut policy = registry.policy(&kind);
        policy.max_attempts = max_attempts;
        policy.backoff = Backoff {
            base_ms: 1,
            factor: 1.0,
            max_ms: 1,
        };
        registry.set_policy(&kind, policy);
    }
    registry
}

/// Leases short enough that a crash is noticed within a test.
pub(crate) fn options(concurrency: usize) -> WorkerOptions {
    WorkerOptions {
        queues: vec![QueueOptions::new("default", concurrency)],
        lease: Duration::from_secs(2),
        heartbeat: Duration::from_millis(500),
        poll: Duration::from_millis(100),
        service: Duration::from_millis(200),
        grace: Duration::from_millis(500),
        ..WorkerOptions::default()
    }
}
