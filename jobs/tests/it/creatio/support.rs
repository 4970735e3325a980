//! A house with a simulated Creatio, its credentials, and records on both sides.

use std::time::Duration;

use connectors::reach::Service;
use engine::testing::{Database, WorkerGuard, run_worker};
use engine::{JobView, NewJob, State, WorkerOptions};
use jobs::connection::{Connections, Declared};
use jobs::creatio::record::{self, Record};
use jobs::creatio::{Counts, Sort, SyncAll, Totals, conflict, journal, reconcile_of, sync_all_of};
use jobs::testing;
use serde_json::{Value, json};
use sim::creatio::{Change, Config, Guid, Simulator, Switches};
use uuid::Uuid;

use super::converge::rest::hanging;
pub(crate) use crate::connection::until;
use crate::support::PATIENCE;

pub(crate) const CREATIO: &str = "creatio/acme";
/// Calls a second, where no limit is wanted.
const UNTHROTTLED: f64 = 1_000_000.0;

/// A database, a vendor and a connection.
pub(crate) struct House {
    pub(crate) database: Database,
    pub(crate) vendor: Simulator,
    pub(crate) env: jobs::Env,
    max_attempts: u16,
}

impl House {
    /// Without records on either side.
    pub(crate) async fn empty() -> House {
        House::with(Config::empty()).await
    }

    pub(crate) async fn switched(change: impl FnOnce(&mut Switches)) -> House {
        let mut config = Config::empty();
        change(&mut config.switches);
        House::with(config).await
    }

    pub(crate) async fn with(config: Config) -> House {
        House::on(jobs::testing::database().await, config, UNTHROTTLED).await
    }

    /// On this database, which is migrated, with so many calls a second.
    pub(crate) async fn on(database: Database, mut config: Config, refill: f64) -> House {
        // What changed since is asked for by the vendor's own clock.
        config.switches.dates_by_own_clock = true;
        let vendor = Simulator::start(config).await.unwrap();
        let urls = (vendor.url(), vendor.identity_url());
        let connections = connections(database.client(), vec![declared(CREATIO, urls, refill)]);
        authorise(&connections, CREATIO, &database, &vendor).await;
        let env = jobs::Env {
            pool: database.pool().clone(),
            connections,
        };
        House {
            database,
            vendor,
            env,
            max_attempts: 3,
        }
    }

    pub(crate) fn engine(&self) -> &engine::Client {
        self.database.client()
    }

    pub(crate) fn worker(&self) -> WorkerGuard {
        self.worker_of(&self.env)
    }

    /// A worker of a process that has just begun: it knows only what the database does.
    pub(crate) fn successor(&self) -> WorkerGuard {
        let env = jobs::Env {
            pool: self.env.pool.clone(),
            connections: connections(
                self.engine(),
                vec![declared(
                    CREATIO,
                    (self.vendor.url(), self.vendor.identity_url()),
                    UNTHROTTLED,
                )],
            ),
        };
        self.worker_of(&env)
    }

    fn worker_of(&self, env: &jobs::Env) -> WorkerGuard {
        let options = WorkerOptions {
            lease: Duration::from_secs(4),
            ..crate::support::options(8)
        };
        run_worker(
            self.engine(),
            crate::support::registry(env, self.max_attempts),
            options,
        )
    }

    pub(crate) async fn enqueue(&self, job: NewJob) -> Uuid {
        let job = job.max_attempts(self.max_attempts);
        self.engine().enqueue(job).await.unwrap().id
    }

    pub(crate) async fn end_of(&self, id: Uuid) -> JobView {
        let state = self.engine().wait(id, PATIENCE).await.unwrap();
        let job = self.engine().job(id).await.unwrap().unwrap();
        if !state.is_terminal() {
            panic!("after {PATIENCE:?}: {job:?}\n{}", hanging(self).await);
        }
        job
    }

    pub(crate) async fn run(&self, job: NewJob) -> JobView {
        let id = self.enqueue(job).await;
        self.end_of(id).await
    }

    /// Runs a job that must end well; its result.
    pub(crate) async fn done(&self, job: NewJob) -> Value {
        let job = self.run(job).await;
        assert_eq!(
            job.state,
            State::Completed,
            "{:?} {:?}",
            job.code,
            job.error
        );
        job.result.unwrap()
    }

    /// Looks at everything, and reconciles.
    pub(crate) async fn synced(&self) -> Counts {
        self.synced_with(false).await
    }

