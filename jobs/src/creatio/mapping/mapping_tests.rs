//! What a mapping may say, and how it is told what is wrong.

use super::*;
use crate::plan::reconcile::Side;

fn faults(text: &str) -> Vec<String> {
    let faults = Mapping::parse(text).expect_err("has faults");
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_default_makes_sense_and_names_only_columns_that_there_are() {
    let mapping = Mapping::parse(DEFAULT).unwrap();

    assert_eq!(mapping.sorts.len(), Sort::ALL.len());
    let lead = mapping.sort(Sort::Lead).unwrap();
    assert_eq!(lead.fields["lead_name"].owner, Owner::One(Side::Remote));
    assert_eq!(
        lead.fields["contact_id"].codec,
        Codec::Reference(Sort::Contact)
    );
    assert_eq!(lead.fields["budget"].codec, Codec::Decimal);
    assert_eq!(lead.fields["status"].resolve, Resolve::Manual);
    for (sort, map) in &mapping.sorts {
        let unmapped: Vec<_> = sort
            .columns()
            .iter()
            .filter(|(name, _)| !map.fields.contains_key(*name))
            .collect();
        assert!(unmapped.is_empty(), "{sort:?}: {unmapped:?}");
    }
}

#[test]
fn every_fault_is_told_at_once_with_its_line_and_the_word_that_was_meant() {
    let text = "\
[lead]
remote = \"Lead\"
creates = \"bth\"
match_by = [\"website\"]

[lead.fields]
emial = { remote = \"Email\" }
email = { remote = \"Email\", codec = \"emial\" }
budget = { remote = \"Email\", codec = \"lookup\" }
website = { remote = \"Website\", codec = \"cut\" }
notes = { remote = \"Notes\", ower = \"shared\", resolve = \"newst\", margin = \"soon\" }
company = { }
\"custom.Zip\" = { remote = \"Zip\" }

[leed]
remote = \"Lead\"
";

    let told = faults(text);

    let expected = [
        "line 3: lead.creates: expected one of both, local, creatio, none; did you mean `both`?",
        "line 4: lead.match_by: `website` cannot be matched by",
        "line 7: lead.fields.emial: there is no local column `emial` of a lead; fields of your own are `custom.…`; did you mean `email`?",
        "line 8: lead.fields.email.codec: expected one of text, cut, email",
        "line 9: lead.fields.budget.codec: `lookup` does not fit the local column",
        "is the column of",
        "line 10: lead.fields.website: this codec loses what Creatio has no room for",
        "line 11: lead.fields.notes.margin: expected a span",
        "line 11: lead.fields.notes.ower: expected one of remote, codec, owner",
        "line 11: lead.fields.notes.resolve: expected one of newest",
        "line 12: lead.fields.company: expected `remote`",
        "line 13: lead.fields.custom.Zip: expected a custom field of small letters",
        "line 15: leed: expected one of contact, lead, activity, participant; did you mean `lead`?",
    ];
    for one in expected {
        assert!(
            told.iter().any(|told| told.contains(one)),
            "{one}\n{}",
            told.join("\n")
        );
    }
    assert_eq!(told.len(), expected.len(), "{}", told.join("\n"));
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line() {
    let told = faults("[lead]\nremote = \n");

    assert!(told[0].starts_with("line 2:"), "{told:?}");
}

#[test]
fn another_text_has_another_hash() {
    let one = Mapping::parse(DEFAULT).unwrap();
    let other = Mapping::parse(&DEFAULT.replace("\"newest\"", "\"newest\" ")).unwrap();

    assert_ne!(one.hash, other.hash);
}
