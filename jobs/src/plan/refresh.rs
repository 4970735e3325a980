//! What to do about an access token, from what the row says of it. All spans are by the database's clock.
//!
//! ```text
//!  idle ──take the lease──▶ planned ──about to call──▶ sent ──the answer is stored──▶ idle, version + 1
//!                              │                         │
//!                              │ holder died             │ holder died: the answer is lost
//!                              └───────▶ idle            └──▶ the next holder calls again, three times at most
//! ```

use std::time::Duration;

/// Calls whose answer was lost, after which a person must look. The grants of Zoho and Creatio stay good when an
/// answer is lost, so that the next call may work; ten in ten minutes is all that Zoho gives.
pub(crate) const MOST_LOST: i16 = 3;
/// Of the ten tokens in ten minutes, those that are left for people who try a connection by hand.
pub(crate) const MOST_SENT: usize = 8;
/// A token that is refused before it is so old was never good: another would be refused as well.
const YOUNG_S: f64 = 30.0;
/// A look at the row while another process renews.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Where a renewal stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Standing {
    pub(crate) is_stopped: bool,
    pub(crate) version: i64,
    /// Until the token runs out, and until it is renewed; negative when that was.
    pub(crate) left_s: Option<f64>,
    pub(crate) fresh_s: Option<f64>,
    /// Since it was renewed.
    pub(crate) age_s: Option<f64>,
    /// Somebody renews it now.
    pub(crate) is_leased: bool,
    /// The last holder may have called.
    pub(crate) was_sent: bool,
    pub(crate) lost: i16,
    /// Until the next call may be made.
    pub(crate) retry_s: f64,
    /// Calls of the last ten minutes, and until the oldest of them is older.
    pub(crate) recent: usize,
    pub(crate) recent_s: f64,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Move {
    /// The stored token is good.
    Lend,
    /// Another process renews it: look again soon.
    Wait,
    /// Renew it, if nobody else has begun to.
    Take,
    /// Not before that.
    Later(Duration),
    /// Too many answers were lost.
    GiveUp,
    /// The remote does not take what it has just given.
    Refused,
    /// A person must give another credential.
    Stopped,
}

/// `stale` is the version that the remote did not take.
pub(crate) fn next(row: &Standing, stale: Option<i64>) -> Move {
    if row.is_stopped {
        return Move::Stopped;
    }
    let is_other = stale.is_none_or(|stale| stale < row.version);
    let has = |span: Option<f64>, least: f64| is_other && span.is_some_and(|span| span > least);
    if has(row.fresh_s, 0.0) {
        return Move::Lend;
    }
    // Near its end it serves on while somebody renews it, and while nobody can.
    let serves = has(row.left_s, 30.0);
    let or_lend = |other| if serves { Move::Lend } else { other };
    if row.is_leased {
        return or_lend(Move::Wait);
    }
    let is_fresh = row.fresh_s.is_some_and(|span| span > 0.0);
    if !is_other && is_fresh && row.age_s.is_some_and(|age| age < YOUNG_S) {
        return Move::Refused;
    }
    if row.was_sent && row.lost + 1 >= MOST_LOST {
        return Move::GiveUp;
    }
    if row.retry_s > 0.0 {
        return or_lend(Move::Later(span(row.retry_s)));
    }
    if row.recent >= MOST_SENT {
        return or_lend(Move::Later(span(row.recent_s)));
    }
    Move::Take
}

/// After so many failures in a row: 5 s, 10 s, … 5 min.
pub(crate) fn pause_after(failures: i16) -> Duration {
    let doublings = u32::try_from(failures.clamp(0, 6)).unwrap_or(0);
    Duration::from_secs((5 << doublings).min(300))
}

fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.1)).unwrap_or(Duration::from_secs(600))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh() -> Standing {
        Standing {
            is_stopped: false,
            version: 4,
            left_s: Some(3_000.0),
            fresh_s: Some(2_700.0),
            age_s: Some(600.0),
            is_leased: false,
            was_sent: false,
            lost: 0,
            retry_s: 0.0,
            recent: 0,
            recent_s: 0.0,
        }
    }

    #[test]
    fn every_standing_has_its_move() {
        let expiring = || Standing {
            left_s: Some(200.0),
            fresh_s: Some(-100.0),
            ..fresh()
        };
        let expired = || Standing {
            left_s: Some(-5.0),
            fresh_s: Some(-305.0),
            ..fresh()
        };
        let none = Standing {
            version: 0,
            left_s: None,
            fresh_s: None,
            ..fresh()
        };
        let leased = |row| Standing {
            is_leased: true,
            was_sent: true,
            ..row
        };
        let lost = |lost, row| Standing {
            was_sent: true,
            lost,
            ..row
        };
        let later = |row| Standing {
            retry_s: 7.0,
            ..row
        };
        let many = |row| Standing {
            recent: MOST_SENT,
            recent_s: 90.0,
            ..row
        };
        let young = |row| Standing {
            age_s: Some(3.0),
            ..row
        };
        let stopped = Standing {
            is_stopped: true,
            ..fresh()
        };
        let seconds = Duration::from_secs;
        let table = [
            (fresh(), None, Move::Lend),
            (fresh(), Some(3), Move::Lend),
            (fresh(), Some(4), Move::Take),
            (expiring(), None, Move::Take),
            (expiring(), Some(4), Move::Take),
            (expired(), None, Move::Take),
            (none, None, Move::Take),
            (leased(fresh()), None, Move::Lend),
            (leased(expiring()), None, Move::Lend),
            (leased(expiring()), Some(4), Move::Wait),
            (leased(expired()), None, Move::Wait),
            (later(expiring()), None, Move::Lend),
            (later(expired()), None, Move::Later(seconds(7))),
            (many(expired()), None, Move::Later(seconds(90))),
            (many(expiring()), None, Move::Lend),
            (lost(0, expired()), None, Move::Take),
            (lost(1, expired()), None, Move::Take),
            (lost(2, expired()), None, Move::GiveUp),
            (leased(lost(2, expired())), None, Move::Wait),
            (young(fresh()), None, Move::Lend),
            (young(fresh()), Some(3), Move::Lend),
            (young(fresh()), Some(4), Move::Refused),
            (young(expired()), None, Move::Take),
            (young(expired()), Some(4), Move::Take),
            (leased(young(fresh())), Some(4), Move::Wait),
            (stopped, None, Move::Stopped),
        ];
        for (row, stale, expected) in table {
            assert_eq!(next(&row, stale), expected, "{row:?} {stale:?}");
        }
    }

    #[test]
    fn the_pause_after_failures_doubles_up_to_five_minutes() {
        let seconds: Vec<u64> = (0..8).map(|n| pause_after(n).as_secs()).collect();

        assert_eq!(seconds, [5, 10, 20, 40, 80, 160, 300, 300]);
    }
}