    /// Looks at what changed, and reconciles.
    pub(crate) async fn synced_changes(&self) -> Counts {
        self.synced_with(true).await
    }

    async fn synced_with(&self, changed: bool) -> Counts {
        let asked = SyncAll {
            connection: Some(CREATIO.to_owned()),
            changed,
        };
        let totals = self.done(sync_all_of(&asked, "test")).await;
        let totals: Totals = serde_json::from_value(totals).unwrap();
        assert!(totals.errors.is_empty(), "{totals:?}");
        totals.counts
    }

    /// Reconciles what is known to have changed.
    pub(crate) async fn reconciled(&self) -> Counts {
        serde_json::from_value(self.done(reconcile_of(CREATIO, "test")).await).unwrap()
    }

    /// A record of ours, by plain SQL, as the product does it.
    pub(crate) async fn insert(&self, table: &str, fields: Value) -> Uuid {
        let sql = format!(
            "insert into sync.{table} (connection, {0}) \
             select '{CREATIO}', {0} from jsonb_populate_record(null::sync.{table}, $1) returning id",
            names(&fields)
        );
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(fields)
            .fetch_one(&self.env.pool)
            .await
            .unwrap()
    }

    /// An edit of ours.
    pub(crate) async fn edit(&self, table: &str, id: Uuid, fields: Value) {
        let sql = format!(
            "update sync.{table} t set ({0}) = (select {0} from jsonb_populate_record(t, $2)) where t.id = $1",
            names(&fields)
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .bind(fields)
            .execute(&self.env.pool)
            .await
            .unwrap();
    }

    pub(crate) async fn delete(&self, table: &str, id: Uuid) {
        let sql = format!("update sync.{table} set deleted_at = now() where id = $1");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .execute(&self.env.pool)
            .await
            .unwrap();
    }

    /// All columns of a record of ours, decimals as text.
    pub(crate) async fn row(&self, table: &str, id: Uuid) -> Value {
        let budget = if table == "lead" {
            "|| jsonb_build_object('budget', t.budget::text)"
        } else {
            ""
        };
        let sql = format!("select to_jsonb(t) {budget} from sync.{table} t where id = $1");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_one(&self.env.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn rows(&self, table: &str) -> Vec<Value> {
        let sql =
            format!("select to_jsonb(t) from sync.{table} t where deleted_at is null order by id");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.env.pool)
            .await
            .unwrap()
    }

    pub(crate) async fn record(&self, sort: Sort, id: Uuid) -> Record {
        record::show(&self.env.pool, sort, id).await.unwrap()
    }

    /// The record at Creatio that is linked to one of ours.
    pub(crate) async fn there(&self, sort: Sort, id: Uuid) -> Value {
        let link = self.record(sort, id).await;
        let remote_id = guid(link.remote_id.unwrap());
        let found = self.vendor.record(entity(sort), remote_id);
        found.unwrap_or_else(|| panic!("Creatio has no {sort:?} {remote_id}"))
    }

    /// The one record of ours that is linked to one of Creatio's.
    pub(crate) async fn here(&self, sort: Sort, remote_id: &str) -> Uuid {
        let filter = record::Filter {
            sort: Some(sort),
            remote_id: Some(remote_id.parse().unwrap()),
            ..record::Filter::default()
        };
        let found = record::list(&self.env.pool, &filter, 10)
            .await
            .unwrap()
            .data;
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].local_id.unwrap()
    }

    /// A person makes a record at Creatio.
    pub(crate) fn add(&self, entity: &str, set: Value) -> String {
        self.vendor.change(Change::add(entity, set)).unwrap()
    }

    /// A person changes a record at Creatio.
    pub(crate) fn set(&self, entity: &str, id: Uuid, set: Value) {
        self.vendor
            .change(Change::set(entity, guid(id), set))
            .unwrap();
    }

    pub(crate) fn remove(&self, entity: &str, id: Uuid) {
        self.vendor
            .change(Change::delete(entity, guid(id)))
            .unwrap();
    }

    /// Saves that the service has made for us.
    pub(crate) fn writes(&self) -> usize {
        self.vendor
            .saves()
            .iter()
            .filter(|save| save.through_api)
            .count()
    }

    pub(crate) async fn conflicts(&self) -> Vec<conflict::Conflict> {
        let filter = conflict::Filter {
            status: Some(conflict::Status::Open),
            ..conflict::Filter::default()
        };
        conflict::list(&self.env.pool, &filter, 100)
            .await
            .unwrap()
            .data
    }

    pub(crate) async fn journal(&self) -> Vec<journal::Entry> {
        journal::list(&self.env.pool, &journal::Filter::default(), 100)
            .await
            .unwrap()
            .data
    }

    /// Nothing that waits for a time waits any more.
    pub(crate) async fn a_while_later(&self) {
        self.sql(
            "update sync.dirty set due_at = now() where due_at > now(); \
             update sync.intent set sent_at = sent_at - interval '10 minutes' where sent_at is not null",
        )
        .await;
    }

    /// All access tokens run out, long after they were given: one that is refused sooner is taken for a grant that was
    /// revoked.
    pub(crate) async fn expire_tokens(&self) {
        self.sql(
            "update sync.credential set refreshed_at = refreshed_at - interval '10 minutes', \
                 sent_at = array(select t - interval '10 minutes' from unnest(sent_at) t)",
        )
        .await;
        self.vendor.expire_access_tokens();
    }

    pub(crate) async fn sql(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.env.pool).await.unwrap();
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&self.env.pool)
            .await
            .unwrap()
    }

    /// What the tables say, for a test that fails.
    pub(crate) async fn story(&self) -> String {
        let mut told = String::new();
        for table in [
            "dirty_mark",
            "dirty",
            "link",
            "intent",
            "operation",
            "conflict",
            "observed",
            "site",
        ] {
            let sql = format!("select to_jsonb(t)::text from sync.{table} t");
            let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_all(&self.env.pool)
                .await
                .unwrap();
            told.push_str(&format!("{table}:\n  {}\n", rows.join("\n  ")));
        }
        let errors: Vec<Option<String>> =
            sqlx::query_scalar("select error from engine.attempt order by started_at")
                .fetch_all(&self.env.pool)
                .await
                .unwrap();
        told.push_str(&format!("errors: {errors:?}\n"));
        told
    }

    /// Another pass of everything writes nothing, on either side (R17).
    pub(crate) async fn assert_quiet(&self) {
        let writes = self.writes();
        let versions = self.versions().await;

        let counts = self.synced().await;

        assert_eq!(
            counts,
            Counts {
                conflicts: counts.conflicts,
                ..Counts::default()
            }
        );
        assert_eq!(self.writes(), writes, "the vendor was written once more");
        assert_eq!(self.versions().await, versions, "we were written once more");
    }

    async fn versions(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select id || ' ' || version from sync.contact union all select id || ' ' || version from sync.lead \
             union all select id || ' ' || version from sync.activity \
             union all select id || ' ' || version from sync.participant order by 1",
        )
        .fetch_all(&self.env.pool)
        .await
        .unwrap()
    }
}

