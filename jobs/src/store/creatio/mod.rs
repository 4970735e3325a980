//! What is synced with Creatio both ways: records here and there, what links them, and what is done about them.

pub(crate) mod alike;
pub(crate) mod conflict;
pub(crate) mod dirty;
pub(crate) mod intent;
pub(crate) mod journal;
pub(crate) mod link;
pub(crate) mod local;
pub(crate) mod mapping;
pub(crate) mod meeting;
pub(crate) mod observed;
pub(crate) mod operation;
pub(crate) mod site;
