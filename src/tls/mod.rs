//! TLS: connections whose bytes are sealed, and what can be known of them.
//! It is given records, and the secrets that somebody who took part wrote down.
//! It promises that what cannot be read is said to be so, and never guessed.

pub mod decrypt;
