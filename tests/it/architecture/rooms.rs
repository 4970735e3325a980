//! Where things stand: each rule is a pure function from the tree's files to its breaches.

use std::collections::BTreeSet;

use super::source::{File, words};

/// The one module that calls the operating system directly.
pub(super) const UNSAFE_ROOM: &str = "bin/postgres/src/sys.rs";

pub(super) fn simulators_named(tree: &[File]) -> Vec<String> {
    let allowed =
        |path: &str| path == "bin/commands/demo.rs" || path.starts_with("bin/commands/demo/");
    let binary = tree
        .iter()
        .filter(|f| f.is_rust() && f.path.starts_with("bin/"));
    let named = binary.filter(|f| !allowed(&f.path) && words(&f.code(false)).contains("sim"));
    named
        .map(|f| f.breach("names the simulators, which only commands/demo may"))
        .collect()
}

pub(super) fn sql_outside_stores(tree: &[File]) -> Vec<String> {
    const SIGNS: &[&str] = &[
        "sqlx::query",
        "query_as",
        "query_scalar",
        "QueryBuilder",
        "raw_sql",
        ".execute(\"",
        ".fetch_one(\"",
        ".fetch_all(\"",
        ".fetch_optional(\"",
    ];
    const ROOMS: &[&str] = &[
        "engine/src/store/",
        "jobs/src/store/",
        "engine/src/testing/",
        "tests/",
        "benches/",
        "examples/",
    ];
    let mut breaches = Vec::new();
    for file in tree
        .iter()
        .filter(|f| !ROOMS.iter().any(|room| f.is_under(room)))
    {
        if file.path.ends_with(".sql") && !file.path.starts_with("migrations/") {
            breaches.push(file.breach("is SQL outside a store"));
        }
        if file.is_rust() {
            let code = file.code(true);
            let found = SIGNS.iter().filter(|sign| code.contains(**sign));
            breaches.extend(found.map(|sign| file.breach(format!("has `{sign}` outside a store"))));
        }
    }
    breaches
}

