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

/// What the curl line prints that the program prints, whose first part is on line `at`.
fn tried(args: &[&str], at: usize) -> (Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep-sim"));
    command.args(args).args(["--addr", "127.0.0.1:0"]);
    let mut program = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let output = BufReader::new(program.0.stdout.take().unwrap());
    let lines: Vec<String> = output.lines().take(at + 2).map(Result::unwrap).collect();
    let first = lines[at].trim().trim_start_matches("try").trim();
    let curl = format!("{} {}", first.trim_end_matches('\\'), lines[at + 1].trim());
    let ran = Command::new("sh").args(["-c", &curl]).output().unwrap();
    let body = serde_json::from_slice(&ran.stdout);
    (body.unwrap_or(Value::Null), curl)
}

#[tokio::test]
async fn each_remote_prints_a_curl_line_that_works() {
    let (soundtrack, curl) = tried(&["soundtrack", "--accounts", "2", "--refill", "0"], 4);
    assert_eq!(
        soundtrack["data"]["account"]["soundZones"]["total"], 5,
        "{curl}"
    );

    let (zoho, curl) = tried(&["zoho", "--items", "9"], 4);
    assert_eq!(zoho["items"].as_array().map(Vec::len), Some(2), "{curl}");

    let (supabase, curl) = tried(&["supabase", "--customers", "9"], 4);
    assert_eq!(supabase.as_array().map(Vec::len), Some(2), "{curl}");

    let (creatio, curl) = tried(&["creatio", "--leads", "9", "--nulls"], 5);
    assert_eq!(creatio["value"].as_array().map(Vec::len), Some(2), "{curl}");
}
