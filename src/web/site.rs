//! Which page a request gets, and the guards every answer stands behind.
//! It is given a request's parts and the counters of the moment, and gives a complete answer.
//! It promises that no answer leaves without its security headers, and that nothing is changed but by a form that this
//! page gave out.

use super::ask::{Pairs, decoded};
use super::export;
use super::frame::{Page, Place, STYLE};
use super::html::Html;
use super::notes::{Extent, Notes};
use super::views::{
    Sight, alert, alerts, coverage, endpoint, endpoints, filter, key, keys, principal, principals,
};
use super::views::{openapi, rules, sensor, stats};
use super::{Moment, Shown};
use crate::ledger::Ledger;
use crate::sinks::scope;
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use std::sync::Arc;

/// What a page may load and do: our style sheet, the empty icon, our own forms. No script, no frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

pub(super) const PAGE: &str = "text/html; charset=utf-8";

/// A form of ours is shorter.
pub(super) const FORM_BYTES_MAX: usize = 8 * 1024;

/// A request as the pages look at it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) host: Option<&'a str>,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// `Origin`, which browsers send with every form.
    pub(super) origin: Option<&'a str>,
    /// `Sec-Fetch-Site`, which newer ones send.
    pub(super) fetch_site: Option<&'a str>,
    /// `Sec-Fetch-Mode` and `Sec-Fetch-Dest`: whether somebody follows a link, or a page loads something.
    pub(super) fetch_mode: Option<&'a str>,
    pub(super) fetch_dest: Option<&'a str>,
    /// `Authorization`, from machines.
    pub(super) authorization: Option<&'a str>,
    /// `Cookie`, from browsers.
    pub(super) cookie: Option<&'a str>,
    /// Whether the header is there with which a configuration is read anew.
    pub(super) is_reload: bool,
    /// A form's content.
    pub(super) form: &'a str,
}

/// The pages of one run.
pub(super) struct Site {
    shown: Shown,
    notes: Notes,
    /// What every form of this process carries.
    token: String,
}

impl Site {
    /// Takes random bytes for the forms; without them no form is taken.
    pub(super) fn new(shown: Shown) -> Self {
        let mut bytes = [0; 16];
        let token = match getrandom::fill(&mut bytes) {
            Ok(()) => format!("{:032x}", u128::from_be_bytes(bytes)),
            Err(_) => String::new(),
        };
        let notes = Notes::open(shown.state_dir.as_deref());
        Self { shown, notes, token }
    }

