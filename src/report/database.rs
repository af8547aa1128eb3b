//! A report of a database: what sensors wrote into ClickHouse, cut by the period exactly.
//! It is given sums and episodes as rows.
//! It promises the same shape as a report of a ledger, and that a rule which this program does not know is counted and said.

use super::coverage::{self, Granted};
use super::model::{ByProof, Counts, Need, Passport, Period, Place, Report, SCHEMA, Seen, Source, Verdict};
use super::range::Range;
use super::{alerts, findings, limits, passports, visibility};
use crate::sinks::clickhouse::reading::{self, Asked, EPISODES_MAX, Reader, Totals};
use crate::sinks::record::{Labels, Shown};
use heelguard_detectors::alert::{
    Alert, AlertId, Confidence, Evidence, Fact, Scope, Severity, Status, Subject, Visibility,
};
use heelguard_detectors::identity::{PrincipalKind, ProofLevel};
use heelguard_detectors::label::{Label, Labels as Purposes};
use heelguard_detectors::rules::catalogue;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Endpoint, TransactionId};
use std::collections::BTreeMap;

/// What is asked of a database for this period.
pub fn asked(labels: &Labels, range: Range) -> Asked {
    let micros = |time: EventTime| time.as_nanos().div_ceil(1_000);
    Asked { tenant: labels.tenant.clone(), from_us: range.from.map(micros), to_us: range.to.map(micros) }
}

/// The report; the error names the setting or the server.
pub fn of_database(reader: &Reader, labels: &Labels, name: String, range: Range) -> Result<Report, String> {
    let totals = reader.totals()?;
    let rows = reader.episodes()?;
    let episodes: Vec<Alert> = rows.iter().filter_map(alert).collect();
    let raised: Vec<&Alert> = episodes.iter().collect();
    let is_empty = totals.transactions == 0;
    let span = (!is_empty).then(|| (time(totals.first_us), time(totals.last_us)));
    let now = span.map(|(_, last)| last).unwrap_or_default();
    let mut report = Report {
        schema: SCHEMA,
        tenant: labels.tenant.clone(),
        sensor: "all sensors".to_owned(),
        source: Source { kind: "clickhouse", name },
        period: Period {
            from: range.from.map(Shown),
            to: range.to.map(Shown),
            first: span.map(|(first, _)| Shown(first)),
            last: span.map(|(_, last)| Shown(last)),
            not_cut: limits::not_cut_of_a_database(range),
        },
        findings: super::model::Findings::default(),
        seen: seen(&totals, &reader.actors()?, rows.len() as u64),
        coverage: coverage::map(&reader.granted()?.into_iter().map(granted).collect::<Vec<_>>()),
        keys: passports::ranked(keys(reader, now)?),
        exposures: alerts::exposures(&raised),
        alerts: alerts::alerts(&raised),
        visibility: visibility::of_transactions(totals.not_whole, totals.transactions),
        not_looked_at: Vec::new(),
    };
    if is_empty {
        report.visibility.verdict = Verdict::Blind;
    }
    report.not_looked_at = limits::not_looked_at(&report);
    let strangers = rows.len() - raised.len();
    if strangers > 0 {
        let told = format!(
            "{strangers} alerts of rules that this version does not know: use the version that wrote them."
        );
        report.not_looked_at.push(told);
    }
    report.findings = findings::findings(&report);
    Ok(report)
}

fn seen(totals: &Totals, actors: &[reading::Actors], fetched: u64) -> Seen {
    let of =
        |kind: PrincipalKind| actors.iter().find(|row| row.kind == kind.name()).map_or(0, |row| row.count);
    let left_out = totals.episodes.saturating_sub(fetched.min(EPISODES_MAX));
    Seen {
        transactions: totals.transactions,
        hosts: totals.hosts,
        endpoints: totals.endpoints,
        principals: Counts(PrincipalKind::ALL.iter().map(|&kind| (kind.name(), of(kind))).collect()),
        keys: totals.keys,
        tokens: totals.tokens,
        left_out: Counts((left_out > 0).then_some(("alerts", left_out)).into_iter().collect()),
    }
}

