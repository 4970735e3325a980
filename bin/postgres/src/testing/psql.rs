//! Statements for the test server, through the installed `psql`: this crate has no client.

use std::path::Path;

use crate::child;
use crate::error::Error;

/// Runs `statements` one after the other, each in a transaction of its own, and stops at the
/// first that fails. Returns what they printed, without decoration.
pub(super) fn run(bin_dir: &Path, url: &str, statements: &[&str]) -> Result<String, Error> {
    let program = bin_dir.join("psql");
    let mut command = child::clean_command(&program);
    command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url]);
    for statement in statements {
        command.arg("-c").arg(statement);
    }
    let output = child::run(&mut command, "").map_err(|source| Error::Program {
        program: program.clone(),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Error::Statement {
        statement: statements.join("; "),
        output: child::said(&output),
    })
}
