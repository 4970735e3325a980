//! The rate limit: never refused while the bucket is used, and a refusal understood.

use std::time::Duration;

use connectors::budget::{BucketConfig, SharedBucket};
use connectors::{Error, Verdict};
use sim::soundtrack::{Outcome, OverLimit, Switches};

use super::{Bed, walk};

/// 50 tokens a second, a hundred times as fast: a page of 801 tokens every 160 ms.
fn fast(over_limit: OverLimit) -> Switches {
    Switches {
        refill_speed: 100.0,
        over_limit,
        ..Switches::default()
    }
}

fn fast_bucket(guess: f64) -> BucketConfig {
    BucketConfig {
        capacity: 3600,
        refill_per_s: guess,
        refill_ceiling_per_s: 5000.0,
    }
}

#[tokio::test]
async fn a_throttled_account_is_never_refused() {
    for over_limit in [
        OverLimit::Errors,
        OverLimit::Http429,
        OverLimit::Http429RetryAfter,
    ] {
        let mut bed = Bed::new(800, fast(over_limit)).await;
        bed.bucket = fast_bucket(2000.0);

        let pages = walk(&bed.client(), &bed.account()).await.unwrap();

        assert_eq!(pages.len(), 8);
        let stats = bed.sim.stats();
        assert!(
            stats.tokens_spent > 3600,
            "the limit was not reached: {stats:?}"
        );
        assert_eq!((stats.refused(), stats.calls), (0, 8));
    }
}

#[tokio::test]
async fn many_walks_at_once_over_one_bucket_are_never_refused() {
    let mut bed = Bed::new(500, fast(OverLimit::Errors)).await;
    bed.bucket = fast_bucket(1000.0);
    let client = bed.client();
    let accounts: Vec<String> = bed
        .sim
        .truth()
        .accounts
        .iter()
        .map(|account| account.id.clone())
        .collect();

    let mut walks = tokio::task::JoinSet::new();
    for account in accounts.iter().cycle().take(6) {
        let (client, account) = (client.clone(), account.clone());
        walks.spawn(async move { walk(&client, &account).await.map(|pages| pages.len()) });
    }
    let pages: usize = walks.join_all().await.into_iter().map(Result::unwrap).sum();

    assert_eq!(pages, 30);
    let stats = bed.sim.stats();
    assert_eq!((stats.refused(), stats.calls), (0, 30));
}

#[tokio::test]
async fn a_refusal_is_understood_in_every_form() {
    for over_limit in [
        OverLimit::Errors,
        OverLimit::Http429,
        OverLimit::Http429RetryAfter,
    ] {
        // So slow that no token comes back while the test runs.
        let refill_per_second = Some(0.001);
        let switches = Switches {
            over_limit,
            refill_per_second,
            ..Switches::default()
        };
        let bed = Bed::new(5, switches).await;
        let client = bed.client();
        client.zones_page(&bed.account(), None).await.unwrap();
        // Another process drinks the bucket dry behind our back.
        bed.sim.set_tokens_available(1.0);

        let error = client.zones_page(&bed.account(), None).await.unwrap_err();

        assert_eq!(bed.sim.stats().ended(Outcome::RateLimited), 1);
        let Error::Throttled {
            after: Some(after),
            cost,
            available,
            ..
        } = error
        else {
            panic!("{over_limit:?}: {error:?}");
        };
        assert!(after >= Duration::from_secs(9), "{over_limit:?}: {after:?}");
        assert_eq!((cost, available), (Some(801), Some(1)), "{over_limit:?}");
    }
}

#[tokio::test]
async fn a_wait_longer_than_the_patience_is_given_back_without_a_call() {
    let mut bed = Bed::new(5, Switches::default()).await;
    bed.patience = Duration::from_millis(50);
    let client = bed.client();
    let account = bed.account();
    for _ in 0..4 {
        client.zones_page(&account, None).await.unwrap();
    }

    let error = client.zones_page(&account, None).await.unwrap_err();

    assert!(
        matches!(error.verdict(), Verdict::Throttled { after: Some(_) }),
        "{error:?}"
    );
    assert_eq!((bed.sim.stats().calls, bed.sim.stats().refused()), (4, 0));
}

#[tokio::test]
async fn a_page_dearer_than_the_whole_bucket_is_a_wrong_setting() {
    let bed = Bed::new(
        5,
        Switches {
            capacity: 500.0,
            ..Switches::default()
        },
    )
    .await;
    let bucket = SharedBucket::new(BucketConfig {
        capacity: 500,
        ..BucketConfig::default()
    });
    let client = bed.client_with(bed.sim.token(), bucket);

    // The price is a guess until the first refusal names it.
    client.zones_page(&bed.account(), None).await.unwrap_err();
    let error = client.zones_page(&bed.account(), None).await.unwrap_err();

    assert_eq!(error.verdict(), Verdict::Misconfigured, "{error:?}");
}
