//! One alert and one transaction, full, as the contract shows them: what the golden tests write.
//! They are made by hand, so that a change of the vocabulary shows up here.
//! They promise to fill every optional part at least once between them.

use super::Labels as Origin;
use heelguard_detectors::alert::{
    Alert, AlertClient, AlertId, Confidence, Evidence, Fact, Scope, Severity, Status, Subject, Visibility,
};
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::identity::{
    AddressClass, Country, Credential, CredentialKind, Factor, Fingerprint, Location, Place, Principal,
    PrincipalKind, PrincipalSource, Proof, ProofLevel,
};
use heelguard_detectors::label::{Label, Labels};
use heelguard_detectors::session::{EndCause, OneTime, Reuse, Session};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::{Certificate, CipherSuite, Ja4, Tls, TlsConnection, TlsVersion, Transport};
use heelguard_detectors::token::{HeaderTrait, HeaderTraits, Jwt, KnownSecret, SignatureCheck};
use heelguard_detectors::transaction::{
    Activity, AgentKind, Client, Completeness, Device, Endpoint, Exposure, ExposureKind, Flow, Graphql,
    GraphqlKind, HeaderClaim, IdentityHeader, Login, LoginOutcome, Mfa, MfaEvent, MfaOutcome, Outcome,
    Protocol, Request, Response, Transaction, TransactionId,
};
use std::sync::Arc;
use std::time::Duration;

pub(crate) fn labels() -> Origin {
    Origin { tenant: "default".to_owned(), sensor: "sensor-1".to_owned() }
}

/// Microseconds after 2026-11-21T10:00:00Z.
pub(crate) fn at(micros: u64) -> EventTime {
    EventTime::from_micros(1_795_255_200_000_000 + micros)
}

fn alice(source: PrincipalSource) -> Principal {
    Principal { kind: PrincipalKind::User, id: "alice@example.com".into(), source }
}

fn fingerprint(first: [u8; 2]) -> Fingerprint {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&first);
    bytes[15] = 0xff;
    Fingerprint(bytes)
}

pub(crate) fn alert() -> Alert {
    Alert {
        id: AlertId(0x6f3f_1a52_6f0c_5a43_9a52_6c1f_6c1e_9b10),
        rev: 1,
        status: Status::Open,
        rule: "MFA-01",
        detector: "mfa_failure_burst",
        title: "Burst of failed MFA codes",
        severity: Severity::Medium,
        confidence: Confidence::High,
        message: "3 wrong MFA codes in 179 s for alice@example.com on POST /mfa/verify (limit 3 in 300 s)"
            .to_owned(),
        time: at(180_120_000),
        first_seen: at(1_003_000),
        last_seen: at(180_120_000),
        count: 3,
        threshold: 3,
        window: Some(Duration::from_mins(5)),
        subject: Subject { scope: Scope::Principal, value: "user:alice@example.com".into() },
        principal: Some(alice(PrincipalSource::Login)),
        client: Some(AlertClient {
            ip: [203, 0, 113, 7].into(),
            country: Country::parse("DE"),
            asn: Some(64500),
            device: Some("d:91be02aa".into()),
        }),
        credential: Some(Credential {
            kind: CredentialKind::Session,
            class: "session_cookie",
            location: Location::Cookie,
            name: "sid".into(),
            fingerprint: fingerprint([0x5b, 0x0e]),
            known: None,
            stage: None,
        }),
        endpoint: Some(Endpoint {
            method: "POST".into(),
            host: "api.example.com".into(),
            route: "/mfa/verify".into(),
        }),
        evidence: vec![Evidence {
            transaction: TransactionId(7),
            time: at(1_003_000),
            method: "POST".into(),
            path: "/mfa/verify".into(),
            status: Some(401),
            note: "wrong totp code".to_owned(),
        }],
        facts: vec![("factor", Fact::Text("totp".into())), ("distinct_codes", Fact::Count(3))],
        response: "temporary account lock; check whether the password is known to someone else",
        mitre: &["T1621", "T1110.001"],
        owasp: &["API2:2023"],
        visibility: Visibility::default(),
    }
}

