//! The small bridge by which fuzz targets (`tests/fuzz/`) reach parsers that are nobody else's business.
//! It is given bytes and gives what a parser made of them, in types that everybody knows.
//! It promises to add nothing: each function is one call, or one loop over calls, as the sensor itself makes them.

pub use crate::http::header_blocks;
pub use crate::scale::fuzzing::{parcel, sealed, worker_state};
pub use crate::sinks::spool::fuzzing::{head, number_in, records, spool_in, write};
