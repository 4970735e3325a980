//! The first start, and data that is not ours to touch.

use postgres::{Error, Server};

use crate::support::{Scratch, ask, ids_of, we_are_root};

#[test]
fn a_crash_during_initialisation_is_recovered() {
    let scratch = Scratch::new();
    let unfinished = scratch.path().join("pg/data.tmp");
    std::fs::create_dir_all(unfinished.join("base/1")).unwrap();
    std::fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();

    let server = Server::start(&scratch.quick_options()).unwrap();

    assert_eq!(ask(&server, "select 1"), "1");
    assert!(!unfinished.exists());
}

#[test]
fn an_empty_data_directory_is_filled() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path().join("pg/data")).unwrap();

    let server = Server::start(&scratch.quick_options()).unwrap();

    assert_eq!(ask(&server, "select 1"), "1");
}

#[test]
fn something_else_in_the_data_directory_is_left_alone() {
    let scratch = Scratch::new();
    let precious = scratch.path().join("pg/data/precious.txt");
    std::fs::create_dir_all(precious.parent().unwrap()).unwrap();
    std::fs::write(&precious, "mine").unwrap();

    let refused = Server::start(&scratch.quick_options());

    assert!(matches!(refused, Err(Error::NotACluster { .. })));
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "mine");
}

#[test]
fn data_of_another_major_is_refused_and_left_alone() {
    let scratch = Scratch::new();
    Server::start(&scratch.quick_options())
        .unwrap()
        .stop()
        .unwrap();
    let version = scratch.path().join("pg/data/PG_VERSION");
    std::fs::write(&version, "9\n").unwrap();

    let refused = Server::start(&scratch.quick_options()).unwrap_err();

    assert!(matches!(
        refused,
        Error::MajorMismatch { data_major: 9, .. }
    ));
    assert!(refused.to_string().contains("pg_upgrade"), "{refused}");
    assert_eq!(std::fs::read_to_string(&version).unwrap(), "9\n");
    assert!(scratch.path().join("pg/data/base").exists());
}

#[test]
fn data_of_another_user_is_refused() {
    if !we_are_root() {
        println!("skipped: only root can give files away");
        return;
    }
    let scratch = Scratch::new();
    Server::start(&scratch.quick_options())
        .unwrap()
        .stop()
        .unwrap();
    let (nobody, _) = ids_of("nobody");
    std::os::unix::fs::chown(scratch.path().join("pg/data"), Some(nobody), None).unwrap();

    let refused = Server::start(&scratch.quick_options()).unwrap_err();

    assert!(matches!(refused, Error::WrongOwner { owner, .. } if owner == nobody));
}

#[test]
fn a_data_directory_below_a_closed_one_is_explained() {
    use std::os::unix::fs::PermissionsExt;
    if !we_are_root() {
        println!("skipped: only root runs the server as somebody else");
        return;
    }
    let scratch = Scratch::new();
    let closed = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(scratch.path(), closed).unwrap();

    let refused = Server::start(&scratch.quick_options()).unwrap_err();

    assert!(matches!(refused, Error::Unreachable { .. }), "{refused}");
    assert!(
        refused.to_string().contains("postgres cannot enter"),
        "{refused}"
    );
}
