//! The rules of the house that the compiler cannot hold: who may know whom, and where things stand.
//!
//! Each rule is applied twice: to the tree, which must keep it, and to small bad examples, which it
//! must catch.

mod arrows;
mod rooms;
mod source;

use std::process::Command;

use serde_json::{Value, json};

use arrows::broken_arrows;
use rooms::*;
use source::{File, file, tree};

type Rule = fn(&[File]) -> Vec<String>;

// The tree keeps the rules.

#[test]
fn crates_depend_only_along_the_arrows() {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo built this test");

    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");

    assert_kept(&broken_arrows(&metadata));
}

#[test]
fn the_simulators_are_named_only_by_the_demo() {
    assert_kept(&simulators_named(&tree()));
}

#[test]
fn sql_is_written_only_in_the_stores() {
    assert_kept(&sql_outside_stores(&tree()));
}

#[test]
fn what_a_statement_of_a_sync_gives_does_not_change_with_its_table() {
    assert_kept(&stars_in_sync_stores(&tree()));
}

#[test]
fn apalis_is_named_only_in_the_runtime() {
    assert_kept(&apalis_named(&tree()));
}

#[test]
fn a_kind_is_the_address_of_its_struct_its_file_and_its_test() {
    assert_kept(&kinds_without_address(&tree()));
}

#[test]
fn the_workers_file_names_only_kinds_that_exist() {
    assert_kept(&kinds_unknown(&tree()));
}

#[test]
fn no_file_outgrows_its_limit() {
    assert_kept(&files_too_long(&tree()));
}

#[test]
fn unsafe_code_stays_in_its_one_room() {
    assert_kept(&unsafe_elsewhere(&tree()));
}

#[test]
fn rooms_are_named_by_their_duty() {
    assert_kept(&rooms_without_duty(&tree()));
}

#[test]
fn engine_files_open_with_why_they_exist() {
    assert_kept(&engine_files_without_reason(&tree()));
}

// The rules catch what breaks them, and nothing else.

#[test]
fn each_rule_catches_its_breach() {
    let long = "\n".repeat(351);
    let longer = "\n".repeat(501);
    let cases: &[(Rule, &str, &str, &str)] = &[
        (
            simulators_named,
            "bin/app.rs",
            "use sim::Remote;",
            "names the simulators",
        ),
        (
            sql_outside_stores,
            "bin/app.rs",
            "sqlx::query(Q)",
            "`sqlx::query`",
        ),
        (
            sql_outside_stores,
            "jobs/src/zoho/a.rs",
            "use sqlx::QueryBuilder;",
            "`QueryBuilder`",
        ),
        (
            sql_outside_stores,
            "engine/src/job.rs",
            "c.execute(\"end\")",
            "`.execute(\"`",
        ),
        (
            sql_outside_stores,
            "bin/store/a.rs",
            "sqlx::query(Q)",
            "`sqlx::query`",
        ),
        (
            sql_outside_stores,
            "jobs/src/plan/a.sql",
            "select 1",
            "SQL outside a store",
        ),
        (
            stars_in_sync_stores,
            "jobs/src/store/a.sql",
            "select\n    *\nfrom sync.run",
            "name the columns",
        ),
        (
            stars_in_sync_stores,
            "jobs/src/store/a.rs",
            "query(\"select r.*, now() \\\n from sync.run r\")",
            "name the columns",
        ),
        (
            stars_in_sync_stores,
            "jobs/src/store/a.rs",
            "query(\"delete from sync.run returning *\")",
            "name the columns",
        ),
        (
            apalis_named,
            "engine/src/worker/mod.rs",
            "use apalis_core::task;",
            "names apalis",
        ),
        (
            apalis_named,
            "bin/telemetry.rs",
            "filter(\"apalis_core=off\")",
            "names apalis",
        ),
        (
            kinds_without_address,
            "jobs/src/flow.rs",
            "const KIND: &str = \"a.b\";",
            "belongs in",
        ),
        (
            kinds_without_address,
            "jobs/src/a/b.rs",
            "const KIND: &str = NAME;",
            "not a literal",
        ),
        (
            kinds_unknown,
            "jobs/src/lib.rs",
            "",
            "workers.toml: is missing",
        ),
        (
            kinds_unknown,
            "workers.toml",
            "[kinds.\"a.b\"]",
            "no kind `a.b`",
        ),
        (
            kinds_unknown,
            "workers.toml",
            "[[schedule]]\nkind = \"a.c\"",
            "no kind `a.c`",
        ),
        (
            kinds_unknown,
            "workers.toml",
            "[[schedule]]\nname = \"x\"",
            "no kind ``",
        ),
        (
            kinds_unknown,
            "workers.toml",
            "[[schedule]",
            "does not parse",
        ),
        (
            files_too_long,
            "bin/app.rs",
            &long,
            "351 lines, at most 350",
        ),
        (
            files_too_long,
            "tests/it/cli.rs",
            &longer,
            "501 lines, at most 500",
        ),
        (
            unsafe_elsewhere,
            "jobs/src/lib.rs",
            "unsafe { f() }",
            "unsafe code",
        ),
        (
            rooms_without_duty,
            "jobs/src/utils.rs",
            "",
            "`utils` names no duty",
        ),
        (
            rooms_without_duty,
            "bin/common/mod.rs",
            "",
            "`common` names no duty",
        ),
        (
            engine_files_without_reason,
            "engine/src/job.rs",
            "use a;",
            "open with `//!`",
        ),
    ];

    for (rule, path, text, expected) in cases {
        let breaches = rule(&[file(path, text)]);

        assert!(
            breaches.iter().any(|breach| breach.contains(expected)),
            "{path} with {text:?} should breach \"{expected}\", gave {breaches:?}"
        );
    }
}

