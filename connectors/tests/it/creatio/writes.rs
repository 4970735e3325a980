//! Looks and writes in batches: each part for itself, and nothing that was lost is taken for a refusal.

use std::collections::BTreeSet;

use connectors::Verdict;
use connectors::creatio::{Ask, Looked, MOST_PARTS, Verb, Write, Written};
use serde_json::{Value, json};
use sim::wire::{Fault, Kind};
use uuid::Uuid;

use super::{Bed, USERS, contacts, create, delete, guid, map, update};

pub(super) fn word(end: &Written) -> String {
    match end {
        Written::Done(Some(_)) => "made".to_owned(),
        Written::Done(None) => "done".to_owned(),
        Written::Exists => "exists".to_owned(),
        Written::Missing => "missing".to_owned(),
        Written::Rejected { code, .. } => format!("rejected {code}"),
        Written::Retry(_) => "retry".to_owned(),
        Written::Unknown => "unknown".to_owned(),
    }
}

pub(super) fn words(ends: &[Written]) -> Vec<String> {
    ends.iter().map(word).collect()
}

#[tokio::test]
async fn a_batch_ends_each_write_for_itself_and_goes_on_behind_one_that_fails() {
    let bed = Bed::new(USERS).await;
    let (client, ids) = (bed.client(), [1, 2, 3].map(Uuid::from_u128));
    let nobody = Uuid::from_u128(9);

    let ends = client
        .write(&[
            create(ids[0], json!({"Name": "Ada"})),
            create(
                ids[1],
                json!({"Name": "Bo", "JobTitle": null, "AccountId": null}),
            ),
            create(ids[0], json!({"Name": "Ada again"})),
            create(ids[2], json!({"Surname": "without a name"})),
            update(ids[1], json!({"Email": "bo@example.com"})),
            update(nobody, json!({"Email": "x@example.com"})),
            update(ids[1], json!({"Country": "Canada"})),
            update(ids[1], json!({"CountryId": "Canada"})),
            update(ids[1], json!({"CountryId": nobody.to_string()})),
            delete(nobody),
            delete(ids[0]),
        ])
        .await
        .unwrap();

    assert_eq!(
        words(&ends),
        [
            "made",
            "made",
            "exists",
            "rejected required",
            "done",
            "missing",
            "rejected 400",
            "rejected 400",
            "rejected foreign_key",
            "missing",
            "done"
        ]
    );
    assert_eq!(bed.sim.record("Contact", guid(ids[0])), None);
    let bo = bed.sim.record("Contact", guid(ids[1])).unwrap();
    assert_eq!(
        (&bo["Name"], &bo["Email"]),
        (&json!("Bo"), &json!("bo@example.com"))
    );
    let Written::Rejected { message, .. } = &ends[6] else {
        panic!("{:?}", ends[6]);
    };
    assert!(
        message.contains("'Country'") && !message.contains("Canada"),
        "{message}"
    );
    assert_eq!(bed.calls("$batch"), 1);
}

#[tokio::test]
async fn a_record_that_was_made_comes_as_the_site_has_it() {
    let bed = Bed::new(USERS).await;
    let id = Uuid::from_u128(1);
    let lead = |fields| Write {
        set: "Lead".to_owned(),
        id,
        verb: Verb::Create(map(fields)),
    };

    let ends = bed
        .client()
        .write(&[lead(json!({"LeadName": "  Demo ", "Budget": "12500.50", "DecisionDate": "2026-10-01T07:00:00Z"}))])
        .await
        .unwrap();

    let Written::Done(Some(made)) = &ends[0] else {
        panic!("{ends:?}");
    };
    assert_eq!(made.id, id);
    assert_eq!(made.fields["LeadName"], json!("Demo"));
    assert_eq!(made.fields["Budget"], json!("12500.50"));
    assert_eq!(made.fields["OwnerId"], Value::Null);
    assert_eq!(made.fields["MeetingDate"], Value::Null);
    let technical = bed.sim.users().technical.to_string();
    assert_eq!(made.modified_by.unwrap().to_string(), technical);
    assert!(made.modified_at.is_some());
}

