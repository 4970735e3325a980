//! Times of modification that no clock can have said yet: a machine with a wrong clock wrote them.

use sim::zoho::ItemPatch;

use super::support::House;

/// 2999-01-01.
const FAR_S: i64 = 32_472_144_000;

fn renamed(name: &str, modified_s: Option<i64>) -> ItemPatch {
    ItemPatch {
        name: Some(name.to_owned()),
        modified_s,
        ..ItemPatch::default()
    }
}

impl House {
    /// The vendor's clock began at the first of January 2026.
    async fn is_marked_by_the_vendors_clock(&self) -> bool {
        let sql = "select watermark_at between '2026-01-01' and '2026-01-02' from sync.stream";
        sqlx::query_scalar(sql)
            .fetch_one(&self.env.pool)
            .await
            .unwrap()
    }
}

#[tokio::test]
async fn a_record_of_the_far_future_is_read_and_moves_no_watermark_past_the_vendors_clock() {
    let house = House::of(45).await;
    house.switch(|switches| switches.dates_by_own_clock = true);
    let ids = house.ids();
    house.change(&ids[7], renamed("Ahead", Some(FAR_S)));
    let _worker = house.worker();

    let all = house.synced_changes().await;
    let after_all = house.is_marked_by_the_vendors_clock().await;
    house.change(&ids[8], renamed("Ahead too", Some(FAR_S)));
    let changed = house.synced_changes().await;
    let after_changed = house.is_marked_by_the_vendors_clock().await;
    house.change(&ids[9], renamed("Of today", None));
    let next = house.synced_changes().await;

    assert_eq!((all.created, all.failed), (45, 0));
    assert_eq!((changed.updated, changed.failed), (1, 0));
    assert!(after_all && after_changed, "{after_all} {after_changed}");
    assert_eq!(next.updated, 1, "what changes now is still asked for");
    assert_eq!(house.product(&ids[7]).await.name, "Ahead");
    assert_eq!(house.product(&ids[8]).await.name, "Ahead too");
    house.assert_true().await;
}

#[tokio::test]
async fn a_time_that_is_put_right_is_no_older_answer() {
    let house = House::of(15).await;
    let id = house.ids()[3].clone();
    house.change(&id, renamed("Ahead", Some(FAR_S)));
    let _worker = house.worker();
    house.synced().await;

    house.change(&id, renamed("Put right", None));
    let mended = house.synced().await;

    let counters = house.latest_run().await.counters;
    assert_eq!((mended.updated, counters.stale), (1, 0));
    assert_eq!(house.product(&id).await.name, "Put right");
}
