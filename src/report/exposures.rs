//! What lies open: credentials where others can read them, doors without a lock, data in answers, endpoints at risk.
//! It is given the ledger's rows and the episodes of alerts.
//! It promises that what endpoints know is told from them, the rest from alerts, and nothing from both.

use super::alerts::{by_detector, is_of_traffic};
use super::coverage::labels;
use super::model::{AtRisk, Danger as Told, Data, Exposure, Exposures, Place, Word};
use crate::ledger::Rows;
use crate::ledger::endpoint::Endpoint;
use crate::ledger::endpoint::risk::{self, Danger, Risk};
use heelguard_detectors::alert::{Alert, Severity};
use heelguard_detectors::contents::DataClass;
use heelguard_detectors::identity::CredentialKind;
use heelguard_detectors::rules::catalogue;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Rules that tell of something that lies open: Basic, weak TLS, doors without a lock, identities that anybody can
/// claim, operations that nobody described, credentials in addresses and answers, secrets of factors, keys and signing
/// secrets that others have.
const LAYS_OPEN: [&str; 9] =
    [BASIC, "POS-02", "POS-03", "POS-04", "POS-05", "KEY-06", "KEY-08", "JWT-02", "MFA-17"];
/// The rule about what endpoints know as well.
const BASIC: &str = "POS-01";
/// Places of one exposure that are named.
const PLACES_MAX: usize = 8;
/// Endpoints that are told with their reasons.
const ENDPOINTS_MAX: usize = 15;

/// An endpoint with its risk.
type Judged<'a> = (&'a Endpoint, Risk);

/// What lies open.
pub(super) fn exposures(rows: &Rows, all: &[&Alert]) -> Exposures {
    let mut judged: Vec<Judged<'_>> = rows.endpoints.iter().map(|row| (&**row, risk::of(row))).collect();
    judged.sort_by_key(|(row, _)| (Reverse(row.calls), &row.host, &row.route, &row.method));
    let mut open: Vec<Exposure> = [plain(&judged), basic(&judged, rows, all)].into_iter().flatten().collect();
    let is_told = |rule: &str| open.iter().any(|told| told.rule == Some(rule));
    let lays_open =
        |alert: &&Alert| is_of_traffic(alert) && LAYS_OPEN.contains(&alert.rule) && !is_told(alert.rule);
    let alerts: Vec<&Alert> = all.iter().copied().filter(lays_open).collect();
    open.extend(of_alerts(&alerts));
    open.sort_by_key(|of| (Reverse((of.severity, of.events)), of.name));
    let data = DataClass::ALL.iter().filter_map(|&class| data(class, &judged)).collect();
    judged.retain(|(_, risk)| risk.score > 0);
    judged.sort_by_key(|(_, risk)| Reverse(risk.score));
    Exposures {
        open,
        data,
        endpoints_in_all: judged.len() as u64,
        endpoints: judged.iter().take(ENDPOINTS_MAX).map(at_risk).collect(),
    }
}

