//! A report of a database: what sensors wrote into ClickHouse, cut by the period exactly.
//! It is given episodes, and sums that `rows` makes the ledger's rows of.
//! It promises the same shape as a report of a ledger, and that a rule which this program does not know is counted and said.

mod rows;

use super::model::{Counts, Kind, Report, Seen, Source, Verdict};
use super::range::Range;
use super::visibility;
use super::whole::{Known, whole};
use crate::sinks::clickhouse::reading::{self, Asked, EPISODES_MAX, Reader, Totals};
use crate::sinks::record::Labels;
use heelguard_detectors::alert::{
    Alert, AlertId, Confidence, Evidence, Fact, Scope, Severity, Status, Subject, Visibility,
};
use heelguard_detectors::identity::PrincipalKind;
use heelguard_detectors::rules::catalogue;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::{Endpoint, TransactionId};

/// What is asked of a database for this period.
pub fn asked(labels: &Labels, range: Range) -> Asked {
    let micros = |time: EventTime| time.as_nanos().div_ceil(1_000);
    Asked { tenant: labels.tenant.clone(), from_us: range.from.map(micros), to_us: range.to.map(micros) }
}

/// The report; the error names the setting or the server.
pub fn of_database(reader: &Reader, labels: &Labels, name: String, range: Range) -> Result<Report, String> {
    let totals = reader.totals()?;
    let episodes = reader.episodes()?;
    let alerts: Vec<Alert> = episodes.iter().filter_map(alert).collect();
    let is_empty = totals.transactions == 0;
    let mut visibility = visibility::of_transactions(totals.not_whole, totals.transactions);
    if is_empty {
        visibility.verdict = Verdict::Blind;
    }
    let mut report = whole(Known {
        tenant: labels.tenant.clone(),
        sensor: "all sensors".to_owned(),
        source: Source { kind: Kind::Clickhouse, name },
        range,
        span: (!is_empty).then(|| (time(totals.first_us), time(totals.last_us))),
        seen: seen(&totals, &reader.actors()?, episodes.len() as u64),
        rows: &rows::rows(reader)?,
        raised: &alerts.iter().collect::<Vec<_>>(),
        visibility,
    });
    let strangers = episodes.len() - alerts.len();
    if strangers > 0 {
        let told = format!(
            "{strangers} alerts of rules that this version does not know: use the version that wrote them."
        );
        report.not_looked_at.push(told);
    }
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
