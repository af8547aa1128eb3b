//! # Subject-object mismatch
//!
//! ## What it sees
//!
//! A caller who reads the objects of others on a route where the id in the path is nearly always one that the caller's
//! own token names.
//!
//! ## Why it matters
//!
//! A server that looks at the token's signature but not at whose object is asked for hands out everybody's. This is the
//! most common hole of APIs, and one stolen or bought account is enough for it.
//!
//! ## How it decides
//!
//! For each parameter in the path of a route it learns whether a claim of the caller's token (its subject, user, account,
//! tenant …, texts and numbers of any name) equals it. A claim owns the parameter once it did in 95 % of at least 200
//! calls of people with a JWT that were answered 2xx, over at least five different ids. From then on a call with a
//! token that has such a claim, where none of them is the id in the path, and that was answered 2xx with a body, is one
//! of a foreign object; three different ones by one principal on one route within ten minutes fire. Severity is high.
//!
//! Who called for others while the route was learnt, as administrators and delegates do, is not told of there. What many
//! people do is learnt anew: each one's first foreign object in ten minutes counts against the claim.
//!
//! ## Benign look-alikes
//!
//! Administrators and delegates who were not seen while the route was learnt (suppress them, or label their routes apart),
//! an app that shows profiles of friends (the claim does not own that route for long). Tokens of programs, and tokens
//! without the claim, are not looked at; nor are ids in bodies and query strings, and API keys.
//!
//! ## Tuning
//!
//! Raise `ids` where people share a few objects. Facts: `claims` (that own the parameter), `parameter` (its place in the
//! route), `ids` (different foreign ones), `owned_pct`, `calls`.
//!
//! ## References
//!
//! MITRE ATT&CK T1213, T1078; OWASP API1:2023.

use crate::alert::{Fact, Scope, Severity};
use crate::detector::{
    About, Crossing, Detector, Facts, Finding, Findings, Grouping, Maturity, Rule, Samples, Several, Span,
    tables,
};
use crate::hash::Mark;
use crate::identity::Principal;
use crate::keyed::Keyed;
use crate::lane::Lane;
use crate::runtime::Limits;
use crate::saved::saved;
use crate::token::Jwt;
use crate::transaction::{Endpoint, Request, Transaction};
use crate::window::{Limit, Window};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Parameters learnt of one route, and claims of one parameter.
const PARAMETERS_MAX: usize = 4;
const CLAIMS_MAX: usize = 16;
/// People remembered who called for others while a route was learnt.
const DELEGATES_MAX: usize = 64;
/// Different ids that a claim must have equalled: of fewer, both may be a constant.
const IDS_MIN: usize = 5;
/// Calls beyond which what was learnt counts half, so that a route may change: in learning periods.
const PERIODS: u32 = 10;
/// How long a route is remembered without use.
const KEPT: Duration = Duration::from_hours(30 * 24);

/// When it fires.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Thresholds {
    /// Foreign objects that fire (3: one may be a link that was passed on).
    pub ids: u32,
    /// The time they are counted in (600 s: who tries ids does not wait).
    pub window_s: u32,
    /// Calls that a route is learnt from (200: fewer may be one person's).
    pub calls: u32,
    /// The share of them whose id the claim must equal (95 %: the rest are administrators).
    pub owned_pct: u8,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { ids: 3, window_s: 600, calls: 200, owned_pct: 95 }
    }
}

/// JWT-10.
pub static RULE: Rule = Rule {
    id: "JWT-10",
    name: "subject_object_mismatch",
    title: "Subject-object mismatch",
    severity: Severity::High,
    scope: Scope::Principal,
    maturity: Maturity::Preview,
    grouping: Grouping::Span,
    sees_repeats: false,
    lane: Lane::Reading,
    order_free: false,
    mitre: &["T1213", "T1078"],
    owasp: &["API1:2023"],
    response: "check on the server, for each object, that it is the caller's; find out what the account has read",
};

/// What routes are like, and who reads what is not theirs.
#[derive(Debug)]
pub struct State {
    calls: u32,
    owned_pct: u32,
    limit: Limit,
    routes: Keyed<Endpoint, Route>,
    callers: Keyed<(Principal, Endpoint), Caller>,
}

