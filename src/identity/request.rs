//! A request, read once: target, head, query and body, with every credential found on the way.
//! It is given the message and its decoded body and borrows from both.
//! It promises to look at each header line once, by table, and never to copy what it does not decode.

use super::agent::Agents;
use super::answer::{split_query, starts_with_ignoring_case};
use super::client_ip::Forwarding;
use super::credential::{Found, Line, Presented, Recall};
use super::device::Traits;
use super::fields::Fields;
use super::graphql::Operation;
use super::secret::Known;
use super::settings::Settings;
use super::tables::{Field, RequestHeader};
use crate::http::Message;
use crate::http::body::{is_json, is_request_data};
use crate::http::grpc::{self, is_grpc};
use heelguard_detectors::identity::Location;
use heelguard_detectors::transaction::HeaderClaim;

/// Claims that are kept of one request; addresses may be left out of them later.
const CLAIMS_MAX: usize = 16;

/// A request's parts, borrowed.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, none a state")]
pub(crate) struct Asking<'a> {
    pub(crate) method: &'a [u8],
    /// What the route is for was said of this very method.
    pub(crate) method_named: bool,
    /// The path of the target; the authority for CONNECT; `*`.
    pub(crate) path: &'a [u8],
    pub(crate) query: &'a [u8],
    /// The operation, where a header names it and the path is the same for all.
    pub(crate) operation: &'a [u8],
    /// From the target, else from `Host`; without userinfo.
    pub(crate) host: &'a [u8],
    pub(crate) https: bool,
    /// `X-Forwarded-Proto` says so.
    pub(crate) https_by_proxy: bool,
    pub(crate) agent: Option<&'a [u8]>,
    pub(crate) content_type: Option<&'a [u8]>,
    /// The body is none of gRPC, whatever its type says.
    pub(crate) is_no_call: bool,
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) forwarding: Forwarding<'a>,
    /// Headers that say who the caller is, each name once, by what they say.
    pub(crate) claims: Vec<(&'a [u8], HeaderClaim)>,
    pub(crate) traits: Traits,
    pub(crate) fields: Fields<'a>,
    /// The body, unpacked, where it is read.
    pub(crate) text: &'a [u8],
    pub(crate) graphql: Option<Operation<'a>>,
    pub(crate) presented: Presented<'a>,
}

