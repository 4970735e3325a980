//! The writes: volume, play, pause, source.
//!
//! All four set an absolute state, so repeating one gives the state that was asked for, unless
//! someone else set another in between: a repeat would undo that. There is no idempotency key
//! (`clientMutationId` is only echoed), so after [`Error::UnknownOutcome`] read the zone first
//! and repeat only if it does not have the state.
//!
//! A zone that exists but cannot be controlled (offline, trial, tier) answers `NOT_FOUND`, which
//! is [`Error::Rejected`] here: no reason to forget the zone (sheet section 5).

use serde::Deserialize;

use super::client::Client;
use super::query::Call;
use super::wire;
use crate::Error;

/// A volume in the remote's own steps: 0 is silent and 16 is full. It is no percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Volume(u8);

impl Volume {
    /// The scalar's range in the live schema (sheet section 2).
    pub const MAX: u8 = 16;

    /// `None` above 16.
    #[must_use]
    pub fn new(steps: u8) -> Option<Self> {
        (steps <= Self::MAX).then_some(Self(steps))
    }

    /// 0 to 16.
    #[must_use]
    pub fn steps(self) -> u8 {
        self.0
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assigned {
    sound_zones: Vec<String>,
}

impl Client {
    /// Sets a zone's volume. Absolute: the same call again gives the same volume.
    ///
    /// # Errors
    /// [`Error::Rejected`] if the zone cannot be controlled; [`Error::UnknownOutcome`] if it was
    /// sent and the answer does not say how it ended; else any of [`Error`] but `NoAnswer`,
    /// `RemoteFailed`, `PageInvalid` and `Gone`.
    pub async fn set_volume(&self, zone_id: &str, volume: Volume) -> Result<(), Error> {
        self.write(&Call::set_volume(zone_id, volume.steps())).await
    }

    /// Lets a zone play. Absolute.
    ///
    /// # Errors
    /// As for [`set_volume`](Self::set_volume).
    pub async fn play(&self, zone_id: &str) -> Result<(), Error> {
        self.write(&Call::play(zone_id)).await
    }

    /// Pauses a zone. Absolute.
    ///
    /// # Errors
    /// As for [`set_volume`](Self::set_volume).
    pub async fn pause(&self, zone_id: &str) -> Result<(), Error> {
        self.write(&Call::pause(zone_id)).await
    }

    /// Gives zones a playlist or schedule, at once if `immediate`, else after the current track.
    /// Answers the ids that the remote says it changed, which can be fewer than were given.
    /// Absolute in its end, but with `immediate` a repeat starts the music anew.
    ///
    /// # Errors
    /// As for [`set_volume`](Self::set_volume); `Rejected` names the zone only if one was given.
    pub async fn assign_source(
        &self,
        zone_ids: &[&str],
        source_id: &str,
        immediate: bool,
    ) -> Result<Vec<String>, Error> {
        let call = Call::assign_source(zone_ids, source_id, immediate);
        let raw = self.send(&call).await?;
        self.read(&call, &raw, |reply| {
            let payload = wire::written(&call, reply)?;
            let assigned: Assigned = wire::read(&call, payload)?;
            Ok(assigned.sound_zones)
        })
    }

    async fn write(&self, call: &Call) -> Result<(), Error> {
        let raw = self.send(call).await?;
        self.read(call, &raw, |reply| wire::written(call, reply).map(|_| ()))
    }
}
