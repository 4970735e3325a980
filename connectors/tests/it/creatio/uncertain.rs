//! Each thing that the contract leaves open, both ways.

use std::collections::BTreeSet;
use std::time::Duration;

use connectors::creatio::{Looked, Written};
use connectors::page::Next;
use serde_json::json;
use sim::creatio::{
    DuplicateId, Empties, Guid, GuidOrder, Switches, TimeLiterals, TimePrecision, UnauthorizedBody,
};
use uuid::Uuid;

use super::writes::words;
use super::{Bed, USERS, contacts, create, delete, guid, ids_of, records_of, update, walk};

/// A whole walk, one since the middle of it, a look and a write: right whichever way the site goes. Half of the
/// records differ in their ids alone.
async fn assert_right(switches: Switches) {
    let bed = Bed::with(45, switches.clone()).await;
    bed.tie("Contact");
    bed.sim.advance(Duration::from_secs(60));
    for id in bed.true_ids("Contact").iter().take(20) {
        let change = sim::creatio::Change::set(
            "Contact",
            Guid::parse(id).unwrap(),
            json!({"JobTitle": "x"}),
        );
        bed.sim.change(change).unwrap();
        bed.sim.advance(Duration::from_secs(1));
    }
    let client = bed.client();

    let pages = walk(&client, &contacts(), None).await.unwrap();

    let ids = ids_of(&pages);
    assert_eq!(ids.len(), 45, "{switches:?}");
    assert_eq!(
        ids.iter().cloned().collect::<BTreeSet<_>>(),
        bed.true_ids("Contact"),
        "{switches:?}"
    );
    assert_eq!(pages.last().unwrap().next, Next::End, "{switches:?}");
    let records = records_of(&pages);
    let since = records[30].modified_at;
    let expected = records.iter().filter(|one| one.modified_at >= since);
    let expected: Vec<String> = expected.map(|one| one.id.to_string()).collect();
    assert!(expected.len() <= 20, "{switches:?}");
    let later = walk(&client, &contacts(), since).await.unwrap();
    assert_eq!(ids_of(&later), expected, "{switches:?}");
    let id = Uuid::from_u128(1);
    let writes = [
        create(id, json!({"Name": "Ada"})),
        update(id, json!({"Email": "a@example.com"})),
    ];
    let ends = client.write(&writes).await.unwrap();
    assert_eq!(words(&ends), ["made", "done"], "{switches:?}");
    let looked = client.read(&contacts(), &[id]).await.unwrap();
    let Looked::Here(record) = &looked[0] else {
        panic!("{looked:?} {switches:?}");
    };
    assert_eq!(record.fields["Email"], json!("a@example.com"));
}

#[tokio::test]
async fn everything_is_right_whichever_way_the_site_answers() {
    for flag in [true, false] {
        for switches in [
            Switches {
                token_names_scope: flag,
                ..Switches::default()
            },
            Switches {
                needs_force_use_session: flag,
                ..Switches::default()
            },
            Switches {
                net_core: flag,
                ..Switches::default()
            },
            Switches {
                metadata_tells_lengths: flag,
                ..Switches::default()
            },
            Switches {
                counts: flag,
                ..Switches::default()
            },
            Switches {
                filter_functions: flag,
                ..Switches::default()
            },
            Switches {
                filter_by_navigation: flag,
                ..Switches::default()
            },
            Switches {
                text_ignores_case: flag,
                ..Switches::default()
            },
            Switches {
                stable_ties: flag,
                ..Switches::default()
            },
            Switches {
                accepts_empties: flag,
                ..Switches::default()
            },
            Switches {
                etags: flag,
                ..Switches::default()
            },
            Switches {
                errors_in_envelope: flag,
                ..Switches::default()
            },
            Switches {
                trims: flag,
                ..Switches::default()
            },
            Switches {
                formats_phones: flag,
                ..Switches::default()
            },
            Switches {
                process_after_save: flag,
                ..Switches::default()
            },
            Switches {
                atomic_groups: flag,
                ..Switches::default()
            },
            Switches {
                batch_replies_reversed: flag,
                ..Switches::default()
            },
            Switches {
                known_status_is_completed: flag,
                ..Switches::default()
            },
        ] {
            assert_right(switches).await;
        }
    }
}

#[tokio::test]
async fn a_walk_is_right_for_every_order_precision_literal_and_page_of_the_site() {
    for guid_order in [GuidOrder::Text, GuidOrder::SqlServer] {
        for time_precision in [
            TimePrecision::Micros,
            TimePrecision::Millis,
            TimePrecision::Seconds,
        ] {
            assert_right(Switches {
                guid_order,
                time_precision,
                ..Switches::default()
            })
            .await;
        }
    }
    for time_literals in [TimeLiterals::Bare, TimeLiterals::Quoted] {
        for empties in [Empties::Zeroes, Empties::Nulls] {
            assert_right(Switches {
                time_literals,
                empties,
                ..Switches::default()
            })
            .await;
        }
    }
    for page_size in [None, Some(3), Some(10), Some(100)] {
        for counts in [true, false] {
            assert_right(Switches {
                page_size,
                counts,
                ..Switches::default()
            })
            .await;
        }
    }
    for unauthorized_body in [
        UnauthorizedBody::Empty,
        UnauthorizedBody::Html,
        UnauthorizedBody::Json,
    ] {
        assert_right(Switches {
            unauthorized_body,
            ..Switches::default()
        })
        .await;
    }
}

