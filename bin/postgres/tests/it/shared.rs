//! The test server that many test processes share.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postgres::testing::{self, Cluster};

use crate::owner::Owner;
use crate::support::{Scratch, eventually, lives, query, signal};

#[test]
fn processes_share_one_server_and_leave_none_behind() {
    let scratch = Scratch::new();
    let dir = scratch.path().join("t");
    let mut first = Owner::of_cluster(&dir);
    let mut second = Owner::of_cluster(&dir);
    assert_eq!(first.postmaster, second.postmaster);

    first.finish();
    assert_eq!(query(&second.bin_dir, &second.url, "select 1"), "1");
    second.kill();

    eventually("the server is gone", || !lives(first.postmaster));
    eventually("its directory is gone", || !dir.join("cluster").exists());
}

#[test]
fn a_process_that_comes_late_starts_a_fresh_server() {
    let scratch = Scratch::new();
    let dir = scratch.path().join("t");
    let mut first = Owner::of_cluster(&dir);
    first.finish();
    eventually("the directory is gone", || !dir.join("cluster").exists());

    let mut second = Owner::of_cluster(&dir);

    assert_ne!(first.postmaster, second.postmaster);
    assert_eq!(query(&second.bin_dir, &second.url, "select 1"), "1");
    second.finish();
    eventually("the server is gone", || !lives(second.postmaster));
    eventually("its directory is gone", || !dir.join("cluster").exists());
}

#[test]
fn what_a_killed_run_left_is_cleaned_up() {
    let scratch = Scratch::new();
    let dir = scratch.path().join("t");
    let mut first = Owner::of_cluster(&dir);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", first.postmaster)).unwrap();
    let keeper: u32 = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    signal("KILL", keeper);
    signal("KILL", first.postmaster);
    first.kill();
    assert!(dir.join("cluster/data/postmaster.pid").exists());

    let mut second = Owner::of_cluster(&dir);

    assert_eq!(query(&second.bin_dir, &second.url, "select 1"), "1");
    second.finish();
    eventually("the server is gone", || !lives(second.postmaster));
    eventually("its directory is gone", || !dir.join("cluster").exists());
}

#[test]
fn a_template_is_built_once_and_cloned_often() {
    let cluster = testing::cluster();
    let builds = AtomicU32::new(0);
    let fingerprint = format!("self-test-{}", std::process::id());
    let build = |url: &str| {
        builds.fetch_add(1, Ordering::Relaxed);
        query(
            cluster.bin_dir(),
            url,
            "create table seed as select 7 as id",
        );
    };
    let template = cluster.template(&fingerprint, build).unwrap();
    assert_eq!(
        cluster
            .template(&fingerprint, |_| panic!("built twice"))
            .unwrap(),
        template
    );

    let one = cluster.create(&template).unwrap();
    let two = cluster.create(&template).unwrap();
    query(cluster.bin_dir(), &one.url, "delete from seed");

    assert_eq!(builds.into_inner(), 1);
    assert_eq!(
        query(cluster.bin_dir(), &two.url, "select id from seed"),
        "7"
    );
    let name = one.name.clone();
    drop(one);
    let count = format!("select count(*) from pg_database where datname = '{name}'");
    assert_eq!(
        query(cluster.bin_dir(), &cluster.url("postgres"), &count),
        "0"
    );
    cluster.drop_database(&template).unwrap();
}

#[test]
fn a_template_whose_builder_failed_is_built_by_the_next() {
    let cluster = testing::cluster();
    let fingerprint = format!("failing-{}", std::process::id());
    let failed = std::panic::catch_unwind(|| cluster.template(&fingerprint, |_| panic!("no")));
    assert!(failed.is_err());

    let template = cluster
        .template(&fingerprint, |url| {
            query(cluster.bin_dir(), url, "create table seed ()");
        })
        .unwrap();

    assert!(cluster.create(&template).is_ok());
    cluster.drop_database(&template).unwrap();
}

#[test]
fn the_test_server_is_fast_and_roomy() {
    let cluster = testing::cluster();

    let show = |name: &str| {
        query(
            cluster.bin_dir(),
            &cluster.url("postgres"),
            &format!("show {name}"),
        )
    };

    assert_eq!(show("fsync"), "off");
    assert_eq!(show("synchronous_commit"), "off");
    assert_eq!(show("full_page_writes"), "off");
    assert_eq!(show("max_connections"), "300");
    assert_eq!(show("listen_addresses"), "");
}

#[test]
fn a_directory_of_somebody_else_is_refused() {
    if !crate::support::we_are_root() {
        println!("skipped: only root can give directories away");
        return;
    }
    let scratch = Scratch::new();
    let dir = scratch.path().join("t");
    std::fs::create_dir(&dir).unwrap();
    let (nobody, _) = crate::support::ids_of("nobody");
    std::os::unix::fs::chown(&dir, Some(nobody), None).unwrap();

    assert!(Cluster::join(&dir, Duration::from_secs(1)).is_err());
}
