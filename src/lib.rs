//! Heelguard: a passive sensor for API authentication.
//! Modules stand in data-path order; a layer imports only layers above it in this list,
//! plus the vocabulary in `heelguard-detectors`. See `src/ARCHITECTURE.md`.

pub mod fault;
pub mod files;
pub mod metrics;

pub mod capture;
pub mod decode;
pub mod flow;

pub mod tls;

pub mod http;
pub mod identity;
pub mod openapi;
pub mod pipeline;

pub mod ledger;
pub mod sinks;

pub mod scale;

mod markup;
pub mod report;
pub mod web;

pub mod cli;
pub mod config;
pub mod demo;
#[doc(hidden)]
pub mod fuzzing;
pub mod hardening;
