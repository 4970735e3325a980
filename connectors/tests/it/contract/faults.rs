//! The one table of faults and what each means, whatever the remote.

use std::time::Duration;

use connectors::Verdict;
use serde_json::json;
use sim::wire::{Fault, Kind};

/// Whether a verdict is what a fault means.
type Means = fn(&Verdict) -> bool;

/// What a connector must make of a fault.
pub(super) enum Want {
    Verdict(Means),
    /// Nothing is lost and the walk goes on.
    Whole,
    /// The walk ends, and does not claim to be whole.
    Unproven,
}

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) fault: Fault,
    pub(super) want: Want,
    /// A page cannot be given twice before there is one.
    pub(super) first_call: u32,
}

pub(super) fn path(remote: &str) -> &'static str {
    match remote {
        "soundtrack" => "/v2",
        "zoho" => "/items",
        "creatio" => "/Contact",
        _ => "/customers",
    }
}

fn retry(verdict: &Verdict) -> bool {
    *verdict == Verdict::Retry
}

fn throttled(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Throttled { after: Some(after) } if !after.is_zero())
}

fn throttled_for_seven(verdict: &Verdict) -> bool {
    let after = Some(Duration::from_secs(7));
    *verdict == Verdict::Throttled { after }
}

/// A date of the past: at once, by the remote's own clock.
fn throttled_at_once(verdict: &Verdict) -> bool {
    let after = Some(Duration::ZERO);
    *verdict == Verdict::Throttled { after }
}

fn revoked(verdict: &Verdict) -> bool {
    *verdict == Verdict::AuthRevoked
}

fn forbidden(verdict: &Verdict) -> bool {
    *verdict == Verdict::Forbidden
}

fn misconfigured(verdict: &Verdict) -> bool {
    *verdict == Verdict::Misconfigured
}

fn drift(verdict: &Verdict) -> bool {
    *verdict == Verdict::SchemaDrift
}

fn page_invalid(verdict: &Verdict) -> bool {
    *verdict == Verdict::PageInvalid
}

/// The error that each remote hides in a good status.
fn error_in_200(remote: &str) -> (Fault, Want) {
    match remote {
        "soundtrack" => {
            let body = json!({"data": null, "errors": [{"message": "Internal server error"}]});
            (Fault::json(200, body), Want::Verdict(retry))
        }
        "zoho" => {
            let body = json!({"code": 1000, "message": "Internal error"});
            (Fault::json(200, body), Want::Verdict(drift))
        }
        "creatio" => {
            let body = json!({"error": {"code": "", "message": "An error has occurred."}});
            (Fault::json(200, body), Want::Verdict(retry))
        }
        _ => {
            let body = json!({"code": "57014", "message": "canceling statement", "details": null});
            (Fault::json(200, body), Want::Verdict(retry))
        }
    }
}

fn status(status: u16, retry_after: Option<&str>) -> Fault {
    Fault::new(Kind::Status {
        status,
        retry_after: retry_after.map(str::to_owned),
        body: None,
    })
}

pub(super) fn cases(remote: &str) -> Vec<Case> {
    let (in_200, in_200_means) = error_in_200(remote);
    let faults = statuses(remote).into_iter().chain(spoilt_replies());
    let mut cases: Vec<Case> = faults
        .map(|(name, fault, means)| case(remote, name, fault, Want::Verdict(means)))
        .collect();
    cases.push(case(remote, "an error in a 200", in_200, in_200_means));
    let mistyped = Fault::new(Kind::WrongContentType);
    cases.push(case(remote, "another content type", mistyped, Want::Whole));
    let emptied = Fault::new(Kind::EmptyPage).times(1);
    cases.push(case(remote, "an empty page", emptied, Want::Unproven));
    cases
}

type Row = (&'static str, Fault, Means);

fn statuses(remote: &str) -> Vec<Row> {
    let past = "Thu, 01 Jan 2026 00:00:00 GMT";
    // Zoho says the same of a dead token and a missing right, so it is asked for a new one first.
    let unauthorized = match remote {
        "zoho" => forbidden,
        _ => revoked,
    };
    let bad_request = match remote {
        "soundtrack" | "creatio" => drift,
        _ => misconfigured,
    };
    vec![
        ("429", status(429, None), throttled),
        (
            "429 for seven seconds",
            status(429, Some("7")),
            throttled_for_seven,
        ),
        (
            "429 until a date",
            status(429, Some(past)),
            throttled_at_once,
        ),
        ("429 until nonsense", status(429, Some("soon")), throttled),
        (
            "503 for seven seconds",
            status(503, Some("7")),
            throttled_for_seven,
        ),
        ("408", status(408, None), retry),
        ("500", status(500, None), retry),
        ("502", status(502, None), retry),
        ("503", status(503, None), retry),
        ("504", status(504, None), retry),
        ("302", status(302, None), misconfigured),
        ("400", status(400, None), bad_request),
        ("401", status(401, None), unauthorized),
        ("403", status(403, None), forbidden),
        ("404", status(404, None), misconfigured),
    ]
}

fn spoilt_replies() -> Vec<Row> {
    vec![
        ("no answer in time", Fault::new(Kind::Silence), retry),
        (
            "an answer too late",
            Fault::new(Kind::Slow { delay_ms: 60_000 }),
            retry,
        ),
        (
            "a reset before the body",
            Fault::new(Kind::CutReply { after_bytes: 0 }),
            retry,
        ),
        (
            "a reset in the body",
            Fault::new(Kind::CutReply { after_bytes: 60 }),
            retry,
        ),
        ("half of the JSON", Fault::new(Kind::MalformedJson), retry),
        ("HTML with a good status", Fault::new(Kind::Html), retry),
        ("an empty body", Fault::new(Kind::EmptyBody), retry),
        (
            "a body without end",
            Fault::new(Kind::OverlongBody { bytes: 2_000_000 }),
            misconfigured,
        ),
        ("another JSON", Fault::json(200, json!("ok")), drift),
        (
            "a page twice",
            Fault::new(Kind::DuplicatePage),
            page_invalid,
        ),
    ]
}

fn case(remote: &str, name: &'static str, fault: Fault, want: Want) -> Case {
    let first_call = u32::from(fault.kind == Kind::DuplicatePage);
    Case {
        name,
        fault: fault.on_path(path(remote)),
        want,
        first_call,
    }
}