#[tokio::test]
async fn which_literals_a_site_takes_is_learnt_by_one_refusal() {
    for (time_literals, extra) in [(TimeLiterals::Bare, 0), (TimeLiterals::Quoted, 1)] {
        let bed = Bed::with(
            45,
            Switches {
                time_literals,
                ..Switches::default()
            },
        )
        .await;
        let client = bed.client();

        let pages = walk(&client, &contacts(), None).await.unwrap();
        walk(&client.clone(), &contacts(), None).await.unwrap();

        assert_eq!(
            bed.calls("/Contact"),
            2 * pages.len() + extra,
            "{time_literals:?}"
        );
    }
}

#[tokio::test]
async fn a_site_that_chooses_ids_itself_is_found_out_by_the_record_it_gives() {
    for accepts in [true, false] {
        let bed = Bed::with(
            USERS,
            Switches {
                accepts_chosen_ids: accepts,
                ..Switches::default()
            },
        )
        .await;
        let chosen = Uuid::from_u128(1);

        let ends = bed
            .client()
            .write(&[create(chosen, json!({"Name": "Ada"}))])
            .await
            .unwrap();

        let Written::Done(Some(made)) = &ends[0] else {
            panic!("{ends:?}");
        };
        assert_eq!(made.id == chosen, accepts);
        assert!(bed.sim.record("Contact", guid(made.id)).is_some());
    }
}

#[tokio::test]
async fn an_id_that_is_taken_is_told_or_unknown_and_never_rejected() {
    for duplicate_id in [
        DuplicateId::Http400,
        DuplicateId::Http409,
        DuplicateId::Http500,
    ] {
        for errors_in_envelope in [true, false] {
            let switches = Switches {
                duplicate_id,
                errors_in_envelope,
                ..Switches::default()
            };
            let bed = Bed::with(USERS, switches).await;
            let write = [create(Uuid::from_u128(1), json!({"Name": "Ada"}))];
            bed.client().write(&write).await.unwrap();

            let ends = bed.client().write(&write).await.unwrap();

            // A page with a 500 says nothing of why.
            let is_page = duplicate_id == DuplicateId::Http500 && !errors_in_envelope;
            let expected = if is_page { "unknown" } else { "exists" };
            assert_eq!(
                words(&ends),
                [expected],
                "{duplicate_id:?} {errors_in_envelope}"
            );
            assert_eq!(bed.sim.count("Contact"), USERS as usize + 1);
        }
    }
}

#[tokio::test]
async fn what_was_deleted_is_missing_by_either_status() {
    for (delete_status, deleted_is_gone) in [(204, false), (204, true), (200, false), (200, true)] {
        let switches = Switches {
            delete_status,
            deleted_is_gone,
            ..Switches::default()
        };
        let bed = Bed::with(USERS, switches).await;
        let id = Uuid::from_u128(1);
        let client = bed.client();

        let ends = client
            .write(&[
                create(id, json!({"Name": "Ada"})),
                delete(id),
                delete(id),
                update(id, json!({"Email": "x"})),
            ])
            .await
            .unwrap();
        let looked = client.read(&contacts(), &[id]).await.unwrap();

        assert_eq!(
            words(&ends),
            ["made", "done", "missing", "missing"],
            "{delete_status} {deleted_is_gone}"
        );
        assert!(matches!(looked[0], Looked::Missing), "{looked:?}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_seen_yet_is_missing_which_proves_nothing() {
    for (visible_after_ms, seen) in [(0, true), (60_000, false)] {
        let bed = Bed::with(
            USERS,
            Switches {
                visible_after_ms,
                ..Switches::default()
            },
        )
        .await;
        let (client, id) = (bed.client(), Uuid::from_u128(1));
        let write = [create(id, json!({"Name": "Ada"}))];

        assert_eq!(words(&client.write(&write).await.unwrap()), ["made"]);
        let looked = client.read(&contacts(), &[id]).await.unwrap();

        assert_eq!(matches!(looked[0], Looked::Here(_)), seen, "{looked:?}");
        assert_eq!(words(&client.write(&write).await.unwrap()), ["exists"]);
        bed.sim.advance(Duration::from_secs(61));
        let looked = client.read(&contacts(), &[id]).await.unwrap();
        assert!(matches!(looked[0], Looked::Here(_)), "{looked:?}");
    }
}