/// Where the service and its identity service are, and how many calls it may be made a second.
pub(crate) fn declared(
    name: &str,
    (base_url, identity_url): (String, String),
    refill: f64,
) -> Declared {
    Declared {
        identity_url: Some(identity_url),
        refill: Some(refill),
        ..testing::declared(name, Service::Creatio, base_url)
    }
}

/// As a process knows them.
pub(crate) fn connections(engine: &engine::Client, declared: Vec<Declared>) -> Connections {
    testing::connections(engine, declared, Some(testing::keyring()))
}

/// Gives a connection its vendor's secrets.
pub(crate) async fn authorise(
    connections: &Connections,
    name: &str,
    database: &Database,
    vendor: &Simulator,
) {
    let config = vendor.config();
    let secrets = [
        ("client_id", config.client_id.as_str()),
        ("client_secret", config.client_secret.as_str()),
    ];
    let given = testing::authorise(connections, database.pool(), name, &secrets).await;
    given.unwrap();
}

pub(crate) fn entity(sort: Sort) -> &'static str {
    match sort {
        Sort::Contact => "Contact",
        Sort::Lead => "Lead",
        Sort::Activity => "Activity",
        Sort::Participant => "ActivityParticipant",
    }
}

pub(crate) fn guid(id: Uuid) -> Guid {
    Guid::parse(&id.to_string()).unwrap()
}

/// A lead of ours.
pub(crate) fn lead(nth: u32) -> Value {
    json!({
        "contact_name": format!("Ann {nth}"), "company": "Inn", "email": format!("ann{nth}@inn.example"),
        "mobile_phone": format!("+66 2 123 {nth:04}"), "budget": "1500.50", "status": "New",
    })
}

fn names(fields: &Value) -> String {
    let names: Vec<&str> = fields
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.join(", ")
}
