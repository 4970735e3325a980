//! Chance, in one place. Durable instants are the database's; spans are `tokio::time`'s, which tests
//! can pause; what is left to pin is randomness.

use std::sync::{Arc, Mutex};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Where nonces and jitter come from. Cloning shares the source.
#[derive(Clone)]
pub struct Entropy(Arc<Mutex<SmallRng>>);

impl std::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Entropy")
    }
}

impl Entropy {
    /// Seeded by the operating system.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for chance"
    )]
    pub fn from_system() -> Entropy {
        Entropy(Arc::new(Mutex::new(SmallRng::from_rng(&mut rand::rng()))))
    }

    /// The same numbers for the same seed, for tests.
    pub fn seeded(seed: u64) -> Entropy {
        Entropy(Arc::new(Mutex::new(SmallRng::seed_from_u64(seed))))
    }

    /// A claim's nonce.
    pub fn nonce(&self) -> i64 {
        self.with(RngExt::random)
    }

    /// Uniform in `0.0..1.0`.
    pub fn chance(&self) -> f64 {
        self.with(RngExt::random)
    }

    /// `span`, moved by up to a tenth either way, so that processes started together drift apart.
    pub fn jittered(&self, span: std::time::Duration) -> std::time::Duration {
        span.mul_f64(0.9 + 0.2 * self.chance())
    }

    fn with<T>(&self, draw: impl FnOnce(&mut SmallRng) -> T) -> T {
        draw(
            &mut self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}
