//! The threads that lineage ties: names, handles presented and handed out, subjects of tokens, hashes of both halves.
//! They are taken from the request, the answer and the step, and hold names and fingerprints only.
//! It promises that a list of other people's records names nobody.

mod ends;
mod handles;

pub(super) use handles::{by_strength, names_one};

use super::{Extractor, Proved};
use crate::http::{Exchange, Message};
use crate::identity::answer::Answer;
use crate::identity::clues::{AccountNames, Clues, Handle, HandleKind, TokenSubject};
use crate::identity::credential::Found;
use crate::identity::encoded;
use crate::identity::fields::Known;
use crate::identity::jwt::{Claims, IssuedToken};
use crate::identity::labels::Labels;
use crate::identity::lineage::is_program;
use crate::identity::request::Asking;
use crate::identity::route::Route;
use crate::identity::secret::Secret;
use crate::identity::settings::Settings;
use crate::identity::step::Step;
use crate::identity::tables::Field;
use crate::identity::text;
use heelguard_detectors::identity::{CredentialKind, Location};
use heelguard_detectors::transaction::{Activity, LoginOutcome, MfaEvent, MfaOutcome, Outcome};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// Bytes at either end of a body that its hash covers.
const HASHED_BYTES: usize = 1024;

impl Extractor {
    pub(super) fn clues(
        &mut self,
        exchange: &Exchange,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
        step: &Step<'_>,
        proved: &mut Proved,
        route: &Route,
    ) -> Clues {
        let settings = self.settings.clone();
        let own = |name: &Arc<str>| settings.name(name.clone());
        let mut clues = Clues {
            ordinal: exchange.ordinal,
            login_name: login_name(asked, step).as_ref().map(own),
            client_id: client_id(asked, step),
            presented: proved.handles.iter().map(|&(_, handle)| handle).collect(),
            spends: handles::spends(asked, step, route, proved),
            ends: ends::ends(asked, answer, step, route),
            reset_name: ends::reset_name(asked, step).as_ref().map(own),
            presented_subject: proved.jwt.as_deref().and_then(|claims| subject(claims, step, &settings)),
            request_hash: self.request_hash(exchange, asked, proved),
            response_hash: self.response_hash(exchange),
            token: proved.token.take(),
            dpop_jti: proved.dpop.as_deref().and_then(Claims::proof_mark),
            dpop_key_fits: proved.dpop.as_deref().zip(proved.jwt.as_deref()).and_then(|(p, t)| p.proves(t)),
            ..Clues::default()
        };
        clues.on_behalf = clues.client_id.is_some() && handles::exchanges_token(asked);
        if clues.on_behalf && !handles::any_in_header(proved) {
            clues.presented_subject = None;
        }
        handles::set_named_apart(&mut clues, asked, route, proved);
        let Some(answer) = answer else { return clues };
        clues.published = answer.document.clone().and_then(|d| d.at(asked.path, asked.query));
        let in_login = matches!(
            step.activity,
            Activity::Login | Activity::Mfa | Activity::SignUp | Activity::TokenIssue
        );
        if (200..300).contains(&answer.status)
            && step.outcome == Outcome::Success
            && (in_login || route.labels.any(Labels::OWN_ACCOUNT))
        {
            clues.answered = answered(answer, route, own);
        }
        if step.activity == Activity::KeyIssue {
            clues.key_owner = answered(answer, route, own);
        }
        let mfa_passed = step.mfa.is_some_and(|m| m.outcome == MfaOutcome::Success && !takes_away(m.event));
        clues.enrolled_mfa = step.outcome == Outcome::Success && (answer.has_mfa || answer.unused_codes)
            || mfa_passed
            || step.login == Some(LoginOutcome::SecondFactor);
        self.issued(answer, step, route, &settings, &mut clues);
        clues
    }

