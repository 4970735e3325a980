//! Creates, changes and deletions, and what the vendor makes of them.

use std::time::Duration;

use serde_json::{Value, json};
use sim::creatio::{Change, DuplicateId, Guid, OverLength, TimePrecision, Verb};

use super::{Api, guid, why};

const CHOSEN: &str = "7c0a2a52-5f0e-5b4e-9a51-0d6a3f6f2b11";

#[tokio::test]
async fn a_create_gives_the_whole_record_and_who_made_it_when() {
    let api = Api::start().await;
    api.simulator.advance(Duration::from_secs(3_600));

    let lead = json!({"LeadName": "ACME", "CreatedOn": "2020-01-01T00:00:00Z", "Budget": 1234.5});
    let made = api.send("POST", "Lead", &lead).await;

    assert_eq!(made.status, 201, "{}", made.text);
    let id = guid(&made.body["Id"]);
    let location = made.headers["location"].to_str().unwrap();
    assert_eq!(location, format!("{}/Lead({id})", api.simulator.url()));
    let context = made.body["@odata.context"].as_str().unwrap();
    assert!(context.ends_with("/$metadata#Lead/$entity"), "{context}");
    assert!(
        made.body["CreatedOn"]
            .as_str()
            .unwrap()
            .starts_with("2026-01-01T01:00:0")
    );
    assert_eq!(made.body["ModifiedOn"], made.body["CreatedOn"]);
    let technical = api.simulator.users().technical.to_string();
    assert_eq!(
        (&made.body["CreatedById"], &made.body["ModifiedById"]),
        (&json!(technical), &json!(technical))
    );
    assert_eq!(
        (&made.body["LeadName"], &made.body["Budget"]),
        (&json!("ACME"), &json!(1234.5))
    );
}

#[tokio::test]
async fn a_chosen_id_makes_one_record_however_often_it_is_sent() {
    for (duplicate_id, status) in [
        (DuplicateId::Http500, 500),
        (DuplicateId::Http400, 400),
        (DuplicateId::Http409, 409),
    ] {
        let api = Api::with(|switches| switches.duplicate_id = duplicate_id).await;
        let lead = json!({"Id": CHOSEN, "LeadName": "once"});
        let first = api.send("POST", "Lead", &lead).await;
        assert_eq!((first.status, &first.body["Id"]), (201, &json!(CHOSEN)));

        let second = api.send("POST", "Lead", &lead).await;

        assert_eq!(second.status, status);
        assert!(why(&second).contains("PRIMARY KEY"), "{}", second.text);
        assert_eq!(api.simulator.count("Lead"), 26);
        assert_eq!(api.simulator.saves().len(), 1);
    }
}

#[tokio::test]
async fn a_vendor_that_chooses_ids_itself_makes_two() {
    let api = Api::with(|switches| switches.accepts_chosen_ids = false).await;
    let lead = json!({"Id": CHOSEN, "LeadName": "twice"});

    for _ in 0..2 {
        let made = api.send("POST", "Lead", &lead).await;
        assert_eq!(made.status, 201);
        assert_ne!(made.body["Id"], CHOSEN);
    }

    assert_eq!(api.simulator.count("Lead"), 27);
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_says_nothing() {
    let api = Api::start().await;
    let id = api.first("Lead");
    let before = api.simulator.record("Lead", id).unwrap();

    let patched = api
        .send("PATCH", &format!("Lead({id})"), &json!({"Zip": "10115"}))
        .await;
    let segment = api
        .send("PATCH", &format!("Lead/{id}"), &json!({"Dear": "Ms"}))
        .await;

    assert_eq!(
        (patched.status, patched.text.as_str(), segment.status),
        (204, "", 204)
    );
    let after = api.simulator.record("Lead", id).unwrap();
    let differing = before
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, value)| after[*name] != **value);
    let differing: Vec<&str> = differing.map(|(name, _)| name.as_str()).collect();
    assert_eq!(differing, ["Dear", "ModifiedById", "ModifiedOn", "Zip"]);
    let saves = api.simulator.saves();
    assert!(
        saves
            .iter()
            .all(|save| save.verb == Verb::Change && save.through_api && save.id == id)
    );
}

#[tokio::test]
async fn the_same_values_move_the_instant_of_change_or_not() {
    for touches in [true, false] {
        let api = Api::with(|switches| switches.same_values_touch = touches).await;
        let id = api.first("Lead");
        let before = api.simulator.record("Lead", id).unwrap();

        api.send(
            "PATCH",
            &format!("Lead({id})"),
            &json!({"Contact": before["Contact"]}),
        )
        .await;

        let after = api.simulator.record("Lead", id).unwrap();
        assert_eq!(before["ModifiedOn"] != after["ModifiedOn"], touches);
        assert_eq!(api.simulator.saves().len(), usize::from(touches));
    }
}

