//! Kafka as librdkafka's own mock cluster plays it, with the errors it can be told to answer; and what needs none.

mod mock;
mod settings;