    /// Takes away names that are or hold a secret of this exchange, in whatever letters: somebody's token is nobody's name.
    pub(super) fn forget_telling_names(
        &mut self,
        clues: &mut Clues,
        asked: &Asking<'_>,
        answer: Option<&Answer<'_>>,
    ) {
        let issued = answer.map(|answer| answer.issued.as_slice()).unwrap_or_default();
        let mut tells = |name: &Arc<str>| {
            asked.presented.spoils_name(name.as_bytes())
                || self.texts.tells(name)
                || issued.iter().any(|handed_out| {
                    let (name, value) = (name.as_bytes(), &handed_out.value);
                    memchr::memmem::find(name, value).is_some() || encoded::says(name, value)
                })
        };
        clues.login_name.take_if(|name| tells(name));
        clues.client_id.take_if(|name| tells(name));
        clues.reset_name.take_if(|name| tells(name));
        for names in [&mut clues.key_owner, &mut clues.answered] {
            for name in [&mut names.email, &mut names.user_name, &mut names.id] {
                name.take_if(|name| tells(name));
            }
        }
        let mut subject_tells =
            |subject: &TokenSubject| tells(&subject.subject) || subject.name.as_ref().is_some_and(&mut tells);
        clues.presented_subject.take_if(|subject| subject_tells(subject));
        clues.issued_subject.take_if(|subject| subject_tells(subject));
    }

    fn issued(
        &mut self,
        answer: &Answer<'_>,
        step: &Step<'_>,
        route: &Route,
        settings: &Settings,
        clues: &mut Clues,
    ) {
        if step.activity == Activity::Logout {
            return;
        }
        let gives = step.activity != Activity::Use
            || route.labels.any(
                Labels::LOGIN
                    .or(Labels::TOKEN)
                    .or(Labels::SESSION)
                    .or(Labels::OWN_ACCOUNT)
                    .or(Labels::OAUTH_CLIENT),
            );
        for issued in &answer.issued {
            let is_callers = !issued.from_body || gives && step.activity != Activity::Sensitive;
            if !is_callers || !names_one(&issued.value) {
                continue;
            }
            let kind = if issued.by_context && step.activity == Activity::KeyIssue {
                HandleKind::ApiKey
            } else {
                issued.kind
            };
            let known = self.memory.know(
                &Secret::new(&*issued.value),
                &settings.keyring,
                settings.principal_claim.as_deref(),
            );
            if let Some(claims) = &known.claims {
                if clues.issued_subject.is_none() {
                    clues.issued_subject = subject(claims, step, settings);
                }
                let (claims, fingerprint) = (claims.clone(), known.fingerprint);
                clues.issued_tokens.push(IssuedToken { claims, fingerprint });
            }
            let handle = Handle { kind, fingerprint: known.fingerprint };
            if !clues.issued.contains(&handle) {
                clues.issued.push(handle);
            }
        }
        if let Some(id_token) = &answer.id_token {
            let known = self.memory.know(
                &Secret::new(&**id_token),
                &settings.keyring,
                settings.principal_claim.as_deref(),
            );
            if let (Some(claims), fingerprint) = (known.claims.clone(), known.fingerprint) {
                clues.issued_tokens.push(IssuedToken { claims, fingerprint });
            }
            // The identity token speaks of the person; the access token may speak of a program.
            let named = known.claims.as_deref().and_then(|claims| subject(claims, step, settings));
            clues.issued_subject = match (named, clues.issued_subject.take()) {
                (Some(id), Some(access)) => Some(TokenSubject {
                    service: access.service,
                    says_mfa: id.says_mfa || access.says_mfa,
                    ..id
                }),
                (id, access) => id.or(access),
            };
        }
    }

    fn request_hash(&self, exchange: &Exchange, asked: &Asking<'_>, proved: &Proved) -> u64 {
        let body = exchange.request.as_ref().map(body_ends);
        let mut hasher = self.marks.build_hasher();
        (asked.method, asked.path, asked.query, body).hash(&mut hasher);
        proved.credentials.iter().for_each(|credential| credential.fingerprint.hash(&mut hasher));
        hasher.finish()
    }

    fn response_hash(&self, exchange: &Exchange) -> u64 {
        self.marks.hash_one(exchange.response.as_ref().map(|message| (message.status(), body_ends(message))))
    }
}

