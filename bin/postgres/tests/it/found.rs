//! Finding the installed programs.

use postgres::{Error, Server, find_binaries};

use crate::support::Scratch;

#[test]
fn missing_programs_are_explained_with_the_line_that_installs_them() {
    let scratch = Scratch::new();
    let mut options = scratch.options();
    options.bin_dir = Some(scratch.path().to_owned());

    let refused = Server::start(&options).unwrap_err();

    assert!(matches!(refused, Error::NoBinaries { .. }));
    let message = refused.to_string();
    assert!(message.contains("postgresql"), "{message}");
    assert!(message.contains("database.url"), "{message}");
    assert!(
        message.contains(&scratch.path().display().to_string()),
        "{message}"
    );
}

#[test]
fn the_installed_programs_are_found_and_follow_links() {
    let scratch = Scratch::new();
    let found = find_binaries(None, None).unwrap();
    std::os::unix::fs::symlink(found.dir.join("postgres"), scratch.path().join("postgres"))
        .unwrap();

    let through_link = find_binaries(Some(scratch.path()), Some(found.major)).unwrap();

    assert_eq!(through_link, found);
    assert!(found.major >= 14);
    assert!(found.dir.join("initdb").exists());
}

#[test]
fn a_major_that_is_not_installed_is_a_mismatch() {
    let refused = find_binaries(None, Some(9)).unwrap_err();

    assert!(matches!(
        refused,
        Error::MajorMismatch { data_major: 9, .. }
    ));
}
