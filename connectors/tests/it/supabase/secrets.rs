//! No key, and nothing of a person, is in a log line, an error or a `Debug`.

use std::error::Error as _;
use std::time::Duration;

use connectors::supabase::CustomerBy;
use serde_json::json;
use sim::supabase::Change;
use sim::wire::{Fault, Kind};

use super::{Bed, walk};
use crate::capture::Lines;

const CANARY: &str = "canary";

/// What makes each sort of error.
fn faults() -> Vec<Option<Fault>> {
    vec![
        None,
        Some(Fault::json(
            400,
            json!({"code": "P0001", "message": CANARY, "details": CANARY}),
        )),
        Some(Fault::json(400, json!({"code": CANARY, "message": CANARY}))),
        Some(Fault::json(200, json!({"name": CANARY}))),
        Some(Fault::status(500)),
        Some(Fault::status(302)),
        Some(Fault::new(Kind::CutReply { after_bytes: 30 })),
        Some(Fault::new(Kind::MalformedJson)),
        Some(Fault::new(Kind::Silence)),
    ]
}

#[tokio::test]
async fn neither_keys_nor_people_are_ever_shown() {
    let lines = Lines::default();
    let _listening = lines.listen();
    let mut shown = String::new();
    for fault in faults() {
        let mut bed = Bed::new(3).await;
        bed.http.request_timeout = Duration::from_millis(200);
        let key = bed.key.clone();
        let row = json!({
            "customer_name": CANARY, "contact_number": "0811111111", "email": "canary@example.test",
            "stable_hash_id": "h",
        });
        let table = "customers".to_owned();
        bed.sim.change(Change::AddRow { table, row }).unwrap();
        let client = bed.client();
        shown += &format!("{client:?} {:?}", CustomerBy::Email(CANARY));
        if let Some(fault) = fault {
            bed.sim.inject(fault);
        }

        let pages = walk(&client).await;
        let found = client
            .find_customers(CustomerBy::Email("canary@example.test"))
            .await;
        let packages = client.packages_of("h").await;

        if let Ok(pages) = &pages {
            let decoded = pages[0].items[0].decoded.clone();
            shown += &format!("{pages:?} {decoded:?}");
        }
        shown += &format!("{found:?} {packages:?}");
        let errors = [pages.err(), found.err(), packages.err()];
        for error in errors.into_iter().flatten() {
            shown += &format!("{error} {error:?} {:?}", error.source());
        }
        assert!(!shown.contains(&key), "{shown}");
        assert!(!lines.text().contains(&key));
    }

    let logged = lines.text();
    assert!(logged.contains("got reply"), "nothing was logged");
    for person in [CANARY, "0811111111"] {
        assert!(!shown.contains(person), "{shown}");
    }
    // The transport's own log at TRACE has addresses; what we log ourselves has none.
    let ours = logged.lines().filter(|line| line.contains("connectors::"));
    assert!(ours.clone().count() > 0);
    for line in ours {
        assert!(!line.contains(CANARY), "{line}");
    }
}
