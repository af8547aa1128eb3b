-- What the sensor writes, row by row.
-- Retention goes by `raised`, when the machine made the record, and not by packet time: a replay of last year's
-- capture is kept as long as anything else, and a file with mad times in it can make no partition per packet.
-- Parts of transactions are compact up to 128 MiB: an insert writes one file, not some for each of 91 columns, and takes
-- two thirds of the time.

CREATE TABLE IF NOT EXISTS {create schema_migrations}
(
    version  UInt32 COMMENT 'counts up',
    name     String COMMENT 'what it makes',
    checksum String COMMENT 'of its text, before names and days are filled in',
    applied  DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when'
)
ENGINE = {replicated}ReplacingMergeTree(applied)
ORDER BY version
COMMENT 'Heelguard: which migrations these tables have seen';

CREATE TABLE IF NOT EXISTS {create alerts}
(
    raised                 DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)) COMMENT 'when the sensor wrote this state, by its own clock',
    tenant                 LowCardinality(String) COMMENT 'whose traffic',
    sensor                 LowCardinality(String) COMMENT 'who saw it',
    id                     UUID COMMENT 'the episode; the same from a replay, a restart or a second sensor',
    rev                    UInt32 COMMENT 'counts the states of the episode; the highest is the newest',
    status                 Enum8('open' = 1, 'update' = 2, 'closed' = 3) COMMENT 'open, grown, or over',
    rule                   LowCardinality(String) COMMENT 'stable id, MFA-01',
    detector               LowCardinality(String) COMMENT 'stable name, mfa_failure_burst',
    title                  LowCardinality(String) COMMENT 'the rule in words',
    severity               Enum8('info' = 1, 'low' = 2, 'medium' = 3, 'high' = 4, 'critical' = 5) COMMENT 'ordered: severity >= ''high'' works',
    confidence             Enum8('low' = 1, 'medium' = 2, 'high' = 3) COMMENT 'ordered',
    message                String CODEC(ZSTD(3)) COMMENT 'one sentence with the numbers in it',
    time                   DateTime64(6, 'UTC') COMMENT 'when this state was reached, in packet time',
    first_seen             DateTime64(6, 'UTC') COMMENT 'packet time of the first event; never changes within an episode',
    last_seen              DateTime64(6, 'UTC') COMMENT 'packet time of the last event',
    count                  UInt64 COMMENT 'events so far',
    threshold              UInt64 COMMENT 'events that make an alert',
    window_s               Nullable(UInt64) COMMENT 'seconds in which they must fall',
    subject_scope          LowCardinality(String) COMMENT 'principal, client, credential, session, endpoint, service',
    subject                String COMMENT 'what is counted by',
    principal_kind         LowCardinality(String) COMMENT 'user, service, key, session, cert, anonymous; empty: none',
    principal_id           String COMMENT 'user name, subject, fingerprint',
    principal_source       LowCardinality(String) COMMENT 'how it was known',
    client_ip              IPv6 COMMENT 'IPv4 as ::ffff:a.b.c.d; :: is none',
    client_country         LowCardinality(String) COMMENT 'ISO 3166, empty: unknown',
    client_asn             UInt32 COMMENT '0: unknown',
    device                 String COMMENT 'the sensor''s name for the client''s device',
    credential_kind        LowCardinality(String) COMMENT 'api_key, session, bearer_jwt …; empty: none',
    credential_class       LowCardinality(String) COMMENT 'what it looks like',
    credential_location    LowCardinality(String) COMMENT 'header, cookie, query …',
    fingerprint            String COMMENT '32 hex digits as in the alert: text, so that it can be pasted; ZSTD makes it 17 bytes' CODEC(ZSTD(1)),
    method                 LowCardinality(String) COMMENT 'of the endpoint; empty: none',
    host                   LowCardinality(String) COMMENT 'of the endpoint',
    route                  LowCardinality(String) COMMENT 'of the endpoint, {id} for what varies',
    evidence               Array(Tuple(transaction UUID, time DateTime64(6, 'UTC'), method LowCardinality(String), path String, status UInt16, note String)) CODEC(ZSTD(3)) COMMENT 'up to five; transaction is transactions.id',
    facts                  Map(LowCardinality(String), String) CODEC(ZSTD(3)) COMMENT 'the detector''s own; lists as JSON',
    response               LowCardinality(String) COMMENT 'what to do',
    mitre                  Array(LowCardinality(String)) COMMENT 'ATT&CK techniques',
    owasp                  Array(LowCardinality(String)) COMMENT 'API Security Top 10',
    loss_pct               Float64 COMMENT 'share of packets not seen',
    truncated              UInt32 COMMENT 'cut transactions among the evidence',
    one_way                Bool COMMENT 'one direction only was seen',
    INDEX by_id id TYPE bloom_filter GRANULARITY 1,
    INDEX by_principal principal_id TYPE bloom_filter GRANULARITY 1,
    INDEX by_client client_ip TYPE bloom_filter GRANULARITY 1,
    INDEX by_fingerprint fingerprint TYPE bloom_filter GRANULARITY 1
)
ENGINE = {replicated}ReplacingMergeTree(rev)
ORDER BY (tenant, first_seen, id)
TTL toDateTime(raised) + INTERVAL {days alerts} DAY
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: one row an episode, its newest state; read with FINAL or through alerts_current';

