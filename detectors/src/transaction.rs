//! A transaction: one HTTP request with its response, attributed, owned and free of secrets.
//! The sensor builds it; rules, inventory and records read it.
//! Times are packet times, counts are bytes on the wire after transfer decoding.

use crate::anomaly::AnomalySet;
use crate::contents::Contents;
pub use crate::device::{AgentKind, Comparison, Device, DeviceTrait};
pub use crate::exposure::{Exposure, ExposureKind, FactorSecret};
pub use crate::graphql::{Graphql, GraphqlKind};
use crate::identity::{
    AddressClass, Country, Credential, Factor, Fingerprint, Place, Principal, Proof, named,
};
use crate::label::{Hints, Labels};
use crate::position::Position;
use crate::saved::saved;
use crate::session::{Reuse, Session};
use crate::shown::Shown;
use crate::spec;
use crate::time::EventTime;
use crate::tls::Tls;
use crate::token::Jwt;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Deterministic id of a transaction: a hash of flow, first byte's time and position in the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub u128);

saved!(TransactionId { 0 } as |id: &Self| Shown::word(id));

/// Written as a UUID of version 8 (RFC 9562: custom).
impl fmt::Display for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// One exchange, attributed.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// Deterministic id.
    pub id: TransactionId,
    /// The request's first byte.
    pub time: EventTime,
    /// The response's last byte, or when the sensor stopped waiting for it.
    pub end: EventTime,
    /// From the request's last byte to the response's first.
    pub ttfb_us: Option<u64>,
    /// The connection.
    pub flow: Flow,
    /// The protocol spoken.
    pub protocol: Protocol,
    /// What the handshake says, where TLS covers the connection.
    pub tls: Option<Arc<Tls>>,
    /// The request; `None` when only the answer was seen.
    pub request: Option<Request>,
    /// The answer; `None` when it was not seen.
    pub response: Option<Response>,
    /// Where the client is.
    pub client: Client,
    /// Which device, where it can be told.
    pub device: Option<Device>,
    /// Who.
    pub principal: Principal,
    /// With what proof.
    pub proof: Proof,
    /// Every credential presented.
    pub credentials: Vec<Credential>,
    /// What the presented JWT says.
    pub jwt: Option<Jwt>,
    /// The second-factor step, if this is one.
    pub mfa: Option<Mfa>,
    /// The password login step, if this is one.
    pub login: Option<Login>,
    /// What kind of step this is.
    pub activity: Activity,
    /// Secrets the server handed out in its answer, by class name.
    pub exposed: Vec<Exposure>,
    /// Secrets of second factors that request or answer held, by the names of their fields; in no record.
    pub factor_secrets: Vec<FactorSecret>,
    /// What request and answer held, by names and types; nothing where nobody looked.
    pub contents: Option<Box<Contents>>,
    /// How it stands to the description of the API; nothing where there is none to compare with.
    pub spec: Option<Box<spec::Comparison>>,
    /// What the server's answer means.
    pub outcome: Outcome,
    /// How much of the exchange was seen.
    pub completeness: Completeness,
    /// What was odd.
    pub anomalies: AnomalySet,
    /// The session, token or key it was made with, as far as its history was seen.
    pub session: Option<Session>,
    /// What was presented that is for one use and was used before.
    pub reuse: Option<Reuse>,
    /// Set on the second sight of one exchange (two taps, or both legs of a proxy): rules that count skip it.
    pub repeat_of: Option<TransactionId>,
}

// From a sensor to a worker a transaction goes whole, and so does what no record has: rules ask for it. Codes, cursors
// and requests are in it as marks under keys that are not; none of them is ever shown.
saved!(Transaction {
    id, time, end, ttfb_us, flow, protocol, tls, request, response, client, device, principal, proof, credentials, jwt,
    mfa, login, activity, exposed, factor_secrets, contents, spec, outcome, completeness, anomalies, session, reuse,
    repeat_of
} as |_: &Self| Shown::Nothing);

impl Transaction {
    /// Method, host and route, where the request was seen.
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.request.as_ref().map(|r| Endpoint {
            method: r.method.clone(),
            host: r.host.clone(),
            route: r.route.clone(),
        })
    }

    /// The response's status, where there is one.
    pub fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|r| r.status)
    }

    /// Whether the server said yes.
    pub fn succeeded(&self) -> bool {
        self.outcome == Outcome::Success
    }
}

/// Method, host and route: where in an API something happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// The method as sent.
    pub method: Arc<str>,
    /// Host as sent, with its port where one was sent.
    pub host: Arc<str>,
    /// The route template.
    pub route: Arc<str>,
}

saved!(Endpoint { method, host, route } as |it: &Self| {
    Shown::word(&format_args!("{} {} {}", it.method, it.host, it.route))
});

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.route)
    }
}

