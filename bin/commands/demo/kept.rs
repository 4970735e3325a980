//! What a demo with a directory of its own keeps beside the data: the records of the simulated Creatio. One that had lost
//! them would look like one where people deleted them, and they would be deleted here too.

use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use super::home::Home;
use crate::output::{Exit, Fault};

/// Where they are, if this demo keeps anything.
#[derive(Debug)]
pub(super) struct Kept(Option<PathBuf>);

impl Kept {
    pub(super) fn of(home: &Home) -> Kept {
        let path = home.dir().join("simulated-creatio.json");
        Kept(home.is_kept().then_some(path))
    }

    /// What an earlier demo has left, if there was one.
    pub(super) fn read(&self) -> anyhow::Result<Option<Value>> {
        let Some(path) = &self.0 else { return Ok(None) };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        let records = serde_json::from_str(&text);
        records.with_context(|| format!("{} is not as a demo writes it", path.display()))
    }

    /// A demo that is killed meanwhile leaves what was there before.
    pub(super) fn write(&self, records: &Value) -> anyhow::Result<()> {
        let Some(path) = &self.0 else { return Ok(()) };
        let new = path.with_extension("new");
        let written = std::fs::write(&new, records.to_string());
        written
            .and_then(|()| std::fs::rename(&new, path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Records were synced with a Creatio that is no more.
    pub(super) fn lost(home: &Home) -> Fault {
        let dir = home.dir().display();
        Fault::new(
            Exit::Conflict,
            format!("the data in {dir} was synced with a simulated Creatio that is lost"),
        )
        .why("a new one would have none of its records, and they would be deleted here")
        .fix(format!(
            "begin anew: rm -r {dir}; or name another --data-dir"
        ))
    }
}
