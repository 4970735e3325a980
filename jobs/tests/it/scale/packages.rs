//! A bulk sync of many profiles, by a worker process that is killed again and again. `./dev soak packages` runs it with
//! fifty thousand; here it is as small as still has a kill in it.

use std::time::{Duration, Instant};

use engine::testing::run_worker;
use engine::{Client, State};
use jobs::packages::{self, Profile, SyncAll, Totals, sync_all_of, sync_profile_of};
use uuid::Uuid;

use crate::packages::{House, SHOP, connections};
use crate::process::Process;
use crate::support::{options, registry};

const DATABASE: &str = "JOBS_TEST_DATABASE";
const REMOTE: &str = "JOBS_TEST_REMOTE";
const TOKEN: &str = "JOBS_TEST_TOKEN";
/// How many profiles, where somebody wants another number.
const PROFILES: &str = "LOCKSTEP_SOAK_PROFILES";
const SMALL: u64 = 240;
/// Milliseconds between two chunks, where somebody wants to see them; none is as fast as the machine can.
const PAUSE: &str = "LOCKSTEP_SOAK_PAUSE_MS";
/// Kills of the worker's process, evenly spread over the profiles: more than a job survives that gets nowhere.
const KILLS: u64 = 5;
/// Seldom enough to cost nothing, and often enough to meet each kill's moment.
const LOOK: Duration = Duration::from_millis(20);
/// Each profile has two packages, and every second one more: 125,000 for 50,000.
const fn packages_of(nth: u64) -> u64 {
    2 + nth % 2
}

/// Not a test by itself: the worker process of the test below.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(
    clippy::disallowed_methods,
    reason = "the parent test says by environment what to do"
)]
async fn helper_process() {
    let Ok(database) = std::env::var(DATABASE) else {
        return;
    };
    let (remote, token) = (
        std::env::var(REMOTE).unwrap(),
        std::env::var(TOKEN).unwrap(),
    );
    let engine = Client::connect(&database, 12).await.unwrap();
    let env = jobs::Env {
        pool: engine.pool().clone(),
        connections: connections(&engine, &remote, &token),
    };
    let _worker = run_worker(&engine, registry(&env, 20), options(10));
    std::future::pending::<()>().await;
}

fn start(house: &House) -> Process {
    let said = [
        (DATABASE, house.database.url()),
        (REMOTE, &house.crm.url()),
        (TOKEN, &house.crm.config().secret_key),
    ];
    Process::start("scale::packages::helper_process", &said)
}

/// Profiles whose customers are known, with their packages at the CRM.
async fn seed(house: &House, count: u64) {
    let (mut ids, mut customers) = (Vec::new(), Vec::new());
    for nth in 0..count {
        let customer = house.customer(&format!("Guest {nth}"), &format!("08{nth:08}"), "");
        for package in 0..packages_of(nth) {
            house.package(&customer.hash, nth * 10 + package, "12.345");
        }
        ids.push(Uuid::now_v7());
        customers.push(customer.id);
    }
    sqlx::query(
        "with p as (insert into sync.profile (id, connection) select unnest($1::uuid[]), $3) \
         insert into sync.customer_link (profile_id, customer_id, method, confidence, linked_by) \
         select i, c, 'automatic', 98, 'test' from unnest($1::uuid[], $2::text[]) as t (i, c)",
    )
    .bind(&ids)
    .bind(&customers)
    .bind(SHOP)
    .execute(&house.env.pool)
    .await
    .unwrap();
}

/// What a login waits for, in milliseconds, by what it waits for.
#[derive(Default)]
struct Waits {
    /// For the answer that its job is stored.
    login: Vec<f64>,
    /// Its parts.
    begun: Vec<f64>,
    put: Vec<f64>,
    enqueued: Vec<f64>,
    committed: Vec<f64>,
    /// For one bare row, stored beside it: what the machine and the disk take.
    bare: Vec<f64>,
}

/// Logins one after the other, in a runtime of their own: the booking site shares the machine with the sync, but no
/// program with the simulator.
fn logins(url: String, count: u64) -> std::thread::JoinHandle<Waits> {
    let site = async move {
        let client = Client::connect(&url, 4).await.unwrap();
        sqlx::raw_sql("create table if not exists bare (id uuid primary key, note text)")
            .execute(client.pool())
            .await
            .unwrap();
        let mut waits = Waits::default();
        for nth in 0..count {
            login(&client, nth, &mut waits).await;
        }
        client.close().await;
        waits
    };
    std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(site)
    })
}

