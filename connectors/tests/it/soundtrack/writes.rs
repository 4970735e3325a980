//! Writes: done, refused or unknown, and never taken for a read.

use std::time::Duration;

use connectors::Verdict;
use connectors::soundtrack::{Client, Volume};
use sim::soundtrack::{Change, Fault, FaultKind, SubscriptionState, TruthZone, ZonePatch};

use super::Bed;

fn zone(bed: &Bed, id: &str) -> TruthZone {
    bed.sim
        .truth()
        .zones()
        .find(|zone| zone.id == id)
        .unwrap()
        .clone()
}

/// The id of a zone that can be controlled.
fn ready(bed: &Bed) -> String {
    let zone = bed.sim.truth().accounts[0].zones[0].id.clone();
    let patch = ZonePatch {
        is_paired: Some(true),
        online: Some(true),
        subscription_state: Some(SubscriptionState::Active),
        volume: Some(3),
        playing: Some(false),
        controllable: Some(true),
        ..ZonePatch::default()
    };
    bed.sim
        .change(Change::UpdateZone {
            zone: zone.clone(),
            patch,
        })
        .unwrap();
    zone
}

async fn set_volume(client: &Client, zone: &str) -> Verdict {
    let done = client.set_volume(zone, Volume::new(9).unwrap()).await;
    done.map_or_else(|error| error.verdict(), |()| Verdict::Ok)
}

#[tokio::test]
async fn volume_play_and_pause_reach_the_zone() {
    let bed = Bed::unlimited(5).await;
    let (client, id) = (bed.client(), ready(&bed));

    client
        .set_volume(&id, Volume::new(16).unwrap())
        .await
        .unwrap();
    client.play(&id).await.unwrap();
    let playing = zone(&bed, &id).playback.unwrap();
    client.pause(&id).await.unwrap();
    let paused = zone(&bed, &id).playback.unwrap();

    assert_eq!(playing.volume, Some(16));
    assert_eq!(playing.state, sim::soundtrack::PlaybackState::Playing);
    assert_eq!(paused.state, sim::soundtrack::PlaybackState::Paused);
}

#[tokio::test]
async fn a_source_is_assigned_and_an_invalid_one_is_rejected() {
    let bed = Bed::unlimited(5).await;
    let (client, id) = (bed.client(), ready(&bed));
    let source = bed.sim.with_world(|world| world.sources()[0].id.clone());

    let assigned = client.assign_source(&[&id], &source, true).await.unwrap();
    let error = client
        .assign_source(&[&id], "no source", true)
        .await
        .unwrap_err();

    assert_eq!(assigned, [id.as_str()]);
    assert_eq!(zone(&bed, &id).play_from.unwrap().id, source);
    assert_eq!(
        error.verdict(),
        Verdict::Rejected { record: Some(id) },
        "{error:?}"
    );
}

#[tokio::test]
async fn a_zone_that_cannot_be_controlled_is_rejected_and_not_gone() {
    let bed = Bed::unlimited(5).await;
    let (client, id) = (bed.client(), ready(&bed));
    let patch = ZonePatch {
        controllable: Some(false),
        ..ZonePatch::default()
    };
    bed.sim
        .change(Change::UpdateZone {
            zone: id.clone(),
            patch,
        })
        .unwrap();

    let verdict = set_volume(&client, &id).await;

    assert_eq!(verdict, Verdict::Rejected { record: Some(id) });
}

#[tokio::test]
async fn a_write_without_a_clear_answer_is_unknown() {
    let table = [
        FaultKind::CutReply { after_bytes: 0 },
        FaultKind::CutReply { after_bytes: 20 },
        FaultKind::MalformedJson,
        FaultKind::Slow { delay_ms: 60_000 },
        FaultKind::OverlongBody { bytes: 1_000_000 },
        FaultKind::HttpStatus { status: 500 },
        FaultKind::HttpStatus { status: 503 },
        FaultKind::HttpStatus { status: 504 },
        FaultKind::NullData {
            message: "Internal server error".to_owned(),
        },
    ];
    for kind in table {
        let mut bed = Bed::unlimited(5).await;
        bed.http.request_timeout = Duration::from_millis(200);
        bed.http.max_reply_bytes = 100_000;
        let (client, id) = (bed.client(), ready(&bed));
        bed.sim.inject(Fault::new(kind.clone()));

        assert_eq!(set_volume(&client, &id).await, Verdict::Unknown, "{kind:?}");
        assert_eq!(bed.sim.stats().calls, 1, "{kind:?}");
    }
}

#[tokio::test]
async fn a_write_that_was_surely_not_done_is_not_unknown() {
    let null_data = |message: &str| FaultKind::NullData {
        message: message.to_owned(),
    };
    let table = [
        (FaultKind::Unauthenticated, Verdict::AuthRevoked),
        (FaultKind::HttpStatus { status: 403 }, Verdict::Forbidden),
        (
            null_data("Variable 'input' field 'playFrom' does not exist"),
            Verdict::SchemaDrift,
        ),
    ];
    for (kind, expected) in table {
        let bed = Bed::unlimited(5).await;
        let (client, id) = (bed.client(), ready(&bed));
        bed.sim.inject(Fault::new(kind.clone()));

        assert_eq!(set_volume(&client, &id).await, expected, "{kind:?}");
        assert_eq!(
            zone(&bed, &id).playback.unwrap().volume,
            Some(3),
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn a_write_that_found_no_connection_may_be_sent_again() {
    let bed = Bed::unlimited(5).await;
    let (client, id) = (bed.client(), ready(&bed));
    bed.sim.stop().await;

    assert_eq!(set_volume(&client, &id).await, Verdict::Retry);
}

#[test]
fn a_volume_is_at_most_sixteen_steps() {
    assert_eq!(Volume::new(16).map(Volume::steps), Some(16));
    assert_eq!(Volume::new(17), None);
}