#[tokio::test]
async fn looks_come_in_the_order_of_their_ids_and_a_hundred_cost_one_call() {
    let bed = Bed::new(99).await;
    let mut ids: Vec<Uuid> = bed
        .true_ids("Contact")
        .iter()
        .map(|id| id.parse().unwrap())
        .collect();
    ids.insert(40, Uuid::from_u128(7));

    let looked = bed.client().read(&contacts(), &ids).await.unwrap();

    assert_eq!(looked.len(), MOST_PARTS);
    for (id, one) in ids.iter().zip(&looked) {
        match one {
            Looked::Here(record) => assert_eq!(record.id, *id),
            Looked::Missing => assert_eq!(*id, Uuid::from_u128(7)),
            Looked::Unknown(error) => panic!("{id}: {error}"),
        }
    }
    assert_eq!(bed.calls("$batch"), 1);
    ids.push(Uuid::from_u128(8));
    let error = bed.client().read(&contacts(), &ids).await.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Misconfigured);
}

#[tokio::test]
async fn of_a_set_that_is_none_no_record_is_missing() {
    let bed = Bed::new(USERS).await;
    let id = [Uuid::from_u128(1)];

    let error = bed
        .client()
        .read(&Ask::new("Contcat", ["Name"]), &id)
        .await
        .unwrap_err();

    assert_eq!(error.verdict(), Verdict::SchemaDrift);
    let looked = bed
        .client()
        .read(&Ask::new("Contact", ["Nmae"]), &id)
        .await
        .unwrap();
    assert!(
        matches!(looked[0], Looked::Missing | Looked::Unknown(_)),
        "{looked:?}"
    );
}

#[tokio::test]
async fn a_batch_of_nothing_calls_nobody() {
    let bed = Bed::new(USERS).await;

    assert!(bed.client().write(&[]).await.unwrap().is_empty());
    assert!(
        bed.client()
            .read(&contacts(), &[])
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(bed.sim.log().len(), 0);
}

/// Whatever becomes of the answer, all are unknown; what took effect is found by looking, and by no other way.
#[tokio::test]
async fn writes_whose_answer_is_lost_or_broken_are_all_unknown() {
    let ids = [1, 2, 3].map(Uuid::from_u128);
    let table = [
        (Kind::CutReply { after_bytes: 0 }, true),
        (Kind::CutReply { after_bytes: 80 }, true),
        (Kind::StatusAfter { status: 502 }, true),
        (Kind::StatusAfter { status: 408 }, true),
        (Kind::MalformedJson, true),
        (Kind::EmptyBody, true),
        (Kind::Html, true),
        (Kind::Slow { delay_ms: 60_000 }, true),
        (Kind::OverlongBody { bytes: 2_000_000 }, true),
        (Kind::Silence, false),
        (status(500), false),
        (status(503), false),
    ];
    for (kind, took_effect) in table {
        let mut bed = Bed::new(USERS).await;
        bed.http.request_timeout = std::time::Duration::from_millis(400);
        bed.http.max_reply_bytes = 1_000_000;
        let client = bed.client();
        bed.sim
            .inject(Fault::new(kind.clone()).on_path("$batch").times(1));

        let ends = client
            .write(&ids.map(|id| create(id, json!({"Name": "Ada"}))))
            .await
            .unwrap();

        assert_eq!(words(&ends), ["unknown"; 3], "{kind:?}");
        let looked = client.read(&contacts(), &ids).await.unwrap();
        let here = looked
            .iter()
            .filter(|one| matches!(one, Looked::Here(_)))
            .count();
        assert_eq!(here, if took_effect { 3 } else { 0 }, "{kind:?}");
        // Sent again by chosen ids, it makes no second one (R10).
        let again = client
            .write(&ids.map(|id| create(id, json!({"Name": "Ada"}))))
            .await
            .unwrap();
        let expected = if took_effect { "exists" } else { "made" };
        assert_eq!(words(&again), [expected; 3], "{kind:?}");
        assert_eq!(bed.sim.count("Contact"), USERS as usize + 3, "{kind:?}");
    }
}

#[tokio::test]
async fn parts_behind_the_end_of_an_answer_are_unknown_and_those_before_it_known() {
    let bed = Bed::new(USERS).await;
    let client = bed.client();
    let ids: Vec<Uuid> = (1..=5).map(Uuid::from_u128).collect();
    let writes: Vec<Write> = ids
        .iter()
        .map(|id| create(*id, json!({"Name": "Ada"})))
        .collect();
    for keep in 0..5 {
        bed.sim.inject(
            Fault::new(Kind::ShortBatch { keep })
                .on_path("$batch")
                .times(1),
        );
        let wanted = writes.iter().cloned().map(|mut write| {
            write.id = Uuid::from_u128(write.id.as_u128() + 100 * (keep as u128 + 1));
            write
        });
        let wanted: Vec<Write> = wanted.collect();

        let ends = client.write(&wanted).await.unwrap();

        let known = words(&ends).iter().filter(|word| *word == "made").count();
        let unknown = words(&ends)
            .iter()
            .filter(|word| *word == "unknown")
            .count();
        assert_eq!((known, unknown), (keep, 5 - keep));
        bed.sim.inject(
            Fault::new(Kind::ShortBatch { keep })
                .on_path("$batch")
                .times(1),
        );
        let ids: Vec<Uuid> = wanted.iter().map(|write| write.id).collect();
        let looked = client.read(&contacts(), &ids).await.unwrap();
        let here = looked
            .iter()
            .filter(|one| matches!(one, Looked::Here(_)))
            .count();
        let open = looked
            .iter()
            .filter(|one| matches!(one, Looked::Unknown(_)))
            .count();
        assert_eq!(
            (here, open),
            (keep, 5 - keep),
            "what is not answered is not missing"
        );
    }
}

#[tokio::test]
async fn what_was_surely_not_applied_is_an_error_and_no_end() {
    let ids = [Uuid::from_u128(1)];
    let writes = ids.map(|id| create(id, json!({"Name": "Ada"})));
    for (fault, verdict) in [
        (Fault::status(403), Verdict::Forbidden),
        (Fault::status(401), Verdict::AuthRevoked),
        (Fault::status(400), Verdict::SchemaDrift),
        (Fault::status(404), Verdict::Misconfigured),
        (Fault::status(302), Verdict::Misconfigured),
    ] {
        let bed = Bed::new(USERS).await;
        bed.sim.inject(fault.clone().on_path("$batch"));

        let error = bed.client().write(&writes).await.unwrap_err();

        assert_eq!(error.verdict(), verdict, "{fault:?}");
        assert_eq!(bed.sim.saves().len(), 0);
    }
    let bed = Bed::new(USERS).await;
    let client = bed.client();
    client.page(&contacts(), None, None).await.unwrap();
    bed.sim.stop().await;

    let error = client.write(&writes).await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::Retry, "nothing was sent: {error}");
}

