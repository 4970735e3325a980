//! The model: jobs as the documentation has them, and the steps that may happen to them.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::state::{Move, State};

const POISON_AFTER: i16 = 3;

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    Done,
    Retry { later: bool },
    Snooze { later: bool },
    PutOff,
    Wait,
    Dead,
    Cancel,
}

/// How a fence is not the present one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stale {
    Nonce,
    Attempt,
    /// That of an earlier attempt, as a late worker names it.
    Old,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    Enqueue { max_attempts: u16, later: bool },
    ComesDue(usize),
    Claim(usize),
    Settle(usize, End),
    SettleStale(usize, Stale, End),
    Heartbeat(usize),
    Expire(usize),
    Rescue,
    Cancel(usize),
    Retry(usize),
}

/// One job, as the documentation has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Modelled {
    pub(super) state: State,
    pub(super) due: bool,
    pub(super) attempt: i32,
    pub(super) failed: i16,
    pub(super) crashes: i16,
    pub(super) max_attempts: i16,
    pub(super) cancel_requested: bool,
    pub(super) expired: bool,
}

impl Modelled {
    /// Moves, if that is legal.
    fn goes(&mut self, how: Move, due: bool) -> bool {
        let Some(state) = self.state.after(how) else {
            return false;
        };
        (self.state, self.due) = (state, due);
        (self.cancel_requested, self.expired) = (false, false);
        true
    }

    fn settle(&mut self, end: End) {
        if self.state != State::Running {
            return;
        }
        self.failed += i16::from(matches!(end, End::Retry { .. } | End::Dead));
        let wanted = match end {
            End::Done => Move::Complete,
            End::Retry { .. } | End::Snooze { .. } | End::PutOff => Move::PutBack,
            End::Wait => Move::Wait,
            End::Dead => Move::Bury,
            End::Cancel => Move::Cancel,
        };
        let cancels = self.cancel_requested && matches!(wanted, Move::PutBack | Move::Wait);
        let due = matches!(
            end,
            End::Retry { later: false } | End::Snooze { later: false }
        );
        assert!(self.goes(if cancels { Move::Cancel } else { wanted }, due && !cancels));
    }

    fn rescue(&mut self) {
        if !(self.state == State::Running && self.expired) {
            return;
        }
        (self.failed, self.crashes) = (self.failed + 1, self.crashes + 1);
        let over = self.crashes >= POISON_AFTER || self.failed >= self.max_attempts;
        let how = match (self.cancel_requested, over) {
            (true, _) => Move::Cancel,
            (false, true) => Move::Bury,
            (false, false) => Move::Rescue,
        };
        assert!(self.goes(how, how == Move::Rescue));
    }

    fn retry(&mut self) {
        let ended = self.state.is_terminal();
        if self.goes(Move::Retry, true) && ended {
            (self.crashes, self.max_attempts) = (0, self.max_attempts.max(self.failed + 1));
        }
    }
}

pub(super) struct Model;

impl ReferenceStateMachine for Model {
    type State = Vec<Modelled>;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Vec<Modelled>> {
        Just(Vec::new()).boxed()
    }

    fn transitions(jobs: &Vec<Modelled>) -> BoxedStrategy<Step> {
        let enqueue =
            (1u16..=3, prop::bool::weighted(0.2)).prop_map(|(max_attempts, later)| Step::Enqueue {
                max_attempts,
                later,
            });
        if jobs.is_empty() {
            return enqueue.boxed();
        }
        let end = prop_oneof![
            Just(End::Done),
            any::<bool>().prop_map(|later| End::Retry { later }),
            any::<bool>().prop_map(|later| End::Snooze { later }),
            Just(End::PutOff),
            Just(End::Wait),
            Just(End::Dead),
            Just(End::Cancel),
        ];
        let stale = prop_oneof![Just(Stale::Nonce), Just(Stale::Attempt), Just(Stale::Old)];
        let job = 0..jobs.len();
        prop_oneof![
            2 => enqueue,
            1 => job.clone().prop_map(Step::ComesDue),
            6 => job.clone().prop_map(Step::Claim),
            5 => (job.clone(), end.clone()).prop_map(|(job, end)| Step::Settle(job, end)),
            2 => (job.clone(), stale, end).prop_map(|(job, stale, end)| Step::SettleStale(job, stale, end)),
            1 => job.clone().prop_map(Step::Heartbeat),
            3 => job.clone().prop_map(Step::Expire),
            3 => Just(Step::Rescue),
            2 => job.clone().prop_map(Step::Cancel),
            2 => job.prop_map(Step::Retry),
        ]
        .boxed()
    }

    fn preconditions(jobs: &Vec<Modelled>, step: &Step) -> bool {
        match step {
            Step::Enqueue { .. } | Step::Rescue => true,
            Step::ComesDue(job)
            | Step::Claim(job)
            | Step::Settle(job, _)
            | Step::SettleStale(job, _, _)
            | Step::Heartbeat(job)
            | Step::Expire(job)
            | Step::Cancel(job)
            | Step::Retry(job) => *job < jobs.len(),
        }
    }

    fn apply(mut jobs: Vec<Modelled>, step: &Step) -> Vec<Modelled> {
        match *step {
            Step::Enqueue {
                max_attempts,
                later,
            } => jobs.push(Modelled {
                state: State::Available,
                due: !later,
                attempt: 0,
                failed: 0,
                crashes: 0,
                max_attempts: i16::try_from(max_attempts).unwrap(),
                cancel_requested: false,
                expired: false,
            }),
            // A limit of a wait is a time like any other.
            Step::ComesDue(job) if jobs[job].state == State::Waiting => {
                jobs[job].goes(Move::Release, true);
            }
            Step::ComesDue(job) => jobs[job].due |= jobs[job].state == State::Available,
            Step::Claim(job) => {
                if jobs[job].due && jobs[job].goes(Move::Claim, false) {
                    jobs[job].attempt += 1;
                }
            }
            Step::Settle(job, end) => jobs[job].settle(end),
            Step::SettleStale(..) => {}
            Step::Heartbeat(job) => jobs[job].expired = false,
            Step::Expire(job) => jobs[job].expired = jobs[job].state == State::Running,
            Step::Rescue => jobs.iter_mut().for_each(Modelled::rescue),
            Step::Cancel(job) if jobs[job].state == State::Running => {
                jobs[job].cancel_requested = true;
            }
            Step::Cancel(job) => {
                jobs[job].goes(Move::Cancel, false);
            }
            Step::Retry(job) => jobs[job].retry(),
        }
        jobs
    }
}
