//! The states of a job and the legal moves between them: the one table that every statement of
//! `store/` enforces in its `where`, and that the model test walks against a real database.
//!
//! ```text
//!             ┌──────────────── retry · snooze · rescue ───────────────┐
//!             ▼                                                        │
//!  enqueue ─► available ──────────── claim ──────────────────────► running ─► completed
//!             ▲  │   ▲                                             │  │  └──► dead
//!             │  │   └──────── waiting ◄────────── wait ───────────┘  └─────► cancelled
//!             │  └──── cancel ────┴─► cancelled
//!             └─ retry by a person ◄── dead · cancelled
//! ```

use std::fmt;

/// Where a job stands. "Scheduled" is available with a future `run_at`, "retrying" is available
/// after a failed attempt: labels, not states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// May be claimed once its `run_at` has come.
    Available,
    /// Held by one attempt under a lease.
    Running,
    /// Set aside until something else happens; holds no slot.
    Waiting,
    /// Ended well. Terminal.
    Completed,
    /// Ended by a person or by its own handler. Terminal.
    Cancelled,
    /// Given up: the dead letter. Terminal until a person retries it.
    Dead,
}

/// What moves a job from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// A worker takes it under a lease.
    Claim,
    /// The attempt ended well.
    Complete,
    /// The attempt failed and another follows, or it put itself off.
    PutBack,
    /// The attempt set the job aside until something else happens.
    Wait,
    /// What it waited for has happened.
    Release,
    /// The lease ran out.
    Rescue,
    /// Given up.
    Bury,
    /// A person or the handler ended it.
    Cancel,
    /// A person lets the same job try on.
    Retry,
}

use Move::{Bury, Cancel, Claim, Complete, PutBack, Release, Rescue, Retry, Wait};
use State::{Available, Cancelled, Completed, Dead, Running, Waiting};

/// Every legal move. What is not here does not happen.
pub const MOVES: &[(State, Move, State)] = &[
    (Available, Claim, Running),
    (Running, Complete, Completed),
    (Running, PutBack, Available),
    (Running, Wait, Waiting),
    (Running, Rescue, Available),
    (Running, Bury, Dead),
    (Running, Cancel, Cancelled),
    (Available, Cancel, Cancelled),
    (Waiting, Cancel, Cancelled),
    (Waiting, Release, Available),
    (Available, Retry, Available),
    (Dead, Retry, Available),
    (Cancelled, Retry, Available),
];

impl State {
    /// All states, in the order of a job's life.
    pub const ALL: [State; 6] = [Available, Running, Waiting, Completed, Cancelled, Dead];

    /// True once the job has ended. A terminal job changes only by a person's retry.
    pub fn is_terminal(self) -> bool {
        matches!(self, Completed | Cancelled | Dead)
    }

    /// Where `how` leads from here, or `None` when the move is illegal.
    pub fn after(self, how: Move) -> Option<State> {
        MOVES
            .iter()
            .find(|(from, by, _)| *from == self && *by == how)
            .map(|(_, _, to)| *to)
    }

    /// The word that stands in the database, in logs and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Available => "available",
            Running => "running",
            Waiting => "waiting",
            Completed => "completed",
            Cancelled => "cancelled",
            Dead => "dead",
        }
    }

    /// The state of that name.
    pub fn parse(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_leads_to_one_state_only() {
        for (from, how, to) in MOVES {
            let all: Vec<_> = MOVES
                .iter()
                .filter(|m| m.0 == *from && m.1 == *how)
                .collect();

            assert_eq!(all.len(), 1, "{from} {how:?} is ambiguous");
            assert_eq!(from.after(*how), Some(*to));
        }
    }

    #[test]
    fn nothing_leaves_a_terminal_state_but_a_persons_retry() {
        for (from, how, _) in MOVES.iter().filter(|(from, _, _)| from.is_terminal()) {
            assert_eq!(*how, Retry, "{from} moves by {how:?}");
        }
        assert_eq!(Completed.after(Retry), None);
    }

    #[test]
    fn every_word_reads_back_as_its_state() {
        for state in State::ALL {
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(State::parse("discarded"), None);
    }
}
