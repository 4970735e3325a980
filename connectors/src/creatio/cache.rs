//! What a site says of itself, fetched once: `$metadata` takes seconds (sheet section 2), and lookups change
//! about never.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::client::Named;
use super::metadata::Metadata;

/// A cell that one caller fills while the others wait; who fails leaves it to the next.
pub(super) type Once<T> = Arc<OnceCell<Arc<T>>>;

#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    metadata: Once<Metadata>,
    lookups: HashMap<String, Once<Vec<Named>>>,
}

impl Cache {
    pub(super) fn metadata(&self) -> Once<Metadata> {
        Arc::clone(&self.kept().metadata)
    }

    pub(super) fn lookup(&self, set: &str) -> Once<Vec<Named>> {
        Arc::clone(self.kept().lookups.entry(set.to_owned()).or_default())
    }

    pub(super) fn forget_lookup(&self, set: &str) {
        self.kept().lookups.remove(set);
    }

    /// Who waits already gets what is being fetched; who asks from now on, what is fetched anew.
    pub(super) fn forget(&self) {
        *self.kept() = Kept::default();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // No change of it can stop half way, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
