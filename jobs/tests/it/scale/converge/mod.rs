//! Converge, as whole processes: three workers against a Postgres and a Creatio of their own, storms in which people
//! edit on both sides and everything fails, and then quiet, in which all that was promised is checked (I1 to I14).
//! `./dev soak converge` goes on from seed to seed for as long as LOCKSTEP_SOAK_MINUTES says; here it is one short storm.

mod crew;
mod figures;
mod neighbour;
mod point;
mod server;
mod storm;

use std::time::{Duration, Instant};

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use sim::creatio::Config;

use self::crew::{Crew, MEMBERS, REFILL, SLOTS};
use self::figures::Figures;
use self::server::Server;
use self::storm::Storm;
use crate::creatio::converge::check::{check, unsettled};
use crate::creatio::converge::laws::{Watermark, assert_untold, check_laws};
use crate::creatio::converge::rest::{hanging, quiesce, settle_all};
use crate::creatio::converge::story::Story;
use crate::creatio::support::{House, until};

/// How long, where somebody wants a soak.
const MINUTES: &str = "LOCKSTEP_SOAK_MINUTES";
/// Which seed to begin with, to see one again.
const SEED: &str = "LOCKSTEP_SOAK_SEED";

/// How much of it all there is.
#[derive(Clone, Copy)]
struct Size {
    stories: u64,
    storm: Duration,
    neighbours: i32,
    freezes: bool,
}

const SHORT: Size = Size {
    stories: 12,
    storm: Duration::from_secs(3),
    neighbours: 6,
    freezes: false,
};
const LONG: Size = Size {
    stories: 60,
    storm: Duration::from_secs(90),
    neighbours: 40,
    freezes: true,
};

/// Seeds of which one may be spared by chance, and not all.
const ENOUGH: usize = 5;

#[expect(
    clippy::disallowed_methods,
    reason = "a soak says by environment how long it may be"
)]
fn asked_for(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|said| said.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_processes_that_are_killed_and_frozen_anywhere_leave_both_sides_agreed() {
    let minutes = asked_for(MINUTES);
    let size = match minutes {
        Some(_) => LONG,
        None => SHORT,
    };
    let mut server = Server::start().await;
    let began = Instant::now();
    let mut seed = asked_for(SEED).unwrap_or(1);
    let mut all = Figures::default();
    loop {
        // First of all, so that a seed that fails is known.
        println!("seed {seed}:");
        let (one, since) = (tale(&mut server, seed, size).await, Instant::now());
        println!("{one}\n  {:.0} s so far", (since - began).as_secs_f64());
        all.add(one);
        seed += 1;
        if minutes.is_none_or(|minutes| began.elapsed().as_secs() >= minutes * 60) {
            break;
        }
    }
    assert!(
        all.seeds < ENOUGH || all.tally.has_bitten(),
        "too little happened to prove a thing:\n{all}"
    );
    println!(
        "{} seeds in {:.0} s:\n{all}",
        all.seeds,
        began.elapsed().as_secs_f64()
    );
}

/// A storm, the quiet after it, and what must hold then.
async fn tale(server: &mut Server, seed: u64, size: Size) -> Figures {
    let config = Config {
        seed,
        ..Config::empty()
    };
    let database = server.database(seed).await;
    let house = House::on(database, config, REFILL).await;
    let harbour = neighbour::move_in(&house).await;
    point::prepare(&house).await;
    let mut told: Vec<Story> = (0..size.stories)
        .map(|nth| Story::of(seed * 1_000 + nth))
        .collect();
    for story in &mut told {
        story.begin(&house).await;
    }
    let mut crew = Crew::new(&house, &harbour, server.logs(seed));
    let mut watermark = Watermark::default();
    let of = (&house, &mut *server, &mut crew);
    let mut storm = Storm::new(of, &mut told, &mut watermark, (seed, size.freezes));
    storm.rage(size.storm).await;
    let tally = storm.tally;

    heal(&house).await;
    // Hours later at the vendor: all tokens ran out.
    house.expire_tokens().await;
    house.vendor.advance(Duration::from_secs(7_200));
    quiesce(&house).await;
    check(&house, &told).await;
    settle_all(&house, &mut StdRng::seed_from_u64(seed)).await;
    quiesce(&house).await;
    check(&house, &told).await;
    assert!(
        unsettled(&house).await.is_empty(),
        "{:?}",
        house.conflicts().await
    );
    house.assert_quiet().await;
    watermark.look(&house).await;
    check_laws(&house, tally.expiries + 1, tally.kills).await;
    the_bucket_was_kept(&house);
    let waited_ms = neighbour::delay_ms(&house, size.neighbours).await;
    assert!(
        waited_ms <= neighbour::BOUND_MS,
        "a neighbour's job waited {waited_ms:.0} ms for its start (I13)"
    );
    assert!(
        crew.logs().count() > 100,
        "the workers said nothing: what they tell is not known"
    );
    assert_untold(&house.vendor.config().client_secret, crew.logs());
    let figures = Figures::of(&house, &told, tally, &mut crew, waited_ms).await;
    drop((crew, house));
    server.forget(seed).await;
    figures
}

/// How often time jumps for what waits.
const WHILE: Duration = Duration::from_secs(5);

/// What ran ends, and what a process took with it to its grave is given back.
async fn heal(house: &House) {
    house.vendor.clear_faults();
    let live =
        "select (select count(*) from engine.pending) + (select count(*) from engine.running)";
    let began = Instant::now();
    let mut later = None;
    until("the storm's jobs have ended", async || {
        // Where it always is a while later, what waits for a walk is looked at without end, and no walk begins.
        if later.is_none_or(|at: Instant| at.elapsed() > WHILE) {
            house.a_while_later().await;
            later = Some(Instant::now());
        }
        if began.elapsed() > Duration::from_secs(50) {
            panic!("{}", hanging(house).await);
        }
        house.count(live).await == 0
    })
    .await;
    house
        .sql("update sync.dirty set holder = null, lease_until = null where holder is not null")
        .await;
}

/// I7: in no span of time were there more calls than the bucket held and got back, but for what each slot of each
/// process may have been given a moment before.
fn the_bucket_was_kept(house: &House) {
    let calls: Vec<u64> = house
        .vendor
        .spans()
        .iter()
        .map(|span| span.began_us)
        .collect();
    let slack = (REFILL * 2.5).max(1.0) + (MEMBERS * SLOTS) as f64;
    // The most that a window may have: from its first call on, each later one has had time to come back.
    let mut least = f64::INFINITY;
    for (nth, at) in calls.iter().enumerate() {
        let earned = *at as f64 / 1e6 * REFILL;
        least = least.min(nth as f64 - earned);
        let over = nth as f64 - earned - least + 1.0;
        assert!(
            over <= slack,
            "{over:.0} calls more than {REFILL} a second, and {slack:.0} may be (I7)"
        );
    }
}