/// The connection a transaction was seen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// The side that opened it.
    pub src: SocketAddr,
    /// The side that serves.
    pub dst: SocketAddr,
    /// VLAN ids, outermost first.
    pub vlan: Vec<u16>,
    /// The innermost tunnel that it came through.
    pub tunnel: Option<&'static str>,
    /// The number of the network, key, session or bearer in the tunnel's header.
    pub vni: Option<u32>,
    /// Whether TLS covers it on the wire.
    pub tls: bool,
}

saved!(Flow { src, dst, vlan, tunnel, vni, tls });

named! {
    /// The application protocol.
    Protocol {
        /// HTTP/0.9, a request line without a version.
        Http09 => "http/0.9",
        /// HTTP/1.0.
        Http10 => "http/1.0",
        /// HTTP/1.1.
        Http11 => "http/1.1",
        /// HTTP/2.
        Http2 => "http/2",
        /// gRPC over HTTP/2.
        Grpc => "grpc",
    }
}

/// The request's facts.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method, at most 32 bytes, escaped.
    pub method: Arc<str>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host as sent, with its port where one was sent, lower case.
    pub host: Arc<str>,
    /// The raw path as sent, secrets in it replaced by `{secret}`.
    pub path: Arc<str>,
    /// The path with identifiers replaced: `/v1/users/{id}`.
    pub route: Arc<str>,
    /// What the route is for.
    pub labels: Labels,
    /// Names of the query's parameters, in order.
    pub query_keys: Vec<Arc<str>>,
    /// The page size asked for (`limit`, `page_size`, `first` …).
    pub page_limit: Option<u32>,
    /// Where in a list it asks to go on.
    pub position: Option<Position>,
    /// Body bytes after transfer decoding.
    pub bytes: u64,
    /// Media type without parameters, lower case.
    pub content_type: Option<Arc<str>>,
    /// The user agent as sent, cut to 256 bytes, control bytes escaped.
    pub user_agent: Option<Arc<str>>,
    /// What kind of program that is.
    pub agent_kind: AgentKind,
    /// A mark over method, target, body and credentials: equal for a request that is repeated word for word, for all
    /// sensors of one key. In no record.
    pub mark: u64,
    /// Headers in which proxies say who the caller is.
    pub identity_headers: Vec<IdentityHeader>,
    /// The GraphQL operation, if it is one.
    pub graphql: Option<Graphql>,
    /// What a call that changes something looks like, where nobody says what its route is for.
    pub hints: Option<Box<Hints>>,
}

saved!(Request {
    method, scheme, host, path, route, labels, query_keys, page_limit, position, bytes, content_type, user_agent,
    agent_kind, mark, identity_headers, graphql, hints
} as |_: &Self| Shown::Nothing);

named! {
    /// What a header of a proxy says about the caller.
    HeaderClaim {
        /// The client's address.
        Address => "address",
        /// The account, its groups or its roles.
        User => "user",
        /// The client's certificate.
        Certificate => "certificate",
    }
}

/// A header in which a proxy says who the caller is; whoever reaches the server past the proxy can write it too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityHeader {
    /// The header, lower case.
    pub name: Arc<str>,
    /// What it says.
    pub claim: HeaderClaim,
    /// Whether the peer that sent it is a trusted proxy.
    pub by_proxy: bool,
}

saved!(IdentityHeader { name, claim, by_proxy });

/// The response's facts.
#[derive(Clone, Debug)]
pub struct Response {
    /// The final status.
    pub status: u16,
    /// gRPC's own status, from the trailers.
    pub grpc_status: Option<u32>,
    /// Body bytes after transfer decoding.
    pub bytes: u64,
    /// Media type without parameters, lower case.
    pub content_type: Option<Arc<str>>,
    /// Records in the answer: length of the outermost (or the only large) JSON array.
    pub items: Option<u32>,
    /// The server's clock by `Date`, in seconds, where no cache answered.
    pub date_s: Option<i64>,
    /// Seconds to wait, by `Retry-After`.
    pub retry_after_s: Option<u32>,
}

saved!(Response { status, grpc_status, bytes, content_type, items, date_s, retry_after_s });

/// The client behind all trusted proxies.
#[derive(Clone, Debug)]
pub struct Client {
    /// The right-most untrusted hop.
    pub ip: IpAddr,
    /// Whether the address is outside the internal networks.
    pub external: bool,
    /// The country, where known.
    pub country: Option<Country>,
    /// The city, where a database was given.
    pub city: Option<Arc<str>>,
    /// The point and its radius.
    pub place: Option<Place>,
    /// The autonomous system, where a database was given.
    pub asn: Option<u32>,
    /// What kind of network the address belongs to, where known.
    pub class: Option<AddressClass>,
    /// An address that the client wrote about itself in a forwarding header, left of what proxies wrote.
    pub claimed_ip: Option<IpAddr>,
}

saved!(Client { ip, external, country, city, place, asn, class, claimed_ip });

