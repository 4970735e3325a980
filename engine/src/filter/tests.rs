//! What the language promises: every term, every fault, and that print and parse agree.

use proptest::prelude::*;

use super::*;
use crate::State;

fn faults(text: &str) -> Vec<(usize, usize, String)> {
    let faults = Filter::parse(text).err().map(|all| all.faults);
    faults
        .unwrap_or_default()
        .into_iter()
        .map(|fault| (fault.span.start, fault.span.end, fault.said()))
        .collect()
}

fn only(text: &str) -> Test {
    let filter = Filter::parse(text).expect(text);
    assert_eq!(filter.terms().len(), 1, "{text}");
    filter.terms()[0].test.clone()
}

#[test]
fn every_term_of_the_language_is_read() {
    let hours = |h: u64| Duration::from_secs(h * 3_600);
    let text = |key, value: &str| Test::Text(key, vec![value.into()]);
    let id = "01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88";
    let ids = vec![Uuid::parse_str(id).unwrap()];
    let cases = [
        ("state:dead", Test::State(vec![State::Dead.into()])),
        (
            "state:scheduled,retrying",
            Test::State(vec![Label::Scheduled, Label::Retrying]),
        ),
        ("kind:zoho.*", Test::Kind(vec!["zoho.*".into()])),
        ("queue:default", text(TextKey::Queue, "default")),
        ("tag:a:b", text(TextKey::Tag, "a:b")),
        (
            "error:\"401 \\\"no\\\"\"",
            text(TextKey::Error, "401 \"no\""),
        ),
        ("code:timeout", text(TextKey::Code, "timeout")),
        ("key:zone-7", text(TextKey::Key, "zone-7")),
        ("fingerprint:0f", text(TextKey::Fingerprint, "0f")),
        ("age>2h", Test::Span(SpanKey::Age, Compare::More, hours(2))),
        (
            "ended<=1d12h",
            Test::Span(SpanKey::Ended, Compare::AtMost, hours(36)),
        ),
        (
            "attempt>3",
            Test::Count(CountKey::Attempt, Compare::More, 3),
        ),
        (
            "priority:-5",
            Test::Count(CountKey::Priority, Compare::Equal, -5),
        ),
        (
            "args.company.\"odd key\".0:991,x",
            Test::Args {
                path: vec!["company".into(), "odd key".into(), "0".into()],
                values: vec!["991".into(), "x".into()],
            },
        ),
    ];
    for (text, test) in cases {
        assert_eq!(only(text), test, "{text}");
    }
    for (text, key) in [
        (format!("id:{id}"), IdKey::Id),
        (format!("parent:{id}"), IdKey::Parent),
        (format!("batch:{id}"), IdKey::Batch),
    ] {
        assert_eq!(only(&text), Test::Id(key, ids.clone()));
    }
}

#[test]
fn terms_know_their_places_and_a_minus_negates() {
    let filter = Filter::parse("  state:dead  -tag:x ").unwrap();

    let seen: Vec<_> = filter
        .terms()
        .iter()
        .map(|term| (term.span.clone(), term.negated))
        .collect();
    assert_eq!(seen, [(2..12, false), (14..20, true)]);
    assert_eq!(filter.to_string(), "state:dead -tag:x");
}

#[test]
fn all_faults_are_told_at_once_with_place_and_help() {
    let told = faults("stat:dead state:ded kind:a*b age:2h tag>x id:7 attempt>many dead");

    let table = [
        (0, 4, "there is no key `stat`; did you mean `state`?"),
        (16, 19, "there is no state `ded`; did you mean `dead`?"),
        (25, 28, "expected `*` at the end only; write `kind:zoho.*`"),
        (
            32,
            33,
            "expected > or <; `age>2h` is longer ago than two hours, `age<2h` since then",
        ),
        (39, 40, "expected `:`: only numbers and times compare"),
        (
            45,
            46,
            "expected an id; an id looks like 01938e5c-7d3a-7c2e-9b1a-3f2d1c0b9a88",
        ),
        (55, 59, "expected a whole number"),
        (
            60,
            64,
            "expected a key, `:` and a value; did you mean `state:dead`?",
        ),
    ];
    let expected: Vec<_> = table
        .map(|(from, to, said)| (from, to, said.to_owned()))
        .into();
    assert_eq!(told, expected);
}

