//! The documents we send, and what goes with each.

use serde_json::{Value, json};

use crate::http::Effect;

/// The flat paging query of the sheet's section 3, word for word but for the page size.
const ZONES: &str = "query Zones($id: ID!, $cursor: String) {
  account(id: $id) { id businessName
    soundZones(first: 100, after: $cursor) {
      total pageInfo { hasNextPage endCursor }
      edges { cursor node { id name isPaired online streamingType
        location { id name timezone }  device { id name softwareVersion platform }
        subscription { state isActive activeUntil }  status { state code }
        playFrom { __typename ... on Playlist { id name } ... on Schedule { id name } }
        schedule { id name }  playback { state volume } } } } } }";

const ACCOUNTS: &str = "query Accounts($cursor: String) {
  me { __typename
    ... on PublicAPIClient { accounts(first: 100, after: $cursor) {
      pageInfo { hasNextPage endCursor } edges { node { id businessName } } } }
    ... on User { accounts(first: 100, after: $cursor) {
      pageInfo { hasNextPage endCursor } edges { node { id businessName } } } } } }";

const SET_VOLUME: &str = "mutation SetVolume($zone: ID!, $volume: Volume!) {
  setVolume(input: {soundZone: $zone, volume: $volume}) { soundZone } }";

const PLAY: &str = "mutation Play($zone: ID!) { play(input: {soundZone: $zone}) { soundZone } }";

const PAUSE: &str = "mutation Pause($zone: ID!) { pause(input: {soundZone: $zone}) { soundZone } }";

const ASSIGN_SOURCE: &str = "mutation AssignSource(
  $zones: [ID!]!, $source: ID!, $immediate: Boolean) {
  soundZoneAssignSource(input: {soundZones: $zones, source: $source, immediate: $immediate}) {
    soundZones } }";

/// One call to be made: the document, its variables, and how to speak of it.
#[derive(Debug)]
pub(super) struct Call {
    /// What is attempted and with which id, for errors and logs.
    pub(super) action: String,
    pub(super) effect: Effect,
    /// The field of `data` that holds the answer.
    pub(super) root: &'static str,
    pub(super) document: String,
    pub(super) variables: Value,
    /// The one record a write is about.
    pub(super) record: Option<String>,
    /// A first guess of the price in tokens, until a reply tells.
    pub(super) guess: u32,
}

/// An id is the caller's or the remote's; no error grows with it.
const ID_SHOWN: usize = 80;

impl Call {
    pub(super) fn zones(account_id: &str, cursor: Option<&str>, page_size: u16) -> Self {
        Self {
            action: format!("list zones of account {}", shown(account_id)),
            effect: Effect::Read,
            root: "account",
            document: sized(ZONES, page_size),
            variables: json!({"id": account_id, "cursor": cursor}),
            record: None,
            // The published rule: one for the account, then eight objects for each zone.
            guess: 1 + 8 * u32::from(page_size),
        }
    }

    pub(super) fn accounts(cursor: Option<&str>, page_size: u16) -> Self {
        Self {
            action: "list accounts".to_owned(),
            effect: Effect::Read,
            root: "me",
            document: sized(ACCOUNTS, page_size),
            variables: json!({"cursor": cursor}),
            record: None,
            guess: 1 + 2 * u32::from(page_size),
        }
    }

    pub(super) fn set_volume(zone_id: &str, volume: u8) -> Self {
        let variables = json!({"zone": zone_id, "volume": volume});
        Self::control("set volume of", "setVolume", SET_VOLUME, zone_id, variables)
    }

    pub(super) fn play(zone_id: &str) -> Self {
        Self::control("play", "play", PLAY, zone_id, json!({"zone": zone_id}))
    }

    pub(super) fn pause(zone_id: &str) -> Self {
        Self::control("pause", "pause", PAUSE, zone_id, json!({"zone": zone_id}))
    }

    pub(super) fn assign_source(zone_ids: &[&str], source_id: &str, immediate: bool) -> Self {
        let variables = json!({"zones": zone_ids, "source": source_id, "immediate": immediate});
        let (root, zone) = (
            "soundZoneAssignSource",
            zone_ids.first().copied().unwrap_or_default(),
        );
        let call = Self::control("assign a source to", root, ASSIGN_SOURCE, zone, variables);
        if zone_ids.len() == 1 {
            return call;
        }
        let action = format!("assign a source to {} zones", zone_ids.len());
        Self {
            action,
            record: None,
            ..call
        }
    }

    fn control(
        verb: &str,
        root: &'static str,
        document: &str,
        zone_id: &str,
        variables: Value,
    ) -> Self {
        Self {
            action: format!("{verb} zone {}", shown(zone_id)),
            effect: Effect::Write,
            root,
            document: document.to_owned(),
            variables,
            record: Some(zone_id.to_owned()),
            guess: 10,
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        json!({"query": self.document, "variables": self.variables})
            .to_string()
            .into_bytes()
    }

    pub(super) fn cursor(&self) -> Option<&str> {
        self.variables.get("cursor").and_then(Value::as_str)
    }
}

fn sized(document: &str, page_size: u16) -> String {
    document.replace("first: 100", &format!("first: {page_size}"))
}

fn shown(id: &str) -> String {
    id.chars()
        .filter(|c| !c.is_control())
        .take(ID_SHOWN)
        .collect()
}