impl<'a> Asking<'a> {
    /// Reads head and target. `know` finds out about a credential.
    pub(crate) fn head(
        &mut self,
        message: &'a Message,
        settings: &Settings,
        (agents, recall): (&mut Agents, &mut Recall),
        know: impl FnMut(&Found<'_>) -> Known,
    ) {
        self.method = message.method();
        let mut proofs = Vec::new();
        for (name, value) in message.header_lines() {
            // Metadata in base64 is called after what it would be in letters.
            let role = name.strip_suffix(b"-bin").unwrap_or(name);
            if let Some(role) = settings.request_headers.get(role) {
                self.header(Line { role, name, value }, agents, &mut proofs);
            }
        }
        recall.read(&mut self.presented, &proofs, &settings.cookies, know);
        self.target(message.target());
        self.host = self.host.rsplit(|&b| b == b'@').next().unwrap_or(self.host);
        if !self.query.is_empty() {
            self.fields.read_pairs(self.query, Location::Query, &settings.fields);
        }
    }

    /// Takes a line, or puts it with those that carry a credential.
    fn header(&mut self, line: Line<'a>, agents: &mut Agents, proofs: &mut Vec<Line<'a>>) {
        let Line { role, name, value } = line;
        match role {
            RequestHeader::Host => self.host = value,
            RequestHeader::UserAgent => {
                self.traits.in_order(name);
                self.traits.agent(value, agents);
                self.agent = Some(value);
            }
            RequestHeader::ContentType => self.content_type = Some(value),
            RequestHeader::Referer => self.referer = Some(value),
            RequestHeader::ClientAddress(header) => {
                self.forwarding.push(header, value);
                self.claim(name, value, HeaderClaim::Address);
            }
            RequestHeader::Identity(claim) => self.claim(name, value, claim),
            RequestHeader::XForwardedProto => self.https_by_proxy = value.eq_ignore_ascii_case(b"https"),
            RequestHeader::Platform => self.traits.platform(value),
            RequestHeader::Mobile => self.traits.mobile(value),
            RequestHeader::Habit => self.traits.in_order(name),
            RequestHeader::ContentEncoding => {}
            RequestHeader::Operation => self.operation = value,
            RequestHeader::ClientCertificate => {
                self.claim(name, value, HeaderClaim::Certificate);
                proofs.push(line);
            }
            _ => proofs.push(line),
        }
    }

    /// A header that says who the caller is; one that is empty says nothing.
    fn claim(&mut self, name: &'a [u8], value: &[u8], claim: HeaderClaim) {
        let known = self.claims.iter().any(|(said, _)| said.eq_ignore_ascii_case(name));
        if !value.is_empty() && !known && self.claims.len() < CLAIMS_MAX {
            self.claims.push((name, claim));
        }
    }

    /// The forms of RFC 9112 3.2: origin, absolute, authority, asterisk.
    fn target(&mut self, target: &'a [u8]) {
        let scheme =
            [b"http://".as_slice(), b"https://"].into_iter().find(|s| starts_with_ignoring_case(target, s));
        if let Some(scheme) = scheme {
            let rest = target.get(scheme.len()..).unwrap_or(&[]);
            let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
            let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            self.authority(authority);
            self.https |= scheme.len() == 8;
            (self.path, self.query) = split_query(rest);
            if self.path.is_empty() {
                self.path = b"/";
            }
        } else if self.method == b"CONNECT" && !target.starts_with(b"/") {
            // The tunnel's end is the target; the host is what the client says it is.
            let said = self.host;
            self.authority(target);
            self.path = self.host;
            if !said.is_empty() {
                self.host = said;
            }
        } else {
            (self.path, self.query) = split_query(target);
        }
    }

    fn authority(&mut self, authority: &'a [u8]) {
        let at = authority.iter().rposition(|&b| b == b'@');
        if let Some(userinfo) = at.and_then(|at| authority.get(..at)) {
            self.presented.userinfo(userinfo);
        }
        self.host = authority.get(at.map_or(0, |at| at + 1)..).unwrap_or(&[]);
    }

    /// Whether this is a call of gRPC or gRPC-Web.
    pub(crate) fn is_grpc(&self) -> bool {
        self.content_type.is_some_and(is_grpc) && !self.is_no_call
    }

    /// Whether the body, as it was sent, is read: by its type, or for it begins as JSON does.
    pub(crate) fn is_read(&self, body: &[u8]) -> bool {
        !body.is_empty() && (is_request_data(self.content_type) || is_json(body))
    }

    /// Finds out whether the decoded body is one of gRPC.
    pub(crate) fn begins(&mut self, body: &[u8]) {
        self.is_no_call = self.content_type.is_some_and(|kind| !grpc::may_begin(kind, body));
    }

    /// Whether this may be such a call of which the fields that say so were lost: its 200 would say nothing.
    pub(crate) fn may_be_grpc(&self, answered: Option<&[u8]>) -> bool {
        let is_post = self.method.is_empty() || self.method == b"POST";
        is_post && self.content_type.is_none() && answered.is_none_or(is_grpc)
    }

    /// Reads the decoded body: as JSON if it begins so, for servers that take nothing else ask for no type; else by its
    /// type. `is_cut`: its end is missing.
    pub(crate) fn body(&mut self, body: &'a [u8], is_cut: bool, settings: &Settings) {
        let is = |kind: &[u8]| self.content_type.is_some_and(|t| starts_with_ignoring_case(t, kind));
        let is_form = is(b"application/x-www-form-urlencoded");
        self.text = body;
        if is_json(body) {
            self.fields.read_json(body, &settings.fields);
            self.fields.is_untyped = !is_request_data(self.content_type);
            if !is_form || self.fields.has(Field::Password) {
                return;
            }
        }
        if is_form {
            self.fields.read_form(body, is_cut, &settings.fields);
        } else if is(b"multipart/form-data") {
            self.fields.read_multipart(body, &settings.fields);
        } else if self.content_type.is_none() && memchr::memchr(b'=', body).is_some() {
            self.fields.read_form(body, is_cut, &settings.fields);
        }
    }

    /// The operation, where a header or a field names it; a flag that is set stands for the one it is called by.
    pub(crate) fn operation(&self) -> &[u8] {
        match self.fields.find(Field::Operation) {
            _ if !self.operation.is_empty() => self.operation,
            Some(flag) if *flag.value == *b"true" => flag.name,
            Some(field) => &field.value,
            None => &[],
        }
    }

    /// Whether this is a call that asks for data and nothing else.
    pub(crate) fn only_reads(&self) -> bool {
        self.method == b"GET" && self.presented.mfa_header.is_none()
    }

    /// Finds the credentials among the fields that were read.
    pub(crate) fn find_in_fields(&mut self) {
        let code_is_grant = self.fields.get(Field::GrantType).is_some_and(|g| g.ends_with(b"code"));
        self.presented.fields(&self.fields, code_is_grant);
    }
}
