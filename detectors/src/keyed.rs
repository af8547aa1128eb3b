//! keyed
