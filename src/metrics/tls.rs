//! What became of TLS: records that were opened, connections that stay sealed, and the secrets that make the difference.
//! Counted by the shards and, where secrets are, by their store.
//! It promises that a connection that is given up is counted once, under its reason.

counter_struct! {
    /// TLS records that were opened, and connections that stay sealed.
    DecryptCounters {
        /// Connections of which something sealed was read.
        connections,
        /// Records opened.
        records,
        /// Bytes of their content.
        bytes,
        /// Records that had to wait for their secret.
        held,
        /// Records of early data that the server did not take: nobody read them.
        early_refused,
        /// Connections given up because no secret is known, or none came in time.
        no_secret,
        /// Connections given up because their version or suite is not read.
        unsupported,
        /// Connections given up because a record does not open under the secret that is known.
        not_opened,
    }
}

counter_struct! {
    /// Secrets read from key logs and secrets blocks.
    SecretCounters {
        /// Secrets taken in.
        taken,
        /// Connections whose secrets were forgotten for the limit.
        forgotten,
        /// Lines that say what is of no use here: exporters, premaster secrets.
        unused_lines,
        /// Lines that nobody can read.
        junk_lines,
    }
}
