//! Rollups: how many attempts ended, how, and how long they took, by the minute or the hour. Counted by
//! whoever writes the end, in its transaction, so that the counts are exact and reading them costs
//! nothing with the number of jobs. Durations are kept in classes, each twice as long as the one
//! before: a median is right within its class.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::{Error, Result};

/// Points of time that one answer has at most: a day in minutes, or two months in hours.
pub const MAX_ROLLUP_POINTS: i64 = 1_500;
/// How long rollups by the minute are kept; by the hour, [`HOURS_KEPT`].
pub(crate) const MINUTES_KEPT: Duration = Duration::from_secs(7 * 24 * 3_600);
/// More than a year, so that a month can be compared with that of the year before.
pub(crate) const HOURS_KEPT: Duration = Duration::from_secs(400 * 24 * 3_600);

/// Which rollups, and how they are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollupQuery {
    /// From this instant; an hour before `to` unless said. Points begin at whole steps.
    pub from: Option<Timestamp>,
    /// Up to this instant, which is no longer in it; now unless said.
    pub to: Option<Timestamp>,
    /// The time between two points: whole minutes. Steps of whole hours reach back 400 days, others
    /// seven.
    pub step: Duration,
    /// What is told apart.
    pub by: RollupBy,
    /// Only of this queue.
    pub queue: Option<String>,
    /// Only of this kind.
    pub kind: Option<String>,
    /// Only what ended so: a terminal state, or the outcome of an attempt that did not end its job.
    pub state: Option<String>,
    /// Only of this connection: the first rate key of a job.
    pub connection: Option<String>,
}

impl Default for RollupQuery {
    fn default() -> RollupQuery {
        RollupQuery {
            from: None,
            to: None,
            step: Duration::from_secs(60),
            by: RollupBy::default(),
            queue: None,
            kind: None,
            state: None,
            connection: None,
        }
    }
}

/// What rollups are told apart by, beside their time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RollupBy {
    /// A row for each queue.
    pub queue: bool,
    /// A row for each kind.
    pub kind: bool,
    /// A row for each way to end.
    pub state: bool,
    /// A row for each connection.
    pub connection: bool,
}

/// What ended within one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Rollup {
    /// Where the step begins.
    pub at: Timestamp,
    /// Of this queue, when told apart by it.
    pub queue: Option<String>,
    /// Of this kind, when told apart by it.
    pub kind: Option<String>,
    /// Ended so, when told apart by it.
    pub state: Option<String>,
    /// Of this connection, when told apart by it; empty for jobs without rate keys.
    pub connection: Option<String>,
    /// What ended, and how long it took.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Counts of ends, and the durations of the attempts among them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Jobs that ended well.
    pub completed: i64,
    /// Jobs that were cancelled.
    pub cancelled: i64,
    /// Jobs that were given up.
    pub dead: i64,
    /// Attempts that failed: those that are tried again, those that crashed, and the last of the dead.
    pub failed: i64,
    /// Attempts that neither failed nor ended their job: snoozed, put off, given back, gone to wait.
    pub put_back: i64,
    /// The mean duration of the attempts.
    pub mean_ms: Option<f64>,
    /// Half of the attempts took no longer; an estimate within a factor of two at the worst.
    pub p50_ms: Option<f64>,
    /// The longest attempt.
    pub max_ms: Option<f64>,
    #[serde(skip)]
    spans: Spans,
}

/// Durations, by class.
#[derive(Debug, Clone, Default, PartialEq)]
struct Spans {
    classes: Vec<i64>,
    sum_ms: f64,
    most_ms: f64,
}

/// One row of the tables: alike in all but their exact duration.
#[derive(Debug, Clone)]
pub(crate) struct Counted {
    pub(crate) state: String,
    pub(crate) bucket: i16,
    pub(crate) ended: i64,
    pub(crate) sum_ms: f64,
    pub(crate) most_ms: f64,
}

impl Figures {
    /// Counts one row in; [`Figures::finish`] it at the end.
    pub(crate) fn add(&mut self, row: &Counted) {
        match row.state.as_str() {
            "completed" => self.completed += row.ended,
            "cancelled" => self.cancelled += row.ended,
            "dead" => {
                self.dead += row.ended;
                self.failed += row.ended;
            }
            "retry" | "crashed" => self.failed += row.ended,
            _ => self.put_back += row.ended,
        }
        let Ok(class) = usize::try_from(row.bucket) else {
            // No attempt was made.
            return;
        };
        let classes = &mut self.spans.classes;
        if classes.len() <= class {
            classes.resize(class + 1, 0);
        }
        classes[class] += row.ended;
        self.spans.sum_ms += row.sum_ms;
        self.spans.most_ms = self.spans.most_ms.max(row.most_ms);
    }

    /// Works out the durations.
    pub(crate) fn finish(mut self) -> Figures {
        let spans = std::mem::take(&mut self.spans);
        let attempts: i64 = spans.classes.iter().sum();
        if attempts > 0 {
            self.mean_ms = Some(spans.sum_ms / attempts as f64);
            self.max_ms = Some(spans.most_ms);
            self.p50_ms = median(&spans.classes, attempts).map(|ms| ms.min(spans.most_ms));
        }
        self
    }
}

/// The middle of the class that holds the middle attempt, as far into it as it is.
fn median(classes: &[i64], attempts: i64) -> Option<f64> {
    let middle = attempts as f64 / 2.0;
    let mut before = 0.0;
    for (class, count) in classes.iter().enumerate() {
        let count = *count as f64;
        if count > 0.0 && before + count >= middle {
            let upper = 2_f64.powi(i32::try_from(class).ok()?);
            let lower = if class == 0 { 0.0 } else { upper / 2.0 };
            return Some(lower + (upper - lower) * (middle - before) / count);
        }
        before += count;
    }
    None
}

