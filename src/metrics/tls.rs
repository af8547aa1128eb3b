//! What is counted of connections under TLS and over QUIC, of records that were opened, and of the secrets that opened
//! them. The layer `tls` adds to all but the last, whoever reads secrets to that.
//! It promises that a connection that stays sealed is counted once, by its reason.

counter_struct! {
    /// TLS as it is seen from outside.
    TlsCounters {
        /// First hellos of clients.
        client_hellos,
        /// Hellos of servers that took one.
        server_hellos,
        /// Certificates.
        certificates,
        /// Connections that ended without anything inside having been read: each has a record of its own.
        unread,
    }
}

counter_struct! {
    /// QUIC as it is seen from outside; datagrams = followed + strangers.
    QuicCounters {
        /// Datagrams on paths where what looks like a client's first packet was seen.
        datagrams,
        /// Datagrams of connections whose first packet was opened.
        followed,
        /// Datagrams of none: what looks like a first packet and does not open, and what comes behind it.
        strangers,
        /// Datagrams at which a parser failed: a fault of ours (`faults`).
        abandoned,
        /// Bytes of the datagrams that were followed. Nothing of what is in them is read but the hellos.
        bytes,
        /// Connections begun.
        connections,
        /// Initial packets opened.
        opened,
        /// Initial packets that do not open under the keys of their connection.
        not_opened,
        /// Hellos that were given up half-read for the limit.
        hellos_given_up,
        /// Connections that were given up for the limit.
        evicted,
    }
}

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
