//! Help leads with examples, and every command has some.

use super::{ended, program, redacted};

#[tokio::test]
async fn help_leads_with_examples_and_ends_with_the_exit_codes() {
    let _redacted = redacted();

    let (code, out, err) = ended(program(&["--help"])).await;

    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!("help", out);
}

#[tokio::test]
async fn the_help_of_a_verb_shows_its_examples_first() {
    let _redacted = redacted();

    let (_, out, _) = ended(program(&["sync", "soundtrack", "--help"])).await;

    insta::assert_snapshot!("help_sync_soundtrack", out);
}

#[tokio::test]
async fn every_command_explains_itself() {
    let commands = [
        "demo",
        "serve",
        "work",
        "migrate",
        "check",
        "doctor",
        "overview",
        "rollup",
        "rollup list",
        "enqueue",
        "job",
        "job list",
        "job show",
        "job cancel",
        "job signal",
        "job logs",
        "job steps",
        "job retry",
        "job again",
        "job attempts",
        "job delete",
        "job run-now",
        "bulk",
        "bulk list",
        "bulk show",
        "bulk watch",
        "bulk abort",
        "bulk resume",
        "dead",
        "dead list",
        "dead show",
        "dead replay",
        "profile list",
        "profile show",
        "profile set",
        "profile delete",
        "review list",
        "review show",
        "review accept",
        "review reject",
        "sync packages",
        "product list",
        "product show",
        "quarantine list",
        "quarantine show",
        "quarantine retry",
        "quarantine ignore",
        "record history",
        "run list",
        "run show",
        "sweep list",
        "sweep show",
        "sweep approve",
        "sweep reject",
        "sync zoho",
        "queue",
        "queue list",
        "queue pause",
        "queue resume",
        "kind",
        "kind list",
        "kind pause",
        "kind resume",
        "budget",
        "budget list",
        "budget show",
        "budget set",
        "breaker",
        "breaker list",
        "breaker open",
        "breaker close",
        "breaker resume",
        "connection",
        "connection list",
        "connection show",
        "connection test",
        "connection pause",
        "connection resume",
        "connection reauthorise",
        "credential",
        "credential set",
        "credential status",
        "credential rotate-key",
        "credential new-key",
        "partition",
        "partition list",
        "partition skip",
        "schedule",
        "schedule list",
        "schedule show",
        "schedule history",
        "schedule run",
        "schedule pause",
        "schedule resume",
        "company",
        "company list",
        "company show",
        "company add",
        "company set",
        "company delete",
        "zone",
        "zone list",
        "zone show",
        "sync",
        "sync soundtrack",
        "worker list",
        "db",
        "db url",
        "db shell",
        "db backup",
        "token",
        "token create",
        "token list",
        "token revoke",
        "audit list",
        "completions",
        "version",
    ];
    for command in commands {
        let mut words: Vec<&str> = command.split(' ').collect();
        words.push("--help");

        let (code, out, _) = ended(program(&words)).await;

        assert_eq!(code, 0, "{command}");
        assert!(out.contains("Usage: lockstep"), "{command}: {out}");
        assert!(
            out.lines().all(|line| line.chars().count() <= 120),
            "{command}: {out}"
        );
    }
}

#[tokio::test]
async fn a_completion_script_comes_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, out, _) = ended(program(&["completions", shell])).await;

        assert_eq!(code, 0);
        assert!(
            out.contains("lockstep") && out.contains("soundtrack"),
            "{shell}"
        );
    }
}
