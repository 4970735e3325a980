//! Crew: three worker processes, each of which can be killed, frozen and followed by another.

use std::path::PathBuf;
use std::time::Duration;

use engine::testing::run_worker;
use engine::{Client, WorkerOptions};
use sim::creatio::Simulator;
use uuid::Uuid;

use crate::creatio::support::{CREATIO, House, connections, declared};
use crate::process::Process;
use crate::support::{options, registry};

const DATABASE: &str = "JOBS_TEST_DATABASE";
const SERVICE: &str = "JOBS_TEST_SERVICE";
const IDENTITY: &str = "JOBS_TEST_IDENTITY";
const OTHER: &str = "JOBS_TEST_OTHER";
const LABEL: &str = "JOBS_TEST_LABEL";
const LOG: &str = "JOBS_TEST_LOG";

/// Calls a second of the whole fleet's: enough to go on with, and little enough to be met.
pub(super) const REFILL: f64 = 40.0;
/// What each process runs at once.
pub(super) const SLOTS: usize = 6;
/// A worker that is frozen longer than this has lost what it ran. As with the leases of real workers, what is left of
/// one at any time is more than the five seconds after which a sync sends nothing any more by what it saw before.
const LEASE: Duration = Duration::from_secs(8);
const HEARTBEAT: Duration = Duration::from_secs(2);
pub(super) const MEMBERS: usize = 3;
/// Another connection's jobs, on the same workers.
pub(super) const NEIGHBOUR: &str = "creatio/harbour";

/// Not a test by itself: a worker process of the test beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "the parent test says by environment what to do"
)]
async fn helper_process() {
    let said = |name: &str| std::env::var(name).unwrap();
    let Ok(database) = std::env::var(DATABASE) else {
        return;
    };
    let log = std::fs::File::create(said(LOG)).unwrap();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_ansi(false)
        .with_writer(std::sync::Mutex::new(log))
        .init();
    let engine = Client::connect(&database, 8).await.unwrap();
    let urls = (said(SERVICE), said(IDENTITY));
    let other = said(OTHER);
    let (service, identity) = other.split_once(' ').unwrap();
    let neighbour = (service.to_owned(), identity.to_owned());
    let env = jobs::Env {
        pool: engine.pool().clone(),
        connections: connections(
            &engine,
            vec![
                declared(CREATIO, urls, REFILL),
                declared(NEIGHBOUR, neighbour, REFILL),
            ],
        ),
    };
    let options = WorkerOptions {
        label: said(LABEL),
        lease: LEASE,
        heartbeat: HEARTBEAT,
        ..options(SLOTS)
    };
    let _worker = run_worker(&engine, registry(&env, 20), options);
    std::future::pending::<()>().await;
}

pub(super) struct Crew {
    members: Vec<(String, Process)>,
    said: Vec<(&'static str, String)>,
    database: String,
    dir: PathBuf,
    born: usize,
    /// Of those that are no more, in megabytes.
    peak: f64,
}

impl Crew {
    pub(super) fn new(house: &House, neighbour: &Simulator, dir: PathBuf) -> Crew {
        let of = |vendor: &Simulator| (vendor.url(), vendor.identity_url());
        let ((service, identity), other) = (of(&house.vendor), of(neighbour));
        let mut crew = Crew {
            members: Vec::new(),
            said: vec![
                (SERVICE, service),
                (IDENTITY, identity),
                (OTHER, format!("{} {}", other.0, other.1)),
            ],
            database: house.database.url().to_owned(),
            dir,
            born: 0,
            peak: 0.0,
        };
        for _ in 0..MEMBERS {
            let member = crew.another();
            crew.members.push(member);
        }
        crew
    }

    fn another(&mut self) -> (String, Process) {
        self.born += 1;
        let label = format!("crew-{}", self.born);
        let and = if self.database.contains('?') {
            '&'
        } else {
            '?'
        };
        let database = format!("{}{and}application_name={label}", self.database);
        let log = self.dir.join(format!("{label}.log")).display().to_string();
        let mut said: Vec<(&str, &str)> = vec![(DATABASE, &database), (LABEL, &label), (LOG, &log)];
        said.extend(
            self.said
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        let process = Process::start("scale::converge::crew::helper_process", &said);
        (label, process)
    }

    pub(super) fn has(&self, label: &str) -> bool {
        self.members.iter().any(|(name, _)| name == label)
    }

    /// Any of them, by number.
    pub(super) fn label(&self, nth: usize) -> String {
        self.members[nth % self.members.len()].0.clone()
    }

    /// Kills it, and starts another in its place.
    pub(super) fn kill(&mut self, label: &str) {
        self.note_memory();
        let next = self.another();
        let at = self.members.iter().position(|(name, _)| name == label);
        let (_, mut dead) = std::mem::replace(&mut self.members[at.unwrap()], next);
        dead.kill();
    }

    pub(super) fn signal(&self, label: &str, name: &str) {
        let member = self.members.iter().find(|(one, _)| one == label);
        member.unwrap().1.signal(name);
    }

    fn note_memory(&mut self) {
        let peaks = self.members.iter().filter_map(|(_, one)| one.peak_memory());
        self.peak = peaks.fold(self.peak, f64::max);
    }

    /// The most that any of them ever held, in megabytes.
    pub(super) fn peak(&mut self) -> f64 {
        self.note_memory();
        self.peak
    }

    /// All that they have said.
    pub(super) fn logs(&self) -> impl Iterator<Item = String> {
        (1..=self.born).flat_map(|nth| {
            let log = std::fs::read_to_string(self.dir.join(format!("crew-{nth}.log")));
            let lines: Vec<String> = log.unwrap_or_default().lines().map(str::to_owned).collect();
            lines
        })
    }
}

/// Who runs a job now; of those with a write under way if there are any.
pub(super) async fn runner(house: &House) -> Option<String> {
    let found: Vec<(String, Uuid)> = sqlx::query_as(
        "select w.label, r.id from engine.running r join engine.worker w on w.id = r.worker_id \
         order by exists (select from sync.intent i where i.job_id = r.id and i.state = 'sent') desc, r.id desc",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    found.into_iter().next().map(|(label, _)| label)
}
