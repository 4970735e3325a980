//! A whole estate at once: 2,000 accounts with 10,000 zones, unthrottled.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use sim::soundtrack::{Config, Switches, WorldSize};

use crate::support::{Api, ZONES};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_zones_are_served_without_one_call_refused() {
    let size = WorldSize {
        accounts: 2_000,
        locations_per_account: 2,
        zones_per_account: 5,
    };
    let switches = Switches {
        refill_per_second: None,
        ..Switches::default()
    };
    let api = Arc::new(
        Api::configured(Config {
            size,
            switches,
            ..Config::default()
        })
        .await,
    );
    let ids: Vec<String> = api
        .simulator
        .truth()
        .accounts
        .into_iter()
        .map(|account| account.id)
        .collect();
    let ids = Arc::new(ids);
    let next = Arc::new(AtomicUsize::new(0));
    let started = std::time::Instant::now();

    let mut walkers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (api, ids, next) = (Arc::clone(&api), Arc::clone(&ids), Arc::clone(&next));
        walkers.spawn(async move {
            let mut met = 0;
            while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                met += api.ask(ZONES, json!({"id": id})).await.edges().len();
            }
            met
        });
    }
    let met: usize = walkers.join_all().await.into_iter().sum();

    println!("2,000 calls in {:?}", started.elapsed());
    assert_eq!(met, 10_000);
    assert_eq!(api.simulator.stats().calls, 2_000);
    assert_eq!(api.simulator.stats().refused(), 0);
}
