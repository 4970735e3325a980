//! The vendor's limits, measured at the vendor.

use std::time::Duration;

use jobs::zoho::sync_of;
use sim::zoho::{Config, Switches};

use super::support::House;
use crate::connection::ZOHO;

/// With the limits of Zoho's documents in force.
async fn limited(items: u32) -> House {
    let config = Config {
        items,
        switches: Switches {
            per_minute: Some(100),
            per_day: Some(1_000),
            in_process: Some(5),
            takes_ms: 5,
            ..Switches::default()
        },
        ..Config::default()
    };
    House::build(config, 20).await
}

#[tokio::test]
async fn a_minute_never_has_more_calls_than_the_vendor_allows() {
    // Sixty pages, of which fifty go at once.
    let house = limited(1_080).await;
    let _worker = house.worker();

    let summary = house.done(sync_of(ZOHO, false, "test")).await;

    let log = house.vendor().log();
    let mut calls: Vec<u64> = log
        .iter()
        .filter(|call| call.path.contains("/items"))
        .map(|call| call.at_ms)
        .collect();
    calls.sort_unstable();
    let busiest = calls
        .iter()
        .map(|from| {
            calls
                .iter()
                .filter(|at| (*from..*from + 60_000).contains(*at))
                .count()
        })
        .max();
    assert_eq!(summary.total, 1_080);
    assert!(
        calls.len() > 55,
        "{} calls did not try the limit",
        calls.len()
    );
    assert!(
        busiest.is_some_and(|most| most <= 100),
        "{busiest:?} in a minute"
    );
    assert!(house.vendor().stats().refused.is_empty());
    house.assert_true().await;
}

#[tokio::test]
async fn one_organisation_has_one_call_in_process_whoever_asks() {
    let house = limited(205).await;
    let (_one, _other) = (house.worker(), house.worker());
    let ids = house.ids();

    let mut jobs = vec![
        house.enqueue(sync_of(ZOHO, false, "test")).await,
        house.enqueue(sync_of(ZOHO, true, "test")).await,
    ];
    for id in &ids[..4] {
        let job = jobs::zoho::sync_items_of(ZOHO, vec![id.clone()], "test");
        jobs.push(house.enqueue(job).await);
    }
    for job in jobs {
        let ended = house.end_of(job).await;
        assert_eq!(ended.state, engine::State::Completed, "{:?}", ended.error);
    }

    assert!(
        house.vendor().stats().max_concurrent <= 5,
        "{:?}",
        house.vendor().stats()
    );
    assert!(house.vendor().stats().refused.is_empty());
    house.assert_true().await;
}

#[tokio::test]
async fn when_the_day_is_used_up_the_sync_waits_and_loses_no_attempt() {
    let house = limited(205).await;
    house.switch(|switches| switches.per_day = Some(5));
    let _worker = house.worker();

    let id = house.enqueue(sync_of(ZOHO, false, "test")).await;
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    while !house.vendor().stats().refused.contains_key("day") {
        assert!(tokio::time::Instant::now() < deadline, "the day never ends");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let deadline = tokio::time::Instant::now() + crate::support::PATIENCE;
    let job = loop {
        let job = house.engine().job(id).await.unwrap().unwrap();
        if job.state == engine::State::Available {
            break job;
        }
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };

    assert_eq!(job.failed, 0);
    assert_eq!(
        house.vendor().stats().refused["day"],
        1,
        "nobody asks again"
    );
    assert_eq!(house.latest_run().await.pages, 5, "what came is kept");
}
