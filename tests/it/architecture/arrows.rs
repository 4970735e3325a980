//! Which crate may know which, over what cargo says of the workspace.

use serde_json::Value;

/// Ours, by package: what it may depend on, and what its tests may besides.
const ARROWS: &[(&str, &[&str], &[&str])] = &[
    (
        "lockstep",
        &["jobs", "connectors", "engine", "postgres", "sim"],
        &["engine", "jobs"],
    ),
    (
        "lockstep-jobs",
        &["engine", "connectors"],
        &["engine", "jobs", "postgres", "sim"],
    ),
    (
        "lockstep-engine",
        &["postgres"],
        &["engine", "postgres", "sim"],
    ),
    ("lockstep-connectors", &[], &["postgres", "sim"]),
    ("lockstep-postgres", &[], &[]),
    ("lockstep-sim", &[], &[]),
];

pub(super) fn broken_arrows(metadata: &Value) -> Vec<String> {
    let mut breaches = Vec::new();
    for package in list(&metadata["packages"]) {
        let name = text(&package["name"]);
        let Some((_, normal, dev)) = ARROWS.iter().find(|(of, ..)| *of == name) else {
            breaches.push(format!("{name} has no place among the arrows"));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let Some(on) = text(&dependency["name"]).strip_prefix("lockstep") else {
                continue;
            };
            let on = on.trim_start_matches('-');
            let for_tests = dependency["kind"] == "dev";
            let allowed = normal.contains(&on) || (for_tests && dev.contains(&on));
            if !allowed {
                breaches.push(format!(
                    "{name} may not depend on {}",
                    text(&dependency["name"])
                ));
            }
            if !for_tests && list(&dependency["features"]).iter().any(|f| f == "testing") {
                breaches.push(format!(
                    "{name}: {on}'s feature `testing` is for tests only"
                ));
            }
            if name == "lockstep-engine" && !for_tests && dependency["optional"] != true {
                breaches.push(format!(
                    "{name} may have {on} only behind its feature `testing`"
                ));
            }
        }
        for (feature, parts) in package["features"].as_object().into_iter().flatten() {
            let brings = list(parts)
                .iter()
                .any(|part| part == "dep:postgres" || part == "testing");
            if brings && feature != "testing" {
                breaches.push(format!(
                    "{name}: feature `{feature}` brings in what is for tests"
                ));
            }
        }
    }
    breaches
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
