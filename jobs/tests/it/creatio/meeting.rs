//! Meetings: told of in a transaction of the caller's, with the job that carries them over, and told of again.

use std::time::Duration;

use jobs::Error;
use jobs::creatio::meeting::{
    ActionItem, DecisionMaker, Key, Learnt, Made, Meeting, Once, Participant, amount,
    create_activity, once, update_lead,
};
use jobs::creatio::{Sort, reconcile_of, sync_lead_of};
use serde_json::{Value, json};
use uuid::Uuid;

use super::support::{CREATIO, House, lead};

const BEGIN: &str = "2026-10-01T07:00:00Z";
const END: &str = "2026-10-01T07:30:00Z";
const LEFT: &str = "select (select count(*) from sync.activity) + (select count(*) from sync.participant) \
     + (select count(*) from sync.meeting) + (select count(*) from engine.job where kind like 'creatio.%')";

/// A meeting with a lead, in which a contact took part and promised something.
fn meeting(lead_id: Uuid, contact_id: Uuid) -> Meeting {
    Meeting {
        connection: CREATIO.to_owned(),
        meeting_id: Uuid::from_u128(7),
        title: "Demo with the Inn".to_owned(),
        starts_at: BEGIN.parse().unwrap(),
        ends_at: END.parse().unwrap(),
        lead_id: Some(lead_id),
        contact_id: None,
        status: None,
        priority: None,
        location: Some("Pattaya".to_owned()),
        notes: None,
        outcome: Some("they want a quote".to_owned()),
        participants: vec![Participant {
            contact_id,
            role: None,
            description: None,
        }],
        action_items: vec![item("Send the quote")],
    }
}

fn item(title: &str) -> ActionItem {
    ActionItem {
        id: None,
        title: title.to_owned(),
        due_at: None,
        priority: None,
        notes: None,
    }
}

/// A lead and a contact of ours.
async fn people(house: &House) -> (Uuid, Uuid) {
    let contact = json!({"full_name": "Ann", "email": "ann@inn.example"});
    (
        house.insert("lead", lead(1)).await,
        house.insert("contact", contact).await,
    )
}

/// Tells of a meeting with the job that carries it over.
async fn told(house: &House, of: &Meeting) -> (Made, Uuid) {
    let mut tx = house.env.pool.begin().await.unwrap();
    let made = create_activity(&mut tx, of, "nok").await.unwrap();
    let job = reconcile_of(CREATIO, "nok");
    let jobs = house.engine().enqueue_in(&mut tx, &[job]).await.unwrap();
    tx.commit().await.unwrap();
    (made, jobs[0].id)
}

async fn refused(house: &House, of: &Meeting) -> Error {
    let mut tx = house.env.pool.begin().await.unwrap();
    create_activity(&mut tx, of, "nok").await.unwrap_err()
}

#[tokio::test]
async fn a_meeting_becomes_an_activity_its_people_participants_and_its_promises_tasks() {
    let house = House::empty().await;
    let _worker = house.worker();
    let (lead_id, contact_id) = people(&house).await;
    house.synced().await;

    let (made, job) = told(&house, &meeting(lead_id, contact_id)).await;
    house.end_of(job).await;

    assert_eq!((made.created, made.changed), (3, 0));
    let there = house.there(Sort::Activity, made.activity_id).await;
    let remote = |record: jobs::creatio::record::Record| json!(record.remote_id.unwrap());
    let of_lead = remote(house.record(Sort::Lead, lead_id).await);
    assert_eq!(
        (&there["Title"], &there["DetailedResult"], &there["LeadId"]),
        (
            &json!("Demo with the Inn"),
            &json!("they want a quote"),
            &of_lead
        )
    );
    let category = |name| {
        json!(
            house
                .vendor
                .lookup("ActivityCategory", name)
                .unwrap()
                .to_string()
        )
    };
    assert_eq!(there["ActivityCategoryId"], category("Meeting"));
    let person = house.there(Sort::Participant, made.participants[0]).await;
    assert_eq!(
        (&person["ActivityId"], &person["ParticipantId"]),
        (
            &remote(house.record(Sort::Activity, made.activity_id).await),
            &remote(house.record(Sort::Contact, contact_id).await)
        )
    );
    let task = house.there(Sort::Activity, made.tasks[0]).await;
    assert_eq!(
        (&task["Title"], &task["ActivityCategoryId"], &task["LeadId"]),
        (&json!("Send the quote"), &category("To do"), &of_lead)
    );
    let row = house.row("activity", made.tasks[0]).await;
    assert_eq!(
        row["due_at"], "2026-10-08T07:30:00+00:00",
        "a week after it"
    );
    house.assert_quiet().await;
}

