//! Fields as remotes write them.

use super::*;

fn with<T>(value: &str, look: impl Fn(&Record) -> T) -> T {
    let raw = RawValue::from_string(format!("{{\"f\":{value}}}")).unwrap();
    look(&Record::read(&raw).unwrap())
}

#[test]
fn decimals_are_exact_or_refused() {
    let table = [
        ("0", Some("0")),
        ("0.1", Some("0.1")),
        ("10.50", Some("10.50")),
        ("-3.75", Some("-3.75")),
        ("12345678901234567.89", Some("12345678901234567.89")),
        (
            "99999999999999999999.99999999",
            Some("99999999999999999999.99999999"),
        ),
        ("\"6.00\"", Some("6.00")),
        ("1e3", Some("1000")),
        ("1.5E-2", Some("0.015")),
    ];
    for (value, expected) in table {
        let read = with(value, |record| record.maybe_decimal("f")).unwrap();

        assert_eq!(read.map(|d| d.to_string()).as_deref(), expected, "{value}");
    }
    for bad in [
        "\"many\"",
        "true",
        "[1]",
        "{}",
        "1e99",
        "0.12345678901234567890123456789012",
    ] {
        let error = with(bad, |record| record.maybe_decimal("f")).unwrap_err();

        assert_eq!(error.field, "f", "{bad}");
    }
}

#[test]
fn nothing_is_not_zero() {
    for nothing in ["null", "\"\"", "\"  \""] {
        assert_eq!(with(nothing, |r| r.maybe_decimal("f")).unwrap(), None);
    }
    assert_eq!(with("0", |r| r.maybe_decimal("g")).unwrap(), None);
    assert_eq!(
        with("0.00", |r| r.maybe_decimal("f")).unwrap(),
        Some(Decimal::ZERO)
    );
}

#[test]
fn ids_are_texts_or_whole_numbers_of_up_to_500_characters() {
    for (value, expected) in [
        ("\"4815000000044208\"", "4815000000044208"),
        ("4815000000044208", "4815000000044208"),
        ("9223372036854775999", "9223372036854775999"),
        ("\"a-b\"", "a-b"),
    ] {
        assert_eq!(with(value, |r| r.id("f")).unwrap(), expected);
    }
    let (long, digits) = (format!("\"{}\"", "x".repeat(501)), "1".repeat(501));
    let odd = ["\"48\\u0000\"", "\"4\\n8\"", &long, &digits];
    for bad in ["null", "\"\"", "1.5", "-1", "true", "{}"]
        .iter()
        .chain(&odd)
    {
        assert!(with(bad, |r| r.id("f")).is_err(), "{bad}");
    }
}

#[test]
fn instants_and_dates_are_told_apart() {
    let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
    let offset = Offset::constant(7);
    let noon = "\"2026-03-06T10:00:00+0700\"";
    let late = "\"2026-03-06T20:00:00+00:00\"";

    assert_eq!(
        with(noon, |r| r.maybe_instant("f")).unwrap(),
        at("2026-03-06T03:00:00Z")
    );
    assert_eq!(
        with("\"2013-01-24\"", |r| r.maybe_earliest("f")).unwrap(),
        at("2013-01-23T10:00:00Z")
    );
    assert_eq!(
        with(late, |r| r.maybe_date_at("f", offset)).unwrap(),
        Some("2026-03-07".parse().unwrap())
    );
    assert!(with("\"2026-03-06T10:00:00\"", |r| r.maybe_instant("f")).is_err());
    assert!(with("\"2026-03-06\"", |r| r.maybe_instant("f")).is_err());
    assert!(with(late, |r| r.maybe_date("f")).is_err());
    assert!(with("\"2026-02-30\"", |r| r.maybe_date("f")).is_err());
}

#[test]
fn an_error_names_the_field_and_never_shows_the_value() {
    let error = with("\"canary\"", |r| r.maybe_decimal("f")).unwrap_err();

    assert_eq!(error.to_string(), "field f is not an exact decimal number");
}
