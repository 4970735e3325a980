//! No token, no secret of a client and no value of a record is in a log line, an error or a `Debug`.

use std::error::Error as _;
use std::time::Duration;

use serde_json::json;
use sim::creatio::Config as SimConfig;
use sim::wire::{Fault, Kind};
use uuid::Uuid;

use super::{Bed, contacts, create, update, walk};
use crate::capture::Lines;

const CANARY: &str = "canary-of-a-secret";

#[tokio::test]
async fn no_secret_and_no_value_is_ever_shown() {
    let lines = Lines::default();
    let _listening = lines.listen();
    let said = json!({"error": {"code": "", "message": CANARY, "innererror": {"message": format!("'{CANARY}'")}}});
    let faults = [
        None,
        Some(Fault::json(400, said.clone())),
        Some(Fault::json(500, said)),
        Some(Fault::json(
            200,
            json!({"value": CANARY, "responses": CANARY}),
        )),
        Some(Fault::json(
            200,
            json!({"error": CANARY, "access_token": CANARY}),
        )),
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
            ..SimConfig::default()
        })
        .await;
        bed.http.request_timeout = Duration::from_millis(200);
        let client = bed.client();
        let write = [
            create(
                Uuid::from_u128(1),
                json!({"Name": CANARY, "CountryId": CANARY}),
            ),
            update(Uuid::from_u128(2), json!({"Email": CANARY})),
        ];
        shown += &format!("{client:?} {:?} {write:?}", bed.identity());
        if let Some(fault) = fault {
            bed.sim.inject(fault);
        }

        shown += &format!("{:?}", client.write(&write).await);
        let ended = [
            walk(&client, &contacts(), None).await.map(|_| ()),
            client.metadata().await.map(|_| ()),
            client.lookup("LeadStatus").await.map(|_| ()),
            client
                .read(&contacts(), &[Uuid::from_u128(1)])
                .await
                .map(|_| ()),
        ];

        for error in ended.into_iter().filter_map(Result::err) {
            shown += &format!("{error} {error:?} {:?}", error.source());
        }
    }

    let logged = lines.text();
    assert!(logged.contains("got reply"), "nothing was logged");
    for text in [logged, shown] {
        assert!(
            !text.contains(CANARY) && !text.contains("sim-access"),
            "{text}"
        );
    }
}
