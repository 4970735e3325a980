//! Worlds from seeds.

use sim::soundtrack::{Change, World, WorldSize};

const SIZE: WorldSize = WorldSize {
    accounts: 10,
    locations_per_account: 3,
    zones_per_account: 12,
};

#[test]
fn identical_inputs_give_identical_worlds() {
    let one = World::generate(7, SIZE);
    let other = World::generate(7, SIZE);

    assert_eq!(one.truth(), other.truth());
    assert_ne!(one.truth(), World::generate(8, SIZE).truth());
}

#[test]
fn identical_changes_keep_worlds_identical() {
    let mut worlds = [World::generate(7, SIZE), World::generate(7, SIZE)];

    for world in &mut worlds {
        let account = world.truth().accounts[0].id.clone();
        let add = Change::AddZone {
            account,
            location: None,
            name: "New".to_owned(),
        };
        world.apply(add).unwrap();
    }

    assert_eq!(worlds[0].truth(), worlds[1].truth());
}

#[test]
fn a_world_has_the_size_asked_for_and_its_share_of_trouble() {
    let truth = World::generate(1, SIZE).truth();

    assert_eq!(truth.accounts.len(), 10);
    assert!(
        truth
            .accounts
            .iter()
            .all(|account| account.zones.len() == 12)
    );
    assert!(truth.zones().any(|zone| !zone.is_paired));
    assert!(truth.zones().any(|zone| zone.is_paired && !zone.online));
    assert!(truth.zones().any(|zone| !zone.subscription_is_active));
    assert!(truth.zones().any(|zone| zone.play_from.is_none()));
    let twins = truth.zones().any(|zone| {
        let twin = |other: &&_| -> bool {
            let other: &sim::soundtrack::TruthZone = other;
            other.id != zone.id && other.name == zone.name && other.location == zone.location
        };
        truth.zones().any(|other| twin(&other))
    });
    assert!(twins, "two zones of one location have one name");
}

#[test]
fn deleting_an_account_takes_its_zones() {
    let mut world = World::generate(1, SIZE);
    let account = world.truth().accounts[0].clone();

    world
        .apply(Change::DeleteAccount {
            account: account.id.clone(),
        })
        .unwrap();

    assert_eq!(world.truth().accounts.len(), 9);
    assert!(world.zone(&account.zones[0].id).is_none());
    assert!(world.locations_of(&account.id).is_empty());
}

#[test]
fn a_change_of_nothing_is_an_error_and_changes_nothing() {
    let mut world = World::generate(1, SIZE);
    let before = world.truth();
    let strangers = world.locations_of(&before.accounts[1].id)[0].id.clone();
    let zone = before.accounts[0].zones[0].id.clone();

    let missing = world.apply(Change::DeleteZone {
        zone: "none".to_owned(),
    });
    let foreign = world.apply(Change::MoveZone {
        zone,
        location: Some(strangers),
    });

    assert!(missing.is_err() && foreign.is_err());
    assert_eq!(world.truth(), before);
}
