//! The file the server's standard error goes to.
//!
//! The server holds the file open for as long as it runs and the owner can die at any moment, so
//! the file is a plain one opened for appending, not a pipe: a full log is copied aside and cut to
//! nothing. Lines written between the two are lost, which is the price of needing no reader.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::Error;

const LIMIT_BYTES: u64 = 16 * 1024 * 1024;
const LAST_WORDS_BYTES: u64 = 8 * 1024;
const LAST_WORDS_LINES: usize = 8;

#[derive(Debug, Clone)]
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    pub(crate) fn in_dir(data_dir: &Path) -> Self {
        Self {
            path: data_dir.join("postgres.log"),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the file for a server to write to. Only its owner may read it: it can hold statements.
    pub(crate) fn open(&self) -> Result<File, Error> {
        OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(Error::file("open", &self.path))
    }

    pub(crate) fn length(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Copies a full log aside and starts it afresh.
    pub(crate) fn rotate_if_full(&self) -> Result<(), Error> {
        if self.length() < LIMIT_BYTES {
            return Ok(());
        }
        let aside = self.path.with_extension("log.1");
        std::fs::copy(&self.path, &aside).map_err(Error::file("write", &aside))?;
        self.open()?
            .set_len(0)
            .map_err(Error::file("cut", &self.path))
    }

    /// The last lines written after byte `since`, for an error message.
    pub(crate) fn last_words(&self, since: u64) -> String {
        let text = self.read_end(since).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.len().saturating_sub(LAST_WORDS_LINES);
        if lines.is_empty() {
            return format!("none, see {}", self.path.display());
        }
        lines[first..].join("\n")
    }

    fn read_end(&self, since: u64) -> std::io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        let start = since.max(file.metadata()?.len().saturating_sub(LAST_WORDS_BYTES));
        file.seek(SeekFrom::Start(start))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        Ok(text)
    }
}
