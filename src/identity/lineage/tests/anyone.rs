//! Whoever does what in whatever order, and whatever the capture missed of it: nobody is taken for somebody else.
//! The exchanges are texts that go through the real extractor; the truth is who made them.

use crate::identity::clues::Sighting;
use crate::identity::extract::tests::{exchange, extractor, jwt};
use crate::identity::lineage::{Lineage, LineageConfig};
use crate::identity::{Extractor, Legs};
use heelguard_detectors::identity::PrincipalKind;
use heelguard_detectors::time::EventTime;
use heelguard_detectors::transaction::Transaction;
use proptest::prelude::*;

/// What one user does next, where the state allows it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Signs in, for a cookie, a session header or tokens.
    SignIn(Style),
    WrongPassword,
    WrongCode,
    Call(With),
    /// Reads the own account.
    Me,
    Refresh,
    MakeKey,
    ChangePassword,
    LogOut,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Style {
    Cookie,
    Header,
    Tokens,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum With {
    Session,
    Key,
    All,
}

/// What the capture has of an exchange.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Seen {
    Whole,
    NoRequest,
    NoAnswer,
    Nothing,
}

/// One step: by whom, what, over which of their connections, and what is seen of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deed {
    user: usize,
    act: Act,
    port: u16,
    seen: Seen,
}

/// An exchange as text, and whose it is.
pub(super) struct Told {
    user: usize,
    pub(super) request: String,
    pub(super) answer: String,
    /// Whether the request carries something that was handed out, or types a name.
    says_who: bool,
}

/// One user's state, and the server's answers to it. Every second user has a second factor; users 0 and 1 share
/// an e-mail address; everybody's user name is the id of somebody else.
#[derive(Default)]
pub(super) struct User {
    number: usize,
    count: usize,
    cookie: Option<String>,
    header: Option<String>,
    access: Option<String>,
    refresh: Option<String>,
    key: Option<String>,
}

impl User {
    pub(super) fn new(number: usize) -> Self {
        Self { number, ..Self::default() }
    }

    fn id(&self) -> usize {
        1000 + self.number
    }

    fn name(&self) -> String {
        (1000 + self.number + 1).to_string()
    }

    fn mail(&self) -> String {
        if self.number < 2 { "office@x.example".into() } else { format!("user{}@x.example", self.number) }
    }

    /// A value that nobody else has.
    fn value(&mut self, what: &str) -> String {
        self.count += 1;
        format!("{what}9x{:02}q{:05}Zk3vT8bL1mN5", self.number, self.count)
    }

