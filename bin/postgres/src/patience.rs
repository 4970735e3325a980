//! The one place that waits by looking again and again.
//!
//! Process ends of strangers, pid files and locks give no signal we could wait on. The API blocks
//! by contract, so a sleeping thread is what the caller asked for.

use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Waits until `condition` holds, at most `limit`; says whether it came to hold.
#[expect(
    clippy::disallowed_methods,
    reason = "this crate has no async runtime to block"
)]
pub(crate) fn until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
