//! No token and no secret of a client is in a log line, an error or a `Debug`.

use std::error::Error as _;
use std::time::Duration;

use serde_json::json;
use sim::wire::{Fault, Kind};
use sim::zoho::Config as SimConfig;

use super::{Bed, walk};
use crate::capture::Lines;

const CANARY: &str = "canary-of-a-secret";

#[tokio::test]
async fn no_secret_is_ever_shown() {
    let lines = Lines::default();
    let _listening = lines.listen();
    let faults = [
        None,
        Some(Fault::json(400, json!({"code": 4, "message": CANARY}))),
        Some(Fault::json(
            200,
            json!({"error": CANARY, "access_token": CANARY}),
        )),
        Some(Fault::json(200, json!({"code": 0, "items": CANARY}))),
        Some(Fault::status(500)),
        Some(Fault::status(302)),
        Some(Fault::new(Kind::CutReply { after_bytes: 30 })),
        Some(Fault::new(Kind::MalformedJson)),
        Some(Fault::new(Kind::Silence)),
    ];
    let mut shown = String::new();
    for fault in faults {
        let mut bed = Bed::configured(SimConfig {
            client_id: format!("id-{CANARY}"),
            client_secret: format!("secret-{CANARY}"),
            refresh_token: format!("refresh-{CANARY}"),
            ..SimConfig::default()
        })
        .await;
        bed.http.request_timeout = Duration::from_millis(200);
        let client = bed.client();
        shown += &format!("{client:?} {:?}", bed.grant());
        if let Ok(minted) = bed.accounts().refresh(&bed.grant()).await {
            shown += &format!("{minted:?}");
            assert!(!shown.contains("1000.sim-access"), "{shown}");
        }
        if let Some(fault) = fault {
            bed.sim.inject(fault);
        }

        let ended = [
            walk(&client).await.map(|_| ()),
            client.item("1").await.map(|_| ()),
        ];

        for error in ended.into_iter().filter_map(Result::err) {
            shown += &format!("{error} {error:?} {:?}", error.source());
        }
    }

    let logged = lines.text();
    assert!(logged.contains("got reply"), "nothing was logged");
    assert!(
        !logged.contains(CANARY) && !logged.contains("1000.sim-access"),
        "{logged}"
    );
    assert!(
        !shown.contains(CANARY) && !shown.contains("1000.sim-access"),
        "{shown}"
    );
}