#[tokio::test]
async fn a_meeting_that_is_taken_back_leaves_nothing() {
    let house = House::empty().await;
    let (lead_id, contact_id) = people(&house).await;
    let before = house.count("select count(*) from sync.dirty_mark").await;

    let mut tx = house.env.pool.begin().await.unwrap();
    let made = create_activity(&mut tx, &meeting(lead_id, contact_id), "nok")
        .await
        .unwrap();
    let learnt = Learnt {
        budget_discussed: Some(true),
        ..Learnt::default()
    };
    let updated = update_lead(&mut tx, lead_id, &learnt).await.unwrap();
    let jobs = [
        reconcile_of(CREATIO, "nok"),
        sync_lead_of(CREATIO, lead_id, "nok"),
    ];
    house.engine().enqueue_in(&mut tx, &jobs).await.unwrap();
    tx.rollback().await.unwrap();

    assert_eq!((made.created, updated.changes.len()), (3, 1));
    assert_eq!(house.count(LEFT).await, 0);
    let marks = house.count("select count(*) from sync.dirty_mark").await;
    assert_eq!(marks, before);
    assert_eq!(house.row("lead", lead_id).await["custom"], json!({}));
}

#[tokio::test]
async fn a_meeting_told_of_again_changes_its_records_and_makes_none_twice() {
    let house = House::empty().await;
    let (lead_id, contact_id) = people(&house).await;
    let mut of = meeting(lead_id, contact_id);
    let (first, _) = told(&house, &of).await;

    let (same, _) = told(&house, &of).await;
    of.title = "Demo, moved".to_owned();
    of.participants.clear();
    of.action_items = vec![item(" send THE quote "), item("Call back")];
    let (other, _) = told(&house, &of).await;

    assert_eq!((same.created, same.changed), (0, 0), "{same:?}");
    assert_eq!(
        (other.activity_id, other.tasks[0]),
        (first.activity_id, first.tasks[0]),
        "a task without an id is known by its title"
    );
    assert_eq!((other.created, other.changed), (1, 2), "{other:?}");
    assert_eq!(house.rows("activity").await.len(), 3);
    assert_eq!(
        house.rows("participant").await.len(),
        1,
        "who is not named any more stays"
    );
}

#[tokio::test]
async fn two_who_tell_of_one_meeting_at_once_make_one() {
    let house = House::empty().await;
    let (lead_id, contact_id) = people(&house).await;
    let of = meeting(lead_id, contact_id);

    let mut first = house.env.pool.begin().await.unwrap();
    let made = create_activity(&mut first, &of, "ann").await.unwrap();
    let (pool, again) = (house.env.pool.clone(), of.clone());
    let second = tokio::spawn(async move {
        let mut tx = pool.begin().await.unwrap();
        let made = create_activity(&mut tx, &again, "bob").await.unwrap();
        tx.commit().await.unwrap();
        made
    });
    super::support::until("the second waits for the first", || async {
        let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        house.count(waits).await > 0
    })
    .await;
    first.commit().await.unwrap();
    let later = second.await.unwrap();

    assert_eq!((made.created, later.created, later.changed), (3, 0, 0));
    assert_eq!(later.activity_id, made.activity_id);
    assert_eq!(house.rows("activity").await.len(), 2);
}

