//! Schedules: what recurs, and when. Pure: the database's clock comes in as an argument.

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Error, Result};

/// A tick decided this soon after its instant was not missed.
const ON_TIME: SignedDuration = SignedDuration::from_secs(60);
/// At most so many missed ticks are looked at, the newest.
pub(crate) const MOST_MISSED: usize = 100;
/// The first look back for missed ticks; each further one is four times as long.
const FIRST_LOOK: SignedDuration = SignedDuration::from_mins(2);
/// Any instant serves to see whether a line ever comes.
const CHECK_FROM: Timestamp = Timestamp::constant(1_767_225_600, 0);

/// What happens to ticks that were missed while nobody was there to fire them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are skipped.
    None,
    /// The last one fires.
    #[default]
    Latest,
    /// All fire, bounded.
    All,
}

/// What happens to a tick whose predecessor's job has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is skipped, and the ledger says so.
    #[default]
    Skip,
    /// It is queued after the predecessor.
    Queue,
    /// Both run.
    Allow,
}

/// A recurring job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// Its name, unique.
    pub name: String,
    /// Five fields, Vixie rules; seconds optional.
    pub cron: String,
    /// IANA name.
    pub time_zone: String,
    /// Which kind it enqueues.
    pub kind: String,
    /// With which args.
    pub args: Value,
    /// In which queue, if not the kind's.
    pub queue: Option<String>,
    /// What happens to missed ticks.
    pub catch_up: CatchUp,
    /// What happens while the last one's job lives.
    pub overlap: Overlap,
}

/// One due instant to come, in UTC and in the schedule's zone.
#[derive(Debug, Clone, PartialEq)]
pub struct NextTick {
    /// The instant.
    pub at: Timestamp,
    /// The same in the schedule's zone.
    pub local: Zoned,
}

/// A schedule with where it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScheduleView {
    /// What it is.
    #[serde(flatten)]
    pub schedule: Schedule,
    /// When it next fires; none while removed.
    pub next_at: Option<Timestamp>,
    /// Since when, by whom and why it is paused.
    pub pause: Option<crate::Pause>,
    /// Its newest tick.
    pub last_tick: Option<TickView>,
}

/// A row of the ledger.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TickView {
    /// Which schedule.
    pub schedule: String,
    /// The due instant, or the instant somebody asked.
    pub tick_at: Timestamp,
    /// Asked for by a person.
    pub manual: bool,
    /// `enqueued`, or why not.
    pub decision: String,
    /// The job.
    pub job_id: Option<uuid::Uuid>,
    /// How the job stands.
    pub state: Option<crate::State>,
    /// When its last attempt started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What it answered.
    pub result: Option<Value>,
    /// What it failed with.
    pub error: Option<String>,
}

impl Schedule {
    /// Refuses a cron line, zone or name that cannot be used, with what is expected.
    ///
    /// # Errors
    /// [`Error::BadSchedule`].
    pub fn check(&self) -> Result<()> {
        if self.name.is_empty() || self.name.len() > 100 || self.name.chars().any(char::is_control)
        {
            return Err(self.bad("name: expected 1 to 100 bytes without control characters"));
        }
        self.next(CHECK_FROM, 1).map(|_| ())
    }

    /// The next `count` ticks after an instant. A fixed time inside a daylight-saving gap fires once,
    /// right after the gap; inside an overlap it fires once, at the first of the two.
    ///
    /// # Errors
    /// [`Error::BadSchedule`], also for a line that never comes, such as 30 February.
    pub fn next(&self, after: Timestamp, count: usize) -> Result<Vec<NextTick>> {
        let zone = self.zone()?;
        let cron = self.parsed()?;
        let mut ticks = Vec::with_capacity(count);
        let mut from = after.to_zoned(zone);
        for _ in 0..count {
            from = cron
                .find_next_occurrence(&from, false)
                .map_err(|error| self.bad(format!("cron {:?} never comes: {error}", self.cron)))?;
            ticks.push(NextTick {
                at: from.timestamp(),
                local: from.clone(),
            });
        }
        Ok(ticks)
    }

    /// The cron line in words.
    ///
    /// # Errors
    /// [`Error::BadSchedule`].
    pub fn describe(&self) -> Result<String> {
        Ok(self.parsed()?.describe())
    }

    fn zone(&self) -> Result<TimeZone> {
        TimeZone::get(&self.time_zone)
            .map_err(|_| self.bad("time_zone: expected an IANA name such as Asia/Bangkok or UTC"))
    }

    fn parsed(&self) -> Result<Cron> {
        CronParser::builder()
            .seconds(Seconds::Optional)
            .build()
            .parse(&self.cron)
            .map_err(|error| {
                self.bad(format!(
                    "cron {:?}: {error}; expected five fields such as \"0 2 * * *\"",
                    self.cron
                ))
            })
    }

    fn bad(&self, problem: impl Into<String>) -> Error {
        Error::BadSchedule {
            name: self.name.clone(),
            problem: problem.into(),
        }
    }

    /// Every tick in `(after, until]`, oldest first, but no more than the newest [`MOST_MISSED`] of
    /// them and one: after a long sleep nobody wants each minute of last year. Nor is it walked
    /// through: the look goes back from `until` until it has seen enough.
    fn between(&self, after: Timestamp, until: Timestamp) -> Result<Vec<Timestamp>> {
        let mut span = FIRST_LOOK;
        loop {
            let from = until
                .checked_sub(span)
                .map_or(after, |from| from.max(after));
            let mut ticks = self.walk(from, until)?;
            if from <= after || ticks.len() > MOST_MISSED {
                let newest = ticks.len().saturating_sub(MOST_MISSED + 1);
                return Ok(ticks.split_off(newest));
            }
            span = span.saturating_mul(4);
        }
    }

    /// Every tick in `(after, until]`, oldest first.
    fn walk(&self, after: Timestamp, until: Timestamp) -> Result<Vec<Timestamp>> {
        let (cron, zone) = (self.parsed()?, self.zone()?);
        let mut ticks = Vec::new();
        let mut from = after.to_zoned(zone);
        while let Ok(tick) = cron.find_next_occurrence(&from, false) {
            if tick.timestamp() > until {
                break;
            }
            ticks.push(tick.timestamp());
            from = tick;
        }
        Ok(ticks)
    }

    /// Which ticks in `(decided_until, now]` fire, by the catch-up rule: pairs of instant and whether
    /// it fires. A tick that comes within [`ON_TIME`] is no catch-up and always fires.
    ///
    /// # Errors
    /// [`Error::BadSchedule`].
    pub(crate) fn due(
        &self,
        decided_until: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<(Timestamp, bool)>> {
        let ticks = self.between(decided_until, now)?;
        let newest = ticks.last().copied();
        let fires = |tick: Timestamp| match self.catch_up {
            _ if now.duration_since(tick) <= ON_TIME => true,
            CatchUp::None => false,
            CatchUp::Latest => Some(tick) == newest,
            CatchUp::All => true,
        };
        Ok(ticks.into_iter().map(|tick| (tick, fires(tick))).collect())
    }
}

#[cfg(test)]
mod tests;
