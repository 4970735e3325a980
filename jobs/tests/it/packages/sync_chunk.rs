//! `packages.sync_chunk`: some profiles of a bulk sync.

use engine::{NewJob, State};
use jobs::packages::SyncChunk;
use sim::wire::{Fault, Kind};
use uuid::Uuid;

use super::House;
use crate::connection::until;
use crate::support::PATIENCE;

impl House {
    /// Customers with a package each, and their profiles.
    pub(super) async fn many(&self, count: u64) -> Vec<Uuid> {
        let mut profiles = Vec::new();
        for nth in 0..count {
            let (name, phone) = (format!("Guest Number{nth}x"), format!("08{nth:08}"));
            let customer = self.customer(&name, &phone, "");
            self.package(&customer.hash, 100 + nth, "10");
            profiles.push(self.profile(&name, &phone, "").await);
        }
        profiles
    }

    pub(crate) async fn outcomes(&self) -> i64 {
        sqlx::query_scalar("select count(*) from sync.package_outcome")
            .fetch_one(&self.env.pool)
            .await
            .unwrap()
    }
}

fn chunk(profiles: Vec<Uuid>) -> NewJob {
    NewJob::of(&SyncChunk {
        bulk: Uuid::now_v7(),
        profiles,
    })
    .rate_key(super::SHOP)
}

#[tokio::test]
async fn r13_a_killed_workers_successor_goes_on_at_the_next_profile() {
    let house = House::new().await;
    let profiles = house.many(6).await;
    let slow = Fault::new(Kind::Slow { delay_ms: 600_000 });
    house.crm.inject(slow.on_path("rpc").after(3).times(1));
    let first = house.worker();
    let enqueued = house
        .engine()
        .enqueue(chunk(profiles.clone()))
        .await
        .unwrap();
    until("three are done and the fourth is asked for", async || {
        house.outcomes().await == 3 && house.crm.stats().calls == 12
    })
    .await;

    drop(first);
    let _second = house.worker();
    let state = house.engine().wait(enqueued.id, PATIENCE).await.unwrap();

    assert_eq!(state, State::Completed);
    assert_eq!(house.outcomes().await, 6);
    // Three calls a profile: the number, the hash, the packages. The fourth was asked for twice.
    assert_eq!(house.crm.stats().calls, 21);
    for profile in profiles {
        assert_eq!(house.hours(profile).await.len(), 1);
    }
}

#[tokio::test]
async fn r13_a_profile_that_fails_stops_no_other_and_is_tried_again_by_itself() {
    let house = House::new().await;
    let profiles = house.many(4).await;
    house
        .crm
        .inject(Fault::status(500).on_path("rpc").after(1).times(1));
    let _worker = house.worker();

    let job = house.end_of(chunk(profiles.clone())).await;

    assert_eq!(job.state, State::Completed, "{:?}", job.error);
    assert_eq!(house.outcomes().await, 4);
    assert!(house.hours(profiles[1]).await.is_empty());
    assert_eq!(house.hours(profiles[2]).await.len(), 1);
    let again: Vec<(String, bool)> = sqlx::query_as(
        "select j.args->>'profile_id', p.run_at > now() + interval '30 seconds' \
         from engine.job j join engine.pending p on p.id = j.id where j.kind = 'packages.sync_profile'",
    )
    .fetch_all(&house.env.pool)
    .await
    .unwrap();
    assert_eq!(again, [(profiles[1].to_string(), true)]);
}

#[tokio::test]
async fn a_remote_that_fails_for_everybody_is_no_fault_of_the_profiles() {
    let house = House::new().await;
    let profiles = house.many(6).await;
    house.crm.inject(Fault::status(503).on_path("rpc"));
    let _worker = house.worker();

    let enqueued = house.engine().enqueue(chunk(profiles)).await.unwrap();
    until("it has failed as a whole", async || {
        let job = house.engine().job(enqueued.id).await.unwrap().unwrap();
        job.failed > 0
    })
    .await;

    assert!(house.outcomes().await <= 4, "not all were written off");
}
