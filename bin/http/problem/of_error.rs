//! What an error of the engine or of the jobs is to a caller.

use super::{
    BAD_FILTER, CONFLICT, Flaw, IDEMPOTENCY_MISMATCH, INTERNAL, INVALID, NOT_FOUND, Problem,
    REMOTE, TOO_BROAD, UNAVAILABLE, UNIQUE_KEY_TAKEN, WRONG_STATE, causes,
};

impl From<engine::Error> for Problem {
    fn from(error: engine::Error) -> Problem {
        use engine::Error as E;
        let detail = error.to_string();
        match &error {
            E::Invalid(_) | E::Encode { .. } | E::BadSchedule { .. } => {
                Problem::new(INVALID, detail)
            }
            E::BadFilter(faults) => Problem {
                flaws: faults.faults.iter().map(flaw_of_filter).collect(),
                ..Problem::new(BAD_FILTER, detail)
            },
            E::TooBroad { .. } => Problem::new(TOO_BROAD, detail),
            E::NoJob(_) | E::NoSuch { .. } => Problem::new(NOT_FOUND, detail),
            E::WrongState { .. } | E::BulkState { .. } => Problem::new(WRONG_STATE, detail),
            E::UniqueKeyTaken { twin, .. } => Problem::new(UNIQUE_KEY_TAKEN, detail).related(*twin),
            E::IdempotencyMismatch { twin, .. } => {
                Problem::new(IDEMPOTENCY_MISMATCH, detail).related(*twin)
            }
            E::LeaseLost { .. } => Problem::new(CONFLICT, detail),
            _ if error.is_unavailable() => Problem::new(
                UNAVAILABLE,
                "the database cannot be reached, or takes too long",
            )
            .because(causes(&error))
            .retry_after(5),
            E::Database(_) if is_bad_value(&error) => {
                Problem::new(INVALID, "a value cannot be stored").because(causes(&error))
            }
            _ => Problem::new(INTERNAL, "the request failed").because(causes(&error)),
        }
    }
}

impl From<jobs::Error> for Problem {
    fn from(error: jobs::Error) -> Problem {
        use jobs::Error as E;
        let detail = error.to_string();
        match error {
            E::Engine(error) => error.into(),
            E::Database(error) => engine::Error::Database(error).into(),
            E::UnknownCompany(_) | E::UnknownConnection(_) => Problem::new(NOT_FOUND, detail),
            E::UnknownProfile(_) | E::UnknownReview(_) => Problem::new(NOT_FOUND, detail),
            E::NoSuch { .. } => Problem::new(NOT_FOUND, detail),
            E::NoAccount { .. } | E::AccountTaken => Problem::new(CONFLICT, detail),
            E::Busy { .. } | E::Mapping { .. } => Problem::new(CONFLICT, detail),
            E::Decided(_) | E::ReviewDecided(_) => Problem::new(CONFLICT, detail),
            E::Unproven(_) => Problem::new(REMOTE, detail),
            E::Remote(_) => Problem::new(REMOTE, causes(&error)),
            error if error.is_of_credential() => Problem::new(CONFLICT, detail),
            E::Invalid(text) => Problem::invalid(vec![match text.split_once(": ") {
                Some((field, message)) => Flaw::new(format!("/{field}"), message),
                None => Flaw::new("", text),
            }]),
            error => Problem::new(INTERNAL, "the request failed").because(causes(&error)),
        }
    }
}

fn flaw_of_filter(fault: &engine::FilterFault) -> Flaw {
    let place = format!("filter:{}-{}", fault.span.start, fault.span.end);
    Flaw::new(place, fault.said())
}

/// True when Postgres refused a value: class 22 (data), 23514 (a named check). The extractors refuse such
/// values earlier with a better word; this is the net below them.
fn is_bad_value(error: &engine::Error) -> bool {
    let engine::Error::Database(sqlx::Error::Database(db)) = error else {
        return false;
    };
    db.code()
        .is_some_and(|code| code.starts_with("22") || code == "23514")
}