fn granted(row: reading::Granted) -> Granted {
    let mut labels = Purposes::NONE;
    row.labels.iter().filter_map(|name| Label::parse(name)).for_each(|label| labels.insert(label));
    let (mut proofs, mut callers) = (ByProof::default(), ByProof::default());
    for (name, successes, credentials) in &row.proofs {
        let Some(level) = ProofLevel::parse(name) else { continue };
        let places = (proofs.0.get_mut(level as usize), callers.0.get_mut(level as usize));
        if let (Some(proofs), Some(callers)) = places {
            (*proofs, *callers) = (*successes, *credentials);
        }
    }
    Granted { at: Place { method: row.method, host: row.host, route: row.route }, labels, proofs, callers }
}

fn keys(reader: &Reader, now: EventTime) -> Result<Vec<Passport>, String> {
    let mut called: BTreeMap<String, Vec<Need>> = BTreeMap::new();
    for row in reader.called()? {
        let place = Place { method: row.method, host: row.host, route: row.route };
        called.entry(row.fingerprint).or_default().push(Need { place, calls: row.calls });
    }
    let passport = |row: reading::Key| {
        let needs = called.remove(&row.fingerprint).unwrap_or_default();
        let (first, last) = (time(row.first_us), time(row.last_us));
        let mut passport = Passport {
            fingerprint: row.fingerprint,
            kind: row.kind,
            class: row.class,
            location: row.location,
            name: row.name,
            owner: Some(row.owner).filter(|owner| !owner.is_empty()),
            owners: row.owners,
            first_seen: Shown(first),
            last_seen: Shown(last),
            age_days: passports::days(first, now),
            idle_days: passports::days(last, now),
            calls: row.calls,
            denied: row.denied,
            privileged: row.privileged,
            around_mfa: row.around_mfa,
            networks: row.networks,
            countries: row.countries,
            risk: 0,
            reasons: Vec::new(),
            needs_left_out: row.routes.saturating_sub(needs.len() as u64),
            needs,
        };
        passports::judge(&mut passport, None);
        passport
    };
    Ok(reader.keys()?.into_iter().map(passport).collect())
}

/// The episode, if its rule is known: title and advice are the catalogue's.
fn alert(row: &reading::Episode) -> Option<Alert> {
    let rule = catalogue().iter().find(|entry| entry.rule.id == row.rule)?.rule;
    let digits: String = row.id.chars().filter(|c| *c != '-').collect();
    let mut facts: Vec<(&'static str, Fact)> = Vec::new();
    if let Some(accepted) = ["false", "true"].iter().position(|word| *word == row.accepted) {
        facts.push(("accepted", Fact::Flag(accepted == 1)));
    }
    if let Ok(hits) = serde_json::from_str::<Vec<String>>(&row.hits) {
        facts.push(("hits", Fact::List(hits.into_iter().map(Into::into).collect())));
    }
    let evidence = |(status, note): &(u16, String)| Evidence {
        transaction: TransactionId(0),
        time: time(row.last_us),
        method: "".into(),
        path: "".into(),
        status: Some(*status).filter(|status| *status > 0),
        note: note.clone(),
    };
    let endpoint = || Endpoint {
        method: row.method.as_str().into(),
        host: row.host.as_str().into(),
        route: row.route.as_str().into(),
    };
    Some(Alert {
        id: AlertId(u128::from_str_radix(&digits, 16).ok()?),
        rev: 1,
        status: Status::parse(&row.status)?,
        rule: rule.id,
        detector: rule.name,
        title: rule.title,
        severity: Severity::parse(&row.severity)?,
        confidence: Confidence::parse(&row.confidence)?,
        message: row.message.clone(),
        time: time(row.last_us),
        first_seen: time(row.first_us),
        last_seen: time(row.last_us),
        count: row.count,
        threshold: 0,
        window: None,
        subject: Subject { scope: Scope::parse(&row.scope)?, value: row.subject.as_str().into() },
        principal: None,
        client: None,
        credential: None,
        endpoint: (!row.method.is_empty()).then(endpoint),
        evidence: row.evidence.iter().map(evidence).collect(),
        facts,
        response: rule.response,
        mitre: rule.mitre,
        owasp: rule.owasp,
        visibility: Visibility::default(),
    })
}

fn time(micros: i64) -> EventTime {
    EventTime::from_micros(u64::try_from(micros).unwrap_or(0))
}
