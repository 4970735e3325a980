//! Records of whatever system: what is kept of their stories, and for how long.

mod prune_history;

pub use prune_history::{PruneHistory, Pruned};
