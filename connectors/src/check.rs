//! How a connection is tried: the same five questions to every remote, answered line by line, so that the
//! first thing that is wrong can be told from what follows from it.

use std::future::Future;
use std::pin::Pin;

use jiff::SignedDuration;

use crate::{Error, creatio, soundtrack, supabase, zoho};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Does the remote take the credential?
    Auth,
    /// May it do what the syncs need?
    Rights,
    /// How far is our clock off the remote's?
    Clock,
    /// What does a call cost, of how much?
    Price,
    /// Can one record be read?
    Record,
}

/// The answer to one question. It names no person and shows no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub question: Question,
    pub is_good: bool,
    /// What was found.
    pub found: String,
    /// What to do about it, when something must be.
    pub fix: Option<String>,
}

/// A connection that can be tried. Trying changes nothing at the remote.
pub trait Checked: Send + Sync {
    /// The five answers, in the order of [`Question::ALL`].
    fn check(&self) -> Checking<'_>;
}

/// The answer of [`Checked::check`].
pub type Checking<'a> = Pin<Box<dyn Future<Output = Vec<Finding>> + Send + 'a>>;

/// A clock that is off by more makes tokens seem to live longer than they do.
const WORRYING: SignedDuration = SignedDuration::from_secs(60);

impl Question {
    /// All, in the order they are asked.
    pub const ALL: [Self; 5] = [
        Self::Auth,
        Self::Rights,
        Self::Clock,
        Self::Price,
        Self::Record,
    ];

    /// The word of outputs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Rights => "rights",
            Self::Clock => "clock",
            Self::Price => "price",
            Self::Record => "record",
        }
    }
}

impl Checked for creatio::Client {
    fn check(&self) -> Checking<'_> {
        Box::pin(async move {
            match self.test_connection().await {
                Ok(probe) => of_creatio(&probe),
                Err(error) => failed(&error),
            }
        })
    }
}

impl Checked for soundtrack::Client {
    fn check(&self) -> Checking<'_> {
        Box::pin(async move {
            match self.test_connection().await {
                Ok(probe) => of_soundtrack(&probe),
                Err(error) => failed(&error),
            }
        })
    }
}

impl Checked for supabase::Client {
    fn check(&self) -> Checking<'_> {
        Box::pin(async move {
            match self.test_connection().await {
                Ok(probe) => of_supabase(&probe),
                Err(error) => failed(&error),
            }
        })
    }
}

impl Checked for zoho::Client {
    fn check(&self) -> Checking<'_> {
        Box::pin(async move {
            match self.test_connection().await {
                Ok(probe) => of_zoho(&probe),
                Err(error) => failed(&error),
            }
        })
    }
}

fn of_creatio(probe: &creatio::Probe) -> Vec<Finding> {
    let sees = probe.contacts_visible.is_none_or(|seen| seen > 0);
    let seen = probe.contacts_visible.map_or_else(
        || "the site does not count its contacts".to_owned(),
        |seen| format!("it sees {seen} contacts"),
    );
    let found = match probe.unreadable.as_slice() {
        [] => format!("{seen} and may read leads, activities and participants"),
        sets => format!("{seen} and may not read {}", sets.join(", ")),
    };
    let fix = "have an administrator grant the technical user rights to Contact, Lead, Activity and \
               ActivityParticipant";
    let id = probe.contact.map(|id| id.to_string());
    vec![
        good(Question::Auth, "the access token is accepted".to_owned()),
        either(
            Question::Rights,
            sees && probe.unreadable.is_empty(),
            found,
            fix,
        ),
        clock(probe.server_clock_offset),
        good(Question::Price, calls(probe.calls, "no limit is told")),
        record("contact", id.as_deref(), fix),
    ]
}

fn of_soundtrack(probe: &soundtrack::Probe) -> Vec<Finding> {
    let more = if probe.more_accounts { "at least " } else { "" };
    let seen = format!("it sees {more}{} accounts", probe.accounts_visible);
    let price = match (probe.cost, probe.tokens_available) {
        (Some(cost), Some(left)) => format!("this call cost {cost} tokens; {left} are left"),
        _ => "the remote named no price".to_owned(),
    };
    let ask = "ask Soundtrack to let this API client see your accounts";
    vec![
        good(
            Question::Auth,
            format!("the token is a {}", probe.viewer_kind),
        ),
        either(Question::Rights, probe.accounts_visible > 0, seen, ask),
        clock(probe.server_clock_offset),
        good(Question::Price, price),
        record("account", probe.account.as_deref(), ask),
    ]
}

