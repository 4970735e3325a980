//! A bulk sync uses what the rate limit allows and is never refused.

use std::time::Duration;

use connectors::budget::BucketConfig;
use engine::State;
use jobs::soundtrack::{Totals, enqueue_sync_all};
use sim::soundtrack::{Outcome, Switches, WorldSize};

use crate::support::{House, Plan};

const CAPACITY: f64 = 1_000.0;
const REFILL: f64 = 1_000.0;

#[tokio::test]
async fn a_throttled_bulk_takes_what_the_bucket_allows_without_one_refusal() {
    let switches = Switches {
        capacity: CAPACITY,
        refill_per_second: Some(REFILL),
        ..Switches::default()
    };
    let size = WorldSize {
        accounts: 60,
        locations_per_account: 1,
        zones_per_account: 15,
    };
    let bucket = BucketConfig {
        capacity: CAPACITY as u32,
        refill_per_s: REFILL,
        refill_ceiling_per_s: REFILL,
    };
    let house = House::build(Plan {
        size,
        switches,
        bucket,
        page_size: 10,
        ..Plan::default()
    })
    .await;
    for account in house.remote.truth().accounts {
        house.company(Some(&account.id)).await;
    }
    let _worker = house.worker();

    let parent = enqueue_sync_all(house.engine(), "test").await.unwrap();
    let job = house.end_of(parent).await;

    assert_eq!(job.state, State::Completed);
    let totals: Totals = serde_json::from_value(job.result.unwrap()).unwrap();
    assert_eq!((totals.synced, totals.errors), (900, 0));
    let (stats, log) = (house.remote.stats(), house.remote.log());
    assert_eq!((stats.refused(), stats.ended(Outcome::RateLimited)), (0, 0));
    let (first, last) = (
        log.iter().map(|call| call.at_ms).min(),
        log.iter().map(|call| call.at_ms).max(),
    );
    let took = Duration::from_millis(last.unwrap() - first.unwrap());
    // The first bucketful is free; the last call need not wait for its own tokens to come back.
    let least = Duration::from_secs_f64((stats.tokens_spent as f64 - CAPACITY) / REFILL);
    println!(
        "{} calls of {} tokens took {took:?}; the bucket allows {least:?}",
        stats.calls, stats.tokens_spent
    );
    assert!(
        took >= least.mul_f64(0.99),
        "faster than the bucket: the test measures nothing"
    );
    // On a machine of its own it is within 5 %; how busy this one is decides no test.
    assert!(took <= least * 2, "{took:?} is not near {least:?}");
}
