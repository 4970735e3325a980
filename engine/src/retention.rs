//! How long ended jobs are kept, by state and kind, and the eras that follow from it: history is divided by
//! time, so that what has expired goes by the era and not by the row.

use std::time::Duration;

use jiff::Timestamp;

use crate::State;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// How long ended jobs are kept. None is for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Jobs that ended well.
    pub completed: Option<Duration>,
    /// Jobs that people ended.
    pub cancelled: Option<Duration>,
    /// Dead letters: for ever unless somebody says otherwise.
    pub dead: Option<Duration>,
    /// What handlers said; it goes with its job at the latest.
    pub logs: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        let week = Duration::from_secs(7 * 24 * 3600);
        Retention {
            completed: Some(week),
            cancelled: Some(week * 4),
            dead: None,
            logs: Some(week),
        }
    }
}

/// What one kind says of its own jobs, state by state. None is what [`Retention`] says for all kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindRetention {
    /// Jobs that ended well.
    pub completed: Option<Keep>,
    /// Jobs that people ended.
    pub cancelled: Option<Keep>,
    /// Dead letters.
    pub dead: Option<Keep>,
}

/// How long jobs of one kind and state are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Until they are deleted one by one.
    Forever,
    /// So long after their end.
    For(Duration),
}

impl Keep {
    /// The span, if there is an end to it.
    pub fn span(self) -> Option<Duration> {
        match self {
            Keep::Forever => None,
            Keep::For(span) => Some(span),
        }
    }
}

impl Retention {
    /// What holds for jobs that ended in `state`; None is for ever, as for all others.
    pub fn of(&self, state: State) -> Option<Duration> {
        match state {
            State::Completed => self.completed,
            State::Cancelled => self.cancelled,
            State::Dead => self.dead,
            State::Available | State::Running | State::Waiting => None,
        }
    }

    /// How long the next era is: about seven of them make up the time for which completed jobs are kept,
    /// so that an era that goes is a small part of it and there are few. Whole hours, from one hour to a
    /// week; four weeks where completed jobs are kept for ever, and eras therefore too.
    pub(crate) fn era_length(&self) -> Duration {
        let Some(keep) = self.completed else {
            return DAY * 28;
        };
        let hours = (keep / 7).as_secs().div_ceil(HOUR.as_secs());
        (HOUR * u32::try_from(hours).unwrap_or(u32::MAX)).clamp(HOUR, DAY * 7)
    }
}

impl KindRetention {
    /// What the kind says of jobs that ended in `state`.
    pub fn of(&self, state: State) -> Option<Keep> {
        match state {
            State::Completed => self.completed,
            State::Cancelled => self.cancelled,
            State::Dead => self.dead,
            State::Available | State::Running | State::Waiting => None,
        }
    }
}

/// The jobs that were enqueued within a span of time, which go together once they have expired.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Era {
    /// Its tables are called `…_name`. `past` is all that is older than the others; `other` is no era
    /// but holds the ids that fit none.
    pub name: String,
    /// Its first instant; None when it has no beginning.
    pub from: Option<Timestamp>,
    /// The first instant after it; None when it has no end.
    pub until: Option<Timestamp>,
    /// When what had expired had gone; since then the rest goes job by job.
    pub emptied: Option<Timestamp>,
    /// When its completed jobs will have expired, so that it can be emptied; None is never, or it was
    /// emptied already.
    pub goes: Option<Timestamp>,
    /// Jobs in it, as Postgres estimated last.
    pub jobs: i64,
    /// Bytes on disk, with indexes.
    pub bytes: i64,
    /// Jobs that would stay if it were emptied now, counted up to [`Era::MOST_PUT_BACK`] + 1.
    pub stays: Option<i64>,
}

impl Era {
    /// An era is emptied at once when no more jobs than these must stay in it: they are written again.
    pub const MOST_PUT_BACK: i64 = 5_000;
}

/// What pruning has done, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Pruned {
    /// Eras that were emptied, with the ended jobs that went and the jobs that stayed.
    pub emptied: Vec<Emptied>,
    /// Ended jobs that went one by one.
    pub rows: u64,
    /// Eras that could not be emptied now because somebody reads or writes their tables.
    pub busy: Vec<String>,
}

/// An era that was emptied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Emptied {
    /// Its name.
    pub era: String,
    /// Ended jobs that went.
    pub gone: i64,
    /// Jobs that stayed.
    pub stayed: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_eras_make_up_a_retention_within_bounds() {
        for (keep, hours) in [
            (Some(HOUR), 1),
            (Some(DAY), 4),
            (Some(DAY * 7), 24),
            (Some(DAY * 30), 103),
            (Some(DAY * 366), 168),
            (None, 28 * 24),
        ] {
            let retention = Retention {
                completed: keep,
                ..Retention::default()
            };

            assert_eq!(retention.era_length(), HOUR * hours, "{keep:?}");
        }
    }
}