/// What is reached without TLS.
fn plain(judged: &[Judged<'_>]) -> Option<Exposure> {
    let rows = with(judged, Danger::PlainFromOutside);
    // Where it takes credentials, they can be read on the way.
    let takes_some = rows.iter().any(|row| row.taken().next().is_some());
    let exposure = Exposure {
        name: "plain_http",
        rule: None,
        title: "Plain HTTP from outside",
        severity: Word(if takes_some { Severity::High } else { Severity::Medium }),
        told_by: "endpoints",
        events: rows.iter().map(|row| row.plain_from_outside).sum(),
        places_in_all: rows.len() as u64,
        places: places(&rows),
        to_do: "let nothing be reached from outside without TLS: answer plain HTTP with a redirect alone, and send HSTS",
    };
    (exposure.places_in_all > 0).then_some(exposure)
}

/// What takes a password with the call.
fn basic(judged: &[Judged<'_>], rows: &Rows, all: &[&Alert]) -> Option<Exposure> {
    let rule = catalogue().iter().find(|entry| entry.rule.id == BASIC)?.rule;
    let endpoints = with(judged, Danger::Basic);
    let raised = all.iter().filter(|alert| alert.rule == BASIC).map(|alert| alert.severity).max();
    let passwords = rows.credentials.iter().filter(|of| of.kind == CredentialKind::Basic);
    let exposure = Exposure {
        name: rule.name,
        rule: Some(rule.id),
        title: rule.title,
        severity: Word(raised.unwrap_or(rule.severity)),
        told_by: "endpoints",
        events: passwords.map(|of| of.calls).sum(),
        places_in_all: endpoints.len() as u64,
        places: places(&endpoints),
        to_do: rule.response,
    };
    (exposure.places_in_all > 0).then_some(exposure)
}

fn with<'a>(judged: &[Judged<'a>], danger: Danger) -> Vec<&'a Endpoint> {
    judged.iter().filter(|(_, risk)| risk.has(danger)).map(|(row, _)| *row).collect()
}

fn places(rows: &[&Endpoint]) -> Vec<String> {
    rows.iter().take(PLACES_MAX).map(|row| Place::of(row).to_string()).collect()
}

fn of_alerts(open: &[&Alert]) -> Vec<Exposure> {
    let exposure = |row: super::model::ByDetector| {
        let of_row = || open.iter().filter(|alert| alert.rule == row.rule);
        let places: BTreeSet<String> = of_row().map(|alert| place(alert)).collect();
        Exposure {
            name: row.detector,
            rule: Some(row.rule),
            title: row.title,
            severity: row.severity,
            told_by: "alerts",
            events: row.events,
            places_in_all: places.len() as u64,
            to_do: of_row().next().map(|alert| alert.response).unwrap_or_default(),
            places: places.into_iter().take(PLACES_MAX).collect(),
        }
    };
    by_detector(open).into_iter().map(exposure).collect()
}

/// Where it is: the endpoint, or what the alert is about.
fn place(alert: &Alert) -> String {
    match &alert.endpoint {
        Some(at) => format!("{} {}{}", at.method, at.host, at.route),
        None => alert.subject.value.to_string(),
    }
}

/// Where answers hold this class; tokens where handing them out is the purpose are left out.
fn data(class: DataClass, judged: &[Judged<'_>]) -> Option<Data> {
    let answers = |row: &Endpoint| row.sensitive().find(|held| held.0 == class).map_or(0, |held| held.1);
    let is_meant = |(row, risk): &&Judged<'_>| {
        let is_leak = class != DataClass::Token || risk.has(Danger::TokenData);
        is_leak && answers(row) > 0
    };
    let mut holding: Vec<&Judged<'_>> = judged.iter().filter(is_meant).collect();
    holding.sort_by_key(|(row, _)| Reverse(answers(row)));
    let is_open = |(_, risk): &&&Judged<'_>| risk.has(Danger::AnonymousData);
    (!holding.is_empty()).then(|| Data {
        class: class.name(),
        words: risk::class_words(class),
        answers: holding.iter().map(|(row, _)| answers(row)).sum(),
        endpoints: holding.len() as u64,
        open_endpoints: holding.iter().filter(is_open).count() as u64,
        places: holding.iter().take(PLACES_MAX).map(|(row, _)| Place::of(row)).collect(),
    })
}

fn at_risk((row, risk): &Judged<'_>) -> AtRisk {
    let told = |reason: &risk::Reason| Told {
        danger: reason.danger.name(),
        points: reason.danger.points().into(),
        words: reason.words.clone(),
    };
    AtRisk {
        endpoint: Place::of(row),
        labels: labels(row),
        calls: row.calls,
        risk: risk.score.into(),
        reasons: risk.reasons.iter().map(told).collect(),
    }
}