fn of_supabase(probe: &supabase::Probe) -> Vec<Finding> {
    let sees = probe.customers_visible.is_none_or(|seen| seen > 0);
    let seen = probe.customers_visible.map_or_else(
        || "the remote does not count its customers".to_owned(),
        |seen| format!("it sees {seen} customers"),
    );
    let (fine, found) = match (sees, probe.packages_callable) {
        (true, true) => (true, format!("{seen} and may ask for packages")),
        (false, _) => (false, format!("{seen}: rows are hidden from it")),
        (true, false) => (false, format!("{seen} and may not ask for packages")),
    };
    let fix = "give the service_role key, or grant this one select on customers and execute on get_packages_by_hash_id";
    let id = probe.customer.as_ref().and_then(|item| item.id.as_deref());
    vec![
        good(Question::Auth, "the key is accepted".to_owned()),
        either(Question::Rights, fine, found, fix),
        clock(probe.server_clock_offset),
        good(Question::Price, calls(probe.calls, "no limit is told")),
        record("customer", id, fix),
    ]
}

fn of_zoho(probe: &zoho::Probe) -> Vec<Finding> {
    let found = match &probe.organization {
        Some(one) => format!("it may read items and settings of {}", one.name),
        // The name alone needs this right; no sync does.
        None => "it may read items; without ZohoInventory.settings.READ the organisation has no name here"
            .to_owned(),
    };
    let id = probe.item.as_ref().and_then(|item| item.id.as_deref());
    let limit = format!("{} a minute are allowed", zoho::CALLS_A_MINUTE);
    vec![
        good(Question::Auth, "the access token is accepted".to_owned()),
        good(Question::Rights, found),
        clock(probe.server_clock_offset),
        good(Question::Price, calls(probe.calls, &limit)),
        match id {
            Some(id) => record("item", Some(id), ""),
            // Which is no fault of the connection.
            None => good(
                Question::Record,
                "the organisation has no item yet".to_owned(),
            ),
        },
    ]
}

fn calls(calls: u32, limit: &str) -> String {
    format!("this test took {calls} calls; {limit}")
}

/// The first question that an error answers with no, and those behind it, which nobody could ask.
fn failed(error: &Error) -> Vec<Finding> {
    let (at, fix) = match error {
        Error::AuthExpired { .. } | Error::AuthRevoked { .. } => (
            Question::Auth,
            "give another credential: lockstep connection reauthorise",
        ),
        Error::CredentialUnavailable { .. } => (
            Question::Auth,
            "see what keeps it: lockstep credential status",
        ),
        Error::Misconfigured { .. } => (Question::Auth, "correct the connection in workers.toml"),
        Error::Forbidden { .. } | Error::Gone { .. } => (
            Question::Rights,
            "have the remote grant this credential the rights to read",
        ),
        Error::Throttled { .. } => (Question::Price, "wait until the limit has room again"),
        Error::SchemaDrift { .. } | Error::PageInvalid { .. } | Error::Rejected { .. } => {
            (Question::Record, "a newer Lockstep may know this answer")
        }
        _ => (Question::Auth, "try again when the remote can be reached"),
    };
    let answer = |question: Question| match question {
        _ if question == at => Finding {
            question,
            is_good: false,
            found: error.to_string(),
            fix: Some(fix.to_owned()),
        },
        _ => Finding {
            question,
            is_good: false,
            found: "not asked: something before it failed".to_owned(),
            fix: None,
        },
    };
    Question::ALL.into_iter().map(answer).collect()
}

fn clock(offset: Option<SignedDuration>) -> Finding {
    let Some(offset) = offset else {
        return good(
            Question::Clock,
            "the remote does not tell its time".to_owned(),
        );
    };
    let found = format!("the remote's clock less ours is {} s", offset.as_secs());
    let fine = offset.abs() <= WORRYING;
    either(
        Question::Clock,
        fine,
        found,
        "set this machine's clock: see that it is kept by NTP",
    )
}

fn record(what: &str, id: Option<&str>, fix: &str) -> Finding {
    match id {
        Some(id) => good(Question::Record, format!("read {what} {id}")),
        None => either(
            Question::Record,
            false,
            format!("there is no {what} to read"),
            fix,
        ),
    }
}

fn good(question: Question, found: String) -> Finding {
    either(question, true, found, "")
}

fn either(question: Question, is_good: bool, found: String, fix: &str) -> Finding {
    Finding {
        question,
        is_good,
        found,
        fix: (!is_good).then(|| fix.to_owned()),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
