//! Each field of a zone, good, null, missing and of the wrong type.

use serde_json::json;

use super::*;

/// The sheet's sample of section 3.
fn sample() -> Value {
    json!({
        "id": "U291bmRab25lLCwx", "name": "Drift Bar", "isPaired": true, "online": true,
        "streamingType": "TIER_3",
        "location": {"id": "TG9jYXRpb24sLDF", "name": "Hilton", "timezone": "Asia/Bangkok"},
        "device": {"id": "RGV2aWNlLCwx", "name": "IPAM400 v1.0 (17/10/2018)",
            "softwareVersion": "1.2.3", "platform": "ipam"},
        "subscription": {"state": "ACTIVE", "isActive": true,
            "activeUntil": "2026-12-31T00:00:00Z"},
        "status": {"state": "OK", "code": "ALL_OK"},
        "playFrom": {"__typename": "Schedule", "id": "s", "name": "DR : Basalt | SCHD"},
        "schedule": {"id": "s", "name": "DR : Basalt | SCHD"},
        "playback": {"state": "playing", "volume": 8},
    })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut node = sample();
    *node.pointer_mut(pointer).unwrap() = value;
    node
}

#[test]
fn the_sample_of_the_sheet_is_read_field_by_field() {
    let zone = Zone::decode(&sample()).unwrap();

    let schedule = || (Some("s".to_owned()), Some("DR : Basalt | SCHD".to_owned()));
    let expected = Zone {
        id: "U291bmRab25lLCwx".to_owned(),
        name: "Drift Bar".to_owned(),
        online: true,
        is_paired: true,
        streaming_type: StreamingType::Tier3,
        location: Some(Location {
            id: "TG9jYXRpb24sLDF".to_owned(),
            name: "Hilton".to_owned(),
            timezone: "Asia/Bangkok".to_owned(),
        }),
        device: Some(Device {
            id: "RGV2aWNlLCwx".to_owned(),
            name: "IPAM400 v1.0 (17/10/2018)".to_owned(),
            software_version: "1.2.3".to_owned(),
            platform: "ipam".to_owned(),
        }),
        subscription: Subscription {
            state: SubscriptionState::Active,
            is_active: true,
            active_until: Some("2026-12-31T00:00:00Z".parse().unwrap()),
        },
        status_state: StatusState::Ok,
        status_code: StatusCode::AllOk,
        play_from: Some(PlaySource {
            kind: "Schedule".to_owned(),
            id: schedule().0,
            name: schedule().1,
        }),
        schedule: Some(Named {
            id: "s".to_owned(),
            name: "DR : Basalt | SCHD".to_owned(),
        }),
        playback_state: Some(PlaybackState::Playing),
        volume: Some(8),
    };
    assert_eq!(zone, expected);
}

#[test]
fn what_the_schema_allows_to_be_null_may_be_null() {
    for pointer in [
        "/location",
        "/device",
        "/playFrom",
        "/schedule",
        "/playback",
        "/playback/volume",
    ] {
        assert!(
            Zone::decode(&with(pointer, Value::Null)).is_ok(),
            "{pointer}"
        );
    }
}

#[test]
fn a_word_the_sheet_does_not_have_is_kept_as_it_came() {
    let node = with("/subscription/state", json!("FROZEN"));

    let zone = Zone::decode(&node).unwrap();

    assert_eq!(
        zone.subscription.state,
        SubscriptionState::Other("FROZEN".to_owned())
    );
    assert_eq!(zone.subscription.state.as_str(), "FROZEN");
    for pointer in [
        "/streamingType",
        "/status/state",
        "/status/code",
        "/playback/state",
    ] {
        assert!(
            Zone::decode(&with(pointer, json!("A_NEW_WORD"))).is_ok(),
            "{pointer}"
        );
    }
}

#[test]
fn a_source_without_id_and_name_is_still_a_source() {
    let zone = Zone::decode(&with("/playFrom", json!({"__typename": "Soundtrack"}))).unwrap();

    let source = zone.play_from.unwrap();
    assert_eq!(
        (source.kind.as_str(), source.id, source.name),
        ("Soundtrack", None, None)
    );
}

#[test]
fn a_bare_date_is_its_beginning_in_utc() {
    let zone = Zone::decode(&with("/subscription/activeUntil", json!("2026-12-31"))).unwrap();

    let expected = "2026-12-31T00:00:00Z".parse().unwrap();
    assert_eq!(zone.subscription.active_until, Some(expected));
}

#[test]
fn a_field_that_does_not_fit_is_named_without_its_value() {
    let table = [
        ("/id", json!(""), "id"),
        ("/id", json!(null), "id"),
        ("/name", json!(5), "name"),
        ("/online", json!("canary"), "online"),
        ("/isPaired", json!(null), "isPaired"),
        ("/location", json!("canary"), "location"),
        ("/location/timezone", json!(null), "location.timezone"),
        (
            "/device/softwareVersion",
            json!(["canary"]),
            "device.softwareVersion",
        ),
        ("/subscription", json!(null), "subscription"),
        (
            "/subscription/isActive",
            json!("canary"),
            "subscription.isActive",
        ),
        (
            "/subscription/activeUntil",
            json!("canary"),
            "subscription.activeUntil",
        ),
        ("/status/code", json!(1), "status.code"),
        ("/playback/volume", json!(8.5), "playback.volume"),
    ];
    for (pointer, value, field) in table {
        let error = Zone::decode(&with(pointer, value)).unwrap_err();

        assert_eq!(error.field, field);
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[test]
fn a_field_left_out_is_not_read_as_null() {
    for name in [
        "location", "device", "playFrom", "schedule", "playback", "online",
    ] {
        let mut node = sample();
        node.as_object_mut().unwrap().remove(name);

        assert_eq!(Zone::decode(&node).unwrap_err().field, name);
    }
}

#[test]
fn a_record_that_is_no_object_is_refused() {
    assert!(Zone::decode(&json!("canary")).is_err());
    assert!(Zone::decode(&Value::Null).is_err());
}