#[tokio::test]
async fn nothing_is_written_later_than_it_may_be() {
    let bed = Bed::new(USERS).await;
    let client = bed.client();
    let writes = [create(Uuid::from_u128(1), json!({"Name": "Ada"}))];
    let now = tokio::time::Instant::now();

    let late = client.write_until(&writes, Some(now)).await.unwrap_err();
    let saved = bed.sim.saves().len();
    let hour = std::time::Duration::from_secs(3_600);
    let ends = client.write_until(&writes, Some(now + hour)).await.unwrap();

    let at_once = Verdict::Throttled {
        after: Some(std::time::Duration::ZERO),
    };
    assert_eq!((late.verdict(), saved), (at_once, 0));
    assert_eq!(words(&ends), ["made"]);
}

#[tokio::test]
async fn a_token_that_ran_out_before_a_batch_writes_everything_once() {
    let bed = Bed::new(USERS).await;
    let client = bed.client();
    client.page(&contacts(), None, None).await.unwrap();
    bed.sim.expire_access_tokens();
    let ids: Vec<Uuid> = (1..=100).map(Uuid::from_u128).collect();
    let writes: Vec<Write> = ids
        .iter()
        .map(|id| create(*id, json!({"Name": "Ada"})))
        .collect();

    let ends = client.write(&writes).await.unwrap();

    assert!(words(&ends).iter().all(|word| word == "made"));
    let made: BTreeSet<String> = bed
        .sim
        .saves()
        .iter()
        .map(|save| save.id.to_string())
        .collect();
    assert_eq!((made.len(), bed.sim.saves().len()), (100, 100));
}

fn status(status: u16) -> Kind {
    Kind::Status {
        status,
        retry_after: None,
        body: None,
    }
}