/// The same alert with every optional part left out.
pub(crate) fn bare_alert() -> Alert {
    Alert {
        window: None,
        principal: None,
        client: None,
        credential: None,
        endpoint: None,
        evidence: Vec::new(),
        facts: Vec::new(),
        ..alert()
    }
}

fn request() -> Request {
    Request {
        method: "POST".into(),
        scheme: "http",
        host: "api.example.com".into(),
        path: "/v1/users/42".into(),
        route: "/v1/users/{id}".into(),
        labels: Labels::of(&[Label::Users]),
        query_keys: vec!["page".into()],
        page_limit: None,
        position: None,
        bytes: 27,
        content_type: Some("application/json".into()),
        user_agent: Some("curl/8.7.1".into()),
        agent_kind: AgentKind::Library,
        mark: 0x4711,
        identity_headers: vec![IdentityHeader {
            name: "x-forwarded-user".into(),
            claim: HeaderClaim::User,
            by_proxy: false,
        }],
        graphql: Some(Graphql {
            kind: GraphqlKind::Mutation,
            operation: Some("Login".into()),
            fields: vec!["tokenAuth".into()],
            auth_operations: 1,
        }),
        hints: None,
    }
}

fn response() -> Response {
    Response {
        status: 401,
        grpc_status: None,
        bytes: 64,
        content_type: Some("application/json".into()),
        items: None,
        date_s: Some(1_763_719_380),
        retry_after_s: Some(30),
    }
}

pub(crate) fn transaction() -> Transaction {
    let mut anomalies = AnomalySet::EMPTY;
    anomalies.insert(Anomaly::TcpRetransmission);
    Transaction {
        id: TransactionId(0x0123_4567_89ab_8def_8123_4567_89ab_cdef),
        time: at(0),
        end: at(3_250),
        ttfb_us: Some(1834),
        flow: Flow {
            src: "198.51.100.4:51514".parse().unwrap(),
            dst: "10.0.0.5:8080".parse().unwrap(),
            vlan: vec![12],
            tunnel: None,
            vni: None,
            tls: false,
        },
        protocol: Protocol::Http11,
        tls: None,
        request: Some(request()),
        response: Some(response()),
        client: Client {
            ip: [203, 0, 113, 7].into(),
            external: true,
            country: Country::parse("DE"),
            city: None,
            place: Some(Place { lat: 51.2, lon: 10.4, radius_km: 300.0 }),
            asn: Some(64500),
            class: Some(AddressClass::Mobile),
            claimed_ip: Some([192, 0, 2, 1].into()),
        },
        device: Some(Device { traits: [0x91be_02aa, 0, 0, 0] }),
        principal: alice(PrincipalSource::Jwt),
        proof: Proof {
            level: ProofLevel::Mfa,
            factor: Some(Factor::Totp),
            mfa_at: Some(at(0)),
            account_has_mfa: true,
        },
        credentials: vec![Credential {
            kind: CredentialKind::BearerJwt,
            class: "jwt",
            location: Location::Header,
            name: "authorization".into(),
            fingerprint: fingerprint([0xa1, 0xb2]),
            known: None,
            stage: None,
        }],
        jwt: Some(Jwt {
            kid: Some("k1".into()),
            typ: Some("at+jwt".into()),
            iss: Some("https://idp.example.com".into()),
            aud: vec!["https://api.example.com".into()],
            client_id: Some("web".into()),
            scope: vec!["orders:read".into()],
            amr: vec!["pwd".into(), "otp".into()],
            expires_in_s: Some(3500),
            issued_ago_s: Some(100),
            lifetime_s: Some(3600),
            bytes: 672,
            header: {
                let mut header = HeaderTraits::NONE;
                header.insert(HeaderTrait::Jku);
                header
            },
            check: SignatureCheck::Valid,
            known_secret: Some(KnownSecret { builtin: true, line: 7, digest: [1, 2, 3, 4] }),
            ..Jwt::of_alg("RS256")
        }),
        mfa: Some(Mfa {
            event: MfaEvent::Attempt,
            factor: Factor::Totp,
            outcome: MfaOutcome::FailCode,
            by_status_only: false,
            code: Some(0x0028_7082),
            ticket: Some(fingerprint([0x71, 0xc8])),
            codes_left: Some(7),
        }),
        login: Some(Login { name: Some("alice@example.com".into()), outcome: LoginOutcome::SecondFactor }),
        activity: Activity::Mfa,
        exposed: vec![token_in_query()],
        factor_secrets: Vec::new(),
        contents: None,
        spec: None,
        outcome: Outcome::Denied,
        completeness: Completeness::Whole,
        anomalies,
        session: Some(Session {
            id: fingerprint([0x5e, 0x55]),
            since: at(0),
            issued_in_sight: true,
            mfa_since: None,
            renewals: 2,
            ended: Some((EndCause::Logout, at(1_000))),
            rotated: None,
        }),
        reuse: Some(Reuse { what: OneTime::RefreshToken, first: at(500), same_client: false }),
        repeat_of: Some(TransactionId(9)),
    }
}

