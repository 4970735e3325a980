//! The limits of a site, and what it hides.

use std::time::Duration;

use connectors::Verdict;
use connectors::creatio::Looked;
use connectors::page::Next;
use serde_json::json;
use sim::creatio::{Change, Guid, NoRight, OverMaxRows, Right, Switches, Throttle};
use sim::wire::{Fault, Kind};
use uuid::Uuid;

use super::writes::words;
use super::{Bed, USERS, contacts, create, ids_of, update, walk};

#[tokio::test]
async fn a_throttle_is_waited_for_as_it_says_and_leaves_writes_unsent_or_unknown() {
    let seconds = |after| Verdict::Throttled {
        after: Some(Duration::from_secs(after)),
    };
    for (status, retry_after_s, read, written) in [
        (429, Some(7), seconds(7), Ok(seconds(7))),
        (429, None, seconds(10), Ok(seconds(10))),
        (503, Some(7), seconds(7), Err("unknown")),
        (503, None, Verdict::Retry, Err("unknown")),
    ] {
        let throttle = Some(Throttle {
            per_minute: 0,
            status,
            retry_after_s,
        });
        let bed = Bed::with(
            USERS,
            Switches {
                throttle,
                ..Switches::default()
            },
        )
        .await;
        let shown = format!("{status} {retry_after_s:?}");

        let page = bed
            .client()
            .page(&contacts(), None, None)
            .await
            .unwrap_err();
        let write = bed
            .client()
            .write(&[create(Uuid::from_u128(1), json!({"Name": "Ada"}))])
            .await;

        assert_eq!(page.verdict(), read, "{shown}");
        match (write, written) {
            (Err(error), Ok(verdict)) => assert_eq!(error.verdict(), verdict, "{shown}"),
            (Ok(ends), Err(word)) => assert_eq!(words(&ends), [word], "{shown}"),
            (write, _) => panic!("{shown}: {write:?}"),
        }
    }
}

#[tokio::test]
async fn a_refusal_stops_the_whole_budget_for_its_wait() {
    let throttle = Some(Throttle {
        per_minute: 1,
        status: 429,
        retry_after_s: Some(30),
    });
    let bed = Bed::with(
        USERS,
        Switches {
            throttle,
            ..Switches::default()
        },
    )
    .await;
    let client = bed.client();
    client.page(&contacts(), None, None).await.unwrap();
    client.page(&contacts(), None, None).await.unwrap_err();

    let error = client.page(&contacts(), None, None).await.unwrap_err();

    assert!(matches!(
        error.verdict(),
        Verdict::Throttled { after: Some(_) }
    ));
    assert_eq!(bed.calls("/Contact"), 2, "the third was never sent");
}

#[tokio::test]
async fn a_batch_that_meets_a_busy_site_is_unknown_and_stops_the_whole_budget() {
    for (retry_after, is_stopped) in [(Some("30"), true), (None, false)] {
        let bed = Bed::new(USERS).await;
        let fault = Fault::new(Kind::Status {
            status: 503,
            retry_after: retry_after.map(str::to_owned),
            body: None,
        });
        bed.sim.inject(fault.on_path("$batch").times(1));
        let client = bed.client();

        let ends = client
            .write(&[create(Uuid::from_u128(1), json!({"Name": "Ada"}))])
            .await
            .unwrap();
        let look = client.page(&contacts(), None, None).await;

        assert_eq!(words(&ends), ["unknown"], "{retry_after:?}");
        match is_stopped {
            true => assert!(matches!(
                look.unwrap_err().verdict(),
                Verdict::Throttled { after: Some(wait) } if wait > Duration::from_secs(20)
            )),
            false => assert!(look.is_ok(), "a 503 that names no wait stops nothing"),
        }
        let looks = bed.calls("/Contact");
        assert_eq!(
            looks,
            usize::from(!is_stopped),
            "a stopped call is not sent"
        );
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_forbidden_or_nothing_but_never_an_end() {
    for (no_right, looked) in [
        (NoRight::Forbidden, "forbidden"),
        (NoRight::Empty, "missing"),
    ] {
        let bed = Bed::with(
            45,
            Switches {
                no_right,
                ..Switches::default()
            },
        )
        .await;
        let client = bed.client();
        let id = bed.true_ids("Contact").pop_first().unwrap();
        bed.sim
            .change(Change::deny("Contact", None, Right::Read))
            .unwrap();

        let page = client.page(&contacts(), None, None).await;
        let look = client
            .read(&contacts(), &[id.parse().unwrap()])
            .await
            .unwrap();
        let write = client
            .write(&[update(
                id.parse().unwrap(),
                json!({"Email": "x@example.com"}),
            )])
            .await;

        match (page, no_right) {
            (Err(error), NoRight::Forbidden) => assert_eq!(error.verdict(), Verdict::Forbidden),
            (Ok(page), NoRight::Empty) => {
                assert_eq!((page.next, page.items.len()), (Next::Unclear, 0));
            }
            (page, _) => panic!("{page:?}"),
        }
        match &look[0] {
            Looked::Missing => assert_eq!(looked, "missing"),
            Looked::Unknown(error) => {
                assert_eq!((error.verdict(), looked), (Verdict::Forbidden, "forbidden"));
            }
            Looked::Here(_) => panic!("it is not to be seen"),
        }
        assert_eq!(words(&write.unwrap()), ["rejected 403"]);
    }
}

#[tokio::test]
async fn a_record_that_is_hidden_while_a_walk_is_under_way_leaves_it_unproven() {
    let bed = Bed::new(45).await;
    let client = bed.client();
    let all = ids_of(&walk(&client, &contacts(), None).await.unwrap());
    let Next::More(cursor) = client.page(&contacts(), None, None).await.unwrap().next else {
        panic!("it must go on");
    };
    let id = Guid::parse(&all[40]).unwrap();
    bed.sim
        .change(Change::deny("Contact", Some(id), Right::Read))
        .unwrap();

    let mut cursor = cursor;
    let next = loop {
        match client
            .page(&contacts(), Some(&cursor), None)
            .await
            .unwrap()
            .next
        {
            Next::More(more) => cursor = more,
            other => break other,
        }
    };

    assert_eq!(next, Next::Unclear);
}

#[tokio::test]
async fn a_row_limit_below_the_page_is_gone_on_from_or_a_wrong_setting() {
    for (over_max_rows, counts) in [
        (OverMaxRows::Cut, true),
        (OverMaxRows::Cut, false),
        (OverMaxRows::Fail, true),
    ] {
        let switches = Switches {
            max_rows: 7,
            over_max_rows,
            counts,
            ..Switches::default()
        };
        let mut bed = Bed::with(45, switches).await;

        let walked = walk(&bed.client(), &contacts(), None).await;

        match (walked, over_max_rows) {
            (Ok(pages), OverMaxRows::Cut) => {
                assert_eq!(ids_of(&pages).len(), 45);
                assert_eq!(pages.last().unwrap().next, Next::End);
            }
            (Err(error), OverMaxRows::Fail) => assert_eq!(error.verdict(), Verdict::Misconfigured),
            (walked, _) => panic!("{walked:?}"),
        }
        bed.page_size = 7;
        assert_eq!(
            ids_of(&walk(&bed.client(), &contacts(), None).await.unwrap()).len(),
            45
        );
    }
}
