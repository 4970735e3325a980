//! Each fault of the vendor or of the wire, and its verdict on a read.

use std::time::Duration;

use connectors::Verdict;
use connectors::budget::SharedBucket;
use sim::soundtrack::{Fault, FaultKind, Missing, Switches, UnauthenticatedBody};

use super::{Bed, walk};

async fn verdict(bed: &Bed) -> Verdict {
    walk(&bed.client(), &bed.account())
        .await
        .unwrap_err()
        .verdict()
}

#[tokio::test]
async fn each_fault_has_its_verdict() {
    let null_data = |message: &str| FaultKind::NullData {
        message: message.to_owned(),
    };
    let table = [
        (FaultKind::Unauthenticated, Verdict::AuthRevoked),
        (FaultKind::Forbidden, Verdict::Forbidden),
        (null_data("Internal server error"), Verdict::Retry),
        (
            null_data("Field 'timezone' does not exist on type 'Schedule'."),
            Verdict::SchemaDrift,
        ),
        (null_data("Forbidden"), Verdict::Forbidden),
        (
            FaultKind::HttpStatus { status: 302 },
            Verdict::Misconfigured,
        ),
        (FaultKind::HttpStatus { status: 400 }, Verdict::SchemaDrift),
        (FaultKind::HttpStatus { status: 403 }, Verdict::Forbidden),
        (
            FaultKind::HttpStatus { status: 404 },
            Verdict::Misconfigured,
        ),
        (FaultKind::HttpStatus { status: 500 }, Verdict::Retry),
        (FaultKind::HttpStatus { status: 502 }, Verdict::Retry),
        (FaultKind::HttpStatus { status: 503 }, Verdict::Retry),
        (FaultKind::CutReply { after_bytes: 0 }, Verdict::Retry),
        (FaultKind::CutReply { after_bytes: 40 }, Verdict::Retry),
        (FaultKind::MalformedJson, Verdict::Retry),
    ];
    for (kind, expected) in table {
        let bed = Bed::unlimited(5).await;
        bed.sim.inject(Fault::new(kind.clone()));

        assert_eq!(verdict(&bed).await, expected, "{kind:?}");
    }
    // Without a level in the refusal the bucket waits as the vendor's own client does.
    let bed = Bed::unlimited(5).await;
    bed.sim.set_switches(Switches {
        rate_headers: sim::soundtrack::RateHeaders::GraphqlOnly,
        ..bed.sim.switches()
    });
    bed.sim
        .inject(Fault::new(FaultKind::HttpStatus { status: 429 }));
    let Verdict::Throttled { after: Some(after) } = verdict(&bed).await else {
        panic!("a 429 is not throttled");
    };
    assert!(
        (Duration::from_secs(9)..=Duration::from_secs(10)).contains(&after),
        "{after:?}"
    );
}

#[tokio::test]
async fn a_fault_in_the_middle_of_a_walk_is_not_an_end() {
    let mut bed = Bed::unlimited(30).await;
    bed.page_size = 10;
    bed.sim.inject(
        Fault::new(FaultKind::HttpStatus { status: 502 })
            .after(2)
            .times(1),
    );

    assert_eq!(verdict(&bed).await, Verdict::Retry);
}

#[tokio::test]
async fn a_slow_reply_is_cut_off_at_the_timeout() {
    let mut bed = Bed::unlimited(5).await;
    bed.http.request_timeout = Duration::from_millis(100);
    bed.sim
        .inject(Fault::new(FaultKind::Slow { delay_ms: 60_000 }));

    assert_eq!(verdict(&bed).await, Verdict::Retry);
}

#[tokio::test]
async fn a_reply_over_the_size_limit_is_cut_off() {
    let mut bed = Bed::unlimited(5).await;
    bed.http.max_reply_bytes = 100_000;
    bed.sim
        .inject(Fault::new(FaultKind::OverlongBody { bytes: 50_000_000 }));

    assert_eq!(verdict(&bed).await, Verdict::Misconfigured);
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_revoked_however_it_is_said() {
    let bodies = [
        UnauthenticatedBody::Errors,
        UnauthenticatedBody::Text,
        UnauthenticatedBody::Empty,
    ];
    for body in bodies {
        let bed = Bed::unlimited(5).await;
        bed.sim.set_switches(Switches {
            unauthenticated_body: body,
            ..bed.sim.switches()
        });
        let client = bed.client_with("wrong", SharedBucket::new(bed.bucket));

        let error = walk(&client, &bed.account()).await.unwrap_err();

        assert_eq!(error.verdict(), Verdict::AuthRevoked, "{body:?}");
    }
}

#[tokio::test]
async fn an_account_that_is_not_there_is_gone_only_if_the_vendor_says_so() {
    for (missing, expected) in [
        (Missing::NotFound, Verdict::Gone),
        (Missing::Null, Verdict::Misconfigured),
    ] {
        let bed = Bed::unlimited(5).await;
        bed.sim.set_switches(Switches {
            unknown_object: missing,
            ..bed.sim.switches()
        });

        let error = walk(&bed.client(), "no-such-account").await.unwrap_err();

        assert_eq!(error.verdict(), expected);
    }
}

#[tokio::test]
async fn a_cursor_that_is_none_of_the_vendors_invalidates_the_page() {
    let bed = Bed::unlimited(5).await;

    let error = bed
        .client()
        .zones_page(&bed.account(), Some("no cursor"))
        .await
        .unwrap_err();

    assert_eq!(error.verdict(), Verdict::PageInvalid);
}

#[tokio::test]
async fn a_page_size_above_the_vendors_is_a_wrong_setting() {
    let bed = Bed::unlimited(5).await;
    bed.sim.set_switches(Switches {
        max_page_size: 50,
        ..bed.sim.switches()
    });

    assert_eq!(verdict(&bed).await, Verdict::Misconfigured);
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_never_called() {
    let mut bed = Bed::unlimited(5).await;
    bed.http.allowed_hosts = vec!["api.soundtrackyourbrand.com".to_owned()];

    assert_eq!(verdict(&bed).await, Verdict::Misconfigured);
    assert_eq!(bed.sim.stats().calls, 0);
}

#[tokio::test]
async fn a_vendor_that_is_down_is_tried_thrice_and_then_left_to_the_queue() {
    let bed = Bed::unlimited(5).await;
    let (client, account) = (bed.client(), bed.account());
    bed.sim.stop().await;

    let error = walk(&client, &account).await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::Retry);
    assert!(
        matches!(error, connectors::Error::Unreachable { .. }),
        "{error:?}"
    );
}
