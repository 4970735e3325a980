//! `soundtrack.sync_zones`: what one sync of one company does.

use engine::State;
use jobs::connection::Connections;
use jobs::run::Status;
use jobs::soundtrack::CONNECTION;
use jobs::zone::Status as Zones;
use sim::soundtrack::{Change, Fault, FaultKind, ZoneField, ZonePatch};

use crate::support::House;

#[tokio::test]
async fn r1_an_error_in_a_200_is_never_an_empty_success() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(3).await;
    house.synced(company).await;

    house.remote.inject(
        Fault::new(FaultKind::NullData {
            message: "boom".into(),
        })
        .on_account(&account),
    );
    let failed = house.sync(company).await;

    assert_eq!(
        (failed.state, failed.code.as_deref()),
        (State::Dead, Some("remote_failed"))
    );
    assert_eq!(failed.failed, 2, "it was tried again first");
    let run = house.latest_run(company).await;
    assert_eq!(
        (run.status, run.code.as_deref(), run.sweep),
        (Status::Failed, Some("remote_failed"), None)
    );
    assert!(house.orphans(company).await.is_empty());
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn r1_a_forbidden_account_is_dead_at_once_and_changes_nothing() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(3).await;
    house.synced(company).await;
    let before = house.versions(company).await;

    house
        .remote
        .inject(Fault::new(FaultKind::Forbidden).on_account(&account));
    let failed = house.sync(company).await;

    assert_eq!(
        (failed.state, failed.code.as_deref()),
        (State::Dead, Some("forbidden"))
    );
    assert_eq!(house.versions(company).await, before);
    assert_eq!(house.latest_run(company).await.status, Status::Failed);
}

#[tokio::test]
async fn r1_a_zone_that_could_not_be_seen_makes_the_run_partial() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(5).await;

    house.remote.inject(
        Fault::new(FaultKind::NullNode)
            .on_account(&account)
            .times(1),
    );
    let partial = house.synced(company).await;
    let whole = house.synced(company).await;

    assert_eq!(
        (partial.status.as_str(), partial.sweep.as_str()),
        ("partial", "unproven")
    );
    assert_eq!((partial.synced, partial.errors), (4, 1));
    assert_eq!(
        (whole.status.as_str(), whole.synced, whole.created),
        ("succeeded", 5, 1)
    );
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn r2_zones_beyond_the_first_page_are_read_and_never_swept() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(250).await;

    let first = house.synced(company).await;
    let second = house.synced(company).await;

    assert_eq!((first.created, first.pages), (250, 3));
    assert_eq!(
        (second.unchanged, second.orphaned, second.pages),
        (250, 0, 3)
    );
    assert!(house.orphans(company).await.is_empty());
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn r3_online_is_what_the_remote_says_and_not_paired_with_a_device() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(2).await;
    let zone = house
        .remote
        .truth()
        .accounts
        .into_iter()
        .find(|one| one.id == account)
        .unwrap()
        .zones
        .remove(0);
    let patch = ZonePatch {
        online: Some(false),
        ..ZonePatch::default()
    };

    house
        .remote
        .change(Change::UpdateZone {
            zone: zone.id.clone(),
            patch,
        })
        .unwrap();
    house.synced(company).await;

    let zones = house.zones(company).await;
    let (off, on): (Vec<_>, Vec<_>) = zones
        .iter()
        .partition(|row| row.soundtrack_zone_id.as_deref() == Some(&zone.id));
    assert_eq!(off[0].raw.as_ref().unwrap()["isPaired"], true);
    assert!(off[0].device_name.is_some());
    assert_eq!(
        (off[0].status, off[0].last_seen_online),
        (jobs::zone::Status::Offline, None)
    );
    assert_eq!(on[0].status, jobs::zone::Status::Online);
    assert!(on[0].last_seen_online.is_some());
}

#[tokio::test]
async fn an_unchanged_row_is_not_rewritten_and_still_tells_when_it_was_seen() {
    let house = House::with_pages_of(4).await;
    let _worker = house.worker();
    let (company, account) = house.company_with(10).await;
    house.synced(company).await;
    let (before, rows) = (house.versions(company).await, house.zones(company).await);
    let renamed = rows[3].soundtrack_zone_id.clone().unwrap();

    house
        .remote
        .change(Change::RenameZone {
            zone: renamed,
            name: "Zone 003 b".into(),
        })
        .unwrap();
    let summary = house.synced(company).await;

    assert_eq!(
        (summary.unchanged, summary.updated, summary.created),
        (9, 1, 0)
    );
    let after = house.versions(company).await;
    let changed: Vec<i64> = before
        .iter()
        .zip(&after)
        .filter(|(old, new)| old != new)
        .map(|(old, _)| old.0)
        .collect();
    assert_eq!(changed, [rows[3].id]);
    for (old, new) in rows.iter().zip(house.zones(company).await) {
        assert!(new.last_api_sync_at > old.last_api_sync_at, "{}", new.name);
        assert!(new.last_seen_online > old.last_seen_online, "{}", new.name);
    }
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn a_zone_that_goes_offline_remembers_the_last_walk_that_found_it_online() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, _) = house.company_with(1).await;
    house.synced(company).await;
    house.synced(company).await;
    let online = house.zones(company).await.remove(0);
    let zone = online.soundtrack_zone_id.clone().unwrap();

    let patch = ZonePatch {
        online: Some(false),
        ..ZonePatch::default()
    };
    house
        .remote
        .change(Change::UpdateZone { zone, patch })
        .unwrap();
    house.synced(company).await;

    let offline = house.zones(company).await.remove(0);
    assert_eq!(offline.status, jobs::zone::Status::Offline);
    assert_eq!(offline.last_seen_online, online.last_seen_online);
}

