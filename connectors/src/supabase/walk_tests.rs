//! Where a page leads, row by row of the rule.

use super::*;

fn page(ids: &[&str]) -> Vec<Item<()>> {
    let raw = |id: &&str| RawValue::from_string(format!("{{\"id\":\"{id}\"}}")).unwrap();
    ids.iter().map(|id| item(&raw(id), |_| Ok(()))).collect()
}

fn after(cursor: Option<&str>, ids: &[&str], range: &str) -> Result<Next, Error> {
    let place = cursor.map(|cursor| Place::read(cursor).unwrap());
    next("list", place.as_ref(), &page(ids), Range::read(range))
}

#[test]
fn only_a_count_or_an_empty_page_is_an_end() {
    let more = |text: &str| Next::More(text.to_owned());
    let table = [
        // A first page.
        (None, vec!["a", "b"], "0-1/2", Next::End),
        (None, vec!["a", "b"], "0-1/5", more("3:b")),
        (None, vec!["a", "b"], "0-1/*", more(":b")),
        (None, vec!["a", "b"], "", more(":b")),
        (None, vec!["a", "b"], "0-1/1", more("0!:b")),
        (None, vec![], "*/0", Next::Unclear),
        (None, vec![], "*/7", Next::Unclear),
        (None, vec![], "", Next::Unclear),
        // A later one.
        (Some("3:b"), vec!["c", "d", "e"], "0-2/3", Next::End),
        (Some("3:b"), vec!["c"], "0-0/3", more("2:c")),
        (Some("3:b"), vec!["c"], "0-0/9", more("8:c")),
        (Some("3:b"), vec!["c"], "0-0/2", more("1!:c")),
        (Some("3:b"), vec!["c", "d"], "0-1/2", Next::Unclear),
        (Some("3:b"), vec![], "*/0", Next::Unclear),
        (Some("3:b"), vec![], "", Next::Unclear),
        (Some("3:b"), vec![], "*/3", Next::Unclear),
        (Some("0:b"), vec![], "*/0", Next::End),
        (Some(":b"), vec!["c"], "0-0/*", more(":c")),
        (Some(":b"), vec![], "*/*", Next::End),
        (Some(":b"), vec![], "", Next::End),
        (Some("2!:b"), vec!["c", "d"], "0-1/2", Next::Unclear),
        (Some("!:b"), vec![], "*/*", Next::Unclear),
    ];
    for (cursor, ids, range, expected) in table {
        let next = after(cursor, &ids, range).unwrap();

        assert_eq!(next, expected, "{cursor:?} {ids:?} {range}");
    }
}

#[test]
fn a_page_that_repeats_rows_is_of_no_use() {
    for (cursor, ids) in [
        (Some("3:b"), vec!["a", "b"]),
        (Some(":b"), vec!["b"]),
        (None, vec!["a", "a"]),
    ] {
        let error = after(cursor, &ids, "").unwrap_err();

        assert!(
            matches!(error, Error::PageInvalid { .. }),
            "{cursor:?} {ids:?}"
        );
    }
}

#[test]
fn a_last_row_without_an_id_ends_the_walk_unclear() {
    let mut items = page(&["a", "b"]);
    items[1].id = None;

    let next = next("list", None, &items, Range { total: Some(9) }).unwrap();

    assert_eq!(next, Next::Unclear);
}

#[test]
fn only_our_own_cursors_are_read() {
    for good in [
        ":a",
        "12:4815",
        "0!:00000000-0000-4000-8000-000000000001",
        "!:a",
    ] {
        assert_eq!(Place::read(good).unwrap().write(), good);
    }
    for bad in [
        "",
        "a",
        ":",
        "x:a",
        ":a,b",
        ":a.b",
        ":a)",
        "-1:a",
        ":a&select=*",
    ] {
        assert_eq!(Place::read(bad), None, "{bad}");
    }
}
