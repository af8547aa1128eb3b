//! Which page a request gets, and the guards every answer stands behind.
//! It is given method, host and path and gives a complete answer.
//! It promises that no answer leaves without its security headers, and none for a host name that is not ours.

use super::html::{Html, Nonce, page};
use super::{Snapshot, alert, overview, rules, stats};
use axum::body::Body;
use axum::http::{Response, StatusCode, header};

/// The pages of one snapshot.
pub(super) struct Site {
    snapshot: Snapshot,
}

/// What a path leads to.
type Found = Option<(String, Html)>;

impl Site {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self { snapshot }
    }

    /// The answer to any request.
    pub(super) fn respond(&self, method: &str, host: Option<&str>, path: &str) -> Response<Body> {
        // A page of somewhere else that calls itself this host (DNS rebinding) must learn nothing.
        if !host.is_some_and(is_ours) {
            return self.failure(StatusCode::MISDIRECTED_REQUEST, "This page answers to localhost only.");
        }
        if !matches!(method, "GET" | "HEAD") {
            return self.failure(StatusCode::METHOD_NOT_ALLOWED, "This page can only be read.");
        }
        match self.find(path) {
            Some((title, content)) => self.reply(StatusCode::OK, &title, &content),
            None => self.failure(StatusCode::NOT_FOUND, "There is no such page."),
        }
    }

    fn find(&self, path: &str) -> Found {
        let mut words = path.trim_matches('/').split('/');
        let place = (words.next().unwrap_or_default(), words.next(), words.next());
        match place {
            ("", None, None) => Some(("Overview".to_owned(), overview::page(&self.snapshot))),
            ("alerts", Some(id), None) => alert::page(&self.snapshot, id),
            ("rules", None, None) => Some(("Detectors".to_owned(), rules::catalogue_page())),
            ("rules", Some(name), None) => rules::rule_page(name),
            ("stats", None, None) => Some(("Counters".to_owned(), stats::page(&self.snapshot))),
            _ => None,
        }
    }

    /// Every page about this run.
    pub(super) fn pages(&self) -> Vec<String> {
        let alerts = self.snapshot.episodes.iter().map(|alert| format!("alerts/{}", alert.id));
        let paths = ["", "stats"].map(str::to_owned).into_iter().chain(alerts);
        let nonce = Nonce::random().ok();
        let shown = |(title, content): (String, Html)| {
            nonce.as_ref().map(|nonce| page(&self.snapshot.labels, &title, &content, nonce))
        };
        paths.filter_map(|path| self.find(&path).and_then(shown)).collect()
    }

    fn failure(&self, status: StatusCode, words: &str) -> Response<Body> {
        let mut content = Html::new();
        content.raw("<h1>").text(status.as_u16()).raw("</h1><p>").text(words).raw("</p>");
        self.reply(status, "Not here", &content)
    }

    fn reply(&self, status: StatusCode, title: &str, content: &Html) -> Response<Body> {
        let Ok(nonce) = Nonce::random() else {
            return Response::new(Body::from("the system gives no random bytes"));
        };
        let body = page(&self.snapshot.labels, title, content, &nonce);
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, policy)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::X_FRAME_OPTIONS, "DENY")
            .header(header::REFERRER_POLICY, "no-referrer")
            .header(header::CACHE_CONTROL, "no-store")
            .header("cross-origin-resource-policy", "same-origin")
            .header("cross-origin-opener-policy", "same-origin")
            .body(Body::from(body))
            .unwrap_or_default()
    }
}

/// Whether a `Host` header names this machine's loopback; the port may be a tunnel's.
pub(super) fn is_ours(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name.to_ascii_lowercase().as_str(), "localhost" | "127.0.0.1" | "[::1]")
}
