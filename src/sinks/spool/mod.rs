//! Records on disk between the sensor and the sinks.

mod batch;
mod record;

pub use batch::Batch;
pub use record::{Kind, Lane, Record};