/// The parameters of one route, in the order of its path.
#[derive(Debug, Default)]
struct Route(Vec<Parameter>);

saved!(Route { 0 });

#[derive(Debug, Default)]
struct Parameter {
    segment: u8,
    calls: u32,
    /// Claims that equalled it, and how often.
    claims: Vec<(Arc<str>, u32)>,
    /// The first ids that a claim equalled, by hash.
    ids: Vec<u32>,
    /// People who called for others while it was learnt, by hash.
    delegates: Vec<u32>,
}

saved!(Parameter { segment, calls, claims, ids, delegates });

/// The foreign objects that one principal read on one route.
#[derive(Debug, Default)]
struct Caller {
    ids: Window<u32>,
    samples: Samples,
}

saved!(Caller { ids, samples });

impl State {
    pub(super) fn new(thresholds: &Thresholds, limits: &Limits) -> Self {
        let limit = Limit::new(thresholds.ids, thresholds.window_s);
        let keys = limits.keys_per_table_max;
        Self {
            calls: thresholds.calls.max(1),
            owned_pct: u32::from(thresholds.owned_pct),
            limit,
            routes: Keyed::new(keys, KEPT),
            callers: Keyed::new(keys, limit.within),
        }
    }
}

impl Detector for State {
    fn needs(&self) -> Facts {
        Facts::JWT.and(Facts::ACCEPTED)
    }

    fn observe(&mut self, tx: &Transaction, findings: &mut Findings<'_>) {
        let (Some(request), Some(jwt), true) = (&tx.request, &tx.jwt, tx.principal.is_user()) else { return };
        // Without a braced word in the route there is nothing to own.
        if jwt.claims.is_none() || !request.route.contains('{') {
            return;
        }
        let has_body = tx.response.as_ref().is_some_and(|response| response.bytes > 0);
        let person = Mark::of([&*tx.principal.id]) as u32;
        let route = self.routes.entry(findings.endpoint(request), tx.end);
        for (segment, id) in parameters(request) {
            let Some(parameter) = route.of(segment) else { continue };
            let matched = || jwt.in_path.iter().filter(|one| one.segment == segment).map(|one| one.claim);
            let is_foreign =
                parameter.is_owned(jwt, self.calls, self.owned_pct) && matched().next().is_none();
            if !is_foreign {
                parameter.learn(jwt, matched(), (id, person), self.calls);
                continue;
            }
            if !has_body || parameter.delegates.contains(&person) {
                continue;
            }
            let endpoint = Endpoint {
                method: request.method.clone(),
                host: request.host.clone(),
                route: request.route.clone(),
            };
            let caller = self.callers.entry(&(tx.principal.clone(), endpoint), tx.end);
            if caller.ids.iter().any(|known| *known == id) {
                continue;
            }
            let is_many = caller.ids.push(tx.end, id, self.limit);
            if caller.ids.count() == 1 {
                caller.samples.clear();
                parameter.count(self.calls);
            }
            caller.samples.push(tx, "the object of another");
            if !is_many {
                continue;
            }
            let crossing = Crossing {
                about: About::Principal(&tx.principal),
                severity: RULE.severity,
                first: caller.ids.first().unwrap_or(tx.end),
                fresh: caller.ids.take_fresh(),
                window: Some(self.limit.within),
            };
            let (calls, owned_pct, limit) = (self.calls, self.owned_pct, self.limit);
            findings.raise(&crossing, || {
                let owners = parameter.owners(calls, owned_pct).cloned().collect();
                finding(tx, request, (parameter, owners), caller, limit)
            });
        }
    }

    tables!(routes, callers);
}

impl Route {
    /// The parameter at this place; `None` where there are too many.
    fn of(&mut self, segment: u8) -> Option<&mut Parameter> {
        let place = self.0.iter().position(|known| known.segment == segment);
        if place.is_none() && self.0.len() >= PARAMETERS_MAX {
            return None;
        }
        let place = place.unwrap_or_else(|| {
            self.0.push(Parameter { segment, ..Parameter::default() });
            self.0.len() - 1
        });
        self.0.get_mut(place)
    }
}

