//! The rules: one file a detector, one line in the registry below.
//! The line makes the module, its configuration section, its catalogue row and its instance.
//! It promises that a rule which is in the registry is documented, configurable and running, and no other is.

mod acceptance;
pub(crate) mod actor;
mod catalogue;
mod clock;
mod crowd;
mod deed;
mod egress;
mod forgery;
mod habits;
pub(crate) mod keys;
mod network;
mod octaves;
pub(crate) mod presence;
mod prompts;
mod section;
mod silence;
mod verdict;
mod zone;

pub use catalogue::{Entry, Threshold};
pub use section::Section;

use crate::alert::Severity;
use crate::detector::{Detector, Rule};
use crate::runtime::Limits;
use serde::{Deserialize, Serialize};

/// A rule at work.
pub(crate) struct Instance {
    pub(crate) rule: &'static Rule,
    pub(crate) severity: Option<Severity>,
    pub(crate) detector: Box<dyn Detector>,
}

macro_rules! registry {
    ($($name:ident,)*) => {
        $(pub mod $name;)*

        /// `[detectors]`: a section for each rule, by name.
        #[derive(Clone, Debug, Default, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Config {
            $(
                #[doc = concat!("`[detectors.", stringify!($name), "]`")]
                pub $name: Section<$name::Thresholds>,
            )*
        }

        static CATALOGUE: &[Entry] = &[$(
            Entry {
                rule: &$name::RULE,
                source: include_str!(concat!(stringify!($name), ".rs")),
                defaults: catalogue::defaults::<$name::Thresholds>,
                #[cfg(test)]
                edges: include_str!(concat!("edges/", stringify!($name), ".txt")),
            },
        )*];

        /// How many rules there are.
        pub(crate) const COUNT: usize = [$(stringify!($name)),*].len();

        /// Every enabled rule, in the order of the registry.
        pub(crate) fn instances(config: &Config, limits: &Limits) -> Vec<Instance> {
            let mut instances = Vec::new();
            $(
                if config.$name.enabled {
                    instances.push(Instance {
                        rule: &$name::RULE,
                        severity: config.$name.severity,
                        detector: Box::new($name::State::new(&config.$name.thresholds, limits)),
                    });
                }
            )*
            instances
        }

        #[cfg(test)]
        mod edges {
            $(
                #[test]
                fn $name() {
                    crate::edges::check(&super::$name::RULE);
                }
            )*
        }
    };
}

registry! {
    mfa_failure_burst,
    mfa_failure_spray,
    mfa_prompt_bombing,
    mfa_success_after_failures,
    mfa_lockout_missing,
    mfa_backoff_missing,
    one_time_code_replay,
    backup_code_use,
    backup_code_drain,
    factor_switching,
    sensitive_action_without_fresh_mfa,
    overage_mfa_session,
    risky_factor_change,
    late_code_acceptance,
    mfa_service_degradation,
    server_clock_drift,
    totp_secret_exposure,
    new_country,
    impossible_travel,
    concurrent_locations,
    new_device,
    odd_timing,
    mfa_bypass_by_key,
    key_from_new_network,
    key_scope_jump,
    stale_key,
    shared_key,
    credential_exposure,
    key_guessing,
    compromised_key_use,
    administration_by_key,
    test_key_in_production,
    unsigned_jwt,
    guessable_jwt_secret,
    jwt_algorithm_confusion,
    jwt_header_injection,
    expired_jwt_accepted,
    jwt_bomb,
    bad_jwt_signature_accepted,
    jwt_claim_tampering,
    subject_object_mismatch,
    token_replay,
    session_hijack,
    session_not_rotated,
    never_issued_token,
    bulk_extraction,
    pagination_walk,
    object_enumeration,
    slow_drip,
    credential_stuffing,
    password_brute_force,
    auth_batching,
    route_discovery,
    retry_storm,
    improbable_sequence,
    basic_auth_in_use,
    weak_tls,
    mixed_authentication,
    forged_identity_header,
    spec_drift,
    sensor_self_check,
    unusual_silence,
}

/// Every rule there is, in the order of the registry.
pub fn catalogue() -> &'static [Entry] {
    CATALOGUE
}

#[cfg(test)]
mod tests;