    fn account(&self) -> String {
        format!(r#""user":{{"id":{},"email":"{}","username":"{}"}}"#, self.id(), self.mail(), self.name())
    }

    fn credentials(&self, with: With) -> String {
        let mut lines = String::new();
        let all = matches!(with, With::All);
        if all || matches!(with, With::Session) {
            let line = |name: &str, value: &Option<String>, lines: &mut String| {
                if let Some(value) = value {
                    lines.push_str(&format!("{name}{value}\n"));
                }
            };
            line("Cookie: theme=dark; sessionid=", &self.cookie, &mut lines);
            line("X-Session-Token: ", &self.header, &mut lines);
            line("Authorization: Bearer ", &self.access, &mut lines);
        }
        if let Some(key) = self.key.as_ref().filter(|_| all || matches!(with, With::Key)) {
            lines.push_str(&format!("X-Api-Key: {key}\n"));
        }
        lines
    }

    fn post(path: &str, lines: &str, body: &str) -> String {
        format!("POST {path} HTTP/1.1\nHost: api.example\n{lines}Content-Type: application/json\n\n{body}")
    }

    fn get(path: &str, lines: &str) -> String {
        format!("GET {path} HTTP/1.1\nHost: api.example\n{lines}")
    }

    fn ok(lines: &str, body: &str) -> String {
        format!("200\n{lines}Content-Type: application/json\n\n{body}")
    }

    /// What the server hands out at the end of a sign-in: head lines and members of the body.
    fn grant(&mut self, style: Style) -> (String, String) {
        match style {
            Style::Cookie => {
                let value = self.value("cook");
                self.cookie = Some(value.clone());
                (format!("Set-Cookie: sessionid={value}; HttpOnly\n"), self.account())
            }
            Style::Header => {
                let value = self.value("head");
                self.header = Some(value.clone());
                (String::new(), format!(r#"{},"meta":{{"session_token":"{value}"}}"#, self.account()))
            }
            Style::Tokens => (String::new(), self.tokens()),
        }
    }

    fn tokens(&mut self) -> String {
        let refresh = self.value("refr");
        self.count += 1;
        let access =
            jwt(&format!(r#"{{"sub":"{0}","jti":"{0}-{1}","exp":1894211500}}"#, self.id(), self.count));
        let body = format!(r#""access_token":"{access}","refresh_token":"{refresh}""#);
        (self.access, self.refresh) = (Some(access), Some(refresh));
        body
    }

    /// The exchanges of one act.
    pub(super) fn act(&mut self, act: Act) -> Vec<Told> {
        let user = self.number;
        let told = |request, answer, says_who| Told { user, request, answer, says_who };
        match act {
            Act::SignIn(style) => self.sign_in(style),
            Act::WrongPassword => {
                let form = format!(r#"{{"username":"{}","password":"Wrong-moss8497!"}}"#, self.name());
                vec![told(Self::post("/auth/login", "", &form), "401\n\n".into(), true)]
            }
            Act::WrongCode => self.second_factor("/auth/mfa/verify").1,
            Act::Call(with) => {
                let lines = self.credentials(with);
                let says_who = !lines.is_empty();
                vec![told(Self::get("/orders/12", &lines), Self::ok("", r#"{"total":3}"#), says_who)]
            }
            Act::Me => {
                let lines = self.credentials(With::Session);
                if lines.is_empty() {
                    return vec![told(Self::get("/users/me", ""), "401\n\n".into(), false)];
                }
                vec![told(
                    Self::get("/users/me", &lines),
                    Self::ok("", &format!("{{{}}}", self.account())),
                    true,
                )]
            }
            Act::Refresh => {
                let Some(old) = self.refresh.take() else { return Vec::new() };
                let body = self.tokens();
                let request =
                    Self::post("/auth/token/refresh", "", &format!(r#"{{"refresh_token":"{old}"}}"#));
                vec![told(request, Self::ok("", &format!("{{{body}}}")), true)]
            }
            Act::MakeKey => {
                let lines = self.credentials(With::Session);
                if lines.is_empty() {
                    return Vec::new();
                }
                let key = self.value("keyy");
                // The request asks for a key in the next one's name; the answer does not say whose it is.
                let wish = format!(r#"{{"username":"{}"}}"#, self.id());
                let answer =
                    format!("201\nContent-Type: application/json\n\n{{\"id\":3,\"api_key\":\"{key}\"}}");
                self.key = Some(key);
                vec![told(Self::post("/api-keys", &lines, &wish), answer, true)]
            }
            Act::ChangePassword => {
                let lines = self.credentials(With::Session);
                if lines.is_empty() {
                    return Vec::new();
                }
                let form = r#"{"current_password":"Harbor-rill9925!","new_password":"Meadow-rill7897!"}"#;
                vec![told(Self::post("/account/password", &lines, form), Self::ok("", "{}"), true)]
            }
            Act::LogOut => {
                let lines = self.credentials(With::Session);
                let after = Self::get("/orders/12", &lines);
                (self.cookie, self.header, self.access, self.refresh) = (None, None, None, None);
                if lines.is_empty() {
                    return Vec::new();
                }
                let out = told(Self::post("/auth/logout", &lines, "{}"), Self::ok("", "{}"), true);
                vec![out, told(after, "401\n\n".into(), true)]
            }
        }
    }

    fn sign_in(&mut self, style: Style) -> Vec<Told> {
        let user = self.number;
        let before = self.credentials(With::Session);
        let form = format!(r#"{{"username":"{}","password":"Harbor-rill9925!"}}"#, self.name());
        let login = Self::post("/auth/login", &before, &form);
        if self.number % 2 == 1 {
            let (answer, mut steps) = self.second_factor("/auth/login");
            steps.insert(0, Told { user, request: login, answer, says_who: true });
            let ticket = steps.pop().map(|wrong| wrong.request).unwrap_or_default();
            let (lines, body) = self.grant(style);
            let right = ticket.replace("111111", "222222");
            steps.push(Told {
                user,
                request: right,
                answer: Self::ok(&lines, &format!("{{{body}}}")),
                says_who: true,
            });
            return steps;
        }
        let (lines, body) = self.grant(style);
        vec![Told { user, request: login, answer: Self::ok(&lines, &format!("{{{body}}}")), says_who: true }]
    }

    /// The answer to a right password, with a ticket, and a wrong code that is tried with it.
    fn second_factor(&mut self, from: &str) -> (String, Vec<Told>) {
        let ticket = self.value("tick");
        let asked = format!(
            "401\nContent-Type: application/json\n\n{{\"error\":\"mfa_required\",\"mfa_token\":\"{ticket}\"}}"
        );
        let code = format!(r#"{{"mfa_token":"{ticket}","otp":"111111"}}"#);
        let request = Self::post("/auth/mfa/verify", "", &code);
        let wrong = "401\nContent-Type: application/json\n\n{\"error\":\"invalid_otp\"}";
        // A ticket out of nowhere says nothing.
        let says_who = from == "/auth/login";
        (asked, vec![Told { user: self.number, request, answer: wrong.into(), says_who }])
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => prop::sample::select(vec![Style::Cookie, Style::Header, Style::Tokens]).prop_map(Act::SignIn),
        1 => Just(Act::WrongPassword),
        1 => Just(Act::WrongCode),
        4 => prop::sample::select(vec![With::Session, With::Key, With::All]).prop_map(Act::Call),
        2 => Just(Act::Me),
        2 => Just(Act::Refresh),
        1 => Just(Act::MakeKey),
        1 => Just(Act::ChangePassword),
        1 => Just(Act::LogOut),
    ]
}

/// Deeds of two to six users over some connections each, in any order.
pub(super) fn deeds(lossy: bool) -> impl Strategy<Value = Vec<Deed>> {
    let seen = if lossy {
        prop_oneof![
            6 => Just(Seen::Whole),
            1 => Just(Seen::NoRequest),
            1 => Just(Seen::NoAnswer),
            1 => Just(Seen::Nothing)
        ]
        .boxed()
    } else {
        Just(Seen::Whole).boxed()
    };
    (2..=6usize).prop_flat_map(move |users| {
        let deed = (0..users, act(), 0..3u16, seen.clone());
        prop::collection::vec(deed.prop_map(|(user, act, port, seen)| Deed { user, act, port, seen }), 10..80)
    })
}

/// Every exchange of the deeds, in order: whose it is, and what the capture has of it.
pub(super) fn exchanges(deeds: &[Deed]) -> Vec<(Told, Deed)> {
    let mut users: Vec<User> = (0..6).map(User::new).collect();
    let acts = deeds.iter().flat_map(|deed| {
        users[deed.user].act(deed.act).into_iter().map(|told| (told, *deed)).collect::<Vec<_>>()
    });
    acts.collect()
}

/// One exchange as the capture has it; `None` when nothing is left of it.
pub(super) fn sighting(extractor: &mut Extractor, nth: usize, told: &Told, deed: Deed) -> Option<Sighting> {
    let (request, answer) = match deed.seen {
        Seen::Whole => (told.request.as_str(), told.answer.as_str()),
        Seen::NoRequest => ("", told.answer.as_str()),
        Seen::NoAnswer => (told.request.as_str(), ""),
        Seen::Nothing => return None,
    };
    let mut exchange = exchange(request, answer);
    exchange.client.ip = [203, 0, 113, 10 + told.user as u8].into();
    exchange.client.port = 50_000 + deed.port;
    let at = EventTime::from_secs(1_794_211_200 + nth as u64 * 20);
    (exchange.time, exchange.end, exchange.ordinal) = (at, at, nth as u32);
    Some(extractor.extract(exchange))
}

/// Counts exchanges that should have a person, and those that have; fails where it is the wrong one.
fn judge(extractor: &mut Extractor, deeds: &[Deed]) -> Result<(usize, usize), TestCaseError> {
    let (mut lineage, mut legs) = (Lineage::new(&LineageConfig::default()), Legs::default());
    let (mut told_who, mut known) = (0, 0);
    let mut office = None;
    for (nth, (told, deed)) in exchanges(deeds).iter().enumerate() {
        let Some(mut sighting) = sighting(extractor, nth, told, *deed) else { continue };
        sighting.transaction.repeat_of = legs.repeat_of(&sighting);
        let tx: Transaction = lineage.attribute(sighting);
        let is_told = told.says_who && deed.seen != Seen::NoRequest;
        told_who += usize::from(is_told);
        if tx.principal.kind != PrincipalKind::User {
            continue;
        }
        known += usize::from(is_told);
        let user = User::new(told.user);
        let id = tx.principal.id.to_string();
        let own = [user.name(), user.mail(), user.id().to_string()];
        prop_assert!(own.contains(&id), "{} is taken for {id} in {}", user.name(), told.request);
        // The address that two have can stand for one of them alone.
        if user.number < 2 && id == user.mail() {
            prop_assert_eq!(*office.get_or_insert(told.user), told.user, "{} stands for two", id);
        }
    }
    Ok((told_who, known))
}

#[test]
fn whatever_is_lost_nobody_is_somebody_else() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(150));
    let extractor = std::cell::RefCell::new(extractor());
    runner.run(&deeds(true), |deeds| judge(&mut extractor.borrow_mut(), &deeds).map(drop)).unwrap();
}

#[test]
fn where_nothing_is_lost_everybody_is_known() {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100));
    let (extractor, sums) = (std::cell::RefCell::new(extractor()), std::cell::Cell::new((0, 0)));
    runner
        .run(&deeds(false), |deeds| {
            let (told_who, known) = judge(&mut extractor.borrow_mut(), &deeds)?;
            let (all, found) = sums.get();
            sums.set((all + told_who, found + known));
            Ok(())
        })
        .unwrap();
    let (told_who, known) = sums.get();
    assert!(told_who > 2000 && known * 100 >= told_who * 99, "{known} of {told_who} are known");
}
