//! Changes in the middle of a walk, with cursors that drift and cursors that do not.

use sim::soundtrack::{Change, Cursors, Fault, FaultKind, MovedZoneId};

use crate::support::{Api, set};

/// Walks in pages of ten, with `change` happening after the first page.
async fn walk_with(cursors: Cursors, change: impl FnOnce(&Api, &[String]) -> Change) -> Walked {
    let api = Api::with_zones(30, |switches| switches.cursors = cursors).await;
    let before = api.walk(100).await;
    let change = change(&api, &before);
    let account = api.account();
    let fault = Fault::new(FaultKind::Change { change })
        .on_account(account)
        .times(1);
    api.simulator.inject(fault);

    let met = api.walk(10).await;

    assert_eq!(api.simulator.faults()[0].fired, 1);
    Walked { before, met, api }
}

struct Walked {
    before: Vec<String>,
    met: Vec<String>,
    api: Api,
}

fn rename(zone: &str, name: &str) -> Change {
    Change::RenameZone {
        zone: zone.to_owned(),
        name: name.to_owned(),
    }
}

#[tokio::test]
async fn a_delete_mid_walk_makes_offset_cursors_skip_a_zone() {
    let delete = |_: &Api, ids: &[String]| Change::DeleteZone {
        zone: ids[0].clone(),
    };

    let drifting = walk_with(Cursors::Offset, delete).await;
    let stable = walk_with(Cursors::Keyset, delete).await;

    assert!(
        !drifting.met.contains(&drifting.before[10]),
        "the eleventh slid into page one"
    );
    assert_eq!(
        set(&stable.met),
        set(&stable.before),
        "the deleted one was met in page one"
    );
}

#[tokio::test]
async fn an_insert_mid_walk_makes_offset_cursors_repeat_a_zone() {
    let insert = |api: &Api, _: &[String]| Change::AddZone {
        account: api.account(),
        location: None,
        name: "AAA first".to_owned(),
    };

    let drifting = walk_with(Cursors::Offset, insert).await;
    let stable = walk_with(Cursors::Keyset, insert).await;

    let repeats = drifting
        .met
        .iter()
        .filter(|id| **id == drifting.before[9])
        .count();
    assert_eq!(repeats, 2);
    assert_eq!(
        stable.met, stable.before,
        "the new one stands before the page that was read"
    );
}

#[tokio::test]
async fn a_rename_across_the_cursor_is_missed_by_both_sorts() {
    let forward = |_: &Api, ids: &[String]| rename(&ids[20], "AAA first");

    for cursors in [Cursors::Offset, Cursors::Keyset] {
        let walked = walk_with(cursors, forward).await;

        assert!(!walked.met.contains(&walked.before[20]), "{cursors:?}");
        assert!(
            walked.api.true_ids().contains(&walked.before[20]),
            "{cursors:?}"
        );
    }
}

#[tokio::test]
async fn a_rename_back_across_the_cursor_is_met_twice() {
    let back = |_: &Api, ids: &[String]| rename(&ids[0], "ZZZ last");

    for cursors in [Cursors::Offset, Cursors::Keyset] {
        let walked = walk_with(cursors, back).await;

        let times = walked
            .met
            .iter()
            .filter(|id| **id == walked.before[0])
            .count();
        assert_eq!(times, 2, "{cursors:?}");
    }
}

#[tokio::test]
async fn a_moved_zone_keeps_or_changes_its_id() {
    for (how, keeps) in [(MovedZoneId::Kept, true), (MovedZoneId::Changed, false)] {
        let api = Api::with_zones(4, |switches| switches.moved_zone_id = how).await;
        let zone = api.good_zone();
        let old_location = zone.location.clone().unwrap().id;
        let other = api.simulator.with_world(|world| {
            let locations = world.locations_of(&zone.account_id);
            locations
                .iter()
                .find(|found| found.id != old_location)
                .unwrap()
                .id
                .clone()
        });

        let change = Change::MoveZone {
            zone: zone.id.clone(),
            location: Some(other.clone()),
        };
        let new_id = api.simulator.change(change).unwrap();

        assert_eq!(new_id == zone.id, keeps);
        let truth = api.simulator.truth();
        assert_eq!(truth.zones().count(), 4);
        let moved = truth.zones().find(|found| found.id == new_id).unwrap();
        assert_eq!(moved.location.as_ref().unwrap().id, other);
        assert_eq!(moved.device, zone.device);
        let device = moved.device.as_ref().unwrap();
        let device = api
            .simulator
            .with_world(|world| world.device(&device.id))
            .unwrap();
        assert_eq!(device.zone_id, new_id);
    }
}
