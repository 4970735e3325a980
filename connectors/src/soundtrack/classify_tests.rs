//! Every reply of the sheet against every verdict.

use std::time::Duration;

use reqwest::header::{DATE, HeaderMap, HeaderValue};
use serde_json::json;

use super::*;
use crate::Verdict;
use crate::http::LONGEST_WAIT;
use crate::http::http_date;

const SECOND: Duration = Duration::from_secs(1);

fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> RawReply {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, HeaderValue::from_static(value));
    }
    let server_date = map
        .get(DATE)
        .and_then(|date| http_date(date.to_str().unwrap()));
    RawReply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: map,
        body: body.as_bytes().to_vec(),
        server_date,
        clock_offset: None,
        elapsed: Duration::ZERO,
    }
}

fn read() -> Call {
    Call::zones("acc", None, 100)
}

fn write() -> Call {
    Call::set_volume("zone", 8)
}

fn verdict(call: &Call, reply: &RawReply) -> Verdict {
    match classify(call, reply) {
        Ok(good) if good.partial == 0 => Verdict::Ok,
        Ok(_) => Verdict::OkPartial,
        Err(error) => error.verdict(),
    }
}

fn rejected_zone() -> Verdict {
    Verdict::Rejected {
        record: Some("zone".to_owned()),
    }
}

