//! `packages.sync_all`: all profiles, in chunks.

use engine::State;
use jobs::packages::{SyncAll, Totals, sync_all_of};
use sim::wire::Fault;

use super::House;

impl House {
    async fn all(&self, asked: SyncAll) -> Totals {
        let job = self.end_of(sync_all_of(&asked, "test")).await;
        assert_eq!(
            job.state,
            State::Completed,
            "{:?} {:?}",
            job.code,
            job.error
        );
        serde_json::from_value(job.result.unwrap()).unwrap()
    }
}

fn in_chunks_of(batch_size: u16, only_new: bool) -> SyncAll {
    SyncAll {
        batch_size,
        only_new,
        pause_ms: 0,
        ..SyncAll::default()
    }
}

#[tokio::test]
async fn r13_all_profiles_are_synced_in_chunks_with_their_sums() {
    let house = House::new().await;
    let profiles = house.many(7).await;
    house.profile("Who Isthis", "0700000000", "").await;
    let _worker = house.worker();

    let new = house.all(in_chunks_of(3, true)).await;
    let mapped = house.all(in_chunks_of(3, false)).await;
    let none_new = house
        .all(SyncAll {
            max_profiles: Some(5),
            ..in_chunks_of(3, true)
        })
        .await;

    assert_eq!(
        (
            new.total_profiles,
            new.successful_profiles,
            new.failed_profiles
        ),
        (8, 7, 1)
    );
    assert_eq!(new.total_packages, 7);
    assert_eq!(new.errors.len(), 1);
    assert!(new.errors[0].ends_with(": unmatched"), "{:?}", new.errors);
    assert_eq!(
        (
            mapped.total_profiles,
            mapped.failed_profiles,
            mapped.total_packages
        ),
        (7, 0, 7)
    );
    assert_eq!((none_new.total_profiles, none_new.failed_profiles), (1, 1));
    assert_eq!(house.hours(profiles[6]).await.len(), 1);
}

#[tokio::test]
async fn failures_are_counted_and_twenty_of_them_named_without_a_name() {
    let house = House::new().await;
    for nth in 0..25 {
        house
            .profile(&format!("Canary {nth}"), &format!("07{nth:08}"), "")
            .await;
    }
    let _worker = house.worker();

    let totals = house.all(in_chunks_of(10, true)).await;

    assert_eq!((totals.total_profiles, totals.failed_profiles), (25, 25));
    assert_eq!(totals.errors.len(), 20);
    assert!(!format!("{totals:?}").contains("Canary"));
}

#[tokio::test]
async fn r1_a_bulk_sync_of_a_failing_crm_counts_every_profile_as_failed_and_none_as_empty() {
    let house = House::new().await;
    let profiles = house.many(4).await;
    let _worker = house.worker();
    house.all(in_chunks_of(2, true)).await;
    house.crm.inject(Fault::status(400).on_path("rpc"));

    let totals = house.all(in_chunks_of(2, false)).await;

    assert_eq!(
        (
            totals.successful_profiles,
            totals.failed_profiles,
            totals.total_packages
        ),
        (0, 4, 0)
    );
    for profile in profiles {
        assert_eq!(house.hours(profile).await.len(), 1);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_with_what_can() {
    for (asked, word) in [
        (in_chunks_of(0, false), "batch_size"),
        (in_chunks_of(101, false), "batch_size"),
        (
            SyncAll {
                max_profiles: Some(0),
                ..SyncAll::default()
            },
            "max_profiles",
        ),
        (
            SyncAll {
                pause_ms: 60_001,
                ..SyncAll::default()
            },
            "pause_ms",
        ),
    ] {
        let error = asked.check().unwrap_err().to_string();

        assert!(
            error.starts_with(word) && error.contains("expected"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_bound_leaves_nobody_out_for_ever() {
    let house = House::new().await;
    let profiles = house.many(4).await;
    let _worker = house.worker();
    let two = |only_new| SyncAll {
        max_profiles: Some(2),
        ..in_chunks_of(2, only_new)
    };
    for nth in 0..2 {
        house
            .profile(&format!("Nobody {nth}"), &format!("07{nth:08}"), "")
            .await;
    }

    let mut told = Vec::new();
    for only_new in [true, true, true, false, false] {
        told.push(house.all(two(only_new)).await.successful_profiles);
    }

    assert_eq!(told, [2, 2, 0, 2, 2]);
    let twice: i64 = sqlx::query_scalar(
        "select count(*) from (select profile_id from sync.package_outcome where is_good \
         group by profile_id having count(*) = 2) as twice",
    )
    .fetch_one(&house.env.pool)
    .await
    .unwrap();
    assert_eq!(twice, profiles.len() as i64);
}