/// A star makes what a statement gives depend on the schema: a session that has prepared it gets "cached plan must not
/// change result type" once a migration adds a column.
pub(super) fn stars_in_sync_stores(tree: &[File]) -> Vec<String> {
    const SIGNS: &[&str] = &[
        "select * from sync.",
        "select *,",
        "returning *",
        ".*,",
        ".* from",
    ];
    let mut breaches = Vec::new();
    for file in tree.iter().filter(|f| f.is_under("jobs/src/store/")) {
        let text = match file.is_rust() {
            true => file.code(true).replace('\\', " "),
            false => file.text.clone(),
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let found = SIGNS.iter().filter(|sign| text.contains(**sign));
        breaches.extend(found.map(|sign| file.breach(format!("has `{sign}`: name the columns"))));
    }
    breaches
}

/// Names inside strings count: one that is left behind breaks in silence when the runtime changes.
pub(super) fn apalis_named(tree: &[File]) -> Vec<String> {
    const CRATES: &[&str] = &["apalis", "apalis_core", "apalis_postgres", "apalis_sql"];
    let outside = tree
        .iter()
        .filter(|f| f.is_rust() && !f.path.starts_with("engine/src/runtime/"));
    let named = outside.filter(|f| {
        let code = f.code(true);
        CRATES.iter().any(|name| words(&code).contains(name))
    });
    named
        .map(|f| f.breach("names apalis outside engine/src/runtime/"))
        .collect()
}

pub(super) fn kinds_without_address(tree: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    let paths: BTreeSet<&str> = tree.iter().map(|f| f.path.as_str()).collect();
    let registry = tree
        .iter()
        .find(|f| f.path == "jobs/src/register.rs")
        .map(|f| f.code(false));
    let kinds = kinds(tree);
    if registry.is_some() && kinds.is_empty() {
        breaches.push("jobs/src/register.rs: registers jobs, but no `const KIND` was found".into());
    }
    for (file, kind) in kinds {
        let Some((system, name)) = kind.split_once('.') else {
            breaches.push(file.breach(format!(
                "`const KIND` is not a literal `system.name`: {kind}"
            )));
            continue;
        };
        let (address, test) = (
            format!("jobs/src/{system}/{name}.rs"),
            format!("jobs/tests/it/{system}/{name}.rs"),
        );
        let structure = camel_case(name);
        if file.path != address {
            breaches.push(file.breach(format!("kind `{kind}` belongs in {address}")));
        }
        if !file.code(false).contains(&format!("struct {structure}")) {
            breaches.push(file.breach(format!("kind `{kind}` needs a struct {structure}")));
        }
        if !paths.contains(test.as_str()) {
            breaches.push(file.breach(format!("kind `{kind}` needs its test {test}")));
        }
        if registry
            .as_ref()
            .is_some_and(|code| !words(code).contains(structure.as_str()))
        {
            breaches.push(file.breach(format!("kind `{kind}` is not registered")));
        }
    }
    breaches
}

pub(super) fn kinds_unknown(tree: &[File]) -> Vec<String> {
    let Some(file) = tree.iter().find(|f| f.path == "workers.toml") else {
        return vec!["workers.toml: is missing".into()];
    };
    let workers: toml::Table = match file.text.parse() {
        Ok(workers) => workers,
        Err(e) => return vec![file.breach(format!("does not parse: {e}"))],
    };
    let known: BTreeSet<String> = kinds(tree).into_iter().map(|(_, kind)| kind).collect();
    let configured = workers.get("kinds").and_then(|kinds| kinds.as_table());
    let schedules = workers
        .get("schedule")
        .and_then(|schedules| schedules.as_array());
    let kind_of = |schedule: &toml::Value| {
        schedule
            .get("kind")
            .and_then(|kind| kind.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    let mut named: Vec<String> = configured
        .into_iter()
        .flat_map(|kinds| kinds.keys().cloned())
        .collect();
    named.extend(schedules.into_iter().flatten().map(kind_of));
    named.retain(|kind| !known.contains(kind));
    named
        .iter()
        .map(|kind| file.breach(format!("there is no kind `{kind}`")))
        .collect()
}

pub(super) fn files_too_long(tree: &[File]) -> Vec<String> {
    let mut breaches = Vec::new();
    for file in tree.iter().filter(|f| f.path.ends_with(".rs")) {
        let is_test = file.is_under("tests/it/")
            || file.is_under("tests/support/")
            || file.path.ends_with("tests.rs");
        let (lines, most) = (file.text.lines().count(), if is_test { 500 } else { 350 });
        if lines > most {
            breaches.push(file.breach(format!("{lines} lines, at most {most}")));
        }
    }
    breaches
}

pub(super) fn unsafe_elsewhere(tree: &[File]) -> Vec<String> {
    let outside = tree.iter().filter(|f| f.is_rust() && f.path != UNSAFE_ROOM);
    let found = outside.filter(|f| words(&f.code(false)).contains("unsafe"));
    found
        .map(|f| f.breach(format!("unsafe code belongs in {UNSAFE_ROOM}")))
        .collect()
}

pub(super) fn rooms_without_duty(tree: &[File]) -> Vec<String> {
    const EMPTY: &[&str] = &[
        "utils", "util", "common", "helpers", "misc", "types", "models",
    ];
    let mut breaches = Vec::new();
    for file in tree.iter().filter(|f| f.is_rust()) {
        let mut parts = file.path.trim_end_matches(".rs").split('/');
        if let Some(room) = parts.find(|part| EMPTY.contains(part)) {
            breaches.push(file.breach(format!("`{room}` names no duty")));
        }
    }
    breaches
}

pub(super) fn engine_files_without_reason(tree: &[File]) -> Vec<String> {
    let engine = tree
        .iter()
        .filter(|f| f.is_rust() && f.path.starts_with("engine/src/"));
    let silent = engine.filter(|f| !f.text.starts_with("//!") && !f.text.starts_with("#![doc"));
    silent
        .map(|f| f.breach("must open with `//!`: why it exists"))
        .collect()
}

/// Every `const KIND` of the handlers with its literal; what is not a literal comes without a dot.
fn kinds(tree: &[File]) -> Vec<(&File, String)> {
    let mut kinds = Vec::new();
    for file in tree
        .iter()
        .filter(|f| f.is_rust() && f.path.starts_with("jobs/src/"))
    {
        let code = file.code(true);
        for rest in code.split("const KIND").skip(1) {
            let value = rest.split(';').next().unwrap_or_default();
            let literal = value.split('"').nth(1).unwrap_or("");
            kinds.push((file, literal.to_owned()));
        }
    }
    kinds
}

fn camel_case(name: &str) -> String {
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_')
        .filter(|word| !word.is_empty())
        .map(capital)
        .collect()
}
