//! `lockstep check`: thirteen broken files, thirteen useful answers.

use crate::cli::{ended, json, program, redacted};

const BROKEN: [&str; 13] = [
    "01_syntax",
    "02_unknown_settings",
    "03_wrong_types",
    "04_cron",
    "05_time_zone",
    "06_unknown_kinds",
    "07_durations",
    "08_duplicates",
    "09_secrets",
    "10_contradictions",
    "11_limits",
    "12_retention",
    "13_args",
];

fn fixtures() -> String {
    format!("{}/tests/fixtures/check", env!("CARGO_MANIFEST_DIR"))
}

#[tokio::test]
async fn every_problem_of_a_broken_file_is_shown_at_its_place() {
    let _redacted = redacted();
    for name in BROKEN {
        let mut command = program(&["check", &format!("{name}.toml")]);
        command.current_dir(fixtures());

        let (code, out, err) = ended(command).await;

        assert_eq!(code, 7, "{name}: {out}{err}");
        insta::assert_snapshot!(format!("check_{name}"), format!("{out}---\n{err}"));
    }
}

#[tokio::test]
async fn a_program_gets_the_problems_as_json() {
    let mut command = program(&["check", "05_time_zone.toml", "-o", "json"]);
    command.current_dir(fixtures());

    let (code, report) = json(command).await;

    assert_eq!(code, 7);
    assert_eq!(report["problems"][0]["position"], "05_time_zone.toml:4:13");
    assert_eq!(
        report["problems"][0]["help"],
        "did you mean `Asia/Bangkok`?"
    );
}

#[tokio::test]
async fn no_secret_of_a_broken_file_is_shown() {
    for format in ["table", "json"] {
        let mut command = program(&["check", "09_secrets.toml", "-o", format]);
        command.current_dir(fixtures());

        let (_, out, err) = ended(command).await;

        for secret in ["hunter2", "c2VjcmV0"] {
            assert!(
                !format!("{out}{err}").contains(secret),
                "{format}: {out}{err}"
            );
        }
    }
}

#[tokio::test]
async fn the_file_in_the_repository_is_fine() {
    let mut command = program(&["check", "--strict"]);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));

    let (code, out, err) = ended(command).await;

    assert_eq!(
        (code, out.as_str(), err.as_str()),
        (0, "workers.toml is fine: 8 schedules.\n", "")
    );
}

#[tokio::test]
async fn without_a_file_there_is_nothing_to_complain_of() {
    let (code, out, _) = ended(program(&["check"])).await;

    assert_eq!(code, 0);
    assert!(out.contains("no workers.toml"), "{out}");
}
