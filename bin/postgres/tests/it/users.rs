//! Who the server runs as, and who is kept out.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use postgres::{Error, Server};

use crate::owner::Owner;
use crate::support::{Scratch, ask, ids_of, query, uid_of, we_are_root};

#[test]
fn as_root_only_the_children_become_postgres() {
    if !we_are_root() {
        println!("skipped: we are not root");
        return;
    }
    let scratch = Scratch::new();
    let (postgres, _) = ids_of("postgres");

    let server = Server::start(&scratch.options()).unwrap();

    assert_eq!(uid_of(server.pid().unwrap()), postgres);
    assert_eq!(uid_of(std::process::id()), 0);
    let owner_of = |path| scratch.path().join(path).metadata().unwrap().uid();
    assert_eq!(owner_of("pg/data"), postgres);
    assert_eq!(
        owner_of("pg"),
        0,
        "no link can be planted where root writes"
    );
    assert_eq!(ask(&server, "select current_user"), "lockstep");
}

#[test]
fn an_ordinary_user_runs_it_as_oneself() {
    if !we_are_root() {
        println!("skipped: only root can become somebody else; the other tests cover oneself");
        return;
    }
    let scratch = Scratch::new();
    let (uid, gid) = ids_of("nobody");
    chown(scratch.path(), Some(uid), Some(gid)).unwrap();

    let mut owner = Owner::of_server_as(scratch.path(), (uid, gid));

    assert_eq!(uid_of(owner.postmaster), uid);
    assert_eq!(query(&owner.bin_dir, &owner.url, "select 1"), "1");
    owner.finish();
}

#[test]
fn another_user_cannot_enter_the_socket_directory() {
    if !we_are_root() {
        println!("skipped: only root can become somebody else");
        return;
    }
    let scratch = Scratch::new();
    let server = Server::start(&scratch.quick_options()).unwrap();
    let (uid, gid) = ids_of("nobody");

    let intruder = Command::new(server.bin_dir().join("psql"))
        .args(["-X", "-d", &server.url("lockstep"), "-c", "select 1"])
        .uid(uid)
        .gid(gid)
        .current_dir("/")
        .output()
        .unwrap();

    assert!(!intruder.status.success());
    let said = String::from_utf8_lossy(&intruder.stderr);
    assert!(said.contains("Permission denied"), "{said}");
    let mode = server.socket_dir().metadata().unwrap().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_socket_directory_open_to_others_is_refused_and_left_as_it_is() {
    let scratch = Scratch::new();
    let mut options = scratch.quick_options();
    let shared = scratch.path().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::write(shared.join("file"), "").unwrap();
    options.socket_dir = Some(shared.clone());
    let before = shared.metadata().unwrap().mode();

    let refused = Server::start(&options).unwrap_err();

    assert!(matches!(refused, Error::SocketDir { .. }), "{refused}");
    assert_eq!(shared.metadata().unwrap().mode(), before);
}

#[test]
fn root_and_unknown_users_are_refused_as_the_servers_user() {
    let scratch = Scratch::new();
    let start_as = |name: &str| {
        let mut options = scratch.quick_options();
        options.run_as = Some(name.to_owned());
        Server::start(&options).unwrap_err()
    };

    if we_are_root() {
        assert!(matches!(start_as("root"), Error::UserIsRoot));
        assert!(matches!(start_as("no-such-user"), Error::NoSuchUser { .. }));
    } else {
        assert!(matches!(
            start_as("no-such-user"),
            Error::CannotSwitchUser { .. }
        ));
    }
}
