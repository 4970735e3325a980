//! `soundtrack.sync_zones`: zones are marked as gone only after a complete and clean walk.

use sim::soundtrack::{Change, Fault, FaultKind};

use crate::support::House;

#[tokio::test]
async fn a_zone_that_is_gone_is_orphaned_and_revived_when_it_is_back() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(5).await;
    house.synced(company).await;
    let gone = house.zones(company).await[2].clone();
    let id = gone.soundtrack_zone_id.clone().unwrap();

    house.delete_zone(&id);
    let swept = house.synced(company).await;
    let orphan = jobs::zone::get(&house.env.pool, gone.id)
        .await
        .unwrap()
        .unwrap();
    let still = house.synced(company).await;

    assert_eq!(
        (swept.orphaned, swept.sweep.as_str(), swept.synced),
        (1, "swept", 4)
    );
    assert_eq!(house.orphans(company).await, [id.as_str()]);
    assert_eq!(
        (orphan.status, orphan.raw),
        (gone.status, gone.raw),
        "only the mark is written"
    );
    assert_eq!((still.orphaned, still.sweep.as_str()), (0, "nothing"));
    house.assert_true(company, &account).await;

    // The simulator makes no zone of an old id, so the mark is put on one that is there.
    let there = house.zones(company).await[0].id;
    sqlx::query("update sync.zone set orphaned_at = now() where id = $1")
        .bind(there)
        .execute(&house.env.pool)
        .await
        .unwrap();
    let revived = house.synced(company).await;
    assert_eq!((revived.revived, revived.unchanged), (1, 3));
    assert_eq!(house.orphans(company).await, [id]);
}

#[tokio::test]
async fn nothing_is_orphaned_after_a_walk_that_was_not_clean() {
    let house = House::with_pages_of(5).await;
    let _worker = house.worker();
    let (company, account) = house.company_with(12).await;
    house.synced(company).await;
    let gone = house.zones(company).await[1]
        .soundtrack_zone_id
        .clone()
        .unwrap();
    house.delete_zone(&gone);

    house.remote.inject(
        Fault::new(FaultKind::NullNode)
            .on_account(&account)
            .after(7)
            .times(1),
    );
    let unclean = house.synced(company).await;
    house.remote.clear_faults();
    house.remote.inject(
        Fault::new(FaultKind::HttpStatus { status: 503 })
            .on_account(&account)
            .after(2),
    );
    let broken = house.sync(company).await;
    let before = house.orphans(company).await;
    house.remote.clear_faults();
    let clean = house.synced(company).await;

    assert_eq!((unclean.orphaned, unclean.sweep.as_str()), (0, "unproven"));
    assert_eq!(broken.code.as_deref(), Some("remote_failed"));
    assert!(before.is_empty());
    assert_eq!((clean.orphaned, clean.sweep.as_str()), (1, "swept"));
    assert_eq!(house.orphans(company).await, [gone]);
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn what_several_pages_miss_is_confirmed_by_a_second_walk() {
    let house = House::with_pages_of(5).await;
    let _worker = house.worker();
    let (company, account) = house.company_with(12).await;
    house.synced(company).await;
    let gone = house.zones(company).await[0]
        .soundtrack_zone_id
        .clone()
        .unwrap();

    house.delete_zone(&gone);
    let swept = house.synced(company).await;

    let run = house.latest_run(company).await;
    assert_eq!((run.walks, run.pages, run.counters.duplicate), (2, 6, 11));
    assert_eq!((swept.synced, swept.unchanged, swept.orphaned), (11, 11, 1));
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn an_empty_listing_is_held_while_zones_are_known() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, _) = house.company_with(3).await;
    house.synced(company).await;

    for row in house.zones(company).await {
        house.delete_zone(&row.soundtrack_zone_id.unwrap());
    }
    let held = house.synced(company).await;

    assert_eq!(
        (held.status.as_str(), held.sweep.as_str(), held.held),
        ("held", "held_empty", 3)
    );
    assert!(house.orphans(company).await.is_empty());
}

#[tokio::test]
async fn a_sweep_of_too_many_is_held() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, _) = house.company_with(30).await;
    house.synced(company).await;

    for row in house.zones(company).await.into_iter().take(11) {
        house.delete_zone(&row.soundtrack_zone_id.unwrap());
    }
    let held = house.synced(company).await;

    assert_eq!(
        (held.status.as_str(), held.sweep.as_str(), held.held),
        ("held", "held_large", 11)
    );
    assert!(house.orphans(company).await.is_empty());
}

