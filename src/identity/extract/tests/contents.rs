//! What messages hold, as it is told: names, types and classes, and never a value.

use super::*;
use crate::identity::config::Principals;

fn told(sighting: &Sighting) -> String {
    let contents = sighting.transaction.contents.as_ref().unwrap();
    let parameters = contents.parameters.iter().map(|p| format!("{} {}:{}", p.place, p.name, p.kind));
    let fields = contents.fields.iter().map(|field| format!("{}:{}", field.name, field.kind));
    let classes = contents.classes.iter().map(ToString::to_string);
    let lists = [parameters.collect::<Vec<_>>(), fields.collect(), classes.collect()];
    lists.map(|list| list.join(" ")).join(" | ")
}

fn answered(body: &str) -> String {
    told(&see("GET /x HTTP/1.1", &format!("200\nContent-Type: application/json\n\n{body}")))
}

#[test]
fn a_request_and_its_answer_are_told_by_names_and_types() {
    let sighting = see(
        "POST /v1/orders?dry_run=true&page=2 HTTP/1.1\nContent-Type: application/json\n\n{\"lines\":[{\"sku\":\"A\",\"qty\":2}],\"note\":null}",
        "201\nContent-Type: application/json\n\n{\"id\":7,\"buyer\":{\"mail\":\"ann@example.com\"}}",
    );
    expect![[
        "query dry_run:boolean query page:integer json lines:array json lines[]:object json lines[].sku:string json lines[].qty:integer json note:null | id:integer buyer:object buyer.mail:email | email"
    ]]
    .assert_eq(&told(&sighting));
}

#[test]
fn what_is_no_json_has_no_fields_and_a_form_has_parameters() {
    let sighting = see(
        "POST /x HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\n\na=1&b=x%40y.io",
        "200\nContent-Type: text/html\n\n<p>ann@example.com</p>",
    );
    assert_eq!(told(&sighting), "form a:integer form b:email |  | ");
}

#[test]
fn an_exchange_deep_in_a_flow_is_looked_into_now_and_then() {
    let mut extractor = extractor();
    let looked = |ordinal: &u32| {
        let exchange = Exchange { ordinal: *ordinal, ..exchange("GET /x?a=1 HTTP/1.1", "200") };
        extractor.extract(exchange).transaction.contents.is_some()
    };
    assert_eq!((0..20).filter(looked).collect::<Vec<_>>(), [0, 1, 2, 16]);
}

#[test]
fn no_secret_of_the_exchange_becomes_a_name() {
    let token = "tnbb4188906e52l9fo856k8e1irfcnzd";
    let password = "summerhouse";
    let login = format!(r#"{{"username":"ann","password":"{password}"}}"#);
    let sighting = see(
        &format!(
            "POST /login?{token}=1&{password} HTTP/1.1\nAuthorization: Bearer {token}\nContent-Type: application/json\n\n{login}"
        ),
        &format!(
            "200\nContent-Type: application/json\n\n{{\"by\":{{\"{password}\":1}},\"of\":{{\"{token}\":\"{token}\"}},\"access_token\":\"{token}\"}}"
        ),
    );
    let told = told(&sighting);
    assert!(!told.contains(token) && !told.contains(password), "{told}");
    expect![[
        "query {}:integer query {secret}:null json username:string json password:string | by:object {secret}:integer of:object of.{}:string access_token:string | token"
    ]]
    .assert_eq(&told);
}

#[test]
fn keys_that_name_people_are_no_fields() {
    assert_eq!(
        answered(r#"{"members":{"ann@example.com":{"role":"a"},"bob@example.com":{"role":"b"}}}"#),
        " | members:object members.{}:object members.{}.role:string | "
    );
}

#[test]
fn account_names_that_may_not_be_written_are_in_no_name() {
    let keyring = Keyring::from_bytes(&[7; 32]).unwrap();
    let privacy = Privacy { principals: Principals::Hashed, ..Privacy::default() };
    let settings =
        Settings::build(&Network::default(), &Identity::default(), &privacy, keyring, Geo::builtin());
    let mut extractor = Extractor::new(Arc::new(settings.unwrap()));
    for name in ["marianne", "ann.smith"] {
        let body = format!(r#"{{"username":"{name}","quota":{{"{name}":3,"{name}s":4}}}}"#);
        let answer = format!("200\nContent-Type: application/json\n\n{body}");
        let sighting = extractor.extract(exchange("GET /me HTTP/1.1", &answer));
        let expected = format!(" | username:string quota:object {{name}}:integer quota.{name}s:integer | ");
        assert_eq!(told(&sighting), expected);
    }
}

/// Every class in every place that may hold it: the class is told, the value is not.
#[test]
fn classes_are_told_and_values_are_not() {
    let values = [
        ("note", "ann@example.com", "email"),
        ("card_number", "4111111111111111", "card"),
        ("account", "DE89370400440532013000", "iban"),
        ("phone", "+4915123456789", "phone"),
        ("dni", "12345678Z", "national_id"),
        ("note", concat!("sk_live_", "4eC39HqLyjWDarjtT1zdp7dc"), "token"),
    ];
    for (name, value, class) in values {
        for body in [
            format!(r#"{{"{name}":"{value}"}}"#),
            format!(r#"{{"data":[{{"x":1,"{name}":"{value}"}}]}}"#),
            format!(r#"[{{"{name}":"{value}"}}]"#),
        ] {
            let told = answered(&body);
            assert!(told.ends_with(&format!(" | {class}")) && !told.contains(value), "{body}: {told}");
        }
        assert!(answered(&format!(r#"{{"count":1,"{name}":""}}"#)).ends_with(" | "));
    }
}
