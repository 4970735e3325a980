//! Whatever is killed, nothing is lost and nothing is left behind.

use std::time::Duration;

use postgres::{Error, Server, running};

use crate::owner::Owner;
use crate::support::{Scratch, ask, eventually, lives, postmaster_pid, query, signal, try_query};

#[test]
fn a_second_copy_is_refused_without_harm_to_the_first() {
    let scratch = Scratch::new();
    let first = Server::start(&scratch.quick_options()).unwrap();
    ask(&first, "create table kept as select 1 as id");

    let second = Server::start(&scratch.quick_options());

    let us = std::process::id();
    assert!(matches!(second, Err(Error::Owned { pid: Some(pid), .. }) if pid == us));
    assert_eq!(ask(&first, "select count(*) from kept"), "1");
    assert_eq!(first.restarts(), 0);
}

#[test]
fn sigkill_of_the_owner_leaves_no_server_and_loses_nothing() {
    let scratch = Scratch::new();
    let mut owner = Owner::of_server(scratch.path());
    query(
        &owner.bin_dir,
        &owner.url,
        "create table kept as select generate_series(1, 500) as id",
    );

    owner.kill();

    eventually("the server is gone", || !lives(owner.postmaster));
    let server = Server::start(&scratch.options()).unwrap();
    assert_eq!(ask(&server, "select count(*) from kept"), "500");
}

#[test]
fn a_start_right_after_sigkill_of_the_owner_waits_for_the_old_server() {
    let scratch = Scratch::new();
    let mut owner = Owner::of_server(scratch.path());
    query(
        &owner.bin_dir,
        &owner.url,
        "create table kept as select generate_series(1, 500) as id",
    );

    owner.kill();
    let server = Server::start(&scratch.options()).unwrap();

    assert!(!lives(owner.postmaster));
    assert_eq!(ask(&server, "select count(*) from kept"), "500");
}

#[test]
fn sigkill_of_the_postmaster_is_healed_and_loses_nothing() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.options()).unwrap();
    ask(
        &server,
        "create table kept as select generate_series(1, 500) as id",
    );
    let first = server.pid().unwrap();

    signal("KILL", first);

    eventually("a new server runs", || {
        server.restarts() == 1 && server.pid().is_some_and(|pid| pid != first)
    });
    assert_eq!(ask(&server, "select count(*) from kept"), "500");
}

#[test]
fn a_busy_backend_of_a_killed_postmaster_is_gone_before_the_next_server_starts() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.options()).unwrap();
    let first = server.pid().unwrap();
    let (bin_dir, url) = (server.bin_dir().to_owned(), server.url("lockstep"));
    // A loop without a wait never looks whether the postmaster is still there.
    let busy = "do $$ declare n bigint := 0; begin loop n := n + 1; end loop; end $$";
    let client = std::thread::spawn(move || try_query(&bin_dir, &url, busy));
    let find = "select pid from pg_stat_activity where query like 'do $$ declare%' and state = 'active' \
                and pid <> pg_backend_pid()";
    let mut backend = String::new();
    eventually("the loop runs", || {
        backend = ask(&server, find);
        !backend.is_empty()
    });

    signal("KILL", first);

    eventually("a new server runs", || server.restarts() == 1);
    assert!(!lives(backend.parse().unwrap()));
    assert!(!client.join().unwrap().status.success());
    assert_eq!(ask(&server, "select 1"), "1");
}

#[test]
fn stopping_does_not_wait_for_a_server_that_cannot_come_back() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.quick_options()).unwrap();
    // From now on every start fails, so the waits between them grow.
    let config = scratch.path().join("pg/data/postgresql.conf");
    std::fs::write(&config, "shared_buffers = nonsense\n").unwrap();

    let first = server.pid().unwrap();
    signal("KILL", first);
    eventually("the server is gone", || {
        !lives(first) && server.pid().is_none()
    });

    let begun = std::time::Instant::now();
    drop(server);
    assert!(begun.elapsed() < Duration::from_secs(5), "stopped late");
}

#[test]
fn stop_and_drop_end_the_server_cleanly() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.options()).unwrap();
    let first = server.pid().unwrap();
    server.stop().unwrap();
    assert!(!lives(first));
    assert_eq!(postmaster_pid(&scratch.path().join("pg")), None);

    let server = Server::start(&scratch.options()).unwrap();
    let second = server.pid().unwrap();
    let log = std::fs::read_to_string(server.log_path()).unwrap();
    drop(server);

    assert!(!lives(second));
    assert!(!log.contains("not properly shut down"), "{log}");
}

#[test]
fn a_stale_pid_file_is_removed_even_when_its_process_id_lives() {
    let scratch = Scratch::new();
    Server::start(&scratch.quick_options())
        .unwrap()
        .stop()
        .unwrap();
    // A process of the same user as the server, which Postgres itself would be afraid of.
    let mut sleeper = std::process::Command::new("sleep");
    sleeper.arg("600");
    if crate::support::we_are_root() {
        use std::os::unix::process::CommandExt;
        let (uid, gid) = crate::support::ids_of("postgres");
        sleeper.uid(uid).gid(gid);
    }
    let mut sleeper = sleeper.spawn().unwrap();
    let data = scratch.path().join("pg/data").canonicalize().unwrap();
    let socket = scratch.path().join("socket");
    let text = format!(
        "{}\n{}\n1700000000\n5432\n{}\n\n  5432001 0\nready   \n",
        sleeper.id(),
        data.display(),
        socket.display(),
    );
    std::fs::write(data.join("postmaster.pid"), &text).unwrap();
    std::fs::write(socket.join(".s.PGSQL.5432.lock"), &text).unwrap();

    let server = Server::start(&scratch.quick_options()).unwrap();

    assert_eq!(ask(&server, "select 1"), "1");
    assert!(lives(sleeper.id()), "a stranger is not harmed");
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
}

#[test]
fn the_running_server_can_be_found_by_others() {
    let scratch = Scratch::new();
    let data_dir = scratch.path().join("pg");
    assert_eq!(running(&data_dir), None);
    let mut owner = Owner::of_server(scratch.path());

    let found = running(&data_dir).unwrap();

    assert_eq!(found.pid, owner.child.id());
    assert_eq!(found.url("lockstep"), owner.url);
    assert_eq!(
        query(&owner.bin_dir, &found.url("lockstep"), "select 1"),
        "1"
    );
    owner.finish();
    assert_eq!(running(&data_dir), None);
}
