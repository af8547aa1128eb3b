//! A sighting and a connection with something in every part, made by hand.
//! They are given to tests of what goes over the wire.
//! They promise that no optional part is empty and no list without a thing in it: what is not written shows.

use crate::identity::Sighting;
use crate::identity::clues::{AccountNames, Clues, Ends, Handle, HandleKind, Spend, TokenSubject};
use heelguard_detectors::anomaly::{Anomaly, AnomalySet};
use heelguard_detectors::contents::{Contents, DataClass, Field, Parameter, ParameterPlace, ValueType};
use heelguard_detectors::identity::{
    AddressClass, Country, Credential, CredentialKind, Factor, Fingerprint, KnownKey, Location, Notoriety,
    Place, Principal, PrincipalKind, PrincipalSource, Proof, ProofLevel, Stage,
};
use heelguard_detectors::label::{Clue, Hints, Label, Labels};
use heelguard_detectors::position::Position;
use heelguard_detectors::session::{EndCause, OneTime, Reuse, Session};
use heelguard_detectors::spec::{Comparison, Security, Standing};
use heelguard_detectors::time::EventTime;
use heelguard_detectors::tls::{Certificate, CipherSuite, Ja4, Tls, TlsConnection, TlsVersion, Transport};
use heelguard_detectors::token::{
    Confusion, HeaderTrait, HeaderTraits, InPath, Jwt, KnownSecret, Signature, SignatureCheck,
};
use heelguard_detectors::transaction::{
    Activity, AgentKind, Client, Completeness, Device, Exposure, ExposureKind, FactorSecret, Flow, Graphql,
    GraphqlKind, HeaderClaim, IdentityHeader, Login, LoginOutcome, Mfa, MfaEvent, MfaOutcome, Outcome,
    Protocol, Request, Response, Transaction, TransactionId,
};
use std::sync::Arc;

/// Microseconds after 2026-11-21T10:00:00Z.
fn at(micros: u64) -> EventTime {
    EventTime::from_micros(1_795_255_200_000_000 + micros)
}

fn fingerprint(byte: u8) -> Fingerprint {
    Fingerprint([byte; 16])
}

fn texts<const N: usize>(texts: [&str; N]) -> Vec<Arc<str>> {
    texts.map(Arc::<str>::from).to_vec()
}

fn text(text: &str) -> Arc<str> {
    text.into()
}

fn flow() -> Flow {
    Flow {
        src: "[2001:db8::7]:51514".parse().unwrap(),
        dst: "10.0.0.5:8443".parse().unwrap(),
        vlan: vec![12, 4_000],
        tunnel: Some("vxlan"),
        vni: Some(4_711),
        tls: true,
    }
}

fn client() -> Client {
    Client {
        ip: "2001:db8::7".parse().unwrap(),
        external: true,
        country: Country::parse("DE"),
        city: Some(text("Köln")),
        place: Some(Place { lat: 50.94, lon: -6.96, radius_km: 20.0 }),
        asn: Some(64_500),
        class: Some(AddressClass::Satellite),
        claimed_ip: Some([192, 0, 2, 1].into()),
    }
}

fn certificate() -> Certificate {
    Certificate {
        subject: Some(text("svc-billing")),
        names: texts(["api.example.com", "10.0.0.5"]),
        issuer: Some(text("Example CA")),
        validity: Some((-1, 253_402_300_799)),
        is_self_signed: true,
        key_sha256: Some([0x5a; 32]),
        sha256: Some([0xc3; 32]),
        fingerprint: Some(fingerprint(0xce)),
    }
}

fn tls() -> Tls {
    Tls {
        version: Some(TlsVersion(0x0304)),
        cipher: Some(CipherSuite(0x1302)),
        sni: Some(text("api.example.com")),
        alpn: Some(text("h2")),
        ja4: Some(Ja4(*b"t12d1516h2_8daaf6152771_e5627efa2ab1")),
        ja4_stable: Some(Ja4(*b"t12d1514h2_8daaf6152771_6d807ffa2a79")),
        client_certificate: Some(Arc::new(certificate())),
    }
}

