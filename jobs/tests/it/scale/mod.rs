//! Judged by the clock: run with no more at once than the machine has cores.

mod bulk;
mod converge;
mod fleet;
mod packages;
mod throttled;
