//! The door to everything that is served: who knocks under which name, and who is sent away.
//! It is given a request's words and who may look, and passes on what is allowed.
//! It promises that nothing but `/health/live`, the bare word of `/health/ready`, the style sheet and the form to sign
//! in is answered to a sender who is not known, and that pages of elsewhere can link to this one and load nothing of it.

use super::access::Access;
use super::ask::Pairs;
use super::frame::{Page, Place};
use super::html::Html;
use super::live::{Live, is_for_machines, plain};
use super::site::{Asked, PAGE, answer, is_from_here, style};
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use std::sync::Arc;

/// What a request to read the configuration anew must say. A page of somewhere else cannot send a header of its own
/// without asking first, and nobody answers that.
pub(super) const RELOAD: (&str, &str) = ("x-heelguard", "reload");

/// Where the token is sent to.
const SIGN_IN: &str = "/sign-in";

/// A run with those who may look at it.
pub(super) struct Door {
    pub(super) live: Arc<Live>,
    pub(super) access: Access,
}

impl Door {
    /// The answer to any request; `now_s` is the time in seconds since 1970.
    pub(super) fn respond(&self, asked: &Asked<'_>, now_s: u64) -> Response<Body> {
        let Some(host) = asked.host.filter(|host| self.access.answers_to(host)) else {
            return plain(StatusCode::MISDIRECTED_REQUEST, "this answers to localhost only\n");
        };
        if is_loaded_from_elsewhere(asked) {
            return plain(StatusCode::FORBIDDEN, "another site's page may link to this one, not load it\n");
        }
        if !self.access.knows(asked, now_s) {
            return self.ask_who(asked, host, now_s);
        }
        match (asked.method, asked.path) {
            ("GET" | "HEAD", SIGN_IN) if self.access.is_guarded() => Self::form(StatusCode::OK, "/", ""),
            ("POST", SIGN_IN) if self.access.is_guarded() => self.sign_in(asked, host, now_s),
            ("POST", "/reload") => self.live.reload(asked.is_reload),
            _ => self.live.respond(asked),
        }
    }

    fn ask_who(&self, asked: &Asked<'_>, host: &str, now_s: u64) -> Response<Body> {
        match (asked.method, asked.path) {
            ("GET" | "HEAD", "/health/live") => self.live.respond(asked),
            ("GET" | "HEAD", "/health/ready") => self.live.readiness_in_a_word(),
            ("GET" | "HEAD", "/style.css") => style(),
            ("POST", SIGN_IN) => self.sign_in(asked, host, now_s),
            ("GET" | "HEAD", path) if !is_for_machines(path) => {
                let mut wanted = asked.path.to_owned();
                if !asked.query.is_empty() {
                    wanted.push('?');
                    wanted.push_str(asked.query);
                }
                Self::form(StatusCode::UNAUTHORIZED, &wanted, "")
            }
            _ => {
                let words = "wanted: Authorization: Bearer, with the token of web.token_file\n";
                let mut response = plain(StatusCode::UNAUTHORIZED, words);
                let challenge = HeaderValue::from_static("Bearer realm=\"heelguard\"");
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                response
            }
        }
    }

    fn sign_in(&self, asked: &Asked<'_>, host: &str, now_s: u64) -> Response<Body> {
        let form = Pairs::read(asked.form);
        let to = own_place(form.get("to"));
        if !is_from_here(asked, host) {
            return Self::form(StatusCode::FORBIDDEN, to, "This form was not sent from this page.");
        }
        if !self.access.is_token(form.get("token").trim()) {
            return Self::form(StatusCode::FORBIDDEN, to, "That is not the token.");
        }
        let mut response = answer(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", "");
        let headers = response.headers_mut();
        if let (Ok(mark), Ok(to)) =
            (HeaderValue::from_str(&self.access.mark(now_s)), HeaderValue::from_str(to))
        {
            headers.insert(header::SET_COOKIE, mark);
            headers.insert(header::LOCATION, to);
        }
        response
    }

    fn form(status: StatusCode, to: &str, fault: &str) -> Response<Body> {
        let mut content = Html::new();
        content.raw("<h1>Sign in</h1><p>This page is for those who have the token of this sensor: the content of the ");
        content.raw("file that <code>web.token_file</code> names on its machine.</p>");
        if !fault.is_empty() {
            content.raw("<p role=\"alert\"><strong>").text(fault).raw("</strong></p>");
        }
        content.raw("<form class=\"note\" method=\"post\" action=\"/sign-in\"><input type=\"hidden\" name=\"to\" value=\"");
        content.text(own_place(to)).raw("\"><label>Token <input type=\"password\" name=\"token\" ");
        content.raw(
            "autocomplete=\"current-password\" required autofocus></label> <button>Sign in</button></form>",
        );
        answer(status, PAGE, Page::new(Place::Elsewhere, "Sign in", content).bare())
    }
}

/// Whether a page of somewhere else loads this one into itself: it could not read it, but the time it takes tells
/// whether a search finds something. Browsers say so themselves; programs say nothing.
fn is_loaded_from_elsewhere(asked: &Asked<'_>) -> bool {
    let is_followed =
        asked.fetch_mode == Some("navigate") && asked.fetch_dest.is_none_or(|to| to == "document");
    matches!(asked.fetch_site, Some("cross-site" | "same-site"))
        && !is_followed
        && !asked.path.starts_with("/health/")
}

/// A place on this page, whatever a form says: a path, and no address of elsewhere in disguise.
fn own_place(to: &str) -> &str {
    let is_own = to.starts_with('/')
        && !to.starts_with("//")
        && to.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if is_own { to } else { "/" }
}
