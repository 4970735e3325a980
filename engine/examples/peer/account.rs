//! The harness's books: which handler ran how often and when, and what it cost.

use std::fs::File;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    Noop,
    Sleep20,
    Flaky,
    Latency,
}

impl Mode {
    pub(crate) fn parse(word: &str) -> Mode {
        match word {
            "sleep20" => Mode::Sleep20,
            "flaky" => Mode::Flaky,
            _ => Mode::Noop,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Account {
    starts: Vec<AtomicU32>,
    started: AtomicU64,
    ok: AtomicU64,
    log: Option<Mutex<File>>,
    picked: Mutex<Vec<(u64, u64)>>,
    mode: Mode,
}

pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

pub(crate) fn now_us() -> u64 {
    u64::try_from(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_micros(),
    )
    .unwrap()
}

/// Processor seconds of this process, and its peak memory in MiB, from what the kernel publishes.
pub(crate) fn usage() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|text| text.parse::<f64>().ok())
        .sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    // Linux counts a hundred ticks a second on every machine of today.
    (ticks / 100.0, peak.unwrap_or(0.0) / 1024.0)
}

impl Account {
    pub(crate) fn new(jobs: u64, mode: Mode) -> Account {
        Account {
            starts: (0..jobs).map(|_| AtomicU32::new(0)).collect(),
            started: AtomicU64::new(0),
            ok: AtomicU64::new(0),
            log: std::env::var("EXECLOG").ok().map(|path| {
                Mutex::new(
                    File::options()
                        .create(true)
                        .append(true)
                        .open(path)
                        .unwrap(),
                )
            }),
            picked: Mutex::default(),
            mode,
        }
    }

    pub(crate) fn ok(&self) -> u64 {
        self.ok.load(SeqCst)
    }

    /// The body of every handler.
    pub(crate) async fn handle(&self, n: u64) -> Result<(), String> {
        if self.mode == Mode::Latency {
            self.picked.lock().unwrap().push((n, now_us()));
        }
        let before = self
            .starts
            .get(usize::try_from(n).unwrap())
            .map_or(0, |count| count.fetch_add(1, SeqCst));
        self.started.fetch_add(1, SeqCst);
        self.note('S', n);
        match self.mode {
            Mode::Sleep20 => tokio::time::sleep(Duration::from_millis(20)).await,
            Mode::Flaky if before == 0 => return Err("the first attempt fails".into()),
            _ => {}
        }
        self.note('E', n);
        if before == 0 || (self.mode == Mode::Flaky && before == 1) {
            self.ok.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    fn note(&self, what: char, n: u64) {
        if let Some(log) = &self.log {
            log.lock()
                .unwrap()
                .write_all(format!("{what} {n} {}\n", now_us()).as_bytes())
                .unwrap();
        }
    }

    pub(crate) fn report(
        &self,
        jobs: u64,
        seconds: f64,
        (cpu, memory): (f64, f64),
        remaining: i64,
    ) {
        let expected = if self.mode == Mode::Flaky { 2 } else { 1 };
        let counts = || {
            self.starts
                .iter()
                .map(|count| u64::from(count.load(SeqCst)))
        };
        let never = counts().filter(|count| *count == 0).count();
        let doubles: u64 = counts().map(|count| count.saturating_sub(expected)).sum();
        println!(
            "{{\"jobs\":{jobs},\"started\":{},\"ok\":{},\"never\":{never},\"dups\":{doubles},\"secs\":{seconds:.4},\"cpu\":{cpu:.3},\"rss\":{memory:.1},\"remaining\":{remaining}}}",
            self.started.load(SeqCst),
            self.ok()
        );
    }

    /// `sent[n]` is before the enqueue call and after it returned, in microseconds.
    pub(crate) async fn report_latency(&self, sent: &[(u64, u64)]) {
        for _ in 0..400 {
            if self.picked.lock().unwrap().len() >= sent.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (mut pickup, mut trip) = (Vec::new(), Vec::new());
        for (n, at) in self.picked.lock().unwrap().iter() {
            let (before, after) = sent[usize::try_from(*n).unwrap()];
            pickup.push((*at as f64 - after as f64) / 1_000.0);
            trip.push((*at as f64 - before as f64) / 1_000.0);
        }
        println!(
            "{{\"jobs\":{},\"seen\":{},\"p50\":{:.3},\"p95\":{:.3},\"p99\":{:.3},\"e50\":{:.3},\"e95\":{:.3},\"e99\":{:.3}}}",
            sent.len(),
            pickup.len(),
            quantile(&mut pickup, 0.5),
            quantile(&mut pickup, 0.95),
            quantile(&mut pickup, 0.99),
            quantile(&mut trip, 0.5),
            quantile(&mut trip, 0.95),
            quantile(&mut trip, 0.99),
        );
    }
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1) as f64 * share).round();
    values.get(place as usize).copied().unwrap_or(-1.0)
}
