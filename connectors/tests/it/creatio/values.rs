//! What a site makes of values, where the contract leaves it open: both ways.

use std::time::Duration;

use connectors::creatio::{Ask, Looked, Record, Written};
use serde_json::{Value, json};
use sim::creatio::{Empties, OverLength, Switches};
use uuid::Uuid;

use super::writes::words;
use super::{Bed, USERS, contacts, create, update};

async fn one_lead(switches: Switches) -> Record {
    let bed = Bed::with(USERS, switches).await;
    let columns = [
        "LeadName",
        "Email",
        "OwnerId",
        "DecisionDate",
        "Budget",
        "Notes",
    ];
    let client = bed.client();
    let write = connectors::creatio::Write {
        set: "Lead".to_owned(),
        ..create(
            Uuid::from_u128(1),
            json!({"LeadName": "Demo", "Budget": "10.10"}),
        )
    };
    client.write(&[write]).await.unwrap();
    let looked = client
        .read(&Ask::new("Lead", columns), &[Uuid::from_u128(1)])
        .await
        .unwrap();
    match looked.into_iter().next() {
        Some(Looked::Here(record)) => record,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_empty_is_null_whether_the_site_says_zeroes_or_nulls() {
    for empties in [Empties::Zeroes, Empties::Nulls] {
        let record = one_lead(Switches {
            empties,
            ..Switches::default()
        })
        .await;

        let expected = json!({
            "LeadName": "Demo", "Email": null, "OwnerId": null, "DecisionDate": null, "Budget": "10.10",
            "Notes": null,
        });
        assert_eq!(Value::Object(record.fields), expected, "{empties:?}");
    }
}

#[tokio::test]
async fn a_text_that_does_not_fit_is_rejected_or_cut_and_the_record_says_which() {
    let long = "x".repeat(300);
    for (over_length, errors_in_envelope, expected) in [
        (OverLength::Refuse, true, "rejected too_long"),
        (OverLength::Refuse, false, "unknown"),
        (OverLength::Cut, true, "made"),
    ] {
        let switches = Switches {
            over_length,
            errors_in_envelope,
            ..Switches::default()
        };
        let bed = Bed::with(USERS, switches).await;

        let ends = bed
            .client()
            .write(&[create(Uuid::from_u128(1), json!({"Name": long}))])
            .await
            .unwrap();

        assert_eq!(words(&ends), [expected]);
        if let Written::Done(Some(made)) = &ends[0] {
            assert_eq!(made.fields["Name"].as_str().unwrap().len(), 250);
        }
    }
}

#[tokio::test]
async fn zeroes_are_never_sent_for_us_and_taken_as_null_where_the_site_takes_them() {
    let zero = json!({"Name": "Ada", "AccountId": "00000000-0000-0000-0000-000000000000"});
    for (accepts_empties, expected) in [(true, "made"), (false, "rejected foreign_key")] {
        let bed = Bed::with(
            USERS,
            Switches {
                accepts_empties,
                ..Switches::default()
            },
        )
        .await;

        let ends = bed
            .client()
            .write(&[
                create(Uuid::from_u128(1), zero.clone()),
                create(
                    Uuid::from_u128(2),
                    json!({"Name": "Bo", "AccountId": null, "Email": null}),
                ),
            ])
            .await
            .unwrap();

        assert_eq!(words(&ends), [expected, "made"]);
    }
}

#[tokio::test]
async fn the_same_values_once_more_are_done_whether_or_not_they_move_the_record() {
    for same_values_touch in [true, false] {
        let bed = Bed::with(
            USERS,
            Switches {
                same_values_touch,
                ..Switches::default()
            },
        )
        .await;
        let (client, id) = (bed.client(), Uuid::from_u128(1));
        client
            .write(&[create(id, json!({"Name": "Ada"}))])
            .await
            .unwrap();
        let stamp = async || match client.read(&contacts(), &[id]).await.unwrap().remove(0) {
            Looked::Here(record) => record.modified_at,
            other => panic!("{other:?}"),
        };
        let before = stamp().await;
        bed.sim.advance(Duration::from_secs(5));

        let ends = client
            .write(&[update(id, json!({"Name": "Ada"}))])
            .await
            .unwrap();

        assert_eq!(words(&ends), ["done"]);
        assert_eq!(stamp().await > before, same_values_touch);
    }
}

#[tokio::test]
async fn what_the_site_makes_of_a_value_is_in_the_record_it_gives() {
    let phone = json!({"Name": " Ada ", "MobilePhone": "+66 (2) 123-4567"});
    for trims in [true, false] {
        for formats_phones in [true, false] {
            let bed = Bed::with(
                USERS,
                Switches {
                    trims,
                    formats_phones,
                    ..Switches::default()
                },
            )
            .await;

            let ends = bed
                .client()
                .write(&[create(Uuid::from_u128(1), phone.clone())])
                .await
                .unwrap();

            let Written::Done(Some(made)) = &ends[0] else {
                panic!("{ends:?}");
            };
            assert_eq!(
                made.fields["Name"],
                json!(if trims { "Ada" } else { " Ada " })
            );
            let expected = if formats_phones {
                "+6621234567"
            } else {
                "+66 (2) 123-4567"
            };
            assert_eq!(made.fields["MobilePhone"], json!(expected));
        }
    }
}
