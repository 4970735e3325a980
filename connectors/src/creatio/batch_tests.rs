use super::*;

const ID_TEXT: &str = "3b9f1667-165a-4dbf-b422-4d490c214605";

fn create() -> Write {
    let fields = Map::from_iter([("Email".to_owned(), Value::from("canary@example.com"))]);
    Write {
        set: "Lead".to_owned(),
        id: Uuid::parse_str(ID_TEXT).unwrap(),
        verb: Verb::Create(fields),
    }
}

fn with(verb: Verb) -> Write {
    Write { verb, ..create() }
}

fn error(message: &str) -> Value {
    json!({"error": {"code": "", "message": "An error has occurred.", "innererror": {
        "message": "An error has occurred.", "internalexception": {"message": message},
    }}})
}

/// How one write ends whose part is answered so.
fn ended(write: &Write, status: u16, body: &Value) -> Written {
    let call = writes(std::slice::from_ref(write)).unwrap();
    let answer = json!({"responses": [{"id": "0", "status": status, "body": body}]});
    let mut ends = written(
        &call,
        answer.to_string().as_bytes(),
        std::slice::from_ref(write),
    );
    ends.pop().unwrap()
}

fn word(end: &Written) -> String {
    match end {
        Written::Done(Some(_)) => "done with a record".to_owned(),
        Written::Done(None) => "done".to_owned(),
        Written::Exists => "exists".to_owned(),
        Written::Missing => "missing".to_owned(),
        Written::Rejected { code, .. } => format!("rejected {code}"),
        Written::Retry(_) => "retry".to_owned(),
        Written::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn every_reply_to_a_write_has_its_end() {
    let update = with(Verb::Update(Map::new()));
    let delete = with(Verb::Delete);
    let made = json!({"Id": ID_TEXT, "Email": "canary@example.com"});
    let taken = error(
        "Violation of PRIMARY KEY constraint 'PKLeadId'. Cannot insert duplicate key in object 'dbo.Lead'.",
    );
    let postgres = error("23505: duplicate key value violates unique constraint \"PKLead\"");
    let other_key = error("duplicate key value violates unique constraint \"IXLeadEmail\"");
    let nothing = Value::Null;
    for (write, status, body, expected) in [
        (&create(), 201, &made, "done with a record"),
        (&create(), 204, &nothing, "done"),
        (&create(), 201, &json!({"odd": 1}), "done"),
        (&create(), 409, &nothing, "exists"),
        (&create(), 400, &taken, "exists"),
        (&create(), 500, &taken, "exists"),
        (&create(), 500, &postgres, "exists"),
        (&create(), 500, &other_key, "rejected duplicate"),
        (&create(), 404, &nothing, "rejected 404"),
        (&create(), 500, &json!("<html>"), "unknown"),
        (&create(), 500, &error("A process failed"), "unknown"),
        (
            &create(),
            500,
            &error("conflicted with the FOREIGN KEY constraint"),
            "rejected foreign_key",
        ),
        (
            &create(),
            400,
            &error("Cannot convert the literal 'x'"),
            "rejected 400",
        ),
        (&create(), 403, &nothing, "rejected 403"),
        (&create(), 401, &nothing, "retry"),
        (&create(), 424, &nothing, "retry"),
        (&create(), 429, &nothing, "retry"),
        (&create(), 408, &nothing, "unknown"),
        (&create(), 503, &nothing, "unknown"),
        (&create(), 302, &nothing, "unknown"),
        (&update, 204, &nothing, "done"),
        (&update, 404, &nothing, "missing"),
        (&update, 410, &nothing, "missing"),
        (&update, 409, &nothing, "rejected 409"),
        (
            &update,
            500,
            &error("must be filled in"),
            "rejected required",
        ),
        (&delete, 200, &nothing, "done"),
        (&delete, 404, &nothing, "missing"),
        (
            &delete,
            500,
            &error("conflicted with the REFERENCE constraint"),
            "rejected referenced",
        ),
    ] {
        let end = ended(write, status, body);

        assert_eq!(
            word(&end),
            expected,
            "{write:?} answered by {status} {body}"
        );
        assert!(!format!("{end:?}{write:?}").contains("canary"), "{write:?}");
    }
}

#[test]
fn a_part_that_is_not_answered_once_is_unknown() {
    let three = [create(), create(), create()];
    let call = writes(&three).unwrap();
    let answer = json!({"responses": [
        {"id": 2, "status": 204}, {"id": "0", "status": 204}, {"id": "0", "status": 400}, {"id": "x", "status": 204},
        {"status": 204}, "odd",
    ]});

    let ends = written(&call, answer.to_string().as_bytes(), &three);

    let words: Vec<String> = ends.iter().map(word).collect();
    assert_eq!(words, ["unknown", "unknown", "done"]);
    for broken in [
        "",
        "{",
        "[]",
        "<html>",
        "{\"error\":{}}",
        "{\"responses\":7}",
    ] {
        let ends = written(&call, broken.as_bytes(), &three);

        assert!(
            ends.iter().all(|end| matches!(end, Written::Unknown)),
            "{broken}"
        );
        assert_eq!(ends.len(), 3);
    }
}

#[test]
fn a_batch_names_its_parts_and_holds_no_more_than_a_hundred() {
    let too_many: Vec<Write> = (0..101).map(|_| create()).collect();
    assert!(writes(&too_many).is_err());
    assert!(looks(&Ask::new("Lead", []), &[Uuid::nil(); 101]).is_err());
    assert!(writes(&too_many[..100]).is_ok());

    let bad = Map::from_iter([("Email?$x".to_owned(), Value::Null)]);
    assert!(writes(&[with(Verb::Update(bad))]).is_err());
}

#[test]
fn a_look_is_here_only_if_it_is_what_was_asked_for() {
    let (ask, id) = (
        Ask::new("Lead", ["Email"]),
        Uuid::parse_str(ID_TEXT).unwrap(),
    );
    let call = looks(&ask, &[id]).unwrap();
    let look = |status: u16, body: Value| {
        let answer = json!({"responses": [{"id": "0", "status": status, "body": body}]});
        let looked = looked(&call, answer.to_string().as_bytes(), &ask, &[id]);
        match looked.unwrap().pop().unwrap() {
            Looked::Here(_) => "here",
            Looked::Missing => "missing",
            Looked::Unknown(_) => "unknown",
        }
    };

    assert_eq!(look(200, json!({"Id": ID_TEXT, "Email": ""})), "here");
    assert_eq!(
        look(200, json!({"Id": Uuid::from_u128(7), "Email": ""})),
        "unknown"
    );
    assert_eq!(look(200, json!({"Id": ID_TEXT})), "unknown");
    assert_eq!(look(200, Value::Null), "unknown");
    for (status, expected) in [(404, "missing"), (410, "missing"), (204, "unknown")] {
        assert_eq!(look(status, Value::Null), expected, "{status}");
    }
    for status in [400, 401, 403, 429, 500, 503] {
        assert_eq!(look(status, Value::Null), "unknown", "{status}");
    }
}
