//! What happens in the week, counted: who is there, and what they do that looks odd and is not.
//! Actors count what they do as they do it; the calibration's page shows the counts.
//! It promises a closed list in a fixed order.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! happenings {
    ($($(#[doc = $doc:literal])* $name:ident => $text:literal,)*) => {
        /// Something that is in the week.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Happening {
            $($(#[doc = $doc])* $name,)*
        }

        impl Happening {
            /// All of them, in the order of pages.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// As people read it.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

happenings! {
    /// Accounts of people.
    Person => "people",
    /// Accounts used from an office's one address.
    Desk => "people in offices behind one address",
    /// People with a phone beside their computer.
    SecondDevice => "people with a phone beside the computer",
    /// People who work at night.
    NightShift => "people who work nights",
    /// People who travel to another country.
    Traveller => "people who travel to another country",
    /// People who administer others.
    Administrator => "administrators",
    /// People without a second factor at the start, who enrol one.
    Joiner => "people who enrol their first factor",
    /// Programs with keys, tokens or none.
    Program => "programs",
    /// Passwords and codes that were right.
    SignIn => "sign-ins",
    /// Sessions and tokens renewed.
    Refresh => "token refreshes",
    /// Sessions ended by their owners.
    SignOut => "sign-outs",
    /// Passwords typed wrong.
    WrongPassword => "wrong passwords",
    /// Passwords reset by mail.
    PasswordReset => "forgotten passwords, reset by mail",
    /// Codes typed wrong.
    WrongCode => "wrong one-time codes",
    /// Codes sent again.
    CodeResent => "text messages sent again",
    /// Old code typed after a new one was sent.
    OldCode => "codes of the text message before",
    /// Prompts denied by mistake.
    PromptDenied => "push prompts denied by mistake",
    /// Prompts not answered.
    PromptMissed => "push prompts not seen",
    /// Third wrong code more than five minutes after the first; the help desk resets the factor.
    HelpDesk => "factors reset by the help desk",
    /// Lost phones: a backup code, then another phone is enrolled.
    LostPhone => "lost phones: a backup code, a new factor",
    /// Factors enrolled.
    Enrolment => "factors enrolled",
    /// Sessions carried to another address.
    AddressChange => "address changes within a session",
    /// Corporate network entered or left during a session.
    Vpn => "changes to the company's VPN and back",
    /// Browser hidden behind its maker's relay.
    Relay => "stays behind a browser maker's relay",
    /// Arrivals in another country, each with a second factor.
    Arrival => "arrivals in another country or back, with a second factor",
    /// Browsers and apps that become newer.
    Update => "browser and app updates",
    /// New devices of known people.
    NewDevice => "new devices of known people",
    /// Sensitive things done right after a second factor.
    StepUp => "sensitive actions, each after a fresh second factor",
    /// Lists read to their end by a person.
    Export => "exports of a month",
    /// Apps that fetch what is new, one record after the other.
    Prefetch => "phones that fetch what is new",
    /// Requests answered with an error because the service is down.
    Outage => "requests refused by an outage",
    /// Requests sent again with the same idempotency key.
    Retry => "requests sent again after an error or a timeout",
    /// Polls of screens.
    Poll => "polls of dashboards",
    /// Runs of build machines, each from an address of a cloud.
    BuildRun => "runs of build machines in the cloud",
    /// Runs of jobs that copy data.
    SyncRun => "runs of hourly copy jobs",
    /// Runs that copy everything at night.
    FullSync => "nightly copies of everything",
    /// Requests of the announced load test.
    LoadTest => "requests of the announced load test",
    /// Pages read by a crawler.
    Crawl => "pages read by crawlers",
}

/// The counts.
#[derive(Debug)]
pub(super) struct Census([AtomicU64; Happening::ALL.len()]);

impl Default for Census {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Census {
    pub(super) fn count(&self, what: Happening) {
        self.add(what, 1);
    }

    pub(super) fn add(&self, what: Happening, number: u64) {
        if let Some(count) = self.0.get(what as usize) {
            count.fetch_add(number, Ordering::Relaxed);
        }
    }

    pub(super) fn of(&self, what: Happening) -> u64 {
        self.0.get(what as usize).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}