impl Parameter {
    /// The claims that own it.
    fn owners(&self, calls: u32, owned_pct: u32) -> impl Iterator<Item = &Arc<str>> {
        let is_learnt = self.calls >= calls && self.ids.len() >= IDS_MIN;
        let enough = u64::from(self.calls) * u64::from(owned_pct);
        let owning =
            self.claims.iter().filter(move |(_, count)| is_learnt && u64::from(*count) * 100 >= enough);
        owning.map(|(name, _)| name)
    }

    /// Whether a claim that this token has owns it.
    fn is_owned(&self, jwt: &Jwt, calls: u32, owned_pct: u32) -> bool {
        let has =
            |name: &Arc<str>| jwt.claims.iter().flat_map(|claims| claims.iter()).any(|known| known == name);
        self.owners(calls, owned_pct).any(has)
    }

    /// Notes a call with the claims that equal the id.
    fn learn(&mut self, jwt: &Jwt, matched: impl Iterator<Item = u8>, (id, person): (u32, u32), calls: u32) {
        let before = self.calls;
        self.count(calls);
        let mut is_own = false;
        for claim in matched {
            let Some(name) = jwt.claims.as_ref().and_then(|claims| claims.get(usize::from(claim))) else {
                continue;
            };
            is_own = true;
            if let Some((_, count)) = self.claims.iter_mut().find(|(known, _)| known == name) {
                *count = count.saturating_add(1);
            } else if self.claims.len() < CLAIMS_MAX {
                self.claims.push((name.clone(), 1));
            }
        }
        if is_own && self.ids.len() < IDS_MIN && !self.ids.contains(&id) {
            self.ids.push(id);
        }
        let is_delegate = !is_own && before < calls && !self.delegates.contains(&person);
        if is_delegate && self.delegates.len() < DELEGATES_MAX {
            self.delegates.push(person);
        }
    }

    /// Notes a call; of many, what was learnt long ago counts half.
    fn count(&mut self, calls: u32) {
        self.calls = self.calls.saturating_add(1);
        if self.calls > calls.saturating_mul(PERIODS) {
            self.calls /= 2;
            self.claims.iter_mut().for_each(|(_, count)| *count /= 2);
        }
    }
}

/// The places of a route's parameters, with what stands there, by hash; nothing where path and route do not lie side by
/// side.
fn parameters(request: &Request) -> impl Iterator<Item = (u8, u32)> {
    let (path, route) = (request.path.split('/'), request.route.split('/'));
    let is_aligned = path.clone().count() == route.clone().count();
    let both = (0_u8..u8::MAX).zip(path.zip(route)).filter(move |_| is_aligned);
    both.filter(|(_, (_, word))| word.contains('{'))
        .map(|(segment, (id, _))| (segment, Mark::of([id]) as u32))
}

fn finding(
    tx: &Transaction,
    request: &Request,
    (parameter, owners): (&Parameter, Vec<Arc<str>>),
    caller: &Caller,
    limit: Limit,
) -> Finding {
    let ids = caller.ids.count();
    let word = request.route.split('/').nth(usize::from(parameter.segment)).unwrap_or_default();
    let best = parameter.claims.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let owned_pct = u64::from(best) * 100 / u64::from(parameter.calls.max(1));
    let message = format!(
        "{} read {} of others on {} {} within {}, where {word} is the caller's own {} in {owned_pct} % of calls \
         (limit {} in {} s)",
        tx.principal.id,
        Several(ids, "object"),
        request.method,
        request.route,
        Span(caller.ids.span()),
        owners.join(" or "),
        limit.count,
        limit.within.as_secs(),
    );
    Finding {
        count: ids,
        threshold: limit.count,
        evidence: caller.samples.evidence(),
        doubts: caller.samples.doubts(),
        facts: vec![
            ("claims", Fact::List(owners)),
            ("parameter", Fact::Text(word.into())),
            ("ids", Fact::Count(ids)),
            ("owned_pct", Fact::Count(owned_pct)),
            ("calls", Fact::Count(u64::from(parameter.calls))),
        ],
        ..Finding::of(tx, message, "")
    }
}