#[tokio::test]
async fn a_deleted_record_is_404_or_410_and_leaves_nothing_behind() {
    for (is_gone, missing, deleted) in [(false, 404, 204), (true, 410, 200)] {
        let api = Api::with(|switches| {
            switches.deleted_is_gone = is_gone;
            switches.delete_status = deleted;
        })
        .await;
        let made = api
            .send("POST", "Lead", &json!({"LeadName": "short"}))
            .await;
        let path = format!("Lead({})", made.body["Id"].as_str().unwrap());

        assert_eq!(
            api.send("DELETE", &path, &Value::Null).await.status,
            deleted
        );

        for method in ["GET", "PATCH", "DELETE"] {
            assert_eq!(
                api.send(method, &path, &json!({})).await.status,
                missing,
                "{method}"
            );
        }
        assert!(api.found("Lead", "LeadName eq 'short'").await.is_empty());
        let never = format!("Lead({CHOSEN})");
        assert_eq!(api.send("PATCH", &never, &json!({})).await.status, 404);
    }
}

#[tokio::test]
async fn what_others_look_up_cannot_be_deleted_and_participants_go_with_their_activity() {
    let api = Api::start().await;
    let activity = api.first("Activity");
    let person = api.simulator.users().person;

    let contact = api
        .send("DELETE", &format!("Contact({person})"), &Value::Null)
        .await;
    let meeting = api
        .send("DELETE", &format!("Activity({activity})"), &Value::Null)
        .await;

    assert_eq!((contact.status, meeting.status), (500, 204));
    assert!(why(&contact).contains("REFERENCE constraint"));
    assert_eq!(api.simulator.count("ActivityParticipant"), 14);
}

#[tokio::test]
async fn bodies_that_do_not_fit_the_type_are_refused_in_the_words_captured() {
    let api = Api::start().await;
    for (body, inner) in [
        (
            json!({"CountryId": "Canada"}),
            "item : Cannot convert the literal 'Canada' to the expected type 'Edm.Guid'.\r\n",
        ),
        (
            json!({"DecisionDate": "soon"}),
            "item : Cannot convert the literal 'soon' to the expected type 'Edm.DateTimeOffset'.\r\n",
        ),
        (
            json!({"Budget": true}),
            "item : Cannot convert the literal 'true' to the expected type 'Edm.Decimal'.\r\n",
        ),
        (
            json!({"PredictiveScore": 1.5}),
            "item : Cannot convert the literal '1.5' to the expected type 'Edm.Int32'.\r\n",
        ),
        (
            json!({"Zip": 5}),
            "item : Cannot convert the literal '5' to the expected type 'Edm.String'.\r\n",
        ),
        (
            json!({"StartLeadManagementProcess": "yes"}),
            "item : Cannot convert the literal 'yes' to the expected type 'Edm.Boolean'.\r\n",
        ),
    ] {
        let answer = api.send("POST", "Lead", &body).await;

        assert_eq!(answer.status, 400, "{body}");
        let envelope = json!({"error": {
            "code": "",
            "message": "The request is invalid.",
            "innererror": {"message": inner, "type": "", "stacktrace": ""},
        }});
        assert_eq!(answer.body, envelope);
    }
    for body in [
        json!({"QualifyStatus": "New"}),
        json!({"Status": "Planned"}),
        json!([1]),
        json!("x"),
    ] {
        let answer = api.send("POST", "Lead", &body).await;
        assert_eq!(answer.status, 400, "{body}");
    }
    assert_eq!(api.simulator.saves(), []);
}

#[tokio::test]
async fn the_database_refuses_lookups_of_nothing_and_fields_left_empty() {
    for in_envelope in [true, false] {
        let api = Api::with(|switches| switches.errors_in_envelope = in_envelope).await;
        let meeting = json!({"Title": " ", "StartDate": "2026-10-01T07:00:00Z", "DueDate": "2026-10-01T08:00:00Z"});
        let id = api.first("Contact");

        let lookup = api.send("POST", "Lead", &json!({"OwnerId": CHOSEN})).await;
        let empty = api.send("POST", "Activity", &meeting).await;
        let cleared = api
            .send("PATCH", &format!("Contact({id})"), &json!({"Name": ""}))
            .await;

        assert_eq!(
            (lookup.status, empty.status, cleared.status),
            (500, 500, 500)
        );
        if in_envelope {
            assert!(why(&lookup).contains("FOREIGN KEY constraint of column 'Lead.OwnerId'"));
            assert!(why(&empty).contains("\"Title\""));
            let kind = &lookup.body["error"]["innererror"]["internalexception"]["type"];
            assert_eq!(kind, "Terrasoft.Common.DbOperationException");
        } else {
            assert!(lookup.text.starts_with("<html>"), "{}", lookup.text);
        }
        assert_eq!(api.simulator.saves(), []);
    }
}

