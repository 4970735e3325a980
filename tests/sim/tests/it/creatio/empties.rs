//! What is empty: as it comes back, as it is found and as it is sent.

use serde_json::{Value, json};
use sim::creatio::Empties;

use super::{Api, guid, why};

const ZERO: &str = "00000000-0000-0000-0000-000000000000";
const YEAR_ONE: &str = "0001-01-01T00:00:00Z";

#[tokio::test]
async fn what_is_empty_comes_back_as_zeroes_or_as_null() {
    for (empties, lookup, time, text) in [
        (Empties::Zeroes, json!(ZERO), json!(YEAR_ONE), json!("")),
        (Empties::Nulls, Value::Null, Value::Null, Value::Null),
    ] {
        let api = Api::with(|switches| switches.empties = empties).await;

        let made = api
            .send("POST", "Lead", &json!({"LeadName": "bare"}))
            .await
            .body;

        assert_eq!(
            (&made["OwnerId"], &made["MeetingDate"], &made["Email"]),
            (&lookup, &time, &text)
        );
        assert_eq!(
            (&made["PredictiveScore"], &made["Budget"]),
            (&json!(0), &json!(0))
        );
        assert_eq!(made["StartLeadManagementProcess"], false);
        let expand = [("$expand", "Owner"), ("$filter", "LeadName eq 'bare'")];
        assert_eq!(
            api.list("Lead", &expand).await.body["value"][0]["Owner"],
            Value::Null
        );
        let field = api
            .get(&format!("Lead({})/MeetingDate", guid(&made["Id"])))
            .await;
        assert_eq!(field.status, if time.is_null() { 204 } else { 200 });
    }
}

#[tokio::test]
async fn a_filter_by_null_finds_what_is_empty() {
    for empties in [Empties::Zeroes, Empties::Nulls] {
        let api = Api::with(|switches| switches.empties = empties).await;
        api.send("POST", "Lead", &json!({"LeadName": "bare"})).await;
        for filter in [
            "OwnerId eq null",
            "OwnerId eq 00000000-0000-0000-0000-000000000000",
        ] {
            assert_eq!(api.found("Lead", filter).await.len(), 1, "{filter}");
        }
        assert_eq!(api.found("Lead", "OwnerId ne null").await.len(), 25);
        assert_eq!(
            api.found("Lead", "DecisionDate lt 2030-01-01T00:00:00Z")
                .await
                .len(),
            6
        );
        assert_eq!(api.found("Lead", "Owner/Name eq null").await.len(), 1);
    }
}

#[tokio::test]
async fn zeroes_that_are_sent_back_break_the_database_or_mean_null() {
    for accepts in [false, true] {
        let api = Api::with(|switches| switches.accepts_empties = accepts).await;
        let id = api.first("Lead");
        let patch = async |body: Value| api.send("PATCH", &format!("Lead({id})"), &body).await;

        let lookup = patch(json!({"OwnerId": ZERO})).await;
        let time = patch(json!({"MeetingDate": YEAR_ONE})).await;
        let null = patch(json!({"SalesOwnerId": null, "DecisionDate": null})).await;

        assert_eq!(null.status, 204);
        if accepts {
            assert_eq!((lookup.status, time.status), (204, 204));
            assert_eq!(
                api.simulator.record("Lead", id).unwrap()["OwnerId"],
                Value::Null
            );
        } else {
            assert_eq!((lookup.status, time.status), (500, 500));
            assert!(why(&lookup).contains("FOREIGN KEY"));
            assert!(why(&time).contains("SqlDateTime overflow"));
        }
    }
}
