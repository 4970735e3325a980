//! The control mutations.

use serde_json::{Value, json};
use sim::soundtrack::{Change, PlaybackState, SourceKind, TruthZone, ZonePatch};

use crate::support::{Answer, Api};

const SET_VOLUME: &str = "mutation($input: SetVolumeInput!) {
    setVolume(input: $input) { status soundZone volume clientMutationId } }";
const ASSIGN: &str = "mutation($input: SoundZoneAssignSourceInput!) {
    soundZoneAssignSource(input: $input) { soundZones source } }";

async fn set_volume(api: &Api, zone: &str, volume: i64) -> Answer {
    api.ask(
        SET_VOLUME,
        json!({"input": {"soundZone": zone, "volume": volume}}),
    )
    .await
}

fn now(api: &Api, zone: &TruthZone) -> TruthZone {
    let truth = api.simulator.truth();
    truth
        .zones()
        .find(|found| found.id == zone.id)
        .expect("no test deletes the zone")
        .clone()
}

#[tokio::test]
async fn a_volume_from_0_to_16_is_set_and_read_back() {
    let api = Api::start().await;
    let zone = api.good_zone();

    for volume in [0, 8, 16] {
        let answer = set_volume(&api, &zone.id, volume).await;

        assert_eq!(
            answer.body,
            json!({"data": {"setVolume": {"status": "ok",
            "soundZone": zone.id, "volume": volume, "clientMutationId": null}}})
        );
        assert_eq!(
            json!(now(&api, &zone).playback.unwrap().volume),
            json!(volume)
        );
    }
}

#[tokio::test]
async fn a_volume_out_of_range_is_bad_user_input() {
    let api = Api::start().await;
    let zone = api.good_zone();

    for volume in [-1, 17, 100] {
        let answer = set_volume(&api, &zone.id, volume).await;

        assert_eq!(answer.status, 200);
        assert_eq!(answer.body.get("data"), None);
        assert_eq!(answer.error()["message"], "Validation failed");
        assert_eq!(answer.error()["path"], json!(["setVolume"]));
        assert_eq!(answer.code(), "BAD_USER_INPUT");
        assert_eq!(now(&api, &zone), zone);
    }
}

#[tokio::test]
async fn a_zone_that_cannot_be_controlled_is_not_found_and_is_still_there() {
    let api = Api::start().await;
    let zone = api.good_zone();
    let troubles = [
        ZonePatch {
            controllable: Some(false),
            ..ZonePatch::default()
        },
        ZonePatch {
            online: Some(false),
            controllable: Some(true),
            ..ZonePatch::default()
        },
        ZonePatch {
            is_paired: Some(false),
            ..ZonePatch::default()
        },
    ];
    for patch in troubles {
        let change = Change::UpdateZone {
            zone: zone.id.clone(),
            patch,
        };
        api.simulator.change(change).unwrap();

        let answer = set_volume(&api, &zone.id, 3).await;

        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.body,
            json!({"errors": [{"message": "Not found", "path": ["setVolume"],
            "extensions": {"code": "NOT_FOUND"}}], "data": {"setVolume": null}})
        );
        let read = "query($id: ID!) { soundZone(id: $id) { id } }";
        let read = api.ask(read, json!({"id": zone.id})).await;
        assert_eq!(read.body["data"]["soundZone"]["id"], json!(zone.id));
    }
}

#[tokio::test]
async fn play_pause_and_skip_change_what_plays() {
    let api = Api::start().await;
    let zone = api.good_zone();
    let act = async |name: &str, input: &str| {
        let query =
            format!("mutation($input: {input}!) {{ {name}(input: $input) {{ soundZone }} }}");
        api.ask(&query, json!({"input": {"soundZone": zone.id}}))
            .await
    };
    let title = async || {
        let query = "query($id: ID!) { nowPlaying(soundZone: $id) { track { title } } }";
        let answer = api.ask(query, json!({"id": zone.id})).await;
        answer.body["data"]["nowPlaying"]["track"]["title"].clone()
    };

    let paused = act("pause", "PauseInput").await;
    assert_eq!(paused.body["data"]["pause"]["soundZone"], json!(zone.id));
    assert_eq!(
        now(&api, &zone).playback.unwrap().state,
        PlaybackState::Paused
    );
    act("play", "PlayInput").await;
    assert_eq!(
        now(&api, &zone).playback.unwrap().state,
        PlaybackState::Playing
    );
    let before = title().await;
    act("skipTrack", "SkipTrackInput").await;
    assert_ne!(title().await, before);
}

#[tokio::test]
async fn a_source_is_assigned_to_all_zones_or_none() {
    let api = Api::with_zones(20, |_| {}).await;
    let zone = api.good_zone();
    let playlist = api.simulator.with_world(|world| {
        let sources = world.sources();
        let fits = |id: &String| zone.play_from.as_ref().is_none_or(|now| now.id != *id);
        let playlists = sources
            .iter()
            .filter(|source| source.kind == SourceKind::Playlist);
        playlists
            .map(|source| source.id.clone())
            .find(fits)
            .unwrap()
    });
    let assign = async |zones: Value, source: &str| {
        api.ask(
            ASSIGN,
            json!({"input": {"soundZones": zones, "source": source}}),
        )
        .await
    };

    let partly = assign(json!([zone.id, "no zone"]), &playlist).await;
    assert_eq!(partly.code(), "NOT_FOUND");
    assert_eq!(now(&api, &zone), zone);
    let done = assign(json!([zone.id]), &playlist).await;
    assert_eq!(
        done.body["data"]["soundZoneAssignSource"]["source"],
        json!(playlist)
    );
    assert_eq!(now(&api, &zone).play_from.unwrap().id, playlist);
}

#[tokio::test]
async fn a_source_id_of_no_sort_is_bad_user_input_as_recorded() {
    let api = Api::start().await;
    let zone = api.good_zone();

    let input = json!({"input": {"soundZones": [zone.id], "source": "not-an-id"}});
    let answer = api.ask(ASSIGN, input).await;

    assert_eq!(
        answer.body,
        json!({"errors": [{"message": "Validation failed",
        "path": ["soundZoneAssignSource"], "extensions": {"code": "BAD_USER_INPUT",
        "exception": {"validationErrors": {"source": "invalid id format"}}}}]})
    );
}
