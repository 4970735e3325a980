//! Walks: complete, equal to the truth, and never silently short.

use connectors::Verdict;
use connectors::soundtrack::{Next, Zone};
use serde_json::{Value, json};
use sim::soundtrack::{Change, Cursors, Fault, FaultKind, Missing, Switches, TruthZone, ZoneField};

use super::{Bed, walk, zones_of};

/// A zone of ours in the words of the truth, so that every field is compared.
fn as_truth(zone: &Zone, account: &str) -> Value {
    json!({
        "id": zone.id,
        "accountId": account,
        "name": zone.name,
        "isPaired": zone.is_paired,
        "online": zone.online,
        "streamingType": zone.streaming_type.as_str(),
        "location": zone.location.as_ref().map(|l| json!({"id": l.id, "name": l.name})),
        "timezone": zone.location.as_ref().map(|l| &l.timezone),
        "device": zone.device.as_ref().map(|d| json!({"id": d.id, "name": d.name})),
        "softwareVersion": zone.device.as_ref().map(|d| &d.software_version),
        "platform": zone.device.as_ref().map(|d| &d.platform),
        "subscriptionState": zone.subscription.state.as_str(),
        "subscriptionIsActive": zone.subscription.is_active,
        "activeUntil": zone.subscription.active_until.map(|t| t.to_string()),
        "statusState": zone.status_state.as_str(),
        "statusCode": zone.status_code.as_str(),
        // The contract's query does not ask a Soundtrack for its id and name.
        "playFrom": zone.play_from.as_ref().map(|p| json!({
            "kind": p.kind, "id": p.id, "name": p.name})),
        "schedule": zone.schedule.as_ref().map(|s| json!({"id": s.id, "name": s.name})),
        "playback": zone.playback_state.as_ref().map(|state| json!({
            "state": state.as_str(), "volume": zone.volume})),
    })
}

fn truth_of(zone: &TruthZone) -> Value {
    let mut truth = json!(zone);
    let until = truth["activeUntil"].as_str().unwrap();
    truth["activeUntil"] = json!(until.parse::<jiff::Timestamp>().unwrap().to_string());
    if let Some(source) = truth["playFrom"].as_object_mut() {
        let kind = source["kind"].as_str().unwrap().to_lowercase();
        if kind == "soundtrack" {
            (source["id"], source["name"]) = (Value::Null, Value::Null);
        }
    }
    truth
}

/// The truth's own words for source kinds and playback states need not be the wire's.
fn normal(mut value: Value) -> Value {
    for pointer in [
        "/playFrom/kind",
        "/playback/state",
        "/streamingType",
        "/subscriptionState",
    ] {
        if let Some(Value::String(text)) = value.pointer_mut(pointer) {
            *text = text.to_lowercase().replace('_', "");
        }
    }
    for pointer in ["/statusState", "/statusCode"] {
        if let Some(Value::String(text)) = value.pointer_mut(pointer) {
            *text = text.to_lowercase().replace('_', "");
        }
    }
    value
}

async fn assert_walk_is_truth(bed: &Bed) {
    let client = bed.client();
    for account in &bed.sim.truth().accounts {
        let pages = walk(&client, &account.id).await.unwrap();

        let ours: Vec<Value> = zones_of(&pages)
            .iter()
            .map(|zone| normal(as_truth(zone, &account.id)))
            .collect();
        let truth: Vec<Value> = account
            .zones
            .iter()
            .map(|zone| normal(truth_of(zone)))
            .collect();
        assert_eq!(ours, truth);
        let last = pages.last().unwrap();
        assert_eq!(last.next, Next::End);
        assert_eq!(last.total, Some(account.zones.len() as u64));
        assert_eq!(
            last.account_name.as_deref(),
            Some(account.business_name.as_str())
        );
        assert!(last.server_date.is_some());
    }
}

#[tokio::test]
async fn a_full_walk_equals_the_truth_in_every_field() {
    assert_walk_is_truth(&Bed::unlimited(40).await).await;
}

#[tokio::test]
async fn a_thousand_zones_come_in_ten_pages() {
    let bed = Bed::unlimited(1000).await;

    let pages = walk(&bed.client(), &bed.account()).await.unwrap();

    assert_eq!(pages.len(), 10);
    assert_eq!(pages.last().unwrap().next, Next::End);
    let mut ids: Vec<String> = zones_of(&pages).into_iter().map(|zone| zone.id).collect();
    ids.dedup();
    let truth: Vec<String> = bed.sim.truth().accounts[0]
        .zones
        .iter()
        .map(|zone| zone.id.clone())
        .collect();
    assert_eq!(ids, truth);
}