/// A query with every choice made.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) minutes: i64,
    /// Of the rows that are read: 1 or 60.
    pub(crate) grain: i16,
}

impl RollupQuery {
    /// The span that is meant, with the database's clock at `now`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a step of no whole minutes, an empty span or one of too many points, and
    /// for minutes that are no longer kept.
    pub(crate) fn span(&self, now: Timestamp) -> Result<Span> {
        let invalid = |text: String| Err(Error::Invalid(text));
        let minutes = i64::try_from(self.step.as_secs() / 60).unwrap_or(i64::MAX);
        if minutes == 0 || self.step != Duration::from_secs(self.step.as_secs() / 60 * 60) {
            return invalid("step: expected whole minutes, as 1m, 15m, 1h or 1d".into());
        }
        if minutes > 366 * 24 * 60 {
            return invalid("step: expected at most a year".into());
        }
        let to = self.to.unwrap_or(now);
        let from = match self.from {
            Some(from) => from,
            None => minutes_before(to, minutes.max(60))?,
        };
        let span_s = to.duration_since(from).as_secs();
        if span_s <= 0 {
            return invalid("from: expected an instant before `to`".into());
        }
        let points = span_s / 60 / minutes;
        if points > MAX_ROLLUP_POINTS {
            return invalid(format!(
                "step: {points} points are too many; take a step of {} minutes or more, or a shorter span",
                span_s / 60 / MAX_ROLLUP_POINTS + 1
            ));
        }
        let is_hours = minutes % 60 == 0;
        let oldest = minutes_before(now, i64::try_from(MINUTES_KEPT.as_secs() / 60).unwrap_or(0))?;
        if !is_hours && from < oldest {
            return invalid(
                "from: rollups by the minute are kept for 7 days; take a step of whole hours"
                    .into(),
            );
        }
        Ok(Span {
            from,
            to,
            minutes,
            grain: if is_hours { 60 } else { 1 },
        })
    }
}

fn minutes_before(at: Timestamp, minutes: i64) -> Result<Timestamp> {
    at.checked_sub(jiff::SignedDuration::from_mins(minutes))
        .map_err(|error| Error::Invalid(format!("from: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: &str, bucket: i16, ended: i64, ms: f64) -> Counted {
        Counted {
            state: state.into(),
            bucket,
            ended,
            sum_ms: ms * ended as f64,
            most_ms: ms,
        }
    }

    #[test]
    fn every_end_is_counted_once_and_failures_beside() {
        let mut figures = Figures::default();
        for (state, ended) in [
            ("completed", 5),
            ("cancelled", 4),
            ("dead", 3),
            ("retry", 2),
            ("crashed", 1),
            ("snooze", 7),
            ("put_off", 1),
        ] {
            figures.add(&row(state, -1, ended, 0.0));
        }

        let figures = figures.finish();

        let counts = (figures.completed, figures.cancelled, figures.dead);
        assert_eq!(counts, (5, 4, 3));
        assert_eq!((figures.failed, figures.put_back), (6, 8));
        assert_eq!((figures.mean_ms, figures.p50_ms), (None, None));
    }

    #[test]
    fn the_median_lies_in_the_class_of_the_middle_attempt() {
        let mut figures = Figures::default();
        figures.add(&row("completed", 3, 10, 5.0));
        figures.add(&row("completed", 10, 80, 700.0));
        figures.add(&row("completed", 14, 10, 9_000.0));

        let figures = figures.finish();

        let p50 = figures.p50_ms.unwrap();
        assert!((512.0..1_024.0).contains(&p50), "{p50}");
        assert_eq!(figures.mean_ms, Some(1_460.5));
        assert_eq!(figures.max_ms, Some(9_000.0));
    }

    #[test]
    fn a_median_is_never_above_the_longest() {
        let mut figures = Figures::default();
        figures.add(&row("completed", 10, 1, 513.0));

        assert_eq!(figures.finish().p50_ms, Some(513.0));
    }

    #[test]
    fn a_span_is_what_was_asked_for_or_says_what_to_ask() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let ask = |from_min: i64, step_s: u64| {
            let from = (from_min > 0).then(|| minutes_before(now, from_min).unwrap());
            let query = RollupQuery {
                from,
                step: Duration::from_secs(step_s),
                ..RollupQuery::default()
            };
            match query.span(now) {
                Ok(span) => format!(
                    "{} of {}",
                    span.to.duration_since(span.from).as_mins() / span.minutes,
                    span.grain
                ),
                Err(error) => error.to_string(),
            }
        };
        let day = 24 * 60;
        for (from, step, answer) in [
            (0, 60, "60 of 1"),
            (0, 24 * 3600, "1 of 60"),
            (day, 60, "1440 of 1"),
            (30 * day, 3_600, "720 of 60"),
            (0, 90, "step: expected whole minutes, as 1m, 15m, 1h or 1d"),
            (0, 0, "step: expected whole minutes, as 1m, 15m, 1h or 1d"),
            (
                2 * day,
                60,
                "step: 2880 points are too many; take a step of 2 minutes or more, or a shorter span",
            ),
            (
                8 * day,
                15 * 60,
                "from: rollups by the minute are kept for 7 days; take a step of whole hours",
            ),
        ] {
            assert_eq!(ask(from, step), answer, "{from} min by {step} s");
        }
    }
}
