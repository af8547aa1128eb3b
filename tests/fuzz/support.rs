//! What targets share with other tests: crafted segments, conversations, encoders, the sensor inside the process.

#[path = "../support/conversation.rs"]
pub mod conversation;
#[path = "../support/craft.rs"]
pub mod craft;
#[path = "../../src/http/h2/hpack/tests/encoder.rs"]
pub mod encoder;
#[path = "../support/figures.rs"]
pub mod figures;
#[path = "../tls/wire.rs"]
pub mod hello;
#[path = "../tls/initial.rs"]
pub mod initial;
#[path = "../support/secrets.rs"]
pub mod secrets;
#[path = "../support/sensor.rs"]
pub mod sensor;