#[test]
fn every_body_of_the_sheet_has_its_verdict() {
    use Verdict::{AuthRevoked, Forbidden, Gone, Misconfigured, Ok, Retry, SchemaDrift, Unknown};
    let throttled = || Verdict::Throttled { after: None };
    let data = r#"{"data":{"account":{"id":"a"},"setVolume":{"soundZone":"z"}}}"#;
    let location = r#"{"data":{"account":{}},"errors":[{"message":"Not found","path":["account",
        "soundZones","edges",3,"node","location"],"extensions":{"code":"NOT_FOUND"}}]}"#;
    let device = r#"{"data":{"account":{}},"errors":[{"message":"Something went wrong","path":
        ["account","soundZones","edges",3,"node","device"],"extensions":{"code":"INTERNAL"}}]}"#;
    let not_found = r#"{"errors":[{"message":"Not found","path":["account"],
        "extensions":{"code":"NOT_FOUND"}}],"data":{"account":null}}"#;
    let no_zone = r#"{"errors":[{"message":"Not found","path":["setVolume"],
        "extensions":{"code":"NOT_FOUND"}}],"data":{"setVolume":null}}"#;
    let bad_source = r#"{"errors":[{"message":"Validation failed","path":["soundZoneAssignSource"],
        "extensions":{"code":"BAD_USER_INPUT","exception":{"validationErrors":
        {"source":"invalid id format"}}}}]}"#;
    let bad_cursor = r#"{"errors":[{"message":"Validation failed","path":["account","soundZones"],
        "extensions":{"code":"BAD_USER_INPUT","exception":{"validationErrors":
        {"after":"invalid cursor"}}}}]}"#;
    let input = r#"{"errors":[{"message":"Variable 'input' field 'playFrom' does not exist"}]}"#;
    let field = r#"{"errors":[{"message":"Field 'timezone' does not exist on type 'Schedule'."}]}"#;
    let forbidden = r#"{"errors":[{"path":["account"],"message":"Forbidden",
        "locations":[{"line":2,"column":0}]}],"data":{"account":null}}"#;
    let limited = r#"{"data":null,"errors":[{"message":"You have been rate limited"}]}"#;
    let unauthenticated = r#"{"errors":[{"message":"Unauthenticated",
        "extensions":{"code":"UNAUTHENTICATED"}}]}"#;
    let unauthorized = r#"{"errors":[{"message":"No","path":["account"],
        "extensions":{"code":"UNAUTHORIZED"}}]}"#;
    let internal = r#"{"data":null,"errors":[{"message":"Internal server error"}]}"#;
    let mixed = r#"{"data":{"account":null},"errors":[
        {"message":"Not found","path":["account"],"extensions":{"code":"NOT_FOUND"}},
        {"message":"Oh","path":["account","x"],"extensions":{"code":"INTERNAL"}}]}"#;
    let table = [
        ("good", data, Ok, Ok),
        ("no location", location, Verdict::OkPartial, rejected_zone()),
        ("a broken field", device, Retry, Unknown),
        ("not found", not_found, Gone, rejected_zone()),
        ("no zone", no_zone, Gone, rejected_zone()),
        ("bad source", bad_source, Misconfigured, rejected_zone()),
        ("bad cursor", bad_cursor, Misconfigured, rejected_zone()),
        ("bad variable", input, SchemaDrift, SchemaDrift),
        ("bad field", field, SchemaDrift, SchemaDrift),
        ("forbidden", forbidden, Forbidden, Forbidden),
        ("unauthorized", unauthorized, Forbidden, Forbidden),
        ("limited", limited, throttled(), throttled()),
        ("unauthenticated", unauthenticated, AuthRevoked, AuthRevoked),
        ("internal", internal, Retry, Unknown),
        ("absence and failure", mixed, Retry, Unknown),
        ("null data", r#"{"data":null}"#, SchemaDrift, Unknown),
        ("no data", "{}", SchemaDrift, Unknown),
        ("not an answer", "[1]", SchemaDrift, Unknown),
        (
            "errors not a list",
            r#"{"data":{},"errors":"x"}"#,
            SchemaDrift,
            Unknown,
        ),
        ("cut", r#"{"data":{"account":{"#, Retry, Unknown),
        ("a page of a gateway", "<html></html>", Retry, Unknown),
        ("empty", "", Retry, Unknown),
    ];
    for (name, body, for_read, for_write) in table {
        assert_eq!(
            verdict(&read(), &reply(200, &[], body)),
            for_read,
            "{name}, read"
        );
        assert_eq!(
            verdict(&write(), &reply(200, &[], body)),
            for_write,
            "{name}, write"
        );
    }
}

#[test]
fn every_status_has_its_verdict() {
    use Verdict::{AuthRevoked, Forbidden, Misconfigured, Retry, SchemaDrift, Unknown};
    let throttled = |after| Verdict::Throttled { after };
    let wait: &[_] = &[("retry-after", "7")];
    let seven = Some(7 * SECOND);
    let field = r#"{"errors":[{"message":"Field 'x' does not exist on type 'Y'."}]}"#;
    let limited = r#"{"errors":[{"message":"rate limited"}]}"#;
    let table = [
        (401, &[][..], "", AuthRevoked, AuthRevoked),
        (401, &[], "Unauthenticated", AuthRevoked, AuthRevoked),
        (403, &[], "", Forbidden, Forbidden),
        (429, &[], "", throttled(None), throttled(None)),
        (429, wait, "", throttled(seven), throttled(seven)),
        (429, wait, limited, throttled(seven), throttled(seven)),
        (400, &[], limited, throttled(None), throttled(None)),
        (400, &[], field, SchemaDrift, SchemaDrift),
        (400, &[], "", SchemaDrift, SchemaDrift),
        (404, &[], "", Misconfigured, Misconfigured),
        (413, &[], "", Misconfigured, Misconfigured),
        (
            302,
            &[("location", "https://elsewhere")],
            "",
            Misconfigured,
            Misconfigured,
        ),
        (408, &[], "", Retry, Unknown),
        (500, &[], "", Retry, Unknown),
        (502, &[], "<html>", Retry, Unknown),
        (503, &[], "", Retry, Unknown),
        (503, wait, "", throttled(seven), Unknown),
        (504, &[], "", Retry, Unknown),
    ];
    for (status, headers, body, for_read, for_write) in table {
        let reply = reply(status, headers, body);

        assert_eq!(
            verdict(&read(), &reply),
            for_read,
            "{status} {headers:?} {body}, read"
        );
        assert_eq!(
            verdict(&write(), &reply),
            for_write,
            "{status} {headers:?} {body}, write"
        );
    }
}

#[test]
fn the_price_and_the_level_are_read_from_the_refusal() {
    let body = r#"{"errors":[{"message":
        "You have been rate limited: this operation costs 801 tokens and you only have 42 available"
        }]}"#;

    let error = classify(&read(), &reply(200, &[], body)).unwrap_err();

    assert!(
        matches!(
            error,
            Error::Throttled {
                cost: Some(801),
                available: Some(42),
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn retry_after_is_seconds_or_a_date_by_the_remotes_clock_and_at_most_an_hour() {
    let date = ("date", "Sat, 21 Nov 2026 05:00:00 GMT");
    let table = [
        (vec![("retry-after", "0")], Some(Duration::ZERO)),
        (vec![("retry-after", "30")], Some(30 * SECOND)),
        (vec![("retry-after", "999999")], Some(LONGEST_WAIT)),
        (
            vec![date, ("retry-after", "Sat, 21 Nov 2026 05:01:30 GMT")],
            Some(90 * SECOND),
        ),
        (
            vec![date, ("retry-after", "Sat, 21 Nov 2026 04:00:00 GMT")],
            Some(Duration::ZERO),
        ),
        (
            vec![date, ("retry-after", "Sun, 21 Nov 2027 05:00:00 GMT")],
            Some(LONGEST_WAIT),
        ),
        (vec![("retry-after", "Sat, 21 Nov 2026 05:01:30 GMT")], None),
        (vec![("retry-after", "soon")], None),
    ];
    for (headers, expected) in table {
        let verdict = verdict(&read(), &reply(429, &headers, ""));

        assert_eq!(
            verdict,
            Verdict::Throttled { after: expected },
            "{headers:?}"
        );
    }
}

#[test]
fn nothing_of_a_body_reaches_an_error() {
    let bodies = [
        json!({"errors": [{"message": "canary does not exist on 'canary'"}]}),
        json!({"errors": [{"message": "canary", "extensions": {"code": "a canary code"}}]}),
        json!({"errors": [{"message": "x", "path": ["account"], "extensions": {
            "code": "BAD_USER_INPUT",
            "exception": {"validationErrors": {"a canary": "canary", "source": "canary"}}}}]}),
        json!({"errors": "canary"}),
        json!("canary"),
    ];
    for body in bodies {
        for call in [read(), write()] {
            for status in [200, 400, 403, 500] {
                let reply = reply(status, &[("x-other", "canary")], &body.to_string());

                let error = classify(&call, &reply).unwrap_err();

                let shown = format!("{error} {error:?} {reply:?}");
                assert!(!shown.contains("canary"), "{shown}");
            }
        }
    }
}

#[test]
fn a_drift_names_the_words_of_ours_that_are_not_accepted() {
    let body = r#"{"errors":[{"message":"Field 'timezone' does not exist on type 'Schedule'."}]}"#;

    let error = classify(&read(), &reply(200, &[], body)).unwrap_err();

    assert_eq!(
        error.to_string(),
        "the remote left the contract, the remote does not accept timezone of Schedule in the \
         document, to list zones of account acc"
    );
}

#[test]
fn a_refused_cursor_invalidates_the_page_only_if_one_was_sent() {
    let bodies = [
        r#"{"errors":[{"message":"Validation failed","path":["account","soundZones"],
            "extensions":{"code":"BAD_USER_INPUT","exception":{"validationErrors":
            {"after":"invalid"}}}}]}"#,
        r#"{"data":{"account":{"soundZones":null}},
            "errors":[{"message":"Invalid cursor","path":["account","soundZones"]}]}"#,
    ];
    for body in bodies {
        let reply = reply(200, &[], body);

        let later = verdict(&Call::zones("acc", Some("cursor"), 100), &reply);

        assert_eq!(later, Verdict::PageInvalid, "{body}");
        assert_ne!(verdict(&read(), &reply), Verdict::PageInvalid, "{body}");
    }
}
