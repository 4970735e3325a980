//! Soundtrack.
