//! Right at scale: 2,000 companies, 10,000 zones, two companies with 1,000 zones each.

use std::collections::BTreeMap;
use std::time::Instant;

use engine::State;
use jobs::soundtrack::{Totals, enqueue_sync_all};
use sim::soundtrack::WorldSize;

use crate::support::{House, PATIENCE, Plan};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_companies_equal_the_remotes_truth_after_one_sync_of_all() {
    let size = WorldSize {
        accounts: 2_000,
        locations_per_account: 1,
        zones_per_account: 4,
    };
    let house = House::build(Plan {
        size,
        ..Plan::default()
    })
    .await;
    let accounts: Vec<String> = house
        .remote
        .truth()
        .accounts
        .into_iter()
        .map(|one| one.id)
        .collect();
    for (nth, account) in accounts.iter().enumerate() {
        let more = match nth {
            0 | 1 => 996,
            2..10 => 1,
            _ => 0,
        };
        for zone in 0..more {
            house.add_zone(account, &format!("Zone {zone:03}"));
        }
    }
    sqlx::query(
        "insert into sync.company (name, soundtrack_account_id) select 'Inn', unnest($1::text[])",
    )
    .bind(&accounts)
    .execute(&house.env.pool)
    .await
    .unwrap();
    let _worker = house.worker();

    let started = Instant::now();
    let parent = enqueue_sync_all(house.engine(), "test").await.unwrap();
    let state = house.engine().wait(parent.id, 2 * PATIENCE).await.unwrap();
    let took = started.elapsed();

    let job = house.engine().job(parent.id).await.unwrap().unwrap();
    assert_eq!(state, State::Completed, "{:?} after {took:?}", job.error);
    let totals: Totals = serde_json::from_value(job.result.unwrap()).unwrap();
    let stats = house.remote.stats();
    println!(
        "{} companies, {} zones, {} calls, {} refused: {took:?}",
        totals.companies,
        totals.synced,
        stats.calls,
        stats.refused()
    );
    assert_eq!(
        (
            totals.companies,
            totals.synced,
            totals.created,
            totals.errors
        ),
        (2_000, 10_000, 10_000, 0)
    );
    assert_eq!(stored(&house).await, truth(&house));
}

/// By zone id: account, name, device, and the raw answer's own words on being online.
type Facts = BTreeMap<String, (String, String, Option<String>, bool)>;

fn truth(house: &House) -> Facts {
    let truth = house.remote.truth();
    let zones = truth.zones().map(|zone| {
        let device = zone.device.as_ref().map(|device| device.name.clone());
        (
            zone.id.clone(),
            (
                zone.account_id.clone(),
                zone.name.clone(),
                device,
                zone.online,
            ),
        )
    });
    zones.collect()
}

async fn stored(house: &House) -> Facts {
    let rows: Vec<(String, String, String, Option<String>, bool)> = sqlx::query_as(
        "select z.soundtrack_zone_id, c.soundtrack_account_id, z.name, z.device_name, (z.raw ->> 'online')::boolean \
         from sync.zone z join sync.company c on c.id = z.company_id where z.orphaned_at is null",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    rows.into_iter()
        .map(|(id, account, name, device, online)| (id, (account, name, device, online)))
        .collect()
}
