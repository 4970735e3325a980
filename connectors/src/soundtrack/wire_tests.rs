//! Pages: what ends a walk and what only seems to.

use serde_json::{Value, json};

use super::*;

fn zones(cursor: Option<&str>, connection: &Value) -> Result<Page<Zone>, Error> {
    let call = Call::zones("acc", cursor, 100);
    let account = json!({"id": "acc", "businessName": "Hilton", "soundZones": connection});
    let data = serde_json::value::to_raw_value(&json!({"account": account})).unwrap();
    zones_page(
        &call,
        &Reply {
            data: &data,
            partial: 0,
        },
    )
}

fn edge(id: &str) -> Value {
    json!({"cursor": "c", "node": {"id": id, "name": "Bar"}})
}

#[test]
fn only_a_page_that_proves_it_is_the_last_ends_the_walk() {
    let more = |cursor: &str| Next::More(cursor.to_owned());
    let last = json!({"hasNextPage": false, "endCursor": "e"});
    let table = [
        (
            "last",
            None,
            Some(1),
            last.clone(),
            vec![edge("a")],
            Next::End,
        ),
        (
            "last of none",
            None,
            Some(0),
            json!({"hasNextPage": false}),
            vec![],
            Next::End,
        ),
        (
            "last, no count",
            None,
            None,
            last.clone(),
            vec![edge("a")],
            Next::End,
        ),
        (
            "later last",
            Some("s"),
            Some(9),
            last.clone(),
            vec![edge("a")],
            Next::End,
        ),
        (
            "counted more",
            None,
            Some(2),
            last.clone(),
            vec![edge("a")],
            Next::Unclear,
        ),
        (
            "null node",
            Some("s"),
            Some(1),
            last.clone(),
            vec![json!({"node": null})],
            Next::Unclear,
        ),
        (
            "null edge",
            Some("s"),
            Some(1),
            last,
            vec![Value::Null],
            Next::Unclear,
        ),
        (
            "no page info",
            None,
            Some(1),
            Value::Null,
            vec![edge("a")],
            Next::Unclear,
        ),
        (
            "empty page info",
            None,
            Some(1),
            json!({}),
            vec![edge("a")],
            Next::Unclear,
        ),
        (
            "more, null cursor",
            None,
            Some(9),
            json!({"hasNextPage": true, "endCursor": null}),
            vec![edge("a")],
            Next::Unclear,
        ),
        (
            "more, empty cursor",
            None,
            Some(9),
            json!({"hasNextPage": true, "endCursor": ""}),
            vec![edge("a")],
            Next::Unclear,
        ),
        (
            "more",
            Some("s"),
            Some(9),
            json!({"hasNextPage": true, "endCursor": "e"}),
            vec![edge("a")],
            more("e"),
        ),
    ];
    for (name, cursor, total, page_info, edges, expected) in table {
        let connection = json!({"total": total, "pageInfo": page_info, "edges": edges});

        assert_eq!(zones(cursor, &connection).unwrap().next, expected, "{name}");
    }
}

#[test]
fn a_page_that_gives_its_own_cursor_again_is_invalid() {
    let info = json!({"hasNextPage": true, "endCursor": "same"});
    let connection = json!({"total": 9, "pageInfo": info, "edges": [edge("a")]});

    let error = zones(Some("same"), &connection).unwrap_err();

    assert_eq!(error.verdict(), Verdict::PageInvalid);
}

#[test]
fn a_null_node_is_counted_as_lost_and_a_bad_record_stops_no_other() {
    let node = json!({"id": "b", "name": 5});
    let edges = json!([{"node": null}, edge("a"), {"node": node}, {"node": {"name": "x"}}]);
    let info = json!({"hasNextPage": true, "endCursor": "e"});

    let page = zones(None, &json!({"pageInfo": info, "edges": edges})).unwrap();

    assert_eq!(page.lost, 1);
    assert_eq!(page.verdict(), Verdict::OkPartial);
    let ids: Vec<Option<&str>> = page.items.iter().map(|item| item.id.as_deref()).collect();
    assert_eq!(ids, [Some("a"), Some("b"), None]);
    assert_eq!(page.items[1].raw.get(), node.to_string());
    assert!(page.items.iter().all(|item| item.decoded.is_err()));
}

#[test]
fn an_answer_without_its_list_is_never_an_empty_page() {
    let call = Call::zones("acc", None, 100);
    let table = [
        (json!({"account": null}), Verdict::Misconfigured),
        (json!({}), Verdict::SchemaDrift),
        (json!({"other": {}}), Verdict::SchemaDrift),
        (json!({"account": {"id": "acc"}}), Verdict::SchemaDrift),
        (
            json!({"account": {"soundZones": null}}),
            Verdict::SchemaDrift,
        ),
        (json!({"account": {"soundZones": {}}}), Verdict::SchemaDrift),
        (
            json!({"account": {"soundZones": {"edges": null}}}),
            Verdict::SchemaDrift,
        ),
        (
            json!({"account": {"soundZones": {"edges": {}}}}),
            Verdict::SchemaDrift,
        ),
        (json!({"account": "x"}), Verdict::SchemaDrift),
        (json!([]), Verdict::SchemaDrift),
    ];
    for (data, expected) in table {
        let raw = serde_json::value::to_raw_value(&data).unwrap();

        let error = zones_page(
            &call,
            &Reply {
                data: &raw,
                partial: 0,
            },
        )
        .unwrap_err();

        assert_eq!(error.verdict(), expected, "{data}");
    }
}

#[test]
fn a_write_without_a_payload_is_unknown() {
    let call = Call::play("zone");
    for data in [json!({"play": null}), json!({}), json!(5)] {
        let raw = serde_json::value::to_raw_value(&data).unwrap();

        let error = written(
            &call,
            &Reply {
                data: &raw,
                partial: 0,
            },
        )
        .unwrap_err();

        assert_eq!(error.verdict(), Verdict::Unknown, "{data}");
    }
}

#[test]
fn accounts_are_read_with_the_kind_of_their_viewer() {
    let call = Call::accounts(None, 100);
    let data = json!({"me": {"__typename": "PublicAPIClient", "accounts": {
        "pageInfo": {"hasNextPage": false, "endCursor": "e"},
        "edges": [{"node": {"id": "a", "businessName": "Hilton"}}]}}});
    let raw = serde_json::value::to_raw_value(&data).unwrap();

    let (kind, page) = accounts_page(
        &call,
        &Reply {
            data: &raw,
            partial: 0,
        },
    )
    .unwrap();

    assert_eq!(kind, "PublicAPIClient");
    let account = page.items[0].decoded.clone().unwrap();
    assert_eq!(
        account,
        Account {
            id: "a".to_owned(),
            business_name: "Hilton".to_owned()
        }
    );
    assert_eq!(page.next, Next::End);
}