#[tokio::test]
async fn a_request_that_is_sent_again_is_answered_as_before() {
    let house = House::empty().await;
    let asks = async |asked_by: &str, request: &Value, keeps: bool| {
        let key = Key {
            asked_by,
            key: "k1",
            keep: Duration::from_secs(3_600),
        };
        let mut tx = house.env.pool.begin().await.unwrap();
        let known = once(&mut tx, key, request).await.unwrap();
        if known == Once::New {
            key.answered(&mut tx, &json!({"made": 1})).await.unwrap();
        }
        match keeps {
            true => tx.commit().await.unwrap(),
            false => tx.rollback().await.unwrap(),
        }
        known
    };
    let request = json!({"title": "Demo"});

    let lost = asks("ann", &request, false).await;
    let first = asks("ann", &request, true).await;
    let again = asks("ann", &request, true).await;
    let other = asks("ann", &json!({"title": "Call"}), true).await;
    let of_bob = asks("bob", &json!({"title": "Call"}), true).await;
    house
        .sql("update sync.meeting_request set asked_at = asked_at - interval '2 hours'")
        .await;
    let late = asks("ann", &json!({"title": "Call"}), true).await;

    assert_eq!((lost, first), (Once::New, Once::New));
    assert_eq!(again, Once::Again(json!({"made": 1})));
    assert_eq!((other, of_bob, late), (Once::Other, Once::New, Once::New));
}

#[tokio::test]
async fn who_is_not_there_takes_part_in_nothing() {
    let house = House::empty().await;
    let (lead_id, contact_id) = people(&house).await;
    let gone = house.insert("lead", lead(2)).await;
    house.delete("lead", gone).await;
    let learnt = Learnt {
        budget_discussed: Some(true),
        ..Learnt::default()
    };

    for id in [Uuid::from_u128(1), gone] {
        let error = refused(&house, &meeting(id, contact_id)).await;
        assert!(
            matches!(&error, Error::NoSuch { what: "lead", id: of } if *of == id.to_string()),
            "{error}"
        );
        let mut tx = house.env.pool.begin().await.unwrap();
        let error = update_lead(&mut tx, id, &learnt).await.unwrap_err();
        assert!(
            matches!(error, Error::NoSuch { what: "lead", .. }),
            "{error}"
        );
    }
    let error = refused(&house, &meeting(lead_id, Uuid::from_u128(1))).await;
    assert!(
        matches!(
            error,
            Error::NoSuch {
                what: "contact",
                ..
            }
        ),
        "{error}"
    );
    let mut elsewhere = meeting(lead_id, contact_id);
    elsewhere.connection = "creatio/other".to_owned();
    let error = refused(&house, &elsewhere).await;
    assert!(
        matches!(error, Error::NoSuch { what: "lead", .. }),
        "{error}"
    );
    assert_eq!(house.count(LEFT).await, 0);
}

#[tokio::test]
async fn what_a_meeting_cannot_be_is_told_with_its_field() {
    let house = House::empty().await;
    let (lead_id, contact_id) = people(&house).await;
    let person = meeting(lead_id, contact_id).participants[0].clone();
    type Spoil = Box<dyn Fn(&mut Meeting)>;
    let table: Vec<(&str, Spoil)> = vec![
        (
            "ends_at",
            Box::new(|it| it.ends_at = "2026-10-01T06:59:59Z".parse().unwrap()),
        ),
        ("title", Box::new(|it| it.title = "  ".to_owned())),
        ("title", Box::new(|it| it.title = "x".repeat(501))),
        ("notes", Box::new(|it| it.notes = Some("a\0b".to_owned()))),
        (
            "location",
            Box::new(|it| it.location = Some("x".repeat(501))),
        ),
        (
            "participants/1",
            Box::new(move |it| it.participants.push(person.clone())),
        ),
        (
            "participants/0",
            Box::new(|it| it.participants[0].role = Some("x".repeat(501))),
        ),
        (
            "participants",
            Box::new(|it| it.participants = vec![it.participants[0].clone(); 201]),
        ),
        (
            "action_items/0",
            Box::new(|it| it.action_items[0].title.clear()),
        ),
        (
            "action_items/1",
            Box::new(|it| it.action_items.push(item("SEND the quote"))),
        ),
        (
            "action_items",
            Box::new(|it| it.action_items = vec![item("x"); 101]),
        ),
    ];

    for (field, spoil) in table {
        let mut of = meeting(lead_id, contact_id);
        spoil(&mut of);

        let error = refused(&house, &of).await;

        let told = error.to_string();
        assert!(matches!(error, Error::Invalid(_)), "{field}: {told}");
        assert!(
            told.starts_with(&format!("{field}: expected ")),
            "{field}: {told}"
        );
    }
    assert_eq!(house.count(LEFT).await, 0);
}

