//! Elastic Common Schema 9.4: alerts as `event.kind: alert`, transactions as `event.category: web`.
//! It is given native records; what the schema has no field for stands under `heelguard`, as it asks for.
//! It promises arrays where the schema expects arrays, also for one value.

mod alert;
mod transaction;

pub(super) use alert::alert;
pub(super) use transaction::transaction;

use super::json::Json;
use super::native::{Client, Principal};
use super::{PRODUCT, VERSION};
use heelguard_detectors::identity::PrincipalKind;

/// The version of the schema.
const SCHEMA: &str = "9.4.0";

/// The name of our module, and of the object for fields of our own.
const MODULE: &str = "heelguard";

/// Who reports, and for whom.
fn origin(json: &mut Json<'_>, tenant: &str, sensor: &str) {
    json.object("ecs", |ecs| ecs.put("version", SCHEMA));
    json.object("observer", |observer| {
        observer.put("name", sensor);
        observer.put("type", "sensor");
        observer.put("vendor", PRODUCT);
        observer.put("product", PRODUCT);
        observer.put("version", VERSION);
    });
    json.object("organization", |organization| organization.put("id", tenant));
}

/// Who: nobody, if the principal is only an address.
fn user(principal: &Principal<'_>, user: &mut Json<'_>) {
    match principal.kind() {
        Some(PrincipalKind::Anonymous) => {}
        Some(PrincipalKind::User | PrincipalKind::Service) => user.put("name", &principal.id),
        _ => user.put("id", &principal.id),
    }
}

/// The name under which others may know the principal.
fn related_user<'a>(principal: Option<&'a Principal<'_>>) -> Option<&'a str> {
    principal.filter(|who| who.kind() != Some(PrincipalKind::Anonymous)).map(|who| &*who.id)
}

/// From where: address, place and network.
fn place(client: &Client<'_>, json: &mut Json<'_>) {
    json.put("address", client.ip);
    json.put("ip", client.ip);
    json.object("geo", |geo| {
        geo.some("country_iso_code", client.country.as_ref());
        geo.some("city_name", client.city.as_ref());
        geo.object("location", |location| {
            if let (Some(lat), Some(lon)) = (client.lat, client.lon) {
                location.put("lat", lat);
                location.put("lon", lon);
            }
        });
    });
    json.object("as", |system| system.some("number", client.asn));
}
