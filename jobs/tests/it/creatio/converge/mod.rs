//! Converge: people change records on both sides while everything goes wrong; then all is quiet, and both sides say
//! the same, but for what is left to people, and nobody's word is lost.
//!
//! Each seed is a story of one lead. Many are told at once in one house, since they share nothing but the vendor, the
//! workers and the faults. A story that ends badly is printed with its seed, which tells it again.

pub(crate) mod check;
pub(crate) mod laws;
mod planted;
pub(crate) mod rest;
pub(crate) mod story;

use engine::testing::WorkerGuard;
use jobs::creatio::{SyncAll, sync_all_of};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sim::wire::{Fault, Kind};
use sqlx::Connection as _;
use uuid::Uuid;

use self::check::{check, unsettled};
use self::laws::{Watermark, check_laws};
use self::rest::{hanging, quiesce, settle_all};
use self::story::{Places, Story};
use super::support::{CREATIO, House, until};
use crate::support::PATIENCE;

const STORIES: u64 = 200;
const ROUNDS: u32 = 6;
const WORKERS: usize = 3;
/// A job that is cut down this often is none that the faults of a round explain.
const ATTEMPTS: u16 = 30;

/// What goes wrong in a round.
pub(crate) fn fault(chance: &mut StdRng) -> Option<Fault> {
    let kind = match chance.random_range(0..10) {
        0 => Kind::StatusAfter { status: 504 },
        1 => Kind::CutReply { after_bytes: 20 },
        2 => Kind::MalformedJson,
        3 => Kind::ShortBatch {
            keep: chance.random_range(0..5),
        },
        4 => Kind::EmptyBody,
        5 => Kind::Slow { delay_ms: 400 },
        6 => Kind::Status {
            status: 503,
            retry_after: Some("0".to_owned()),
            body: None,
        },
        _ => return None,
    };
    let fault = Fault::new(kind).after(chance.random_range(0..4)).times(1);
    Some(match chance.random_bool(0.6) {
        true => fault.on_path("$batch"),
        false => fault,
    })
}

/// People and faults, while three workers sync; one of them may die, and all connections be cut.
async fn round(
    house: &House,
    chance: &mut StdRng,
    workers: &mut [WorkerGuard],
    stories: &mut [Story],
) {
    let places = Places::of(house).await;
    let half = stories.len() / 2;
    for story in &mut stories[..half] {
        story.go_on(house, &places).await;
    }
    if let Some(fault) = fault(chance) {
        house.vendor.inject(fault);
    }
    let asked = SyncAll {
        connection: Some(CREATIO.to_owned()),
        changed: chance.random_bool(0.7),
    };
    let job = sync_all_of(&asked, "test").max_attempts(ATTEMPTS);
    let job = house.engine().enqueue(job).await.unwrap().id;
    for (at, story) in stories[half..].iter_mut().enumerate() {
        story.go_on(house, &places).await;
        if at == half / 2 {
            if chance.random_bool(0.7) {
                kill_whoever_runs(house, job, workers).await;
            }
            if chance.random_bool(0.2) {
                cut_connections(house).await;
            }
        }
    }
    let state = house.engine().wait(job, PATIENCE).await.unwrap();
    assert!(state.is_terminal(), "{}", hanging(house).await);
    house.vendor.clear_faults();
}

/// A worker dies in the middle of what it does, and another takes its place; none where the job ends before.
async fn kill_whoever_runs(house: &House, job: Uuid, workers: &mut [WorkerGuard]) {
    let runners = "select worker_id from engine.running";
    let is_over = async || {
        house
            .engine()
            .job(job)
            .await
            .unwrap()
            .unwrap()
            .state
            .is_terminal()
    };
    until("somebody runs a job", async || {
        let runners: Vec<Uuid> = sqlx::query_scalar(runners)
            .fetch_all(&house.env.pool)
            .await
            .unwrap();
        match workers.iter_mut().find(|one| runners.contains(&one.id())) {
            Some(dies) => {
                *dies = house.successor();
                true
            }
            None => is_over().await,
        }
    })
    .await;
}

/// Of whoever is in the middle of something, as a restart of the database does. People are not: they wait their turn.
pub(crate) async fn cut_connections(house: &House) {
    let cut = "select pg_terminate_backend(pid, 5000) from pg_stat_activity \
               where datname = current_database() and state <> 'idle' and pid <> pg_backend_pid()";
    let pool = &house.env.pool;
    let mut conn = pool.acquire().await.unwrap();
    sqlx::query(cut).execute(&mut *conn).await.unwrap();
    // Some had gone idle by then, and are in the pool, for people to find dead. One that does not answer is not
    // taken back.
    let idle = std::iter::from_fn(|| pool.try_acquire());
    for mut conn in idle.collect::<Vec<_>>() {
        let _ = conn.ping().await;
    }
}

/// A story in which nothing happens proves nothing.
async fn has_bitten(house: &House, stories: &[Story]) {
    let words: usize = stories.iter().map(|story| story.words.len()).sum();
    let deletes = stories.iter().filter(|story| !story.deleted.is_empty());
    let count = |what: &'static str| house.count(what);
    let conflicts = count("select count(*) from sync.conflict where status = 'applied'").await;
    let written_over = count("select count(*) from sync.journal").await;
    let killed = count("select count(*) from engine.attempt where outcome = 'crashed'").await;
    let doubted = count("select count(*) from sync.operation where status = 'unknown'").await;
    let bites = (
        words,
        deletes.count(),
        conflicts,
        written_over,
        killed,
        doubted,
    );
    assert!(
        bites.0 > 400 && bites.1 > 10 && bites.2 > 0 && bites.3 > 0 && bites.4 > 0,
        "too little happened to prove a thing: {bites:?}"
    );
    println!("words, deletes, conflicts, written over, killed, in doubt: {bites:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_people_and_faults_do_both_sides_come_to_agree() {
    let house = House::empty().await;
    let mut chance = StdRng::seed_from_u64(STORIES);
    let mut stories: Vec<Story> = (0..STORIES).map(Story::of).collect();
    for story in &mut stories {
        story.begin(&house).await;
    }
    let mut workers: Vec<WorkerGuard> = (0..WORKERS).map(|_| house.successor()).collect();
    let mut watermark = Watermark::default();
    for nth in 0..ROUNDS {
        if nth == ROUNDS / 2 {
            house.expire_tokens().await;
        }
        round(&house, &mut chance, &mut workers, &mut stories).await;
        watermark.look(&house).await;
    }

    quiesce(&house).await;
    check(&house, &stories).await;
    settle_all(&house, &mut chance).await;
    quiesce(&house).await;
    check(&house, &stories).await;

    assert!(
        unsettled(&house).await.is_empty(),
        "{:?}",
        house.conflicts().await
    );
    house.assert_quiet().await;
    watermark.look(&house).await;
    check_laws(&house, 1, ROUNDS as usize).await;
    has_bitten(&house, &stories).await;
}
