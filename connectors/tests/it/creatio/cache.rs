//! What a site says of itself: read right, and fetched once however many ask.

use connectors::Verdict;
use connectors::creatio::{Edm, Metadata};
use sim::creatio::{Change, Empties, Guid, Switches};
use sim::wire::{Fault, Kind};
use tokio::task::JoinSet;

use super::{Bed, USERS};

#[tokio::test]
async fn fifty_callers_at_once_fetch_metadata_and_a_lookup_once() {
    let switches = Switches {
        metadata_takes_ms: 100,
        ..Switches::default()
    };
    let bed = Bed::with(USERS, switches).await;
    let client = bed.client();
    let mut asking = JoinSet::new();
    for _ in 0..50 {
        let client = client.clone();
        asking.spawn(async move {
            let (metadata, names) = tokio::join!(client.metadata(), client.lookup("LeadStatus"));
            assert!(metadata.unwrap().entity("Lead").is_some());
            names.unwrap().len()
        });
    }

    let found = asking.join_all().await;

    assert!(found.iter().all(|names| *names == 4), "{found:?}");
    assert_eq!(bed.calls("$metadata"), 1);
    assert_eq!(bed.calls("LeadStatus"), 1);
    assert_eq!(bed.calls("/connect/token"), 1);
    client.forget();
    client.metadata().await.unwrap();
    client.lookup("LeadStatus").await.unwrap();
    assert_eq!((bed.calls("$metadata"), bed.calls("LeadStatus")), (2, 2));
}

#[tokio::test]
async fn a_fetch_that_fails_is_not_kept() {
    let bed = Bed::new(USERS).await;
    let client = bed.client();
    for (kind, verdict) in [
        (Fault::status(500), Verdict::Retry),
        (Fault::new(Kind::Html), Verdict::Retry),
        (
            Fault::new(Kind::CutReply { after_bytes: 500 }),
            Verdict::Retry,
        ),
        (Fault::new(Kind::EmptyBody), Verdict::Retry),
        (Fault::status(403), Verdict::Forbidden),
    ] {
        bed.sim.inject(kind.clone().on_path("$metadata").times(1));
        bed.sim.inject(kind.clone().on_path("LeadStatus").times(1));

        let metadata = client.metadata().await.unwrap_err();
        let lookup = client.lookup("LeadStatus").await.unwrap_err();

        assert_eq!(metadata.verdict(), verdict, "{kind:?}: {metadata}");
        assert_eq!(lookup.verdict(), verdict, "{kind:?}: {lookup}");
    }
    assert!(client.metadata().await.is_ok());
    assert!(client.lookup("LeadStatus").await.is_ok());
}

#[tokio::test]
async fn a_lookup_that_seems_empty_is_looked_at_again() {
    let bed = Bed::of_contacts(USERS).await;
    let client = bed.client();
    assert!(client.lookup("Account").await.unwrap().is_empty());

    bed.sim
        .change(Change::add("Account", serde_json::json!({"Name": "North"})))
        .unwrap();

    let names = client.lookup("Account").await.unwrap();
    assert_eq!((names.len(), names[0].name.as_str()), (1, "North"));
}

#[tokio::test]
async fn a_lookup_of_several_pages_is_whole() {
    let mut bed = Bed::new(USERS).await;
    bed.page_size = 2;

    let names = bed.client().lookup("QualifyStatus").await.unwrap();

    let mut said: Vec<&str> = names.iter().map(|one| one.name.as_str()).collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            "Awaiting sale",
            "Handoff to sales",
            "New",
            "Not interested",
            "Qualification",
            "Satisfied"
        ]
    );
    let new = names.iter().find(|one| one.name == "New").unwrap();
    assert_eq!(
        bed.sim.lookup("QualifyStatus", "New"),
        Guid::parse(&new.id.to_string())
    );
}

async fn metadata_of(switches: Switches) -> std::sync::Arc<Metadata> {
    Bed::with(USERS, switches)
        .await
        .client()
        .metadata()
        .await
        .unwrap()
}

#[tokio::test]
async fn metadata_has_types_lengths_and_lookups_as_far_as_the_site_tells() {
    for tells in [true, false] {
        let metadata = metadata_of(Switches {
            metadata_tells_lengths: tells,
            ..Switches::default()
        })
        .await;
        let lead = metadata.entity("Lead").unwrap();
        let of = |name| lead.property(name).unwrap();

        assert_eq!(of("Email").max_length, tells.then_some(250));
        assert_eq!(
            (of("Budget").edm, of("DecisionDate").edm),
            (Edm::Decimal, Edm::Instant)
        );
        assert_eq!(
            (of("PredictiveScore").edm, of("Email").edm),
            (Edm::Int, Edm::Text)
        );
        assert_eq!(of("StartLeadManagementProcess").edm, Edm::Bool);
        assert_eq!(
            of("QualifyStatusId").lookup.as_deref(),
            Some("QualifyStatus")
        );
        assert_eq!(of("OwnerId").lookup.as_deref(), Some("Contact"));
        assert!(lead.property("QualifyStatus").is_none() && lead.property("Surname").is_none());
        assert_eq!(
            metadata
                .entity("Contact")
                .unwrap()
                .property("ContactPhoto")
                .unwrap()
                .edm,
            Edm::Stream
        );
    }
}

#[tokio::test]
async fn metadata_says_which_columns_can_be_null() {
    for (empties, nullable) in [(Empties::Zeroes, false), (Empties::Nulls, true)] {
        let metadata = metadata_of(Switches {
            empties,
            ..Switches::default()
        })
        .await;
        let lead = metadata.entity("Lead").unwrap();

        assert_eq!(lead.property("OwnerId").unwrap().nullable, nullable);
        assert!(!lead.property("Id").unwrap().nullable);
        assert!(lead.property("Email").unwrap().nullable);
    }
}
