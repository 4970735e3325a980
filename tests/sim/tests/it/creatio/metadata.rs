//! The metadata, the list of sets, and the world that lookups describe.

use std::time::{Duration, Instant};

use sim::creatio::{Config, Empties, Guid};

use super::{Api, column};

#[tokio::test]
async fn the_metadata_has_types_lengths_and_lookups() {
    let api = Api::start().await;

    let answer = api.get("$metadata").await;

    assert_eq!(
        answer.headers["content-type"],
        "application/xml; charset=utf-8"
    );
    for part in [
        "<Schema Namespace=\"Terrasoft.Configuration\"",
        "<EntityType Name=\"Lead\"><Key><PropertyRef Name=\"Id\"/></Key>",
        "<Property Name=\"BusinesPhone\" Type=\"Edm.String\" MaxLength=\"250\"/>",
        "<Property Name=\"Budget\" Type=\"Edm.Decimal\" Nullable=\"false\"",
        "<Property Name=\"ModifiedOn\" Type=\"Edm.DateTimeOffset\"",
        "<NavigationProperty Name=\"QualifyStatus\" Type=\"Terrasoft.Configuration.QualifyStatus\">",
        "<ReferentialConstraint Property=\"QualifyStatusId\" ReferencedProperty=\"Id\"/>",
        "<EntitySet Name=\"ActivityParticipant\"",
        "<Property Name=\"ContactPhoto\" Type=\"Edm.Stream\"/>",
    ] {
        assert!(answer.text.contains(part), "{part}");
    }
}

#[tokio::test]
async fn the_metadata_may_leave_out_lengths_and_let_lookups_be_null() {
    for (tells, empties) in [(true, Empties::Zeroes), (false, Empties::Nulls)] {
        let api = Api::with(|switches| {
            switches.metadata_tells_lengths = tells;
            switches.empties = empties;
        })
        .await;

        let text = api.get("$metadata").await.text;

        assert_eq!(text.contains("MaxLength"), tells);
        let never_null = "<Property Name=\"OwnerId\" Type=\"Edm.Guid\" Nullable=\"false\"/>";
        assert_eq!(text.contains(never_null), empties == Empties::Zeroes);
    }
}

#[tokio::test]
async fn the_metadata_takes_its_time() {
    let api = Api::with(|switches| switches.metadata_takes_ms = 300).await;
    let began = Instant::now();

    api.get("$metadata").await;

    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn the_root_lists_every_set_and_every_set_can_be_read() {
    let api = Api::start().await;

    let sets = column(&api.get("").await, "url");

    for named in [
        "Lead",
        "Contact",
        "Account",
        "Activity",
        "ActivityParticipant",
        "QualifyStatus",
    ] {
        assert!(sets.contains(&named.to_owned()), "{named}");
    }
    for set in sets {
        let answer = api.get(&set).await;
        let all = answer.body["value"].as_array().unwrap().len();
        assert_eq!(all, api.simulator.count(&set), "{set}");
    }
}

#[tokio::test]
async fn photos_are_links_and_no_values() {
    let api = Api::start().await;

    let answer = api.get("Contact?$top=1").await;

    let contact = &answer.body["value"][0];
    assert!(contact.get("ContactPhoto").is_none());
    for link in ["mediaEditLink", "mediaReadLink", "mediaContentType"] {
        assert!(
            contact[format!("ContactPhoto@odata.{link}")].is_string(),
            "{link}"
        );
    }
}

#[tokio::test]
async fn lookups_have_other_guids_in_another_world_but_for_those_that_public_code_knows() {
    let of = async |seed: u64, completed: bool| {
        let mut config = Config {
            seed,
            ..Config::default()
        };
        config.switches.known_status_is_completed = completed;
        Api::configured(config).await
    };
    let (one, same, other) = (of(1, true).await, of(1, true).await, of(2, false).await);
    let known = Guid::parse("384d4ef6-55d6-df11-971b-001d60e938c6");
    let new = |api: &Api| api.simulator.lookup("QualifyStatus", "New");

    assert_eq!(new(&one), new(&same));
    assert_ne!(new(&one), new(&other));
    assert_eq!(one.simulator.lookup("ActivityStatus", "Completed"), known);
    assert_eq!(
        other.simulator.lookup("ActivityStatus", "In progress"),
        known
    );
    assert_ne!(other.simulator.lookup("ActivityStatus", "Completed"), known);
    let call = Guid::parse("e1c59272-5001-4d72-8f62-a4dc6e91f345");
    assert_eq!(other.simulator.lookup("ActivityType", "Call"), call);
    assert_eq!(one.simulator.truth(), same.simulator.truth());
}
