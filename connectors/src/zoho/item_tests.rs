//! Items as Zoho writes them.

use super::*;

/// An item with some fields in place of the usual ones; an empty value leaves the field out.
fn decode(fields: &[(&str, &str)]) -> Result<Item, RecordError> {
    let usual = [
        ("item_id", "\"4815000000044208\""),
        ("name", "\"Bags-small\""),
        ("sku", "\"SK123\""),
        ("status", "\"active\""),
        ("rate", "6.0"),
        ("stock_on_hand", "50.0"),
        ("last_modified_time", "\"2026-03-06T10:00:00+0700\""),
    ];
    let mut all: std::collections::BTreeMap<&str, &str> = usual.into();
    all.extend(fields.iter().copied());
    let parts: Vec<String> = all
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    let raw = RawValue::from_string(format!("{{{}}}", parts.join(","))).unwrap();
    Item::decode(&raw)
}

fn exact(text: &str) -> Option<Decimal> {
    Some(Decimal::from_str_exact(text).unwrap())
}

#[test]
fn prices_and_stock_are_exact_and_zero_is_zero() {
    let table = [
        ("0", exact("0")),
        ("0.00", exact("0.00")),
        ("\"\"", None),
        ("null", None),
        ("-3.5", exact("-3.5")),
        ("12345678901234567.89", exact("12345678901234567.89")),
    ];
    for (text, expected) in table {
        let item = decode(&[("rate", text), ("stock_on_hand", text)]).unwrap();

        assert_eq!((item.price, item.stock), (expected, expected), "{text}");
    }
}

#[test]
fn a_stock_that_is_left_out_is_not_told_and_a_rate_that_is_left_out_is_no_item() {
    assert_eq!(decode(&[("stock_on_hand", "")]).unwrap().stock, None);
    assert_eq!(decode(&[("rate", "")]).unwrap_err().field, "rate");
}

#[test]
fn only_active_is_active() {
    for (word, active) in [("active", true), ("inactive", false), ("confirmed", false)] {
        let item = decode(&[("status", &format!("\"{word}\""))]).unwrap();

        assert_eq!((item.is_active(), item.status.as_str()), (active, word));
    }
    assert_eq!(decode(&[("status", "")]).unwrap_err().field, "status");
}

#[test]
fn a_blank_sku_is_none() {
    for blank in ["\"\"", "\"  \"", "null", ""] {
        assert_eq!(decode(&[("sku", blank)]).unwrap().sku, None);
    }
    let padded = decode(&[("sku", "\" A-1 \"")]).unwrap();
    assert_eq!(padded.sku.as_deref(), Some("A-1"));
}

#[test]
fn each_bad_field_is_named() {
    for (field, bad) in [
        ("item_id", "\"\""),
        ("item_id", "\"abc\""),
        ("item_id", "\"481500000004420848150\""),
        ("item_id", "1.5"),
        ("name", "null"),
        ("name", "7"),
        ("sku", "7"),
        ("rate", "\"six\""),
        ("rate", "true"),
        ("stock_on_hand", "[]"),
        ("last_modified_time", "\"yesterday\""),
    ] {
        assert_eq!(decode(&[(field, bad)]).unwrap_err().field, field, "{bad}");
    }
}

#[test]
fn ids_keep_all_their_digits_whether_texts_or_numbers() {
    for id in ["\"4815000000044208001\"", "4815000000044208001"] {
        assert_eq!(
            decode(&[("item_id", id)]).unwrap().id,
            "4815000000044208001"
        );
    }
}
