//! Where the demo's database lives: in a directory that somebody named and that stays, or in a
//! temporary one that goes with us.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::Environment;

/// A directory.
#[derive(Debug)]
pub(super) struct Home {
    dir: PathBuf,
    is_kept: bool,
}

impl Home {
    pub(super) fn new(named: Option<PathBuf>, env: &Environment) -> anyhow::Result<Home> {
        let is_kept = named.is_some();
        let dir = named.unwrap_or_else(|| {
            env.temp_dir()
                .join(format!("lockstep-demo-{}", std::process::id()))
        });
        let dir =
            std::path::absolute(&dir).with_context(|| format!("cannot find {}", dir.display()))?;
        Ok(Home { dir, is_kept })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Removes what is temporary, once nobody uses it any more.
    pub(super) fn leave(&self) -> anyhow::Result<()> {
        if self.is_kept {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.dir)
            .with_context(|| format!("cannot remove {}", self.dir.display()))
    }
}

/// A demo that failed halfway leaves no directory behind either.
impl Drop for Home {
    fn drop(&mut self) {
        if !self.is_kept && self.dir.exists() {
            // Nobody is left to be told.
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