{distributed alerts cityHash64(id)}

CREATE TABLE IF NOT EXISTS {create transactions}
(
    raised                 DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)) COMMENT 'when the sensor wrote it, by its own clock',
    tenant                 LowCardinality(String) COMMENT 'whose traffic',
    sensor                 LowCardinality(String) COMMENT 'who saw it',
    id                     UUID COMMENT 'deterministic: the same from a replay or a repeated batch',
    time                   DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'packet time of the request''s first byte',
    end_time               DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'packet time of the response''s last byte',
    ttfb_us                Nullable(UInt64) CODEC(ZSTD(1)) COMMENT 'from the request''s last byte to the response''s first, in microseconds',
    community_id           String CODEC(ZSTD(1)) COMMENT 'flow hash as Zeek and Suricata write it',
    src_ip                 IPv6 CODEC(ZSTD(1)) COMMENT 'IPv4 as ::ffff:a.b.c.d',
    src_port               UInt16 CODEC(ZSTD(1)) COMMENT 'of the TCP connection',
    dst_ip                 IPv6 CODEC(ZSTD(1)) COMMENT 'of the TCP connection',
    dst_port               UInt16 CODEC(ZSTD(1)) COMMENT 'of the TCP connection',
    vlan                   Array(UInt16) COMMENT 'tags, outermost first',
    tunnel                 LowCardinality(String) COMMENT 'vxlan, gre …; empty: none',
    vni                    UInt32 CODEC(ZSTD(1)) COMMENT 'network in the tunnel; 0: none',
    protocol               LowCardinality(String) COMMENT 'http/1.1, http/2, grpc …',
    tls_version            LowCardinality(String) COMMENT 'empty: no TLS',
    tls_cipher             LowCardinality(String) COMMENT 'empty: no TLS',
    tls_sni                LowCardinality(String) COMMENT 'host name asked for in the handshake',
    tls_alpn               LowCardinality(String) COMMENT 'protocol agreed on',
    tls_ja4                LowCardinality(String) COMMENT 'fingerprint of the client''s handshake',
    tls_decrypted          Bool COMMENT 'read with the session''s keys',
    tls_client_cert        String CODEC(ZSTD(1)) COMMENT 'the client''s certificate, by fingerprint',
    method                 LowCardinality(String) COMMENT 'empty: the request was not seen',
    scheme                 LowCardinality(String) COMMENT 'http, https',
    host                   LowCardinality(String) COMMENT 'as the client asked for it',
    path                   String CODEC(ZSTD(3)) COMMENT 'as sent, secrets masked',
    route                  LowCardinality(String) COMMENT 'the path with {id} for what varies',
    query_keys             Array(LowCardinality(String)) COMMENT 'names only',
    request_bytes          UInt64 CODEC(ZSTD(1)) COMMENT 'of the body',
    request_type           LowCardinality(String) COMMENT 'content type',
    user_agent             LowCardinality(String) COMMENT 'as sent',
    agent_kind             LowCardinality(String) COMMENT 'browser, app, library, headless, bot, unknown',
    labels                 Array(LowCardinality(String)) COMMENT 'what the route is for: login, mfa, token …',
    identity_headers       Array(Tuple(name LowCardinality(String), claim LowCardinality(String), by_proxy Bool)) COMMENT 'headers in which a proxy says who the caller is',
    status                 UInt16 CODEC(ZSTD(1)) COMMENT 'HTTP status; 0: no response was seen',
    grpc_status            Nullable(UInt32) CODEC(ZSTD(1)) COMMENT '0 is OK',
    response_bytes         UInt64 CODEC(ZSTD(1)) COMMENT 'of the body',
    response_type          LowCardinality(String) COMMENT 'content type',
    items                  Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'records in the answer',
    retry_after_s          Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'seconds the server asked for',
    client_ip              IPv6 CODEC(ZSTD(1)) COMMENT 'behind trusted proxies',
    client_country         LowCardinality(String) COMMENT 'ISO 3166, empty: unknown',
    client_city            LowCardinality(String) COMMENT 'empty: unknown',
    client_lat             Nullable(Float32) CODEC(ZSTD(1)) COMMENT 'degrees',
    client_lon             Nullable(Float32) CODEC(ZSTD(1)) COMMENT 'degrees',
    client_asn             UInt32 CODEC(ZSTD(1)) COMMENT '0: unknown',
    client_class           LowCardinality(String) COMMENT 'internal, mobile, hosting, vpn …',
    claimed_ip             String CODEC(ZSTD(1)) COMMENT 'what the client said about itself in a header nobody vouches for',
    device                 LowCardinality(String) COMMENT 'the sensor''s name for the client''s device',
    principal_kind         LowCardinality(String) COMMENT 'user, service, key, session, cert, anonymous',
    principal_id           String CODEC(ZSTD(1)) COMMENT 'user name, subject, fingerprint',
    principal_source       LowCardinality(String) COMMENT 'how it was known',
    credentials            Array(Tuple(kind LowCardinality(String), class LowCardinality(String), location LowCardinality(String), name LowCardinality(String), fingerprint String)) CODEC(ZSTD(1)) COMMENT 'what was shown; has(credentials.fingerprint, ''5b0e…'') finds one',
    jwt_alg                LowCardinality(String) COMMENT 'empty: no token',
    jwt_kid                LowCardinality(String) COMMENT 'key id',
    jwt_iss                LowCardinality(String) COMMENT 'issuer',
    jwt_aud                Array(LowCardinality(String)) COMMENT 'audiences',
    jwt_client_id          LowCardinality(String) COMMENT 'the application',
    jwt_scope              Array(LowCardinality(String)) COMMENT 'rights',
    jwt_amr                Array(LowCardinality(String)) COMMENT 'how the user was authenticated, in the token''s words',
    jwt_expires_in_s       Nullable(Int64) CODEC(ZSTD(1)) COMMENT 'seconds left; negative: expired',
    jwt_lifetime_s         Nullable(Int64) CODEC(ZSTD(1)) COMMENT 'seconds in all',
    jwt_check              LowCardinality(String) COMMENT 'the signature against the issuer''s keys',
    mfa_event              LowCardinality(String) COMMENT 'challenge, attempt, enrolment …; empty: none',
    mfa_factor             LowCardinality(String) COMMENT 'totp, sms, webauthn …',
    mfa_outcome            LowCardinality(String) COMMENT 'success, fail_code, locked …',
    mfa_ticket             String CODEC(ZSTD(1)) COMMENT 'the challenge, by fingerprint',
    mfa_codes_left         Nullable(UInt32) CODEC(ZSTD(1)) COMMENT 'backup codes',
    outcome                LowCardinality(String) COMMENT 'success, denied, error, unknown',
    completeness           LowCardinality(String) COMMENT 'whole, request_only, response_only, gap, truncated',
    anomalies              Array(LowCardinality(String)) COMMENT 'what was odd on the wire',
    activity               LowCardinality(String) COMMENT 'use, login, mfa, token_issue …',
    proof_level            LowCardinality(String) COMMENT 'none, password, mfa, api_key …',
    proof_factor           LowCardinality(String) COMMENT 'the second factor that was shown',
    proof_mfa_at           Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)) COMMENT 'when it was shown',
    account_has_mfa        Bool COMMENT 'the account is known to have a second factor',
    login_name             String CODEC(ZSTD(1)) COMMENT 'who wanted in',
    login_outcome          LowCardinality(String) COMMENT 'success, second_factor, refused …; empty: no login',
    exposed                Array(Tuple(kind LowCardinality(String), class LowCardinality(String), name LowCardinality(String))) COMMENT 'credentials where they do not belong',
    graphql_kind           LowCardinality(String) COMMENT 'query, mutation, subscription; empty: no GraphQL',
    graphql_operation      LowCardinality(String) COMMENT 'its name',
    graphql_fields         Array(LowCardinality(String)) COMMENT 'top-level fields',
    repeat_of              Nullable(UUID) CODEC(ZSTD(1)) COMMENT 'the transaction it is a byte-identical repeat of',
    session_id             String CODEC(ZSTD(1)) COMMENT 'session, token or key, by fingerprint',
    session_since          Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)) COMMENT 'first seen',
    session_renewals       UInt32 CODEC(ZSTD(1)) COMMENT 'refreshes so far',
    session_end            LowCardinality(String) COMMENT 'logout, password_change …; empty: it lives',
    reuse                  LowCardinality(String) COMMENT 'a thing for one use that was used before; empty: none',
    reuse_first            Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)) COMMENT 'its first use',
    reuse_same_client      Bool COMMENT 'by the same client',
    INDEX by_raised raised TYPE minmax GRANULARITY 1,
    INDEX by_id id TYPE bloom_filter GRANULARITY 4,
    INDEX by_principal principal_id TYPE bloom_filter GRANULARITY 4,
    INDEX by_client client_ip TYPE bloom_filter GRANULARITY 4,
    INDEX by_fingerprint credentials.fingerprint TYPE bloom_filter GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toDate(raised)
