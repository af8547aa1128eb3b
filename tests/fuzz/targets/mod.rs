//! The targets: each takes any bytes, lets a parser answer them, and panics where a promise of that parser is broken.
//! A line of the registry makes a target's module, its program and its test; `input` reads bytes as what a target needs.
//! They promise to be functions of their bytes alone, so that an input that was found once is found again.

#![allow(unreachable_pub, reason = "two crates are made of these modules")]

mod input;
mod place;
mod wire;

/// One target.
pub struct Target {
    /// Its name: of its program, of its test, and of its folders of inputs.
    pub name: &'static str,
    /// Takes an input. What panics, or takes longer than a second, is a fault.
    pub run: fn(&[u8]),
    /// Inputs to begin with, each of a kind of its own.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many mutations the quick replay tries.
    pub tries: usize,
}

macro_rules! targets {
    ($($name:ident $tries:literal,)*) => {
        $(mod $name;)*

        /// All of them.
        pub const TARGETS: &[Target] = &[
            $(Target { name: stringify!($name), run: $name::run, seeds: $name::seeds, tries: $tries },)*
        ];

        #[cfg(test)]
        mod every_input_is_answered_by {
            $(
                #[test]
                fn $name() {
                    crate::replay::replay(stringify!($name));
                }
            )*
        }
    };
}

targets! {
    link 4_000,
    tcp 3_000,
    segments 3_000,
    tls 1_500,
    keylog 4_000,
    sealed 1_000,
    quic 300,
    http1 1_500,
    http2 1_000,
    hpack 300,
    chunked 1_500,
    coding 1_500,
    bodies 300,
    credentials 200,
    tokens 300,
    capture 800,
    config 200,
    spool 4_000,
    scale 3_000,
    state 300,
    openapi 600,
    pipeline 30,
}