#[test]
fn bounds_are_kept_with_a_word_for_each() {
    let many = |n: usize, each: &str| vec![each; n].join(" ");
    let cases = [
        (many(MAX_TERMS + 1, "a:b"), "expected at most 20 terms"),
        (
            format!("tag:{}", vec!["x"; MAX_VALUES + 1].join(",")),
            "expected at most 20 values",
        ),
        (
            format!("tag:{}", "x".repeat(MAX_VALUE_CHARS + 1)),
            "expected at most 200 characters",
        ),
        (
            format!("args{}:1", ".x".repeat(MAX_PATH + 1)),
            "expected at most 8 steps into args",
        ),
        (
            "x".repeat(MAX_FILTER_BYTES + 1),
            "expected at most 2000 bytes",
        ),
        ("age>200w5000w".to_owned(), ""),
        (
            "age>99999999999999999999w".to_owned(),
            "expected a time; write `90s`, `2h`, `1h30m` or `7d`",
        ),
        (
            "age>9999999999w".to_owned(),
            "expected at most a hundred years",
        ),
        ("tag:".to_owned(), "expected a value"),
        ("tag:a,".to_owned(), "expected a value"),
        ("tag:\"a".to_owned(), "expected a closing quote"),
        (
            "tag:\"a\"b".to_owned(),
            "expected a space or a comma after the closing quote",
        ),
        (
            "tag:a\"b".to_owned(),
            "expected quotes around the whole value",
        ),
        (
            "tag:a\u{7}".to_owned(),
            "expected text without control characters",
        ),
        (
            "args:1".to_owned(),
            "expected a field of args; write `args.company_id:991`",
        ),
    ];
    for (text, said) in cases {
        let all = faults(&text);
        let found = all.iter().any(|fault| fault.2 == said);
        assert!(
            found || (said.is_empty() && all.is_empty()),
            "{text}: {all:?}"
        );
    }
}

#[test]
fn a_fault_is_drawn_below_its_place() {
    let faults = Filter::parse("tag:vip stat:ded").unwrap_err();

    assert_eq!(
        faults.drawn(),
        "tag:vip stat:ded\n        ^^^^ there is no key `stat`; did you mean `state`?"
    );
    assert_eq!(
        faults.to_string(),
        "cannot read the filter: at 9: there is no key `stat`; did you mean `state`?"
    );
}

#[test]
fn terms_on_state_narrow_each_other() {
    let labels = |text: &str| Filter::parse(text).unwrap().labels();

    assert_eq!(labels(""), Labels::ALL);
    assert_eq!(
        labels("state:available -state:retrying,scheduled"),
        Labels::READY
    );
    assert_eq!(labels("state:dead state:running"), Labels::NONE);
    assert_eq!(labels("fingerprint:1"), Labels::DEAD);
    assert_eq!(labels("error:x"), Labels::DEAD.or(Labels::CANCELLED));
    assert_eq!(labels("error:x state:retrying"), Labels::RETRYING);
    assert_eq!(labels("-error:x"), Labels::ALL);
    assert_eq!(labels("ended<1h"), Labels::ENDED);
}

fn compare() -> impl Strategy<Value = Compare> {
    prop::sample::select(vec![
        Compare::Equal,
        Compare::More,
        Compare::AtLeast,
        Compare::Less,
        Compare::AtMost,
    ])
}

/// Text that is nasty where the language is delicate.
fn value() -> impl Strategy<Value = String> {
    "[a-z0-9 ,:.\"\\\\*<>=ä漢-]{1,12}"
}

fn test() -> impl Strategy<Value = Test> {
    let texts = || prop::collection::vec(value(), 1..4);
    let text = prop::sample::select(vec![
        TextKey::Queue,
        TextKey::Tag,
        TextKey::Code,
        TextKey::Error,
        TextKey::Key,
        TextKey::Partition,
        TextKey::Fingerprint,
    ]);
    let id = prop::sample::select(vec![IdKey::Id, IdKey::Parent, IdKey::Batch]);
    let count = prop::sample::select(vec![
        CountKey::Attempt,
        CountKey::Failed,
        CountKey::Crashes,
        CountKey::Priority,
    ]);
    let span = prop::sample::select(vec![SpanKey::Age, SpanKey::Ended]);
    prop_oneof![
        prop::collection::vec(prop::sample::select(Label::ALL.to_vec()), 1..4)
            .prop_map(Test::State),
        prop::collection::vec("[a-z_.]{1,8}\\*?", 1..3).prop_map(Test::Kind),
        (text, texts()).prop_map(|(key, values)| Test::Text(key, values)),
        (
            id,
            prop::collection::vec(any::<u128>().prop_map(Uuid::from_u128), 1..3)
        )
            .prop_map(|(key, ids)| Test::Id(key, ids)),
        (count, compare(), any::<i32>()).prop_map(|(key, c, n)| Test::Count(key, c, n.into())),
        (span, compare(), 0..3_000_000_000_u64)
            .prop_filter("times never equal", |(_, c, _)| *c != Compare::Equal)
            .prop_map(|(key, c, s)| Test::Span(key, c, Duration::from_secs(s))),
        (prop::collection::vec(value(), 1..=MAX_PATH), texts())
            .prop_map(|(path, values)| Test::Args { path, values }),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_parses_back_to_the_same(
        parts in prop::collection::vec((any::<bool>(), test()), 0..4)
    ) {
        let terms: Vec<Term> = parts
            .into_iter()
            .map(|(negated, test)| Term { span: 0..0, negated, test })
            .collect();
        let filter = Filter::from(terms);

        prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,40}", odd in "[-a-z.:<>=,\"\\\\ 0-9]{0,60}") {
        for text in [text, odd] {
            if let Err(faults) = Filter::parse(&text) {
                prop_assert!(!faults.faults.is_empty());
                let _ = (faults.drawn(), faults.to_string());
            }
        }
    }
}
