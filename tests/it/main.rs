//! Tests.

mod architecture;