async fn login(client: &Client, nth: u64, waits: &mut Waits) {
    let profile = Profile {
        id: Uuid::now_v7(),
        connection: "supabase/elsewhere".to_owned(),
        name: Some(format!("Login {nth}")),
        email: None,
        phone: Some(format!("09{nth:08}")),
    };
    let began = Instant::now();
    let mut last = 0.0;
    let mut lap = |spans: &mut Vec<f64>| {
        let now = began.elapsed().as_secs_f64() * 1_000.0;
        spans.push(now - last);
        last = now;
    };
    let mut tx = client.pool().begin().await.unwrap();
    lap(&mut waits.begun);
    packages::put(&mut tx, &profile).await.unwrap();
    lap(&mut waits.put);
    let job = sync_profile_of(&profile, "login").queue("logins that nobody serves");
    client.enqueue_in(&mut tx, &[job]).await.unwrap();
    lap(&mut waits.enqueued);
    tx.commit().await.unwrap();
    lap(&mut waits.committed);
    waits.login.push(last);
    let began = Instant::now();
    sqlx::query("insert into bare values ($1, 'a row of no meaning')")
        .bind(profile.id)
        .execute(client.pool())
        .await
        .unwrap();
    waits.bare.push(began.elapsed().as_secs_f64() * 1_000.0);
}

#[expect(
    clippy::disallowed_methods,
    reason = "a soak says by environment how long it may be"
)]
fn asked_for(name: &str, otherwise: u64) -> u64 {
    let said = std::env::var(name).ok();
    said.map_or(otherwise, |said| said.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_profiles_are_synced_right_however_often_the_worker_is_killed() {
    let count = asked_for(PROFILES, SMALL);
    let house = House::new().await;
    seed(&house, count).await;
    let asked = SyncAll {
        batch_size: 20,
        pause_ms: asked_for(PAUSE, 0).try_into().unwrap(),
        ..SyncAll::default()
    };
    let url = house.database.url().to_owned();
    let at_rest = tokio::task::spawn_blocking(move || logins(url, count.min(500)).join());
    let at_rest = at_rest.await.unwrap().unwrap();
    let began = Instant::now();
    let mut process = start(&house);

    let bulk = house
        .engine()
        .enqueue(sync_all_of(&asked, "test"))
        .await
        .unwrap();
    let (mut kills, mut memory, mut login) = (0, Vec::new(), None);
    let state = loop {
        let state = house.engine().wait(bulk.id, LOOK).await.unwrap();
        if state.is_terminal() {
            break state;
        }
        memory.extend(process.memory());
        let done = house.outcomes().await;
        if done > 0 && login.is_none() {
            let url = house.database.url().to_owned();
            login = Some(logins(url, count.min(2_000)));
        }
        let due = (kills + 1) * count / (KILLS + 2);
        if kills < KILLS && done >= due as i64 {
            process.kill();
            kills += 1;
            process = start(&house);
        }
    };
    let took = began.elapsed();
    let waits = login.expect("a sync that takes a while").join().unwrap();

    assert_eq!((state, kills), (State::Completed, KILLS));
    check(&house, bulk.id, count).await;
    tell(count, took, &memory);
    tell_logins("alone", at_rest);
    tell_logins("beside the sync", waits);
}

/// The sums, the rows, and that some kill hit.
async fn check(house: &House, bulk: Uuid, count: u64) {
    let expected: u64 = (0..count).map(packages_of).sum();
    let job = house.engine().job(bulk).await.unwrap().unwrap();
    let totals: Totals = serde_json::from_value(job.result.unwrap()).unwrap();
    assert_eq!(
        (
            totals.total_profiles,
            totals.failed_profiles,
            totals.total_packages
        ),
        (count as i64, 0, expected as i64),
        "{totals:?}"
    );
    let (rows, right): (i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where remaining_hours = 12.345 and gone_at is null) from sync.package",
    )
    .fetch_one(&house.env.pool)
    .await
    .unwrap();
    assert_eq!((rows, right), (expected as i64, expected as i64));
    let crashes: i64 =
        sqlx::query_scalar("select count(*) from engine.attempt where outcome = 'crashed'")
            .fetch_one(&house.env.pool)
            .await
            .unwrap();
    assert!(crashes > 0, "no kill hit a running job");
}

/// For whoever runs it as a soak.
fn tell(count: u64, took: Duration, memory: &[f64]) {
    let third = memory.len() / 3;
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
    println!(
        "{count} profiles in {:.0} s with {KILLS} kills: {:.0} profiles/s; worker {:.0} MB in the first third, {:.0} in the \
         last, {:.0} at most",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64(),
        mean(&memory[..third]),
        mean(&memory[memory.len() - third..]),
        memory.iter().copied().fold(0.0, f64::max),
    );
}

fn tell_logins(when: &str, waits: Waits) {
    println!("{} logins {when}", waits.login.len());
    for (what, mut spans) in [
        ("enqueued and committed", waits.login),
        ("  begun", waits.begun),
        ("  profile put", waits.put),
        ("  enqueued", waits.enqueued),
        ("  committed", waits.committed),
        ("one bare row beside it", waits.bare),
    ] {
        spans.sort_by(f64::total_cmp);
        let at = |share: f64| spans[((spans.len() - 1) as f64 * share) as usize];
        println!(
            "  {what}: p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, worst {:.1} ms",
            at(0.5),
            at(0.95),
            at(0.99),
            at(1.0)
        );
    }
}
