//! Closed lists: what a schema allows is what the vocabulary has, in its order.

use super::text;
use heelguard_detectors::alert::{Confidence, Scope, Severity, Status};
use heelguard_detectors::identity::{
    AddressClass, CredentialKind, Factor, Location, PrincipalKind, PrincipalSource, ProofLevel,
};
use heelguard_detectors::label::Label;
use heelguard_detectors::session::{EndCause, OneTime};
use heelguard_detectors::tls::Transport;
use heelguard_detectors::transaction::{
    Activity, Completeness, ExposureKind, GraphqlKind, HeaderClaim, LoginOutcome, MfaEvent, MfaOutcome,
    Outcome, Protocol,
};
use serde_json::Value;

/// The names of a closed list.
macro_rules! names {
    ($type:ident) => {
        $type::ALL.iter().map(|variant| variant.name()).collect::<Vec<_>>()
    };
}

/// The list at `place` of a schema, without the null of what may be absent.
fn listed(schema: &Value, place: &str) -> Vec<String> {
    let list = schema.pointer(place).and_then(Value::as_array);
    let list = list.unwrap_or_else(|| panic!("there is no list at {place}"));
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[test]
fn schemas_list_every_name_of_the_vocabulary() {
    let schema = |form: &str| -> Value { serde_json::from_str(text(form).unwrap()).unwrap() };
    let (transaction, inventory, alert) = (schema("transaction"), schema("inventory"), schema("alert"));
    let (tls, report) = (schema("tls"), schema("report"));
    let top = "/properties/alerts/properties/top/items/properties";
    let [top_confidence, top_status] = ["confidence", "status"].map(|part| format!("{top}/{part}/enum"));
    let ended = "/$defs/session/properties/ended/anyOf/0/properties/cause/enum";
    let header = "/$defs/request/properties/identity_headers/items/properties/claim/enum";
    let places = [
        (&transaction, "/properties/protocol/enum", names!(Protocol)),
        (&transaction, "/properties/outcome/enum", names!(Outcome)),
        (&transaction, "/properties/completeness/enum", names!(Completeness)),
        (&transaction, "/properties/activity/enum", names!(Activity)),
        (&transaction, "/properties/proof/properties/level/enum", names!(ProofLevel)),
        (&transaction, "/properties/exposed/items/properties/kind/enum", names!(ExposureKind)),
        (&transaction, "/properties/client/properties/class/enum", names!(AddressClass)),
        (&transaction, "/$defs/label/enum", names!(Label)),
        (&transaction, header, names!(HeaderClaim)),
        (&transaction, "/$defs/graphql/properties/kind/enum", names!(GraphqlKind)),
        (&transaction, "/$defs/credential/properties/kind/enum", names!(CredentialKind)),
        (&transaction, "/$defs/credential/properties/location/enum", names!(Location)),
        (&transaction, "/$defs/principal/properties/kind/enum", names!(PrincipalKind)),
        (&transaction, "/$defs/principal/properties/source/enum", names!(PrincipalSource)),
        (&transaction, "/$defs/factor_or_null/enum", names!(Factor)),
        (&transaction, "/$defs/mfa/properties/factor/enum", names!(Factor)),
        (&transaction, "/$defs/mfa/properties/event/enum", names!(MfaEvent)),
        (&transaction, "/$defs/mfa/properties/outcome/enum", names!(MfaOutcome)),
        (&transaction, "/$defs/login/properties/outcome/enum", names!(LoginOutcome)),
        (&transaction, ended, names!(EndCause)),
        (&transaction, "/$defs/reuse/properties/what/enum", names!(OneTime)),
        (&tls, "/properties/transport/enum", names!(Transport)),
        (&tls, "/properties/completeness/enum", names!(Completeness)),
        (&tls, "/properties/client/properties/class/enum", names!(AddressClass)),
        (&inventory, "/$defs/endpoint/properties/labels/items/enum", names!(Label)),
        (&inventory, "/$defs/endpoint/properties/proofs/required", names!(ProofLevel)),
        (&inventory, "/$defs/credential/properties/credential_kind/enum", names!(CredentialKind)),
        (&inventory, "/$defs/credential/properties/location/enum", names!(Location)),
        (&inventory, "/$defs/principal/properties/source/enum", names!(PrincipalSource)),
        (&inventory, "/$defs/service/properties/protocol/enum", names!(Protocol)),
        (&alert, "/properties/status/enum", names!(Status)),
        (&alert, "/properties/severity/enum", names!(Severity)),
        (&alert, "/properties/confidence/enum", names!(Confidence)),
        (&alert, "/properties/subject/properties/scope/enum", names!(Scope)),
        (&alert, "/$defs/principal/properties/kind/enum", names!(PrincipalKind)),
        (&alert, "/$defs/principal/properties/source/enum", names!(PrincipalSource)),
        (&alert, "/$defs/credential/properties/kind/enum", names!(CredentialKind)),
        (&alert, "/$defs/credential/properties/location/enum", names!(Location)),
        (&report, "/$defs/severity/enum", names!(Severity)),
        (&report, "/$defs/proofs/required", names!(ProofLevel)),
        (&report, &top_confidence, names!(Confidence)),
        (&report, &top_status, names!(Status)),
    ];
    for (schema, place, names) in places {
        assert_eq!(listed(schema, place), names, "{place}");
    }
}
