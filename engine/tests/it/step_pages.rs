//! The steps of a long flow, page by page.

use engine::testing::{Database, run_worker};
use engine::{Failure, Outcome, StepQuery};

use crate::support::*;

#[tokio::test]
async fn pages_of_steps_hold_each_once_oldest_first_and_results_only_when_asked_for() {
    let db = Database::new().await;
    let client = db.client();
    let registry = playing(|_, cx| async move {
        for n in 0..7_u32 {
            // A tilde stands in places too.
            cx.step(&format!("step~{n}"), async || Ok::<_, Failure>(n))
                .await?;
        }
        Ok(Outcome::done())
    });
    let worker = run_worker(client, registry, quick());
    let id = client.enqueue(act("long")).await.unwrap().id;
    ended(client, id).await;
    // Of one instant, as steps that one transaction has written are.
    meddle(
        &db,
        "update engine.step set ended_at = date_trunc('hour', ended_at)",
    )
    .await;

    let (mut names, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let query = StepQuery {
            after,
            limit: Some(3),
            results: false,
        };
        let page = client.steps(id, &query).await.unwrap();
        assert!(page.data.iter().all(|step| step.result.is_none()));
        names.extend(page.data.into_iter().map(|step| step.name));
        pages += 1;
        // As callers hand it back.
        after = page.next.map(|next| next.to_string().parse().unwrap());
        if after.is_none() {
            break;
        }
    }
    let query = StepQuery {
        results: true,
        ..StepQuery::default()
    };
    let whole = client.steps(id, &query).await.unwrap();

    let expected: Vec<String> = (0..7).map(|n| format!("step~{n}")).collect();
    assert_eq!((names, pages), (expected, 3));
    let results: Vec<_> = whole
        .data
        .into_iter()
        .filter_map(|step| step.result)
        .collect();
    assert_eq!(
        results,
        (0..7).map(|n| serde_json::json!(n)).collect::<Vec<_>>()
    );
    assert!(whole.next.is_none());
    worker.stop().await;
}