#[tokio::test]
async fn the_first_walk_of_another_account_sweeps_nothing() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, _) = house.company_with(3).await;
    house.synced(company).await;
    let other = house
        .remote
        .change(Change::AddAccount {
            name: "Other".into(),
        })
        .unwrap();
    house.add_zone(&other, "Bar");

    let patch = jobs::company::Patch {
        soundtrack_account_id: Some(Some(other.clone())),
        ..Default::default()
    };
    let mut conn = house.env.pool.acquire().await.unwrap();
    jobs::company::update(&mut conn, company, &patch)
        .await
        .unwrap();
    let first = house.synced(company).await;
    let second = house.synced(company).await;

    assert_eq!(
        (first.orphaned, first.sweep.as_str(), first.created),
        (0, "scope_changed", 1)
    );
    assert_eq!((second.orphaned, second.sweep.as_str()), (3, "swept"));
    house.assert_true(company, &other).await;
}

#[tokio::test]
async fn a_listing_that_drifts_while_it_is_walked_loses_and_orphans_nothing() {
    let house = House::with_pages_of(5).await;
    let _worker = house.worker();
    let (company, account) = house.company_with(20).await;
    house.synced(company).await;
    let rows = house.zones(company).await;
    let id = |nth: usize| rows[nth].soundtrack_zone_id.clone().unwrap();

    // After the first page: its first zone goes, so the sixth moves to a page that was read; and
    // another comes at the end, so the total tells nothing.
    for change in [
        Change::DeleteZone { zone: id(0) },
        Change::AddZone {
            account: account.clone(),
            location: None,
            name: "Zone 999".into(),
        },
    ] {
        house.remote.inject(
            Fault::new(FaultKind::Change { change })
                .on_account(&account)
                .times(1),
        );
    }
    let summary = house.synced(company).await;
    let after = house.synced(company).await;

    assert_eq!((summary.created, summary.orphaned), (1, 0));
    assert_eq!((after.orphaned, after.sweep.as_str()), (1, "swept"));
    assert_eq!(house.orphans(company).await, [id(0)]);
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn a_zone_that_drifts_out_of_a_walk_is_found_by_the_next_walk_of_the_run() {
    let house = House::with_pages_of(5).await;
    let _worker = house.worker();
    let (company, account) = house.company_with(20).await;
    let first = house
        .remote
        .truth()
        .accounts
        .iter()
        .find(|one| one.id == account)
        .unwrap()
        .zones
        .len();
    assert_eq!(first, 20);

    // The last zone moves to the first page after that was read.
    let zones = house
        .remote
        .truth()
        .accounts
        .into_iter()
        .find(|one| one.id == account)
        .unwrap()
        .zones;
    let last = zones
        .into_iter()
        .find(|zone| zone.name == "Zone 019")
        .unwrap()
        .id;
    let change = Change::RenameZone {
        zone: last,
        name: "A".into(),
    };
    house.remote.inject(
        Fault::new(FaultKind::Change { change })
            .on_account(&account)
            .times(1),
    );
    let summary = house.synced(company).await;

    assert_eq!(
        (summary.status.as_str(), summary.created),
        ("succeeded", 20)
    );
    assert_eq!(house.latest_run(company).await.walks, 2);
    house.assert_true(company, &account).await;
}

/// A synced company of which one zone is gone since.
async fn missing_one(house: &House) -> (i64, String) {
    let (company, _) = house.company_with(5).await;
    house.synced(company).await;
    let gone = house.zones(company).await[2].soundtrack_zone_id.clone();
    let gone = gone.unwrap();
    house.delete_zone(&gone);
    (company, gone)
}

#[tokio::test]
async fn g8_a_zone_that_was_written_since_the_run_began_is_not_orphaned() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, gone) = missing_one(&house).await;
    // Whatever the sync's clock says of it, another hand has it.
    sqlx::query(
        "update sync.zone set updated_at = now() + interval '1 hour' where soundtrack_zone_id = $1",
    )
    .bind(&gone)
    .execute(&house.env.pool)
    .await
    .unwrap();

    let summary = house.synced(company).await;

    assert_eq!((summary.orphaned, summary.sweep.as_str()), (0, "nothing"));
    assert!(house.orphans(company).await.is_empty());
}

#[tokio::test]
async fn g8_a_zone_in_quarantine_is_not_orphaned() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, gone) = missing_one(&house).await;
    sqlx::query(
        "insert into sync.quarantine (stream, company_id, key, is_named, field, expected, raw, run_id) \
         values ('soundtrack.zones', $1, $2, true, 'online', 'true or false', '{}', 1)",
    )
    .bind(company)
    .bind(&gone)
    .execute(&house.env.pool)
    .await
    .unwrap();

    let first = house.synced(company).await;
    let second = house.synced(company).await;

    assert_eq!((first.orphaned, second.orphaned), (0, 1));
}
