//! The rules of a sync: they take values and return values. No clock, no I/O.

pub(crate) mod adopt;
pub(crate) mod classify;
pub(crate) mod difference;
pub(crate) mod fingerprint;
pub(crate) mod matching;
pub(crate) mod quarantine;
pub(crate) mod reconcile;
pub(crate) mod refresh;
pub(crate) mod sweep;