#[tokio::test]
async fn the_page_size_and_the_kind_of_cursor_do_not_change_what_is_read() {
    for cursors in [Cursors::Offset, Cursors::Keyset] {
        for page_size in [1, 2, 3, 7, 24, 25, 26, 99, 100] {
            let mut bed = Bed::unlimited(25).await;
            bed.sim.set_switches(Switches {
                cursors,
                ..bed.sim.switches()
            });
            bed.page_size = page_size;

            assert_walk_is_truth(&bed).await;
        }
    }
}

#[tokio::test]
async fn an_account_without_zones_is_a_good_and_empty_end() {
    let bed = Bed::unlimited(0).await;

    let pages = walk(&bed.client(), &bed.account()).await.unwrap();

    assert_eq!(pages.len(), 1);
    assert_eq!((pages[0].items.len(), pages[0].total), (0, Some(0)));
    assert_eq!(pages[0].next, Next::End);
}

#[tokio::test]
async fn a_zone_whose_location_is_not_found_is_kept_without_it() {
    for missing in [Missing::NotFound, Missing::Null] {
        let bed = Bed::unlimited(5).await;
        bed.sim.set_switches(Switches {
            missing_location: missing,
            ..bed.sim.switches()
        });
        let zone = bed.sim.truth().accounts[0].zones[2].id.clone();
        bed.sim
            .change(Change::MoveZone {
                zone: zone.clone(),
                location: None,
            })
            .unwrap();

        let pages = walk(&bed.client(), &bed.account()).await.unwrap();

        let zones = zones_of(&pages);
        assert_eq!(zones.len(), 5);
        assert_eq!(pages[0].next, Next::End);
        let moved = zones.iter().find(|found| found.id == zone).unwrap();
        assert_eq!(moved.location, None);
        let expected = match missing {
            Missing::NotFound => Verdict::OkPartial,
            Missing::Null => Verdict::Ok,
        };
        let loose = zones
            .iter()
            .filter(|found| found.location.is_none())
            .count();
        assert!(loose >= 1);
        assert_eq!(pages[0].verdict(), expected);
    }
}

#[tokio::test]
async fn a_null_node_makes_the_walk_unclear_and_costs_no_other_zone() {
    let bed = Bed::unlimited(5).await;
    let zone = bed.sim.truth().accounts[0].zones[1].id.clone();
    bed.sim
        .inject(Fault::new(FaultKind::NullNode).on_zone(zone));

    let pages = walk(&bed.client(), &bed.account()).await.unwrap();

    assert_eq!((pages[0].items.len(), pages[0].lost), (4, 1));
    assert_eq!(pages[0].next, Next::Unclear);
}

#[tokio::test]
async fn a_field_that_fails_otherwise_is_no_answer() {
    let bed = Bed::unlimited(5).await;
    for field in [ZoneField::Device, ZoneField::Playback, ZoneField::Schedule] {
        let code = "INTERNAL_SERVER_ERROR".to_owned();
        let fault = bed
            .sim
            .inject(Fault::new(FaultKind::FieldError { field, code }));

        let error = walk(&bed.client(), &bed.account()).await.unwrap_err();

        assert_eq!(error.verdict(), Verdict::Retry, "{field:?}");
        bed.sim.remove_fault(fault);
    }
}

#[tokio::test]
async fn the_probe_tells_who_the_token_is_and_what_it_sees() {
    let bed = Bed::new(5, Switches::default()).await;

    let probe = bed.client().test_connection().await.unwrap();

    assert_eq!((probe.accounts_visible, probe.more_accounts), (2, false));
    assert_eq!(probe.viewer_kind, "PublicAPIClient");
    assert!(probe.cost.unwrap() > 0);
    assert_eq!(probe.cost.unwrap() + probe.tokens_available.unwrap(), 3600);
    assert!(probe.server_clock_offset.unwrap().abs().as_secs() <= 2);
}

#[tokio::test]
async fn the_accounts_are_those_of_the_truth() {
    let mut bed = Bed::unlimited(1).await;
    bed.page_size = 1;
    let client = bed.client();

    let first = client.accounts_page(None).await.unwrap();
    let Next::More(cursor) = &first.next else {
        panic!("{:?}", first.next)
    };
    let second = client.accounts_page(Some(cursor)).await.unwrap();

    assert_eq!(second.next, Next::End);
    let mut names: Vec<String> = [first, second]
        .iter()
        .flat_map(|page| &page.items)
        .map(|item| item.decoded.clone().unwrap().business_name)
        .collect();
    names.sort();
    let mut truth: Vec<String> = bed
        .sim
        .truth()
        .accounts
        .iter()
        .map(|account| account.business_name.clone())
        .collect();
    truth.sort();
    assert_eq!(names, truth);
}
