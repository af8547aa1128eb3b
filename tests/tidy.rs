//! The house rules as tests: what a reviewer would otherwise have to say again and again.
//! They read the source tree as text; each names file and line, and what to do.
//! They promise to take seconds, so that nobody has a reason to skip them.

#![allow(clippy::expect_used, clippy::panic, reason = "a tree that cannot be read is a failed test")]

mod tidy {
    mod catalogue;
    mod documents;
    mod format;
    mod hashing;
    mod layers;
    mod mutants;
    mod rules;
    mod safety;
    #[cfg(target_os = "linux")]
    mod service;
    mod source;
    mod supply;
    mod text;
}
