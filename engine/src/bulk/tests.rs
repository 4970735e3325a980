//! What is refused before anything is made.

use super::*;
use serde_json::json;

#[test]
fn an_act_that_cannot_be_is_refused_with_what_to_change() {
    let filter = |text: &str| Filter::parse(text).expect("a filter");
    let retry = |text: &str| NewBulk::new(BulkAct::Retry, filter(text));
    let cases = [
        (
            retry("state:completed"),
            "acts on jobs that are dead, cancelled",
        ),
        (
            NewBulk {
                chunk: 0,
                ..retry("")
            },
            "chunk: expected 1 to 1000",
        ),
        (
            NewBulk {
                rate_per_s: Some(f64::NAN),
                ..retry("")
            },
            "rate:",
        ),
        (
            NewBulk {
                patch: Some(json!({})),
                ..retry("")
            },
            "run_again takes a patch",
        ),
        (
            NewBulk {
                canary: Some(Canary::default()),
                ..NewBulk::new(BulkAct::Delete, filter("kind:a.b"))
            },
            "after delete no job runs",
        ),
        (
            NewBulk {
                canary: Some(Canary {
                    tolerate: 5,
                    ..Canary::default()
                }),
                ..retry("")
            },
            "tolerate fewer",
        ),
    ];
    for (new, said) in cases {
        let refusal = new.checked().expect_err("accepted").to_string();
        assert!(refusal.contains(said), "{refusal}");
    }
}

#[test]
fn a_filter_that_would_not_read_back_is_refused() {
    let many = (0..30).fold(Filter::new(), |filter, n| filter.kind(format!("a.b{n}")));

    let refusal = NewBulk::new(BulkAct::Retry, many).checked();

    assert!(matches!(refusal, Err(Error::BadFilter(_))), "{refusal:?}");
}
