//! TLS, passwords, and what is said when there is no way in.

use super::database::{Database, deliver, destination, labels, transactions};
use heelguard::sinks::clickhouse::{Config, open};
use heelguard::sinks::spool::Lane;
use std::path::PathBuf;

fn complaint(config: &Config) -> String {
    destination(config, Lane::Transactions).prepare().unwrap_err().message
}

#[test]
fn tls_with_the_authority_that_is_named_and_no_other() {
    let Some(database) = Database::shared("ways_tls") else { return };
    let ca_file = PathBuf::from(database.service.get("CA"));
    let https = Config { url: database.service.get("HTTPS_URL").to_owned(), ca_file, ..database.config() };
    let mut secured = destination(&https, Lane::Transactions);
    secured.prepare().unwrap();
    deliver(&mut *secured, &transactions(0, 10));
    assert_eq!(database.number("SELECT count() FROM @.transactions"), 10);
    let stranger = complaint(&Config { ca_file: PathBuf::new(), ..https.clone() });
    assert!(stranger.starts_with("sinks.clickhouse.url: ") && stranger.contains("set ca_file"), "{stranger}");
    let plain = complaint(&Config { url: database.service.get("URL").replace("http:", "https:"), ..https });
    assert!(plain.contains("does not speak TLS"), "{plain}");
}

#[test]
fn a_wrong_password_is_told_by_its_settings_and_not_by_itself() {
    let Some(database) = Database::shared("ways_password") else { return };
    let wrong = Config { password: "hunter22-wrong".to_owned(), ..database.config() };
    let line = complaint(&wrong);
    assert!(line.starts_with("sinks.clickhouse.user, sinks.clickhouse.password: 127.0.0.1:"), "{line}");
    assert!(!line.contains("hunter22"), "{line}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, format!("{}\n", database.service.get("PASSWORD"))).unwrap();
    let by_file = Config { password: String::new(), password_file: file, ..database.config() };
    destination(&by_file, Lane::Transactions).prepare().unwrap();
    let missing = Config { password: "${HEELGUARD_NO_SUCH_VARIABLE}".to_owned(), ..database.config() };
    let error = open(&missing, "clickhouse", &labels(), Lane::Alerts).err().unwrap();
    assert!(error.starts_with("sinks.clickhouse.password: the environment variable"), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let Some(database) = Database::shared("ways_nobody") else { return };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = complaint(&Config { url: format!("http://{free}"), ..database.config() });
    assert!(
        nobody.starts_with("sinks.clickhouse.url: ") && nobody.contains("connection refused"),
        "{nobody}"
    );
}