    /// What the pages show.
    pub(super) fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.shown.ledger)
    }

    /// The answer to any request.
    pub(super) fn respond(&self, asked: &Asked<'_>, moment: &Moment) -> Response<Body> {
        match asked.method {
            "GET" | "HEAD" => self.show(asked, moment),
            "POST" => self.take(asked, asked.host.unwrap_or_default()),
            _ => self.failure(StatusCode::METHOD_NOT_ALLOWED, "This page can only be read."),
        }
    }

    fn show(&self, asked: &Asked<'_>, moment: &Moment) -> Response<Body> {
        let pairs = Pairs::read(asked.query);
        let sight = self.sight(&pairs, moment);
        match asked.path {
            "/style.css" => style(),
            "/alerts.csv" => {
                let body = export::csv(&filter::alerts(&sight), &self.notes);
                taken_away("text/csv; charset=utf-8", "alerts.csv", body)
            }
            "/endpoints.csv" => {
                let body = export::endpoints(&endpoints::judged(&sight));
                taken_away("text/csv; charset=utf-8", "endpoints.csv", body)
            }
            "/alerts.jsonl" => {
                let body = export::json_lines(&filter::alerts(&sight), &self.shown.labels);
                taken_away("application/x-ndjson", "alerts.jsonl", body)
            }
            "/scope.jsonl" => {
                let body = keys::scopes(&sight, scope::json_lines);
                taken_away("application/x-ndjson", "scope.jsonl", body)
            }
            "/scope.opa.json" => {
                let body = keys::scopes(&sight, scope::opa);
                taken_away("application/json", "scope.opa.json", body)
            }
            path => match self.find(path, &sight) {
                Some(page) => self.reply(StatusCode::OK, &page),
                None => self.failure(
                    StatusCode::NOT_FOUND,
                    "There is no such page. An alert, a principal or a credential may have made room for newer ones.",
                ),
            },
        }
    }

    fn sight<'a>(&'a self, asked: &'a Pairs, moment: &'a Moment) -> Sight<'a> {
        Sight {
            ledger: &self.shown.ledger,
            survey: &self.shown.survey,
            notes: &self.notes,
            moment,
            asked,
            source: &self.shown.source,
        }
    }

    fn find(&self, path: &str, sight: &Sight<'_>) -> Option<Page> {
        let mut words = path.strip_prefix('/')?.split('/');
        let place = (words.next().unwrap_or_default(), words.next(), words.next());
        match place {
            ("" | "alerts", None, None) => Some(alerts::page(sight)),
            ("alerts", Some(id), None) => alert::page(sight, id, &self.token),
            ("principals", None, None) => Some(principals::page(sight)),
            ("principal", None, None) => principal::page(sight),
            ("coverage", None, None) => Some(coverage::page(sight)),
            ("keys", None, None) => Some(keys::page(sight)),
            ("keys", Some(fingerprint), None) => key::page(sight, fingerprint),
            ("endpoints", None, None) => Some(endpoints::page(sight)),
            ("endpoint", None, None) => endpoint::page(sight),
            ("openapi", None, None) => Some(openapi::page(sight)),
            ("sensor", None, None) => Some(sensor::page(sight)),
            ("stats", None, None) => Some(stats::page(sight)),
            ("rules", None, None) => Some(rules::catalogue_page(sight)),
            ("rules", Some(name), None) => rules::rule_page(&decoded(name, false)),
            _ => None,
        }
    }

    /// A form that was filled in.
    fn take(&self, asked: &Asked<'_>, host: &str) -> Response<Body> {
        let id = asked.path.strip_prefix("/alerts/").and_then(|rest| rest.strip_suffix("/acknowledge"));
        let Some(id) = id.and_then(alert::parse) else {
            return self.failure(StatusCode::METHOD_NOT_ALLOWED, "This page can only be read.");
        };
        let form = Pairs::read(asked.form);
        if !is_from_here(asked, host) || !self.is_ours(form.get("token")) {
            let words = "This form is not of this page, or of an earlier run: open the alert again.";
            return self.failure(StatusCode::FORBIDDEN, words);
        }
        let Some(alert) = self.shown.ledger.alert_of(id) else {
            return self.failure(StatusCode::NOT_FOUND, "There is no such alert any more.");
        };
        let outcome = match form.get("take_back") {
            "" => self.notes.put(id, Extent::shown(&form, &alert), form.get("note")),
            _ => self.notes.take_back(id),
        };
        if let Err(error) = outcome {
            let words = format!("It is noted until this run ends, but could not be written down: {error}.");
            return self.failure(StatusCode::INTERNAL_SERVER_ERROR, &words);
        }
        let mut response = answer(StatusCode::SEE_OTHER, PAGE, "");
        if let Ok(place) = HeaderValue::from_str(&format!("/alerts/{id}#acknowledge")) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        response
    }

    /// Whether a form's token is that of this process. Every byte is looked at, whichever differs.
    fn is_ours(&self, token: &str) -> bool {
        let pairs = self.token.bytes().zip(token.bytes());
        let differs = pairs.fold(0, |differs, (own, theirs)| differs | (own ^ theirs));
        !self.token.is_empty() && token.len() == self.token.len() && differs == 0
    }

    /// Every page about this run, or the path where none is.
    pub(super) fn pages(&self, moment: &Moment) -> Result<Vec<String>, String> {
        let ledger = &self.shown.ledger;
        let mut paths: Vec<(String, String)> =
            ["/", "/principals", "/coverage", "/keys", "/endpoints", "/openapi", "/sensor", "/stats"]
                .map(|path| (path.to_owned(), String::new()))
                .to_vec();
        paths.push(("/keys".to_owned(), "show=tokens".to_owned()));
        paths.extend(ledger.alerts().iter().map(|alert| (format!("/alerts/{}", alert.id), String::new())));
        let principals = ledger.principals();
        paths.extend(principals.iter().map(|principal| {
            let mut id = Html::new();
            id.part(&principal.key());
            ("/principal".to_owned(), format!("id={}", id.as_str()))
        }));
        paths.extend(ledger.endpoints().iter().map(|row| {
            let mut query = Html::new();
            query.raw("method=").part(&row.method).raw("&host=").part(&row.host);
            query.raw("&route=").part(&row.route);
            ("/endpoint".to_owned(), query.into_string())
        }));
        let keys = ledger.credentials();
        paths.extend(
            keys.iter().map(|credential| (format!("/keys/{}", credential.fingerprint), String::new())),
        );
        let page = |(path, query): (String, String)| {
            let asked = Pairs::read(&query);
            let Some(page) = self.find(&path, &self.sight(&asked, moment)) else {
                return Err(format!("there is no page at {path}?{query}"));
            };
            Ok(page.document(&self.shown.labels, &self.shown.source))
        };
        paths.into_iter().map(page).collect()
    }

    pub(super) fn failure(&self, status: StatusCode, words: &str) -> Response<Body> {
        let mut content = Html::new();
        content.raw("<h1>").text(status.as_u16()).raw("</h1><p>").text(words).raw("</p>");
        content.raw("<p><a href=\"/\">To the alerts</a></p>");
        self.reply(status, &Page::new(Place::Elsewhere, "Not here", content))
    }

    fn reply(&self, status: StatusCode, page: &Page) -> Response<Body> {
        answer(status, PAGE, page.document(&self.shown.labels, &self.shown.source))
    }
}

/// The style sheet, which says nothing of a run.
pub(super) fn style() -> Response<Body> {
    answer(StatusCode::OK, "text/css; charset=utf-8", STYLE)
}

/// An answer with all its guards. The referrer goes to this page alone: without it a form would not say where it is from.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::X_FRAME_OPTIONS, "DENY")
        .header(header::REFERRER_POLICY, "same-origin")
        .header(header::CACHE_CONTROL, "no-store")
        .header("cross-origin-resource-policy", "same-origin")
        .header("cross-origin-opener-policy", "same-origin")
        .body(body.into())
        .unwrap_or_default()
}

/// A file to keep.
fn taken_away(kind: &'static str, name: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = answer(StatusCode::OK, kind, body);
    if let Ok(place) = HeaderValue::from_str(&format!("attachment; filename=\"heelguard-{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, place);
    }
    response
}

/// Whether a form was sent from a page of this very address.
pub(super) fn is_from_here(asked: &Asked<'_>, host: &str) -> bool {
    let origin = asked.origin.and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(scheme, from)| matches!(scheme, "http" | "https") && from.eq_ignore_ascii_case(host))
        && asked.fetch_site.is_none_or(|site| site == "same-origin")
}
