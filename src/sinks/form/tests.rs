//! Golden records of each form, and the promises that hold for all of them.

use super::{Form, FormError};
use crate::sinks::escape::write_json;
use crate::sinks::record::{AlertRecord, TransactionRecord, samples};
use crate::sinks::spool::Kind;
use expect_test::expect_file;
use heelguard_detectors::alert::{Alert, Status};
use heelguard_detectors::transaction::Transaction;
use serde::Serialize;

fn native(record: &impl Serialize) -> Vec<u8> {
    let mut body = Vec::new();
    write_json(&mut body, record).unwrap();
    body
}

fn alert(alert: &Alert) -> Vec<u8> {
    native(&AlertRecord::new(alert, &samples::labels()))
}

fn transaction(transaction: &Transaction) -> Vec<u8> {
    native(&TransactionRecord::new(transaction))
}

fn written(form: Form, kind: Kind, body: &[u8]) -> Result<String, FormError> {
    let mut out = b"before".to_vec();
    form.write(kind, body, &samples::labels(), &mut out)?;
    Ok(String::from_utf8(out.split_off(6)).unwrap())
}

/// The golden files are what `tests/forms` holds against the facts of the public schemas.
fn check(name: &str, kind: Kind, body: &[u8]) {
    for form in Form::ALL {
        let text = written(*form, kind, body).unwrap();
        let path = format!("{}/tests/forms/golden/{name}.{}.json", env!("CARGO_MANIFEST_DIR"), form.name());
        expect_file![path].assert_eq(&format!("{text}\n"));
    }
}

#[test]
fn an_alert_with_everything() {
    check("alert", Kind::Alert, &alert(&samples::alert()));
}

#[test]
fn an_alert_with_nothing_that_can_be_left_out() {
    let bare = Alert { status: Status::Closed, rev: 2, ..samples::bare_alert() };
    check("bare-alert", Kind::Alert, &alert(&bare));
}

#[test]
fn a_transaction_with_everything() {
    check("transaction", Kind::Transaction, &transaction(&samples::transaction()));
}

#[test]
fn a_lone_answer() {
    check("bare-transaction", Kind::Transaction, &transaction(&samples::bare_transaction()));
}

#[test]
fn the_native_form_is_the_body_byte_for_byte() {
    // Not even what is no JSON is touched: the body is what was spooled.
    for kind in Kind::ALL {
        assert_eq!(written(Form::Native, *kind, b" {\"a\": 1}").unwrap(), " {\"a\": 1}");
    }
}

#[test]
fn reports_stay_native_in_every_form() {
    for form in Form::ALL {
        for kind in [Kind::Connection, Kind::Inventory, Kind::Health, Kind::Sightings] {
            assert_eq!(written(*form, kind, b"{\"schema\":\"x\"}").unwrap(), "{\"schema\":\"x\"}");
        }
    }
}

#[test]
fn what_is_no_record_is_an_error_and_leaves_nothing_behind() {
    let body = alert(&samples::alert());
    for form in [Form::Ocsf, Form::Ecs, Form::Eve] {
        for cut in 0..body.len() {
            let mut out = b"before".to_vec();
            let result = form.write(Kind::Alert, &body[..cut], &samples::labels(), &mut out);
            assert!(matches!(result, Err(FormError::Body(_))) && out == b"before", "{form:?} {cut}");
        }
    }
}

#[test]
fn a_record_at_which_this_program_fails_is_an_error_and_leaves_nothing_behind() {
    let poison = std::str::from_utf8(crate::fault::poison::POISON).unwrap();
    let body = alert(&Alert { message: poison.to_owned(), ..samples::alert() });
    for form in Form::ALL {
        let mut out = b"before".to_vec();
        let result = form.write(Kind::Alert, &body, &samples::labels(), &mut out);
        assert!(matches!(result, Err(FormError::Fault)) && out == b"before", "{form:?}");
    }
}

#[test]
fn a_rule_of_a_later_version_has_no_signature_and_no_made_up_one() {
    let later = Alert { rule: "ZZZ-01", ..samples::alert() };
    let error = written(Form::Eve, Kind::Alert, &alert(&later)).unwrap_err();
    assert_eq!(error.to_string(), "the rule ZZZ-01 has no signature number in this version");
    assert!(written(Form::Ocsf, Kind::Alert, &alert(&later)).is_ok());
}

/// A form may rename and sort, but every word in it is in the native record, in the labels, or in the schema's own
/// vocabulary, which is fixed text of this program.
#[test]
fn names_from_traffic_come_from_the_native_record_alone() {
    let marked = Alert { message: "mark-7f3a".to_owned(), ..samples::alert() };
    let body = alert(&marked);
    for form in [Form::Ocsf, Form::Ecs, Form::Eve] {
        let text = written(form, Kind::Alert, &body).unwrap();
        assert!(text.contains("mark-7f3a"), "{form:?}");
        let plain = written(form, Kind::Alert, &alert(&samples::alert())).unwrap();
        assert!(!plain.contains("mark-7f3a"), "{form:?}");
    }
}

#[test]
fn a_name_in_the_configuration_is_one_of_four() {
    for form in Form::ALL {
        assert_eq!(serde_json::to_string(form).unwrap(), format!("\"{}\"", form.name()));
    }
    assert!(serde_json::from_str::<Form>("\"cef\"").is_err());
}
