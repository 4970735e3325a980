//! Reads `postmaster.pid`, the file a postmaster tells the world about itself with.
//!
//! Line 1 is its process id, line 8 its state. (Postgres `src/include/utils/pidfile.h`:
//! `LOCK_FILE_LINE_PID` and `LOCK_FILE_LINE_PM_STATUS`.)

use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PidFile {
    pub(crate) pid: u32,
    /// The server accepts connections; until then it may be replaying its log.
    pub(crate) ready: bool,
}

pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("postmaster.pid")
}

/// What the file in `data` says, or `None` when it is missing or half written.
pub(crate) fn read(data: &Path) -> Option<PidFile> {
    parse(&std::fs::read_to_string(path(data)).ok()?)
}

fn parse(text: &str) -> Option<PidFile> {
    let mut lines = text.lines();
    // A standalone backend (`postgres --single`) writes its id with a minus sign.
    let pid: i32 = lines.next()?.trim().parse().ok()?;
    let ready = lines.nth(6).is_some_and(|state| state.trim() == "ready");
    Some(PidFile {
        pid: pid.unsigned_abs(),
        ready,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_only_when_its_eighth_line_says_so() {
        let starting = "77\n/data\n1700000000\n5432\n/sock\n\n123 4\nstarting\n";
        let ready = "77\n/data\n1700000000\n5432\n/sock\n\n123 4\nready   \n";

        assert_eq!(parse(starting).map(|file| file.ready), Some(false));
        assert_eq!(
            parse(ready),
            Some(PidFile {
                pid: 77,
                ready: true
            })
        );
        assert_eq!(parse("77\n").map(|file| file.ready), Some(false));
        assert_eq!(parse("-77\n").map(|file| file.pid), Some(77));
        assert_eq!(parse(""), None);
    }
}
