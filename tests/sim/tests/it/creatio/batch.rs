//! `$batch`, in both its forms.

use serde_json::{Value, json};
use sim::creatio::Guid;
use sim::wire::{Fault, Kind};

use super::Api;
use crate::support::{Answer, read};

fn part(id: &str, method: &str, url: &str, body: &Value) -> Value {
    json!({"id": id, "method": method, "url": url, "headers": {"Content-Type": "application/json"}, "body": body})
}

fn create(id: &str, name: &str) -> Value {
    part(id, "POST", "Lead", &json!({"LeadName": name}))
}

fn wrong(id: &str) -> Value {
    part(id, "POST", "Lead", &json!({"CountryId": "Canada"}))
}

impl Api {
    async fn batch(&self, parts: &[Value], goes_on: bool) -> Answer {
        let request = self
            .request("POST", "$batch")
            .json(&json!({"requests": parts}));
        let request = if goes_on {
            request.header("prefer", "continue-on-error")
        } else {
            request
        };
        read(request.send().await.unwrap()).await
    }

    fn leads(&self) -> usize {
        self.simulator.count("Lead") - 25
    }
}

/// The id and status of each reply.
fn replies(answer: &Answer) -> Vec<(String, u64)> {
    let responses = answer.body["responses"].as_array();
    let responses = responses.unwrap_or_else(|| panic!("no batch: {}", answer.text));
    responses
        .iter()
        .map(|reply| {
            (
                reply["id"].as_str().unwrap().to_owned(),
                reply["status"].as_u64().unwrap(),
            )
        })
        .collect()
}

fn pairs(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    expected
        .iter()
        .map(|(id, status)| ((*id).to_owned(), *status))
        .collect()
}

#[tokio::test]
async fn a_batch_is_200_and_each_part_has_its_own_status() {
    let api = Api::start().await;
    let id = api.first("Lead");
    let root = api.simulator.url();
    let parts = [
        create("a", "one"),
        part("b", "PATCH", &format!("Lead({id})"), &json!({"Zip": "1"})),
        part(
            "c",
            "PATCH",
            &format!("/0/odata/Lead/{id}"),
            &json!({"Dear": "Mx"}),
        ),
        part(
            "d",
            "GET",
            &format!("{root}/Lead({id})?$select=Zip,Dear"),
            &Value::Null,
        ),
        part("e", "get", "Lead/$count", &Value::Null),
        part(
            "f",
            "DELETE",
            &format!("Lead({})", Guid::ZERO),
            &Value::Null,
        ),
    ];

    let answer = api.batch(&parts, true).await;

    assert_eq!(answer.status, 200, "{}", answer.text);
    let expected = [
        ("a", 201),
        ("b", 204),
        ("c", 204),
        ("d", 200),
        ("e", 200),
        ("f", 404),
    ];
    assert_eq!(replies(&answer), pairs(&expected));
    let responses = &answer.body["responses"];
    assert_eq!(responses[0]["body"]["LeadName"], "one");
    let media = &responses[0]["headers"]["content-type"];
    assert_eq!(media, "application/json; odata.metadata=minimal");
    assert_eq!(responses[0]["headers"]["odata-version"], "4.0");
    assert_eq!(responses[1].get("body"), None);
    assert_eq!(
        (&responses[3]["body"]["Zip"], &responses[3]["body"]["Dear"]),
        (&json!("1"), &json!("Mx"))
    );
    assert_eq!(responses[4]["body"], 26);
}

#[tokio::test]
async fn the_first_failure_ends_a_batch_unless_the_outer_request_says_to_go_on() {
    for goes_on in [false, true] {
        let api = Api::start().await;
        let mut hopeful = wrong("2");
        hopeful["headers"]["Prefer"] = json!("continue-on-error");
        let parts = [create("1", "a"), hopeful, create("3", "b")];

        let answer = api.batch(&parts, goes_on).await;

        let expected: &[(&str, u64)] = if goes_on {
            &[("1", 201), ("2", 400), ("3", 201)]
        } else {
            &[("1", 201), ("2", 400)]
        };
        assert_eq!((answer.status, replies(&answer)), (200, pairs(expected)));
        let why = &answer.body["responses"][1]["body"]["error"]["innererror"]["message"];
        assert!(why.as_str().unwrap().contains("'Canada'"));
        assert_eq!(api.leads(), expected.len() - 1);
    }
}

#[tokio::test]
async fn a_batch_has_at_most_a_hundred_requests() {
    let api = Api::start().await;
    let parts: Vec<Value> = (0..101).map(|nth| create(&nth.to_string(), "x")).collect();

    let over = api.batch(&parts, true).await;
    let full = api.batch(&parts[..100], true).await;

    assert_eq!((over.status, replies(&full).len()), (400, 100));
    assert_eq!(api.leads(), 100);
}

