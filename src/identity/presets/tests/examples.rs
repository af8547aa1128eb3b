//! Plays the examples of a preset through extraction and lineage, and compares what is told of each step.

use super::super::format::{Example, Expected};
use super::super::{BUILT_IN, Preset};
use crate::identity::config::{Identity, Network, Privacy};
use crate::identity::extract::tests::exchange;
use crate::identity::geo::Geo;
use crate::identity::secret::Keyring;
use crate::identity::{Extractor, Lineage, LineageConfig, Settings};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use std::sync::Arc;

/// Everything a step tells: the transaction, and whether the answer handed something out.
struct Told {
    transaction: Transaction,
    issued: bool,
}

/// The examples of that preset hold, with all presets switched on; else everything that is told otherwise.
pub(super) fn hold(name: &str) {
    let file = format!("presets/{name}.toml");
    let presets = BUILT_IN.as_ref().unwrap_or_else(|error| panic!("{error}"));
    let preset = presets.iter().find(|preset| preset.file == file).unwrap();
    let wrong = differences(preset, &Identity::default());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// File, example, step, key, what was wanted and what came.
pub(super) fn differences(preset: &Preset, identity: &Identity) -> Vec<String> {
    let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
    let settings =
        Settings::build(&Network::default(), identity, &Privacy::default(), keyring, Geo::builtin());
    let settings = Arc::new(settings.unwrap_or_else(|error| panic!("{error}")));
    let mut wrong = Vec::new();
    for example in &preset.examples {
        for (index, (step, told)) in example.steps.iter().zip(play(example, &settings)).enumerate() {
            for (key, wanted, got) in compare(&step.expect, &told) {
                if wanted != got {
                    wrong.push(format!(
                        "{}: `{}`, step {} ({}): {key}: wanted `{wanted}`, got `{got}`",
                        preset.file,
                        example.name,
                        index + 1,
                        step.request.trim_start().lines().next().unwrap_or_default(),
                    ));
                }
            }
        }
    }
    wrong
}

/// One client, one connection, a step every five seconds.
fn play(example: &Example, settings: &Arc<Settings>) -> Vec<Told> {
    let mut extractor = Extractor::new(settings.clone());
    let mut lineage = Lineage::new(&LineageConfig::default());
    let mut told = Vec::new();
    for (step, ordinal) in example.steps.iter().zip(0u32..) {
        let mut exchange = exchange(on_the_wire(&step.request), &status_first(&step.response));
        exchange.ordinal = ordinal;
        exchange.time = EventTime::from_nanos(exchange.time.as_nanos() + u64::from(ordinal) * 5_000_000_000);
        exchange.end = EventTime::from_nanos(exchange.time.as_nanos() + 50_000_000);
        let sighting = extractor.extract(exchange);
        let issued = !sighting.clues.issued.is_empty();
        told.push(Told { transaction: lineage.attribute(sighting), issued });
    }
    told
}

fn on_the_wire(text: &str) -> &str {
    text.trim_start_matches('\n').trim_end_matches('\n')
}

/// `HTTP/1.1 401 Unauthorized` is a status line; the maker of messages wants the status first.
fn status_first(response: &str) -> String {
    let response = on_the_wire(response);
    let (line, rest) = response.split_once('\n').unwrap_or((response, ""));
    let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("no status line: {line}"));
    format!("{status} x\n{rest}")
}

/// Key, wanted, got; of the keys that are given.
fn compare(expected: &Expected, told: &Told) -> Vec<(&'static str, String, String)> {
    let tx = &told.transaction;
    let mut pairs = Vec::new();
    let mut pair = |key, wanted: Option<String>, got: String| {
        if let Some(wanted) = wanted {
            pairs.push((key, wanted, got));
        }
    };
    pair("activity", expected.activity.clone(), tx.activity.to_string());
    let login = tx.login.as_ref().map_or("none".to_owned(), |login| login.outcome.to_string());
    pair("login", expected.login.clone(), login);
    let mfa = |m: heelguard_detectors::transaction::Mfa| format!("{}/{}/{}", m.event, m.factor, m.outcome);
    pair("mfa", expected.mfa.clone(), tx.mfa.map_or("none".to_owned(), mfa));
    pair("outcome", expected.outcome.clone(), tx.outcome.to_string());
    let principal = match &expected.principal {
        Some(wanted) if !wanted.contains(':') => tx.principal.kind.to_string(),
        _ => tx.principal.key(),
    };
    pair("principal", expected.principal.clone(), principal);
    pair("proof", expected.proof.clone(), tx.proof.level.to_string());
    let credentials: Vec<_> = tx.credentials.iter().map(|c| format!("{}/{}", c.kind, c.class)).collect();
    pair("credentials", expected.credentials.as_ref().map(|c| c.join(" ")), credentials.join(" "));
    let labels = tx.request.as_ref().map(|request| request.labels).unwrap_or_default();
    let labels: Vec<_> = labels.iter().map(|label| label.name()).collect();
    pair("labels", expected.labels.as_ref().map(|l| l.join(" ")), labels.join(" "));
    pair("issued", expected.issued.map(|yes| yes.to_string()), told.issued.to_string());
    let left = tx.mfa.and_then(|m| m.codes_left).map_or("none".to_owned(), |left| left.to_string());
    pair("codes_left", expected.codes_left.map(|left| left.to_string()), left);
    let ticket = tx.mfa.is_some_and(|m| m.ticket.is_some());
    pair("ticket", expected.ticket.map(|yes| yes.to_string()), ticket.to_string());
    pairs
}