#[tokio::test]
async fn the_raw_answer_is_kept_as_it_came() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(2).await;

    house.synced(company).await;

    let truth = house.remote.truth();
    let truth = truth.accounts.iter().find(|one| one.id == account).unwrap();
    for row in house.zones(company).await {
        let (raw, id) = (row.raw.unwrap(), row.soundtrack_zone_id.unwrap());
        let zone = truth.zones.iter().find(|zone| zone.id == id).unwrap();
        assert_eq!(raw["id"], id);
        assert_eq!(
            raw["streamingType"],
            serde_json::to_value(zone.streaming_type).unwrap()
        );
        assert_eq!(raw["subscription"]["activeUntil"], zone.active_until);
        assert_eq!(
            raw["device"]["softwareVersion"],
            serde_json::to_value(&zone.software_version).unwrap()
        );
    }
}

#[tokio::test]
async fn a_zone_whose_location_is_not_found_is_kept_without_one() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(3).await;

    let fault = FaultKind::FieldError {
        field: ZoneField::Location,
        code: "NOT_FOUND".into(),
    };
    house.remote.inject(Fault::new(fault).on_account(&account));
    let summary = house.synced(company).await;

    assert_eq!(
        (summary.status.as_str(), summary.synced, summary.errors),
        ("succeeded", 3, 0)
    );
    assert!(house.zones(company).await[0].raw.as_ref().unwrap()["location"].is_null());
    house.assert_true(company, &account).await;
}

#[tokio::test]
async fn a_company_that_is_not_there_or_has_no_account_is_dead_with_a_clear_reason() {
    let house = House::new().await;
    let _worker = house.worker();
    let company = house.company(None).await;

    let no_account = house.sync(company).await;
    let unknown = house.sync(999).await;

    assert_eq!(
        (no_account.state, no_account.code.as_deref()),
        (State::Dead, Some("no_account"))
    );
    assert_eq!(
        no_account.error.as_deref(),
        Some("Company \"Hilton Pattaya\" has no Soundtrack account ID configured")
    );
    assert_eq!(
        (unknown.state, unknown.code.as_deref()),
        (State::Dead, Some("unknown_company"))
    );
    assert_eq!((no_account.failed, unknown.failed), (1, 1));
}

#[tokio::test]
async fn a_process_without_a_token_says_so() {
    let house = House::new().await;
    let (company, _) = house.company_with(1).await;
    let env = jobs::Env {
        connections: Connections::none(),
        ..house.env.clone()
    };
    let registry = crate::support::registry(&env, 2);
    let _worker = engine::testing::run_worker(house.engine(), registry, crate::support::options(1));

    let failed = house.sync(company).await;

    assert_eq!(
        (failed.state, failed.code.as_deref()),
        (State::Dead, Some("not_configured"))
    );
}

#[tokio::test]
async fn a_throttled_sync_costs_no_attempt() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(3).await;

    // A gateway's refusal: it says no time, so the job waits ten seconds. Three of those would be
    // more than the two attempts the kind has here.
    house.remote.inject(
        Fault::new(FaultKind::HttpStatus { status: 429 })
            .on_account(&account)
            .times(1),
    );
    let enqueued = house.enqueue(company).await;
    house
        .until("the job snoozes", async || {
            let job = house.engine().job(enqueued.id).await.unwrap().unwrap();
            job.code.as_deref() == Some("throttled")
                || job.state == State::Available && job.attempt > 0
        })
        .await;

    let job = house.engine().job(enqueued.id).await.unwrap().unwrap();
    assert_eq!((job.state, job.failed), (State::Available, 0));
    let attempts = house.engine().attempts(enqueued.id).await.unwrap();
    assert_eq!(attempts[0].outcome, "snooze");
    assert_eq!(attempts[0].code.as_deref(), Some("throttled"));
    assert_eq!(house.latest_run(company).await.status, Status::Running);
}

#[tokio::test]
async fn r5_no_fault_while_reading_takes_a_zone_for_offline() {
    let house = House::new().await;
    let _worker = house.worker();
    let (company, account) = house.company_with(4).await;
    house.synced(company).await;
    let before = (house.zones(company).await, house.versions(company).await);
    assert!(before.0.iter().any(|zone| zone.status == Zones::Online));
    let faults = [
        FaultKind::Forbidden,
        FaultKind::NullData {
            message: "boom".into(),
        },
        FaultKind::HttpStatus { status: 502 },
        FaultKind::CutReply { after_bytes: 40 },
        FaultKind::MalformedJson,
        FaultKind::NullNode,
    ];

    for kind in faults {
        let shown = format!("{kind:?}");
        house.remote.inject(Fault::new(kind).on_account(&account));
        let job = house.sync(company).await;
        house.remote.clear_faults();
        let actor = engine::Actor::new("test", "test");
        let closed = house.engine().close_breaker(CONNECTION, None, &actor);
        closed.await.unwrap();

        assert_eq!(job.state, State::Dead, "{shown}");
        let statuses = |zones: &[jobs::zone::Zone]| -> Vec<_> {
            zones.iter().map(|zone| (zone.id, zone.status)).collect()
        };
        let zones = house.zones(company).await;
        assert_eq!(statuses(&zones), statuses(&before.0), "{shown}");
        assert_eq!(house.versions(company).await, before.1, "{shown}");
    }
    assert!(house.orphans(company).await.is_empty());
}