fn request() -> Request {
    let mut hints = Hints::default();
    hints.insert(Clue::HandsOut);
    hints.insert(Clue::CodeField);
    hints.password_field = Some(text("geheim"));
    hints.code_field = Some(text("zahl"));
    hints.issued = vec![fingerprint(1), fingerprint(2)];
    Request {
        method: "POST".into(),
        scheme: "https",
        host: "api.example.com:8443".into(),
        path: "/v1/users/42/{secret}".into(),
        route: "/v1/users/{id}/{secret}".into(),
        labels: Labels::of(&[Label::Users, Label::Export]),
        query_keys: texts(["page", "q"]),
        page_limit: Some(50),
        position: Some(Position::Cursor(0x0c0f_fee0)),
        bytes: 27,
        content_type: Some(text("application/json")),
        user_agent: Some(text("curl/8.7.1")),
        agent_kind: AgentKind::Bot,
        mark: 0x4711,
        identity_headers: vec![IdentityHeader {
            name: "x-forwarded-user".into(),
            claim: HeaderClaim::User,
            by_proxy: true,
        }],
        graphql: Some(Graphql {
            kind: GraphqlKind::Subscription,
            operation: Some(text("Login")),
            fields: texts(["tokenAuth", "me"]),
            auth_operations: 3,
        }),
        hints: Some(Box::new(hints)),
    }
}

fn jwt() -> Jwt {
    let mut header = HeaderTraits::NONE;
    header.insert(HeaderTrait::Jku);
    header.insert(HeaderTrait::Elsewhere);
    Jwt {
        alg: "HS256".into(),
        kid: Some(text("k1")),
        typ: Some(text("at+jwt")),
        iss: Some(text("https://idp.example.com")),
        aud: texts(["https://api.example.com", "b"]),
        client_id: Some(text("web")),
        scope: texts(["orders:read", "x"]),
        amr: texts(["pwd", "otp"]),
        acr: Some(text("aal2")),
        expires_in_s: Some(-3_500),
        valid_in_s: Some(-1),
        issued_ago_s: Some(100),
        auth_ago_s: Some(i64::MIN),
        lifetime_s: Some(i64::MAX),
        jti: Some(0x0711),
        claims: Some(texts(["sub", "org.id"]).into()),
        in_path: [InPath { claim: 0, segment: 2 }, InPath { claim: 1, segment: 3 }].into_iter().collect(),
        bound: true,
        bytes: 672,
        parts: 5,
        header,
        p2c: Some(u64::MAX),
        signature: Signature::Missing,
        check: SignatureCheck::OverBudget,
        known_secret: Some(KnownSecret { builtin: true, line: 7, digest: [1, 2, 3, 4] }),
        confusion: Some(Confusion::Proved),
        tampered: true,
    }
}

/// A transaction with something in every part of it.
pub(in crate::scale) fn transaction() -> Transaction {
    let mut anomalies = AnomalySet::EMPTY;
    anomalies.insert(Anomaly::CaptureTruncated);
    anomalies.insert(Anomaly::JwtLimit);
    Transaction {
        id: TransactionId(0x0123_4567_89ab_8def_8123_4567_89ab_cdef),
        time: at(0),
        end: at(3_250),
        ttfb_us: Some(1_834),
        flow: flow(),
        protocol: Protocol::Grpc,
        tls: Some(Arc::new(tls())),
        request: Some(request()),
        response: Some(Response {
            status: 401,
            grpc_status: Some(16),
            bytes: 64,
            content_type: Some(text("application/grpc")),
            items: Some(7),
            date_s: Some(-1),
            retry_after_s: Some(30),
        }),
        client: client(),
        device: Some(Device { traits: [0x91be_02aa, 0, 3, u32::MAX] }),
        principal: Principal {
            kind: PrincipalKind::User,
            id: "alice@example.com".into(),
            source: PrincipalSource::Jwt,
        },
        proof: Proof {
            level: ProofLevel::Certificate,
            factor: Some(Factor::Backup),
            mfa_at: Some(at(1)),
            account_has_mfa: true,
        },
        credentials: vec![Credential {
            kind: CredentialKind::ApiKey,
            class: "stripe_live",
            location: Location::Metadata,
            name: "x-api-key".into(),
            fingerprint: fingerprint(0xa1),
            known: Some(KnownKey { why: Notoriety::Reported, line: 3, source: "compromised_keys" }),
            stage: Some(Stage::Live),
        }],
        jwt: Some(jwt()),
        mfa: Some(Mfa {
            event: MfaEvent::StepUp,
            factor: Factor::Webauthn,
            outcome: MfaOutcome::Pending,
            by_status_only: true,
            code: Some(0x0028_7082_0000_0001),
            ticket: Some(fingerprint(0x71)),
            codes_left: Some(7),
        }),
        login: Some(Login { name: Some(text("alice@example.com")), outcome: LoginOutcome::SecondFactor }),
        activity: Activity::Sensitive,
        exposed: vec![Exposure {
            kind: ExposureKind::Referer,
            class: "jwt",
            name: "token".into(),
            fingerprint: Some(fingerprint(0xe5)),
        }],
        factor_secrets: vec![FactorSecret {
            kind: ExposureKind::Response,
            name: "seed".into(),
            fingerprint: fingerprint(0xf5),
        }],
        contents: Some(Box::new(Contents {
            parameters: vec![Parameter {
                place: ParameterPlace::Form,
                name: "user.mail".into(),
                kind: ValueType::Email,
            }],
            fields: vec![Field { name: "items[].id".into(), kind: ValueType::Object }],
            classes: vec![DataClass::Card, DataClass::Token],
        })),
        spec: Some(Box::new(Comparison {
            standing: Standing::Deprecated,
            path: Some(text("/v1/users/{id}")),
            security: Security::Missing,
            wanted: Some(text("bearer or api_key X-Key")),
            undocumented: vec![(ParameterPlace::Query, "debug".into())],
        })),
        outcome: Outcome::Denied,
        completeness: Completeness::Truncated,
        anomalies,
        session: Some(Session {
            id: fingerprint(0x5e),
            since: at(2),
            issued_in_sight: true,
            mfa_since: Some(at(3)),
            renewals: 2,
            ended: Some((EndCause::Revocation, at(1_000))),
            rotated: Some(false),
        }),
        reuse: Some(Reuse { what: OneTime::Ticket, first: at(500), same_client: true }),
        repeat_of: Some(TransactionId(9)),
    }
}