#[cfg(test)]
mod tests {
    use super::RULE;
    use crate::story::check_rule;
    use expect_test::{Expect, expect};

    fn tell(story: &str, expected: Expect) {
        check_rule(&RULE, story, expected);
    }

    /// Two hundred people read what is theirs; then something else.
    fn learnt(story: &str) -> String {
        format!(
            "10:00:00 203.0.113.7 -> use GET /users/{{1..200}} 200 user=u{{1..200}} jwt=RS256 claim=sub@2 claim=org route=/users/{{id}} bytes=90
             {story}"
        )
    }

    fn foreign(from: u32, to: u32, words: &str) -> String {
        format!(
            "11:00:00 203.0.113.9 -> use GET /users/{{{from}..{to}}} 200 user=eve jwt=RS256 claim=sub claim=org route=/users/{{id}} {words}"
        )
    }

    #[test]
    fn three_objects_of_others() {
        tell(
            &learnt(&foreign(7, 9, "bytes=90")),
            expect![[r#"
            11:00:02.000 JWT-10 subject_object_mismatch high user:eve: eve read 3 objects of others on GET /users/{id} within 2 s, where {id} is the caller's own sub in 99 % of calls (limit 3 in 600 s)
        "#]],
        );
        tell(&learnt(&foreign(7, 8, "bytes=90 x3")), expect![[""]]);
        tell(&learnt(&foreign(7, 9, "bytes=90 every 301s")), expect![[""]]);
    }

    #[test]
    fn what_is_no_foreign_object() {
        tell(
            &learnt(&format!(
                "{}\n{}\n{}\n{}\n{}",
                foreign(7, 40, ""),
                foreign(7, 40, "bytes=90").replace(" 200 ", " 403 "),
                foreign(7, 40, "bytes=90").replace("claim=sub", "claim=other"),
                foreign(7, 40, "bytes=90").replace("user=eve", "service=robot"),
                foreign(7, 40, "bytes=90").replace("/users", "/things"),
            )),
            expect![[""]],
        );
    }

    #[test]
    fn who_called_for_others_from_the_beginning_goes_on() {
        let story = format!(
            "{}\n{}",
            foreign(1, 5, "bytes=90").replace("11:", "09:"),
            learnt(&foreign(7, 40, "bytes=90"))
        );
        tell(&story, expect![[""]]);
        // Somebody else did not.
        tell(
            &story.replace(
                "11:00:00 203.0.113.9 -> use GET /users/{7..40} 200 user=eve",
                "11:00:00 203.0.113.9 -> use GET /users/{7..9} 200 user=mal",
            ),
            expect![[r#"
                11:00:02.000 JWT-10 subject_object_mismatch high user:mal: mal read 3 objects of others on GET /users/{id} within 2 s, where {id} is the caller's own sub in 97 % of calls (limit 3 in 600 s)
            "#]],
        );
    }

    #[test]
    fn a_route_that_is_for_everybody_is_owned_by_no_claim() {
        let story = "10:00:00 203.0.113.7 -> use GET /users/{1..300} 200 user=u{1..300} jwt=RS256 claim=sub@2 route=/users/{id} bytes=90
             10:00:00 203.0.113.7 -> use GET /users/{1..16} 200 user=v{1..16} jwt=RS256 claim=sub route=/users/{id} bytes=90";
        tell(&format!("{story}\n{}", foreign(7, 40, "bytes=90")), expect![[""]]);
    }

    #[test]
    fn a_claim_that_never_changes_owns_nothing() {
        let story = "10:00:00 203.0.113.7 -> use GET /v/{1..4} 200 user=u{1..300} jwt=RS256 claim=level@2 route=/v/{id} bytes=90
             11:00:00 203.0.113.9 -> use GET /v/{5..40} 200 user=eve jwt=RS256 claim=level route=/v/{id} bytes=90";
        tell(story, expect![[""]]);
    }
}