#[tokio::test]
async fn what_is_no_batch_is_refused() {
    let api = Api::start().await;
    for body in ["", "{", "{}", "{\"requests\":[{\"id\":\"1\"}]}"] {
        let request = api
            .request("POST", "$batch")
            .header("content-type", "application/json");
        let answer = read(request.body(body).send().await.unwrap()).await;

        assert_eq!(answer.status, 400, "{body}");
    }
    assert_eq!(api.get("$batch").await.status, 405);
    let nested = [part("1", "POST", "$batch", &json!({"requests": []}))];
    assert_eq!(
        replies(&api.batch(&nested, true).await),
        pairs(&[("1", 405)])
    );
}

#[tokio::test]
async fn groups_happen_part_by_part_or_all_or_not_at_all() {
    for (atomic, statuses, made) in [(false, [201, 400, 201], 2), (true, [424, 400, 201], 1)] {
        let api = Api::with(|switches| switches.atomic_groups = atomic).await;
        let (mut first, mut second) = (create("1", "a"), wrong("2"));
        first["atomicityGroup"] = json!("g");
        second["atomicityGroup"] = json!("g");

        let answer = api.batch(&[first, second, create("3", "b")], true).await;

        let given: Vec<u64> = replies(&answer)
            .into_iter()
            .map(|(_, status)| status)
            .collect();
        assert_eq!(given, statuses);
        assert_eq!((api.leads(), api.simulator.saves().len()), (made, made));
    }
}

#[tokio::test]
async fn replies_may_come_in_another_order() {
    let api = Api::with(|switches| switches.batch_replies_reversed = true).await;

    let answer = api.batch(&[create("1", "a"), wrong("2")], true).await;

    assert_eq!(replies(&answer), pairs(&[("2", 400), ("1", 201)]));
}

#[tokio::test]
async fn a_short_reply_hides_parts_that_were_carried_out() {
    let api = Api::start().await;
    api.simulator.inject(
        Fault::new(Kind::ShortBatch { keep: 1 })
            .on_path("$batch")
            .times(1),
    );
    let parts = [create("1", "a"), create("2", "b"), create("3", "c")];

    let answer = api.batch(&parts, true).await;

    assert_eq!(
        (answer.status, replies(&answer)),
        (200, pairs(&[("1", 201)]))
    );
    assert_eq!(api.leads(), 3);
    assert_eq!(replies(&api.batch(&parts, true).await).len(), 3);
}

impl Api {
    async fn multipart(&self, body: &str) -> Answer {
        let media = "multipart/mixed; boundary=batch_a685";
        let request = self.request("POST", "$batch").header("content-type", media);
        let request = request.header("prefer", "continue-on-error");
        read(request.body(body.to_owned()).send().await.unwrap()).await
    }
}

fn changeset(second: &str) -> String {
    let first = "{\"LeadName\": \"one\"}";
    let part = |id: u8, body: &str| {
        format!(
            "--changeset_06da\nContent-Type: application/http\nContent-Transfer-Encoding: binary\n\n\
             POST Lead HTTP/1.1\nContent-ID: {id}\nContent-Type: application/json\n\n{body}\n\n"
        )
    };
    format!(
        "--batch_a685\nContent-Type: multipart/mixed; boundary=changeset_06da\n\n{}{}\
         --changeset_06da--\n--batch_a685\nContent-Type: application/http\n\n\
         GET Lead/$count HTTP/1.1\nAccept: text/plain\n\n\n--batch_a685--\n",
        part(1, first),
        part(2, second)
    )
}

#[tokio::test]
async fn a_multipart_batch_is_answered_in_its_own_form() {
    let api = Api::start().await;

    let answer = api.multipart(&changeset("{\"LeadName\": \"two\"}")).await;

    let media = answer.headers["content-type"].to_str().unwrap();
    assert!(
        media.starts_with("multipart/mixed; boundary=batchresponse_"),
        "{media}"
    );
    assert_eq!(
        answer.text.matches("HTTP/1.1 201 Created\r\n").count(),
        2,
        "{}",
        answer.text
    );
    assert!(answer.text.contains("Content-ID: 2\r\n"));
    assert!(answer.text.contains("HTTP/1.1 200 OK\r\n"));
    assert!(answer.text.contains("\r\n\r\n27\r\n"), "{}", answer.text);
    assert_eq!(api.leads(), 2);
}

#[tokio::test]
async fn a_changeset_that_fails_is_one_reply_where_changesets_are_atomic() {
    for (atomic, replies, made) in [(false, 3, 1), (true, 2, 0)] {
        let api = Api::with(|switches| switches.atomic_groups = atomic).await;

        let answer = api
            .multipart(&changeset("{\"CountryId\": \"Canada\"}"))
            .await;

        assert_eq!(
            answer.text.matches("HTTP/1.1 ").count(),
            replies,
            "{}",
            answer.text
        );
        assert!(answer.text.contains("HTTP/1.1 400 Bad Request"));
        assert_eq!(api.leads(), made);
    }
}

#[tokio::test]
async fn a_multipart_body_that_breaks_off_is_refused() {
    let api = Api::start().await;
    let whole = changeset("{}");
    for body in [
        "",
        "--batch_a685",
        &whole[..whole.len() - 10],
        &whole.replace("POST Lead", "POST"),
    ] {
        assert_eq!(api.multipart(body).await.status, 400, "{body}");
    }
    assert_eq!(api.leads(), 0);
}