fn names(of: &str) -> AccountNames {
    AccountNames {
        email: Some(text(&format!("{of}@x.example"))),
        user_name: Some(text(of)),
        id: Some(text("42")),
    }
}

fn subject(subject: &str) -> TokenSubject {
    TokenSubject {
        issuer: "https://idp.example.com".into(),
        subject: subject.into(),
        name: Some(text("alice")),
        service: true,
        says_mfa: true,
    }
}

/// Clues with something in every part but those that never leave the sensor.
fn clues() -> Clues {
    let handle = |kind, byte| Handle { kind, fingerprint: fingerprint(byte) };
    Clues {
        ordinal: 3,
        login_name: Some(text("alice")),
        answered: names("alice"),
        presented_subject: Some(subject("u1")),
        issued_subject: Some(subject("u2")),
        client_id: Some(text("web")),
        presented: vec![handle(HandleKind::Session, 1), handle(HandleKind::Access, 2)],
        named: vec![handle(HandleKind::Refresh, 3), handle(HandleKind::Challenge, 4)],
        on_behalf: true,
        issued: vec![handle(HandleKind::Code, 5), handle(HandleKind::ApiKey, 6)],
        key_owner: names("bob"),
        ends: Some((Ends::Named, EndCause::FactorChange)),
        reset_name: Some(text("carol")),
        spends: Some(Spend { what: OneTime::AuthorizationCode, fingerprint: fingerprint(7) }),
        dpop_jti: Some(8),
        enrolled_mfa: true,
        request_hash: 9,
        response_hash: 10,
        dpop_key_fits: Some(false),
        ..Clues::default()
    }
}

/// A sighting with something in every part of it.
pub(in crate::scale) fn sighting() -> Sighting {
    Sighting { transaction: transaction(), clues: clues() }
}

/// A connection with something in every part of it.
pub(in crate::scale) fn connection() -> TlsConnection {
    let mut anomalies = AnomalySet::EMPTY;
    anomalies.insert(Anomaly::TlsOddName);
    TlsConnection {
        id: TransactionId(7),
        time: at(4),
        end: at(5),
        flow: flow(),
        transport: Transport::Quic,
        client: client(),
        tls: tls(),
        offered: texts(["h2", "http/1.1"]),
        hides_name: true,
        is_resumed: Some(false),
        server_certificate: Some(Arc::new(certificate())),
        asks_certificate: true,
        bytes: [2_048, u64::MAX],
        completeness: Completeness::Gap,
        anomalies,
    }
}
