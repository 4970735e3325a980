//! `lockstep-sim` alone.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_program_prints_a_curl_line_that_works() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep-sim"));
    command.args([
        "soundtrack",
        "--addr",
        "127.0.0.1:0",
        "--accounts",
        "2",
        "--refill",
        "0",
    ]);
    let mut program = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let output = BufReader::new(program.0.stdout.take().unwrap());
    let lines: Vec<String> = output.lines().take(6).map(Result::unwrap).collect();
    let (try_line, rest) = (lines[4].trim(), lines[5].trim());
    let curl = format!(
        "{} {rest}",
        try_line
            .trim_start_matches("try")
            .trim()
            .trim_end_matches('\\')
    );

    let ran = Command::new("sh").args(["-c", &curl]).output().unwrap();

    let body: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(body["data"]["account"]["soundZones"]["total"], 5, "{curl}");
}
