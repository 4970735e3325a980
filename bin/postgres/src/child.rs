//! How every program of Postgres is run: as the right user, in a known directory, with an
//! environment that holds nothing Postgres would act on.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::Error;
use crate::environment;
use crate::identity::Identity;

/// A command for `program` with a clean environment, started in `home`.
///
/// The directory is not decoration: the child enters it as the user it becomes, so that a closed
/// parent directory is noticed before Postgres does anything.
pub(crate) fn command(program: &Path, home: &Path, identity: &Identity) -> Command {
    let mut command = clean_command(program);
    command.current_dir(home);
    identity.apply(&mut command);
    command
}

/// A command for `program` as ourselves, with a clean environment.
pub(crate) fn clean_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(environment::for_children())
        .stdin(Stdio::null());
    command
}

/// Runs `command` to its end with `input` on its standard input, and collects what it says.
pub(crate) fn run(command: &mut Command, input: &str) -> io::Result<Output> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that ends before it has read everything says why on its standard error.
        match stdin.write_all(input.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error),
            _ => {}
        }
    }
    child.wait_with_output()
}

/// Says why `program` could not be spawned by [`command`].
pub(crate) fn not_spawned(
    source: io::Error,
    program: &Path,
    home: &Path,
    identity: &Identity,
) -> Error {
    if source.kind() == io::ErrorKind::PermissionDenied {
        return Error::Unreachable {
            dir: home.to_owned(),
            program: program.to_owned(),
            user: identity.name.clone(),
        };
    }
    Error::Program {
        program: program.to_owned(),
        source,
    }
}

/// What a finished program said, for an error message.
pub(crate) fn said(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if text.is_empty() {
        text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    }
    if text.is_empty() {
        text = output.status.to_string();
    }
    text
}
