//! How the server is set up, whatever surrounds it.

use std::process::Command;

use postgres::{Error, Server};

use crate::support::{Scratch, ask};

#[test]
fn data_is_safe_and_the_network_is_closed() {
    let scratch = Scratch::new();

    let server = Server::start(&scratch.options()).unwrap();

    let show = |name: &str| ask(&server, &format!("show {name}"));
    for name in [
        "fsync",
        "full_page_writes",
        "synchronous_commit",
        "data_checksums",
    ] {
        assert_eq!(show(name), "on", "{name}");
    }
    assert_eq!(show("listen_addresses"), "");
    assert_eq!(show("unix_socket_permissions"), "0700");
    assert_eq!(show("server_encoding"), "UTF8");
    assert_eq!(show("timezone"), "UTC");
}

#[test]
fn alter_system_cannot_make_the_data_unsafe() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.options()).unwrap();
    ask(&server, "alter system set fsync = off");
    server.stop().unwrap();

    let server = Server::start(&scratch.options()).unwrap();

    assert_eq!(ask(&server, "show fsync"), "on");
}

#[test]
fn a_setting_that_endangers_the_data_is_refused() {
    let scratch = Scratch::new();
    let mut options = scratch.options();
    options.settings = vec![("fsync".to_owned(), "off".to_owned())];

    let refused = Server::start(&options).unwrap_err();

    assert!(matches!(refused, Error::ReservedSetting { .. }));
    assert!(!options.data_dir.exists());
}

#[test]
fn an_ordinary_setting_is_applied() {
    let scratch = Scratch::new();
    let mut options = scratch.quick_options();
    options.settings = vec![("max_connections".to_owned(), "37".to_owned())];

    let server = Server::start(&options).unwrap();

    assert_eq!(ask(&server, "show max_connections"), "37");
}

#[test]
fn a_setting_postgres_refuses_is_reported_in_its_words() {
    let scratch = Scratch::new();
    let mut options = scratch.quick_options();
    options.settings = vec![("no_such_setting".to_owned(), "1".to_owned())];

    let refused = Server::start(&options).unwrap_err();

    assert!(matches!(refused, Error::EndedAtStart { .. }));
    assert!(refused.to_string().contains("no_such_setting"), "{refused}");
}

#[test]
fn pg_variables_do_not_leak_in() {
    // The variables belong to the process, so another one has to have them.
    let scratch = Scratch::new();
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "configured::data_is_safe_and_the_network_is_closed",
        ])
        .env("PGDATA", "/nonexistent")
        .env("PGPORT", "6543")
        .env("PGHOST", "example.invalid")
        .env("PGUSER", "somebody")
        .env("PGSSLMODE", "require")
        .env("PGDATESTYLE", "German")
        .env("LC_ALL", "xx_XX.broken")
        .current_dir(scratch.path())
        .output()
        .unwrap();

    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
fn a_socket_path_too_long_falls_back_to_a_short_one() {
    let scratch = Scratch::new();
    let mut options = scratch.quick_options();
    options.socket_dir = Some(scratch.path().join("s".repeat(107)));

    let server = Server::start(&options).unwrap();

    assert_eq!(ask(&server, "select 1"), "1");
    let chosen = server.socket_dir().to_owned();
    assert!(chosen.as_os_str().len() <= 93, "{}", chosen.display());
    server.stop().unwrap();
    assert!(!chosen.exists());
}

#[test]
fn names_that_need_quoting_work_everywhere() {
    let scratch = Scratch::new();
    let mut options = scratch.quick_options();
    options.data_dir = scratch.path().join("a, \"b\" c");
    options.socket_dir = Some(scratch.path().join("s \"x\" y"));
    options.database = "my \"db\"/é?".to_owned();
    options.user = "me@home".to_owned();

    let server = Server::start(&options).unwrap();

    let address = server.url(&options.database);
    let who = "select current_database() || ' ' || current_user";
    assert_eq!(
        crate::support::query(server.bin_dir(), &address, who),
        "my \"db\"/é? me@home"
    );
}

#[test]
fn a_socket_directory_clients_cannot_name_is_refused() {
    let scratch = Scratch::new();
    let mut options = scratch.quick_options();
    options.socket_dir = Some(scratch.path().join("a,b"));

    let refused = Server::start(&options).unwrap_err();

    assert!(refused.to_string().contains("comma"), "{refused}");
}

#[test]
fn a_database_named_later_is_made_beside_the_first() {
    let scratch = Scratch::new();
    let mut options = scratch.quick_options();
    Server::start(&options).unwrap().stop().unwrap();
    options.database = "second".to_owned();
    // Forgetting that the first was made must do no harm either.
    std::fs::write(scratch.path().join("pg/databases"), "").unwrap();
    Server::start(&options).unwrap().stop().unwrap();
    options.database = "lockstep".to_owned();

    let server = Server::start(&options).unwrap();

    let names = "select string_agg(datname, ' ' order by datname) from pg_database";
    assert_eq!(
        ask(&server, names),
        "lockstep postgres second template0 template1"
    );
}