/// The account's names in an answer. An `id` without its account's object around it may be any object's: it counts
/// where the address says that the answer is the account.
fn answered(answer: &Answer<'_>, route: &Route, own: impl Fn(&Arc<str>) -> Arc<str>) -> AccountNames {
    let is_account = route.labels.any(Labels::OWN_ACCOUNT) && !route.labels.any(Labels::SESSION);
    let id = answer.user_id.as_ref().filter(|_| answer.user_id_is_accounts || is_account);
    // A name with blanks in it is for people to read; two accounts can have it.
    let user_name = answer.user_name.as_ref().filter(|name| !name.contains(char::is_whitespace));
    let [email, user_name, id] = [answer.email.as_ref(), user_name, id].map(|name| name.map(&own));
    AccountNames { email, user_name, id }
}

/// A success that leaves the account with less than it had.
fn takes_away(event: MfaEvent) -> bool {
    matches!(event, MfaEvent::Removal | MfaEvent::Reset)
}

/// Length and both ends of a body.
fn body_ends(message: &Message) -> (u64, &[u8], &[u8]) {
    let prefix = message.body.prefix.as_slice();
    let (head, rest) = prefix.split_at_checked(HASHED_BYTES).unwrap_or((prefix, &[]));
    (message.body.bytes, head, rest.get(rest.len().saturating_sub(HASHED_BYTES)..).unwrap_or(&[]))
}

fn login_name(asked: &Asking<'_>, step: &Step<'_>) -> Option<Arc<str>> {
    let basic = asked.presented.user.as_deref().and_then(text::name);
    // A program that has a second factor checked names whose it is.
    let is_checked_for = step.mfa.is_some() && is_program(asked.presented.found.iter().map(|f| f.kind));
    let names_account = step.login.is_some() || step.activity == Activity::SignUp || is_checked_for;
    let field = || {
        let names = || asked.fields.known.iter().filter(|k| k.field == Field::Name && !k.value.is_empty());
        // What is checked is what is called so, whatever stands beside it. Else an e-mail address is the better name;
        // it is unique across hosts.
        let checked = names().find(|k| step.login.is_some() && is_checked_name(k));
        let best =
            checked.or_else(|| names().find(|k| k.value.contains(&b'@'))).or_else(|| names().next())?;
        text::name(&best.value)
    };
    basic.or_else(|| if names_account { field() } else { None })
}

/// Whether a field is called as what a password is checked against. In forms `login` may be the button.
fn is_checked_name(known: &Known<'_>) -> bool {
    const NAMES: &[&[u8]] =
        &[b"username", b"user_name", b"user", b"identifier", b"login_name", b"j_username"];
    let is = |name: &[u8]| known.name.eq_ignore_ascii_case(name);
    NAMES.iter().any(|name| is(name)) || is(b"login") && known.location == Location::Json
}

/// A client that authenticated itself; a public client's `client_id` is said by anybody's browser.
fn client_id(asked: &Asking<'_>, step: &Step<'_>) -> Option<Arc<str>> {
    let has_secret = asked.presented.found.iter().any(|f| f.kind == CredentialKind::ClientSecret);
    let by_field = || asked.fields.get(Field::ClientId).filter(|_| has_secret || step.service_grant);
    asked.presented.client.as_deref().or_else(by_field).and_then(text::name)
}

fn subject(claims: &Claims, step: &Step<'_>, settings: &Settings) -> Option<TokenSubject> {
    let subject = claims.sub.clone().or_else(|| claims.client_id.clone())?;
    let service = claims.is_service() || step.service_grant;
    // A program's id is no person's name, unless it is an address.
    let own = |name: Arc<str>| if service && !name.contains('@') { name } else { settings.name(name) };
    Some(TokenSubject {
        issuer: claims.iss.clone().unwrap_or_default(),
        subject: own(subject),
        name: claims.name.clone().map(own),
        service,
        says_mfa: claims.says_mfa(),
    })
}
/// Strongest first: header, body, cookie, address.
pub(super) fn strength(found: &Found<'_>) -> u8 {
    match found.location {
        Location::Header | Location::Tls | Location::Metadata => 0,
        Location::Json | Location::Form => 1,
        Location::Cookie => 2,
        Location::Query | Location::Path | Location::Userinfo => 3,
    }
}
