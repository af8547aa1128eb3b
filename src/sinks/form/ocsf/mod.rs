//! Open Cybersecurity Schema Framework 1.8.0: alerts as Detection Findings, transactions as HTTP Activity.
//! It is given native records, and puts under `unmapped` what the schema has no place for.
//! It promises captions beside every number of an enumeration, and times in milliseconds.

mod finding;
mod http;

pub(super) use finding::finding;
pub(super) use http::http_activity;

use super::json::Json;
use super::native::{Client, Principal};
use super::{PRODUCT, VERSION};
use heelguard_detectors::identity::PrincipalKind;

/// The version of the schema.
const SCHEMA: &str = "1.8.0";

/// What stands for a value that the enumeration does not have.
const OTHER: u32 = 99;

/// A class of events.
struct Class {
    uid: u32,
    name: &'static str,
    category_uid: u32,
    category: &'static str,
}

/// Class, category and activity, each with its caption.
fn classify(json: &mut Json<'_>, class: &Class, activity: u32, activity_name: &str) {
    json.put("activity_id", activity);
    json.put("activity_name", activity_name);
    json.put("category_uid", class.category_uid);
    json.put("category_name", class.category);
    json.put("class_uid", class.uid);
    json.put("class_name", class.name);
    json.put("type_uid", class.uid * 100 + activity);
    json.put("type_name", format_args!("{}: {activity_name}", class.name));
}

/// Who reports, for whom, in what native form.
fn origin(metadata: &mut Json<'_>, log_name: &str, tenant: &str, sensor: &str) {
    metadata.put("version", SCHEMA);
    metadata.object("product", |product| {
        product.put("name", PRODUCT);
        product.put("vendor_name", PRODUCT);
        product.put("version", VERSION);
    });
    metadata.put("log_name", log_name);
    metadata.put("tenant_uid", tenant);
    metadata.object("reporter", |reporter| reporter.put("name", sensor));
}

/// Who: nobody, if the principal is only an address.
fn user(principal: &Principal<'_>, user: &mut Json<'_>) {
    let (type_id, type_name, id) = match principal.kind() {
        Some(PrincipalKind::Anonymous) => return,
        Some(PrincipalKind::User) => (1, "User", "name"),
        Some(PrincipalKind::Service) => (4, "Service", "name"),
        _ => (OTHER, &*principal.kind, "uid"),
    };
    user.put(id, &principal.id);
    user.put("type_id", type_id);
    user.put("type", type_name);
}

/// From where.
fn client_endpoint(client: &Client<'_>, device: Option<&str>, endpoint: &mut Json<'_>) {
    endpoint.put("ip", client.ip);
    endpoint.some("uid", device);
    endpoint.object("location", |location| {
        // A place without the name of its country or town is none.
        if client.city.is_some() || client.country.is_some() {
            location.some("city", client.city.as_ref());
            location.some("country", client.country.as_ref());
            location.some("lat", client.lat);
            location.some("long", client.lon);
        }
    });
    endpoint.object("autonomous_system", |system| system.some("number", client.asn));
}

/// The kinds of observables that are written.
#[derive(Clone, Copy)]
enum Observable {
    Hostname = 1,
    IpAddress = 2,
    UserName = 4,
    Country = 14,
    Other = 99,
}

impl Observable {
    fn caption(self) -> &'static str {
        match self {
            Self::Hostname => "Hostname",
            Self::IpAddress => "IP Address",
            Self::UserName => "User Name",
            Self::Country => "Country",
            Self::Other => "Other",
        }
    }
}

/// One thing to look for elsewhere; `name` is where it stands in the event.
fn observable(list: &mut Json<'_>, kind: Observable, name: &str, value: impl serde::Serialize) {
    list.item_object(|item| {
        item.put("name", name);
        item.put("type_id", kind as u32);
        item.put("type", kind.caption());
        item.put("value", value);
    });
}
