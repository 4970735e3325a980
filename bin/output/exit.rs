//! Exit codes: documented in `--help`, tested, and never changed.

use std::process::ExitCode;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Ok = 0,
    /// Something nobody expected.
    Failure = 1,
    /// The command line cannot be used.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Not in this state, or already there.
    Conflict = 4,
    /// Not allowed: a credential is missing or refused.
    Forbidden = 5,
    /// The database or a remote cannot be reached.
    Unreachable = 6,
    /// The configuration has errors.
    BadConfig = 7,
    /// Done in part: some failed.
    Partial = 8,
    /// A check found problems.
    Findings = 9,
    /// The job that was waited for ended dead or cancelled.
    JobFailed = 10,
    /// Waited as long as was said.
    Timeout = 124,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The word in JSON errors.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Exit::Ok => "ok",
            Exit::Failure => "failure",
            Exit::Usage => "usage",
            Exit::NotFound => "not_found",
            Exit::Conflict => "conflict",
            Exit::Forbidden => "forbidden",
            Exit::Unreachable => "unreachable",
            Exit::BadConfig => "bad_config",
            Exit::Partial => "partial",
            Exit::Findings => "findings",
            Exit::JobFailed => "job_failed",
            Exit::Timeout => "timeout",
            Exit::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