#[tokio::test]
async fn texts_are_stored_trimmed_and_numbers_of_telephones_bare() {
    for normal in [true, false] {
        let api = Api::with(|switches| {
            switches.trims = normal;
            switches.formats_phones = normal;
        })
        .await;
        let body = json!({"LeadName": "  ACME ", "MobilePhone": "+1 (555) 010-0199"});

        let made = api.send("POST", "Lead", &body).await;

        let (name, phone) = if normal {
            ("ACME", "+15550100199")
        } else {
            ("  ACME ", "+1 (555) 010-0199")
        };
        assert_eq!(
            (&made.body["LeadName"], &made.body["MobilePhone"]),
            (&json!(name), &json!(phone))
        );
    }
}

#[tokio::test]
async fn a_text_that_does_not_fit_is_refused_or_cut_by_characters() {
    let zip = "Ж".repeat(51);
    for over_length in [OverLength::Refuse, OverLength::Cut] {
        let api = Api::with(|switches| switches.over_length = over_length).await;

        let fits = api
            .send("POST", "Lead", &json!({"Zip": "Ж".repeat(50)}))
            .await;
        let over = api.send("POST", "Lead", &json!({"Zip": zip})).await;

        assert_eq!(fits.status, 201);
        match over_length {
            OverLength::Refuse => {
                assert_eq!(over.status, 500);
                assert!(why(&over).contains("truncated"));
            }
            OverLength::Cut => assert_eq!(over.body["Zip"], "Ж".repeat(50)),
        }
    }
}

#[tokio::test]
async fn times_are_stored_as_exactly_as_the_database_can() {
    for (precision, stored) in [
        (TimePrecision::Micros, "2026-10-01T07:00:00.123456Z"),
        (TimePrecision::Millis, "2026-10-01T07:00:00.123Z"),
        (TimePrecision::Seconds, "2026-10-01T07:00:00Z"),
    ] {
        let api = Api::with(|switches| switches.time_precision = precision).await;
        let body = json!({"DecisionDate": "2026-10-01T09:00:00.1234567+02:00"});

        let made = api.send("POST", "Lead", &body).await;

        assert_eq!(made.body["DecisionDate"], stored);
        let fraction =
            made.body["ModifiedOn"].as_str().unwrap().len() > "2026-01-01T00:00:00Z".len();
        assert!(!fraction || precision != TimePrecision::Seconds);
    }
}

#[tokio::test]
async fn decimals_keep_their_digits_and_are_texts_for_those_who_ask() {
    let api = Api::start().await;
    let digits = "12345678901234567.89";
    let request = api
        .request("POST", "Lead")
        .header("content-type", "application/json");
    let made = request.body(format!("{{\"LeadName\":\"x\",\"Budget\":{digits}}}"));
    let made = crate::support::read(made.send().await.unwrap()).await;
    assert!(
        made.text.contains(&format!("\"Budget\":{digits},")),
        "{}",
        made.text
    );
    let id = guid(&made.body["Id"]);

    let request = api.request("GET", &format!("Lead({id})"));
    let quoted = request.header("accept", "application/json;IEEE754Compatible=true");
    let quoted = crate::support::read(quoted.send().await.unwrap()).await;
    let back = api
        .send("PATCH", &format!("Lead({id})"), &json!({"Budget": "0.10"}))
        .await;

    assert_eq!((&quoted.body["Budget"], back.status), (&json!(digits), 204));
    assert_eq!(api.simulator.record("Lead", id).unwrap()["Budget"], "0.10");
}

#[tokio::test]
async fn without_etags_the_last_writer_wins_and_with_them_a_stale_one_is_412() {
    for etags in [false, true] {
        let api = Api::with(|switches| switches.etags = etags).await;
        let id = api.first("Lead");
        let path = format!("Lead({id})");
        let read = api.get(&path).await;
        let etag = read.body["@odata.etag"].as_str().map(str::to_owned);
        assert_eq!(etag.is_some(), etags);
        let theirs = Change::set("Lead", id, json!({"Zip": "theirs"}));
        api.simulator.change(theirs).unwrap();

        let request = api.request("PATCH", &path).json(&json!({"Zip": "ours"}));
        let stale = request.header("if-match", etag.unwrap_or_else(|| "W/\"1\"".to_owned()));
        let stale = stale.send().await.unwrap().status().as_u16();

        let zip = api.simulator.record("Lead", id).unwrap()["Zip"].clone();
        let expected = if etags {
            (412, json!("theirs"))
        } else {
            (204, json!("ours"))
        };
        assert_eq!((stale, zip), expected);
    }
}

#[tokio::test]
async fn a_process_of_the_vendor_may_have_the_last_word() {
    for runs in [true, false] {
        let api = Api::with(|switches| switches.process_after_save = runs).await;
        let body = json!({"LeadName": "ours", "Contact": "Kit", "Account": "ACME"});

        let made = api.send("POST", "Lead", &body).await;

        let users = api.simulator.users();
        let (name, by): (&str, Guid) = if runs {
            ("Kit / ACME", users.supervisor)
        } else {
            ("ours", users.technical)
        };
        assert_eq!(
            (&made.body["LeadName"], &made.body["ModifiedById"]),
            (&json!(name), &json!(by))
        );
        assert_eq!(made.body["ModifiedOn"] != made.body["CreatedOn"], runs);
    }
}
