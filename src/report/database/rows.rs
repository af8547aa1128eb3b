//! The sums of a database as rows of a ledger, so that map, passports and risks are judged as everywhere else.
//! They are given what the queries found.
//! They promise the same figures as the ledger that saw the traffic, but for what the tables do not have: what messages
//! hold, who else has a key, and when one was handed out. A row of words that this program does not know is left out.

use super::time;
use crate::ledger::Rows;
use crate::ledger::at_once::{AT_ONCE_MAX, Most};
use crate::ledger::credential::Credential;
use crate::ledger::endpoint::Endpoint;
use crate::ledger::lanes::{Lane, Lanes, Tagged};
use crate::ledger::lasting;
use crate::ledger::principal::Principal;
use crate::ledger::visited::Visited;
use crate::sinks::clickhouse::reading::{self, Reader};
use heelguard_detectors::identity::{
    Country, Credential as Presented, CredentialKind, Fingerprint, Location, Principal as Who, PrincipalKind,
    PrincipalSource,
};
use heelguard_detectors::label::{Label, Labels};
use heelguard_detectors::saved::interned;
use heelguard_detectors::time::EventTime;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

const DAY_S: u64 = 86_400;

/// The rows of the period.
pub(super) fn rows(reader: &Reader) -> Result<Rows, String> {
    let endpoints = reader.called()?.into_iter().map(|row| Arc::new(endpoint(row))).collect();
    let mut visits: BTreeMap<String, Vec<Lane<Visited>>> = BTreeMap::new();
    for row in reader.visits()? {
        let (fingerprint, lane) = visit(row);
        visits.entry(fingerprint).or_default().push(lane);
    }
    let granted = reader.granted()?.into_iter().map(|row| (row.fingerprint.clone(), row)).collect();
    let at_once = reader.at_once()?.into_iter().map(|row| (row.fingerprint.clone(), row)).collect();
    let mut more = More { visits, granted, at_once };
    let credentials =
        reader.shown()?.into_iter().filter_map(|row| more.credential(&row)).map(Arc::new).collect();
    Ok(Rows { endpoints, principals: principals(reader.callers()?), credentials })
}

fn endpoint(row: reading::Called) -> Endpoint {
    let names = [row.method, row.host, row.route].map(Arc::from);
    let mut endpoint = Endpoint::named(names, EventTime::ZERO);
    endpoint.labels = labels(&row.labels);
    (endpoint.calls, endpoint.denied) = (row.calls, row.denied);
    endpoint.without_credential = row.without_credential;
    endpoint.credential_in_url = row.credential_in_url;
    endpoint.plain_from_outside = row.plain_from_outside;
    endpoint.around_mfa = row.around_mfa;
    row.taken.iter().filter_map(|kind| CredentialKind::parse(kind)).for_each(|kind| endpoint.take(kind));
    endpoint.proofs.iter_mut().zip(row.proofs).for_each(|(count, of)| *count = of);
    endpoint
}

fn labels(names: &[String]) -> Labels {
    let mut labels = Labels::NONE;
    names.iter().filter_map(|name| Label::parse(name)).for_each(|label| labels.insert(label));
    labels
}

/// Callers of one actor stand one after another.
fn principals(callers: Vec<reading::Caller>) -> Vec<Arc<Principal>> {
    let mut lanes: BTreeMap<(PrincipalKind, Arc<str>), Vec<Lane<Visited>>> = BTreeMap::new();
    for row in callers {
        let Some(kind) = PrincipalKind::parse(&row.kind) else { continue };
        let mut at = Visited::named([row.method, row.host, row.route].map(Arc::from));
        (at.success, at.mfa) = (row.success, row.mfa);
        lanes.entry((kind, row.id.into())).or_default().push(lane(
            at,
            row.success,
            (EventTime::ZERO, EventTime::ZERO),
        ));
    }
    let principal = |((kind, id), routes)| {
        let who = Who { kind, id, source: PrincipalSource::Lineage };
        Arc::new(Principal { routes: Lanes::of(routes, 0), ..Principal::new(&who, EventTime::ZERO) })
    };
    lanes.into_iter().map(principal).collect()
}