ORDER BY (tenant, toStartOfHour(time), host, time, id)
TTL toDateTime(raised) + INTERVAL {days transactions} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000, min_bytes_for_wide_part = 134217728
COMMENT 'Heelguard: one row an exchange; ordered for questions about a stretch of time and a host';

{distributed transactions cityHash64(id)}

CREATE TABLE IF NOT EXISTS {create inventory}
(
    raised             DateTime64(3, 'UTC') COMMENT 'when the sensor wrote it, by its own clock',
    tenant             LowCardinality(String) COMMENT 'whose traffic',
    sensor             LowCardinality(String) COMMENT 'who saw it',
    kind               LowCardinality(String) COMMENT 'endpoint, credential, principal, service, …',
    id                 UUID COMMENT 'the thing: one row of each in the end',
    first_seen         DateTime64(6, 'UTC') COMMENT 'packet time',
    last_seen          DateTime64(6, 'UTC') COMMENT 'packet time',
    transactions       UInt64 COMMENT 'in all',
    success            UInt64 COMMENT 'of them',
    denied             UInt64 COMMENT 'of them',
    method             LowCardinality(String) COMMENT 'endpoint',
    host               LowCardinality(String) COMMENT 'endpoint, service',
    route              LowCardinality(String) COMMENT 'endpoint',
    labels             Array(LowCardinality(String)) COMMENT 'endpoint: what it is for',
    methods            Array(LowCardinality(String)) COMMENT 'endpoint: all that were used',
    with_credential    UInt64 COMMENT 'endpoint: requests that showed one',
    without_credential UInt64 COMMENT 'endpoint: requests that showed none',
    proofs             Map(LowCardinality(String), UInt64) COMMENT 'endpoint: successes by what was proved',
    fingerprint        String CODEC(ZSTD(1)) COMMENT 'credential: 32 hex digits',
    credential_kind    LowCardinality(String) COMMENT 'credential',
    class              LowCardinality(String) COMMENT 'credential: what it looks like',
    location           LowCardinality(String) COMMENT 'credential: header, cookie …',
    name               LowCardinality(String) COMMENT 'credential: of the header, cookie, field',
    principal_kind     LowCardinality(String) COMMENT 'principal, credential: whose',
    principal_id       String CODEC(ZSTD(1)) COMMENT 'principal, credential: whose',
    source             LowCardinality(String) COMMENT 'principal: how it was known',
    ip                 IPv6 COMMENT 'service',
    port               UInt16 COMMENT 'service',
    protocol           LowCardinality(String) COMMENT 'service'
)
ENGINE = {replicated}ReplacingMergeTree(raised)
ORDER BY (tenant, sensor, kind, id)
TTL toDateTime(raised) + INTERVAL {days inventory} DAY
SETTINGS non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: what there is, its newest state; read with FINAL or through inventory_current';

{distributed inventory cityHash64(id)}

CREATE TABLE IF NOT EXISTS {create sensor_health}
(
    raised   DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)) COMMENT 'when the sensor wrote it, by its own clock',
    tenant   LowCardinality(String) COMMENT 'whose traffic',
    sensor   LowCardinality(String) COMMENT 'about whom',
    balanced Bool COMMENT 'every stage''s account adds up',
    counters Map(LowCardinality(String), Float64) CODEC(ZSTD(3)) COMMENT 'by their path in the record, packets.read; whole numbers are exact to 2^53',
    states   Map(LowCardinality(String), String) CODEC(ZSTD(3)) COMMENT 'what is said in words, by its path',
    services Array(Tuple(host String, port UInt16, tls UInt64, http1 UInt64, http2 UInt64, quic UInt64, unknown UInt64)) CODEC(ZSTD(3)) COMMENT 'connections by server and protocol'
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(raised)
ORDER BY (tenant, sensor, raised)
TTL toDateTime(raised) + INTERVAL {days health} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: the sensor''s counters over time';

{distributed sensor_health cityHash64(sensor)}