#[test]
fn each_rule_lets_the_good_pass() {
    let cases: &[(Rule, &str, &str)] = &[
        (simulators_named, "bin/commands/demo.rs", "use sim::Remote;"),
        (
            simulators_named,
            "bin/app.rs",
            "let similar = \"sim\"; // As sim does.",
        ),
        (
            sql_outside_stores,
            "jobs/src/store/link.rs",
            "sqlx::query(Q)",
        ),
        (
            sql_outside_stores,
            "engine/src/worker/mod.rs",
            "/// Not sqlx::query here.\nsqlx::Error",
        ),
        (
            stars_in_sync_stores,
            "jobs/src/store/a.sql",
            "select count(*) from sync.run; select * from unnest($1)",
        ),
        (
            apalis_named,
            "engine/src/runtime/mod.rs",
            "use apalis_core::task;",
        ),
        (
            apalis_named,
            "engine/src/lib.rs",
            "/* apalis /* inside */ apalis */ let url = \"//\";",
        ),
        (
            apalis_named,
            "engine/tests/it/main.rs",
            "mod apalis_defects;",
        ),
        (files_too_long, "bin/app.rs", "fn main() {}"),
        (unsafe_elsewhere, UNSAFE_ROOM, "unsafe { f() }"),
        (
            unsafe_elsewhere,
            "bin/lib.rs",
            "#![deny(unsafe_code)] let c = '\"'; let s = r#\"unsafe\"#;",
        ),
        (engine_files_without_reason, "engine/src/job.rs", "//! Why."),
    ];

    for (rule, path, text) in cases {
        let breaches = rule(&[file(path, text)]);

        assert!(
            breaches.is_empty(),
            "{path} with {text:?} gave {breaches:?}"
        );
    }
}

#[test]
fn a_kind_needs_all_parts_of_its_address() {
    let registry = file("jobs/src/register.rs", "job::<zoho::PullContacts>()");
    let kind = "struct PullContacts; const KIND: &'static str = \"zoho.pull_contacts\";";
    let test = file("jobs/tests/it/zoho/pull_contacts.rs", "");
    let whole = [file("jobs/src/zoho/pull_contacts.rs", kind), test, registry];
    let kind_of = |text: &str| [file("jobs/src/zoho/pull_contacts.rs", text)];

    let without_test = kinds_without_address(&whole[..1]);
    let without_struct = kinds_without_address(&kind_of(&kind.replace("Contacts;", "All;")));
    let without_registry = kinds_without_address(&[
        file("jobs/src/register.rs", ""),
        file("jobs/src/zoho/pull_contacts.rs", kind),
    ]);

    assert_kept(&kinds_without_address(&whole));
    assert!(without_test[0].contains("needs its test jobs/tests/it/zoho/pull_contacts.rs"));
    assert!(without_struct[0].contains("needs a struct PullContacts"));
    assert!(
        without_registry
            .iter()
            .any(|breach| breach.contains("is not registered"))
    );
}

#[test]
fn each_wrong_arrow_is_caught() {
    let dependency = |of: &str, on: &str, kind: Option<&str>, features: &[&str]| {
        let on = json!({"name": format!("lockstep-{on}"), "kind": kind, "features": features, "optional": false});
        json!({"packages": [{"name": of, "dependencies": [on], "features": {}}]})
    };
    let cases = [
        (
            dependency("lockstep-engine", "connectors", None, &[]),
            "may not depend on lockstep-connectors",
        ),
        (
            dependency("lockstep-connectors", "engine", Some("dev"), &["testing"]),
            "may not depend",
        ),
        (
            dependency("lockstep-sim", "connectors", Some("dev"), &[]),
            "lockstep-sim may not depend on lockstep-connectors",
        ),
        (
            dependency("lockstep-engine", "postgres", None, &[]),
            "behind its feature `testing`",
        ),
        (
            dependency("lockstep-jobs", "engine", None, &["testing"]),
            "for tests only",
        ),
        (
            dependency("lockstep-extra", "engine", None, &[]),
            "has no place among the arrows",
        ),
    ];

    for (metadata, expected) in cases {
        let breaches = broken_arrows(&metadata);

        assert!(
            breaches.iter().any(|breach| breach.contains(expected)),
            "{metadata}: {breaches:?}"
        );
    }
}

fn assert_kept(breaches: &[String]) {
    assert!(
        breaches.is_empty(),
        "{} breaches:\n  {}",
        breaches.len(),
        breaches.join("\n  ")
    );
}