fn visit(row: reading::Visit) -> (String, Lane<Visited>) {
    let mut at = Visited::named([row.method, row.host, row.route].map(Arc::from));
    at.labels = labels(&row.labels);
    (at.success, at.mfa, at.alone, at.around) = (row.success, row.mfa, row.alone, row.around);
    (row.fingerprint, lane(at, row.calls, (time(row.first_us), time(row.last_us))))
}

fn lane<T>(name: T, calls: u64, (first, last): (EventTime, EventTime)) -> Lane<T> {
    Lane { name, calls, first, last, spans: 0 }
}

/// What is known of credentials beside their own rows.
struct More {
    visits: BTreeMap<String, Vec<Lane<Visited>>>,
    granted: BTreeMap<String, reading::Granted>,
    at_once: BTreeMap<String, reading::AtOnce>,
}

impl More {
    fn credential(&mut self, row: &reading::Shown) -> Option<Credential> {
        let presented = Presented {
            kind: CredentialKind::parse(&row.kind)?,
            class: interned(&row.class)?,
            location: Location::parse(&row.location)?,
            name: row.name.as_str().into(),
            fingerprint: Fingerprint(u128::from_str_radix(&row.fingerprint, 16).ok()?.to_be_bytes()),
            known: None,
            stage: None,
        };
        let span = (time(row.first_us), time(row.last_us));
        let mut key = Credential::new(&presented, span.0);
        key.last = span.1;
        (key.calls, key.denied) = (row.calls, row.denied);
        (key.privileged, key.around_mfa) = (row.privileged, row.around_mfa);
        let owner = PrincipalKind::parse(&row.owner.0).map(|kind| (kind, Arc::from(row.owner.1.as_str())));
        key.owners = lanes(owner.into_iter().collect(), row.owners, span);
        let networks = row.networks.iter().filter_map(|ip| ip.parse().ok()).map(network).collect();
        key.addresses = lanes(networks, row.networks_in_all, span);
        let countries: Vec<Country> = row.countries.iter().filter_map(|code| Country::parse(code)).collect();
        key.countries = lanes(countries, 0, span);
        let routes = self.visits.remove(&row.fingerprint).unwrap_or_default();
        let left_out = row.routes.saturating_sub(routes.len() as u64);
        key.routes = Lanes::of(routes, left_out);
        if let Some(lasting) = &mut key.lasting {
            lasting.devices = Lanes::of(Vec::new(), row.devices);
            row.days.iter().for_each(|day| {
                lasting.days.note(EventTime::from_secs(day.saturating_mul(DAY_S)), false, 0, 0);
            });
            let granted = self.granted.get(&row.fingerprint);
            lasting.granted = granted.map(|row| lasting::Granted {
                first: time(row.first_us),
                last: time(row.last_us),
                longest_pause: Duration::from_micros(u64::try_from(row.longest_pause_us).unwrap_or(0)),
            });
            if let Some(row) = self.at_once.get(&row.fingerprint) {
                let most = |count: u64| Most { count: count.min(AT_ONCE_MAX as u64), at: span.1 };
                (lasting.at_once.networks, lasting.at_once.devices) = (most(row.networks), most(row.devices));
            }
        }
        Some(key)
    }
}

/// These of so many.
fn lanes<T: Tagged>(names: Vec<T>, in_all: u64, span: (EventTime, EventTime)) -> Lanes<T> {
    let left_out = in_all.saturating_sub(names.len() as u64);
    Lanes::of(names.into_iter().map(|name| lane(name, 0, span)).collect(), left_out)
}

fn network(ip: Ipv6Addr) -> IpAddr {
    ip.to_ipv4_mapped().map_or(IpAddr::V6(ip), IpAddr::V4)
}