impl Client {
    /// The address for counting: IPv4 as it is, IPv6 by its /64.
    pub fn network(&self) -> IpAddr {
        match self.ip {
            IpAddr::V4(_) => self.ip,
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                IpAddr::from([a, b, c, d, 0, 0, 0, 0])
            }
        }
    }
}

named! {
    /// A step in the life of a second factor.
    MfaEvent {
        /// The server asks for a second factor.
        Challenge => "challenge",
        /// A code, assertion or approval was presented.
        Attempt => "attempt",
        /// A factor is being added: its secret is shown, or its code awaited.
        Enrolment => "enrolment",
        /// A new factor proved that it works, and is active from here on.
        Confirmation => "confirmation",
        /// A factor is taken away.
        Removal => "removal",
        /// All factors are taken away, or replaced by somebody else's hand.
        Reset => "reset",
        /// Backup codes are made anew.
        Regeneration => "regeneration",
        /// A fresh proof is asked for in a running session (RFC 9470).
        StepUp => "step_up",
    }
}

named! {
    /// What the server's answer says about a second-factor step; order and evidence in `identity::mfa`.
    MfaOutcome {
        /// More proof is asked for. Not a failure.
        Challenge => "challenge",
        /// The account is locked.
        Locked => "locked",
        /// Too many attempts.
        Throttled => "throttled",
        /// Accepted.
        Success => "success",
        /// The code was wrong.
        FailCode => "fail_code",
        /// Refused or broken for another reason; never counts as a wrong code.
        FailOther => "fail_other",
        /// Waiting for the user.
        Pending => "pending",
        /// No answer was seen.
        Unknown => "unknown",
    }
}

/// A second-factor step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mfa {
    /// Which step.
    pub event: MfaEvent,
    /// Which factor.
    pub factor: Factor,
    /// What the server said.
    pub outcome: MfaOutcome,
    /// Whether only the status told the outcome; lowers confidence.
    pub by_status_only: bool,
    /// The presented code under a random key that lives ten minutes and never leaves its sensor; in no record. The
    /// upper half is under the key of its ten minutes, the lower half under the key before: see `Mfa::same_code`.
    pub code: Option<u64>,
    /// The ticket that ties challenge and attempt, where one is used.
    pub ticket: Option<Fingerprint>,
    /// Backup codes that are left, where the answer says so.
    pub codes_left: Option<u32>,
}

saved!(Mfa { event, factor, outcome, by_status_only, code, ticket, codes_left } as |_: &Self| Shown::Nothing);

impl Mfa {
    /// Whether a wrong code was given where a right one lets somebody in or takes a factor away. The code that confirms
    /// a new factor opens nothing: whoever mistypes it has the secret before their eyes.
    pub fn is_wrong_guess(&self) -> bool {
        use MfaEvent::{Attempt, Regeneration, Removal, Reset};
        self.outcome == MfaOutcome::FailCode && matches!(self.event, Attempt | Removal | Reset | Regeneration)
    }

    /// Whether two marks are of one code: of the same ten minutes, or `earlier` of the ten before.
    pub fn same_code(earlier: u64, later: u64) -> bool {
        earlier >> 32 == later >> 32 || earlier >> 32 == later & 0xFFFF_FFFF
    }
}

named! {
    /// What the server's answer says about a password.
    LoginOutcome {
        /// Accepted, and nothing more is asked for.
        Success => "success",
        /// The password was right; a second factor is asked for.
        SecondFactor => "second_factor",
        /// The password was wrong.
        Refused => "refused",
        /// Too many attempts.
        Throttled => "throttled",
        /// Broken for another reason.
        Error => "error",
        /// No answer was seen.
        Unknown => "unknown",
    }
}

/// A password login step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The account name as typed.
    pub name: Option<Arc<str>>,
    /// What the server said.
    pub outcome: LoginOutcome,
}

saved!(Login { name, outcome });

named! {
    /// What kind of step an exchange is.
    Activity {
        /// Use of the API.
        Use => "use",
        /// A password login.
        Login => "login",
        /// A second-factor step.
        Mfa => "mfa",
        /// A token is issued or refreshed.
        TokenIssue => "token_issue",
        /// A static key is created.
        KeyIssue => "key_issue",
        /// A session ends.
        Logout => "logout",
        /// An account is created.
        SignUp => "sign_up",
        /// Password change, payment, export, role change and the like.
        Sensitive => "sensitive",
    }
}

named! {
    /// What the server's answer means for the caller.
    Outcome {
        /// It did what was asked.
        Success => "success",
        /// It refused the caller.
        Denied => "denied",
        /// It failed, or could not understand.
        Error => "error",
        /// No answer was seen.
        Unknown => "unknown",
    }
}

named! {
    /// How much of an exchange was seen.
    Completeness {
        /// All of it.
        Whole => "whole",
        /// No answer.
        RequestOnly => "request_only",
        /// No request.
        ResponseOnly => "response_only",
        /// Bytes are missing inside.
        Gap => "gap",
        /// The snap length or the capture's end cut it.
        Truncated => "truncated",
    }
}