fn token_in_query() -> Exposure {
    Exposure { kind: ExposureKind::Query, class: "jwt", name: "token".into(), fingerprint: None }
}

/// A lone answer: every part that needs a request is absent.
pub(crate) fn bare_transaction() -> Transaction {
    let full = transaction();
    Transaction {
        ttfb_us: None,
        request: None,
        response: Some(Response {
            content_type: None,
            retry_after_s: None,
            ..full.response.clone().unwrap()
        }),
        client: Client {
            country: None,
            place: None,
            asn: None,
            class: None,
            claimed_ip: None,
            ..full.client.clone()
        },
        device: None,
        credentials: Vec::new(),
        jwt: None,
        mfa: None,
        login: None,
        exposed: Vec::new(),
        factor_secrets: Vec::new(),
        contents: None,
        spec: None,
        completeness: Completeness::ResponseOnly,
        anomalies: AnomalySet::EMPTY,
        session: None,
        reuse: None,
        repeat_of: None,
        ..full
    }
}

/// A connection under TLS 1.2 in which both sides showed a certificate.
pub(crate) fn connection() -> TlsConnection {
    let Transaction { id, time, end, flow, client, .. } = transaction();
    let certificate = Certificate {
        subject: Some("api.example.com".into()),
        names: vec!["api.example.com".into()],
        issuer: Some("Example CA".into()),
        validity: Some((1_763_000_000, 253_402_300_799)),
        is_self_signed: false,
        key_sha256: Some([0x5a; 32]),
        sha256: Some([0xc3; 32]),
        fingerprint: None,
    };
    let own = Certificate {
        subject: Some("svc-billing".into()),
        sha256: None,
        fingerprint: Some(fingerprint([0xce, 0x47])),
        ..certificate.clone()
    };
    TlsConnection {
        id,
        time,
        end,
        flow: Flow { tls: true, ..flow },
        transport: Transport::Tcp,
        client,
        tls: Tls {
            version: Some(TlsVersion(0x0303)),
            cipher: Some(CipherSuite(0xC02F)),
            sni: Some("api.example.com".into()),
            alpn: Some("http/1.1".into()),
            ja4: Some(Ja4(*b"t12d1516h2_8daaf6152771_e5627efa2ab1")),
            ja4_stable: Some(Ja4(*b"t12d1514h2_8daaf6152771_6d807ffa2a79")),
            client_certificate: Some(Arc::new(own)),
        },
        offered: vec!["h2".into(), "http/1.1".into()],
        hides_name: false,
        is_resumed: Some(false),
        server_certificate: Some(Arc::new(certificate)),
        asks_certificate: true,
        bytes: [2_048, 9_000],
        completeness: Completeness::Whole,
        anomalies: AnomalySet::EMPTY,
    }
}
