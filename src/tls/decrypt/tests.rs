//! What records become.
