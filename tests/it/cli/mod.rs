//! The command line as people and scripts use it: the real program on a real database.

mod bench;
mod bulk;
mod change;
mod connections;
mod creatio;
pub(crate) mod eras;
mod errors;
mod filters;
pub(crate) mod flows;
mod help;
mod lists;
mod logs;
mod overview;
mod packages;
mod pages;
mod pairing;
mod products;

use assert_cmd::Command;
use engine::testing::Database;
use jobs::company::{Company, NewCompany};
pub(crate) use jobs::testing::database;

/// A company, without the program.
pub(crate) async fn company(database: &Database, new: &NewCompany) -> Company {
    let mut conn = database.pool().acquire().await.expect("a connection");
    jobs::company::create(&mut conn, new)
        .await
        .expect("company")
}

/// From now on no audit row can be written.
pub(crate) async fn break_audit(database: &Database) {
    let sql = "create function engine.lose_audit() returns trigger language plpgsql as \
         $$ begin raise exception 'the audit trail is lost'; end $$; \
         create trigger audit_is_lost before insert on engine.audit \
         for each row execute function engine.lose_audit()";
    let pool = database.pool();
    sqlx::raw_sql(sql).execute(pool).await.expect("a trigger");
}

/// Audit rows can be written again.
pub(crate) async fn mend_audit(database: &Database) {
    let sql = "drop trigger audit_is_lost on engine.audit";
    let pool = database.pool();
    sqlx::raw_sql(sql).execute(pool).await.expect("no trigger");
}

/// The program, with no settings but those a test gives.
pub(crate) fn program(words: &[&str]) -> Command {
    let mut command = Command::cargo_bin("lockstep").expect("the program is built");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    command
        .env_clear()
        .current_dir(path)
        .env("LOCKSTEP_ACTOR", "tester")
        .env("PATH", "/usr/bin:/bin")
        .args(words);
    command
}

/// The program on a database.
pub(crate) fn lockstep(database: &Database, words: &[&str]) -> Command {
    let mut command = program(words);
    command.env("LOCKSTEP_DATABASE_URL", database.url());
    command
}

/// How a command ended: exit code, stdout, stderr.
pub(crate) async fn ended(mut command: Command) -> (i32, String, String) {
    // In a thread of its own: the test's pool must go on meanwhile.
    let output = tokio::task::spawn_blocking(move || command.output().expect("the program runs"))
        .await
        .expect("the thread that ran it");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    (
        output.status.code().unwrap_or(-1),
        text(output.stdout),
        text(output.stderr),
    )
}

/// Exit code and stdout as JSON.
pub(crate) async fn json(command: Command) -> (i32, serde_json::Value) {
    let (code, out, err) = ended(command).await;
    let value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("not JSON: {out:?} {err:?}"));
    (code, value)
}

/// Ids and instants are others every time.
pub(crate) fn redacted() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[id]",
    );
    settings.add_filter(
        r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+)?Z",
        "[instant]",
    );
    settings.add_filter(r"after \d+(\.\d+)?m?s", "after [span]");
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind_to_scope()
}