#[tokio::test]
async fn a_lead_learns_what_is_said_and_keeps_the_rest() {
    let house = House::empty().await;
    let _worker = house.worker();
    let lead_id = house.insert("lead", lead(1)).await;
    house.synced().await;
    let learnt = Learnt {
        budget_discussed: Some(true),
        decision_maker: Some(DecisionMaker::Is(true)),
        estimated_budget: Some("250000.50".parse().unwrap()),
        meeting_type: Some("demo".to_owned()),
        ..Learnt::default()
    };

    let mut tx = house.env.pool.begin().await.unwrap();
    let first = update_lead(&mut tx, lead_id, &learnt).await.unwrap();
    let job = sync_lead_of(CREATIO, lead_id, "nok");
    let jobs = house.engine().enqueue_in(&mut tx, &[job]).await.unwrap();
    let again = update_lead(&mut tx, lead_id, &learnt).await.unwrap();
    tx.commit().await.unwrap();
    house.end_of(jobs[0].id).await;

    assert_eq!(first.changes["budget"], json!(["1500.50", "250000.50"]));
    assert_eq!(first.changes.len(), 4, "{first:?}");
    assert!(again.changes.is_empty(), "{again:?}");
    let there = house.there(Sort::Lead, lead_id).await;
    let role = house.vendor.lookup("ContactDecisionRole", "Decision maker");
    assert_eq!(
        (
            &there["Budget"],
            &there["Contact"],
            &there["DecisionRoleId"]
        ),
        (
            &json!("250000.5"),
            &json!("Ann 1"),
            &json!(role.unwrap().to_string())
        )
    );
    let row = house.row("lead", lead_id).await;
    assert_eq!(
        row["custom"],
        json!({"budget_discussed": true, "meeting_type": "demo"})
    );
}

#[tokio::test]
async fn no_takes_away_the_role_of_who_decides_and_no_other() {
    let house = House::empty().await;
    let lead_id = house.insert("lead", lead(1)).await;
    let says = async |who| {
        let learnt = Learnt {
            decision_maker: Some(who),
            ..Learnt::default()
        };
        let mut tx = house.env.pool.begin().await.unwrap();
        update_lead(&mut tx, lead_id, &learnt).await.unwrap();
        tx.commit().await.unwrap();
        house.row("lead", lead_id).await["decision_role"].clone()
    };

    let roles = [
        says(DecisionMaker::Is(true)).await,
        says(DecisionMaker::Is(false)).await,
        says(DecisionMaker::Role(" Influencer ".to_owned())).await,
        says(DecisionMaker::Is(false)).await,
    ];

    let expected = [
        json!("Decision maker"),
        Value::Null,
        json!("Influencer"),
        json!("Influencer"),
    ];
    assert_eq!(roles, expected);
}

#[tokio::test]
async fn what_cannot_be_learnt_is_told_with_its_field() {
    let house = House::empty().await;
    let lead_id = house.insert("lead", lead(1)).await;
    let of = |change: fn(&mut Learnt)| {
        let mut learnt = Learnt::default();
        change(&mut learnt);
        learnt
    };
    let table = [
        ("expected something", of(|_| {})),
        (
            "estimated_budget: ",
            of(|it| it.estimated_budget = Some("-1".parse().unwrap())),
        ),
        (
            "decision_maker: ",
            of(|it| it.decision_maker = Some(DecisionMaker::Role("  ".to_owned()))),
        ),
        (
            "meeting_type: ",
            of(|it| it.meeting_type = Some("x".repeat(251))),
        ),
        (
            "commentary: ",
            of(|it| it.commentary = Some("a\0b".to_owned())),
        ),
    ];

    for (begin, learnt) in table {
        let mut tx = house.env.pool.begin().await.unwrap();
        let error = update_lead(&mut tx, lead_id, &learnt).await.unwrap_err();
        assert!(
            matches!(&error, Error::Invalid(told) if told.starts_with(begin)),
            "{begin} {error}"
        );
    }
    for odd in [
        json!("much"),
        json!(true),
        json!("1e400"),
        json!(12_345_678_901_234_567_i64),
    ] {
        assert!(amount(&odd).is_err(), "{odd}");
    }
    for (good, exact) in [
        (json!(12.5), "12.5"),
        (json!(" 12345678901234567.89 "), "12345678901234567.89"),
    ] {
        assert_eq!(amount(&good).unwrap().to_string(), exact);
    }
}
