-- Heelguard's tables, version 1. Times are packet times in UTC.
-- Alerts: the newest state of an episode wins; read with FINAL, or argMax over rev.
CREATE TABLE IF NOT EXISTS heelguard_alerts
(
    tenant       LowCardinality(String),
    sensor       LowCardinality(String),
    id           UUID,
    rev          UInt32,
    status       Enum8('open' = 1, 'update' = 2, 'closed' = 3),
    rule         LowCardinality(String),
    detector     LowCardinality(String),
    title        LowCardinality(String),
    severity     Enum8('info' = 1, 'low' = 2, 'medium' = 3, 'high' = 4, 'critical' = 5),
    confidence   Enum8('low' = 1, 'medium' = 2, 'high' = 3),
    message      String,
    time         DateTime64(6, 'UTC'),
    first_seen   DateTime64(6, 'UTC'),
    last_seen    DateTime64(6, 'UTC'),
    count        UInt64,
    threshold    UInt64,
    window_s     Nullable(UInt64),
    subject      Tuple(scope LowCardinality(String), value String),
    principal    Tuple(kind LowCardinality(String), id String, source LowCardinality(String)),
    client       Tuple(ip Nullable(IPv6), country LowCardinality(String), asn Nullable(UInt32), device String),
    credential   Tuple(kind LowCardinality(String), class LowCardinality(String), location LowCardinality(String), fingerprint String),
    endpoint     Tuple(method LowCardinality(String), host LowCardinality(String), route String),
    evidence     Array(Tuple(transaction UUID, time DateTime64(6, 'UTC'), method LowCardinality(String), path String, status Nullable(UInt16), note String)),
    facts        String CODEC(ZSTD(3)),
    response     LowCardinality(String),
    mitre        Array(LowCardinality(String)),
    owasp        Array(LowCardinality(String)),
    visibility   Tuple(loss_pct Float64, truncated UInt32, one_way Bool)
)
ENGINE = ReplacingMergeTree(rev)
PARTITION BY toYYYYMM(first_seen)
ORDER BY (tenant, id)
TTL toDateTime(first_seen) + INTERVAL 400 DAY
SETTINGS ttl_only_drop_parts = 1;

-- Transactions: the id is deterministic, so a replay or a repeated batch merges away.
CREATE TABLE IF NOT EXISTS heelguard_transactions
(
    tenant         LowCardinality(String),
    sensor         LowCardinality(String),
    id             UUID,
    time           DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    end            DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    ttfb_us        Nullable(UInt64),
    community_id   String,
    src_ip         IPv6,
    src_port       UInt16,
    dst_ip         IPv6,
    dst_port       UInt16,
    vlan           Array(UInt16),
    protocol       LowCardinality(String),
    method         LowCardinality(String),
    scheme         LowCardinality(String),
    host           LowCardinality(String),
    path           String CODEC(ZSTD(3)),
    route          LowCardinality(String),
    query_keys     Array(LowCardinality(String)),
    request_bytes  UInt64,
    user_agent     LowCardinality(String),
    status         Nullable(UInt16),
    grpc_status    Nullable(UInt32),
    response_bytes UInt64,
    items          Nullable(UInt32),
    client_ip      IPv6,
    country        LowCardinality(String),
    asn            Nullable(UInt32),
    device         String,
    principal_kind LowCardinality(String),
    principal_id   String,
    credentials    Array(Tuple(kind LowCardinality(String), class LowCardinality(String), location LowCardinality(String), name LowCardinality(String), fingerprint String)),
    mfa_event      LowCardinality(String),
    mfa_factor     LowCardinality(String),
    mfa_outcome    LowCardinality(String),
    activity       LowCardinality(String),
    proof          LowCardinality(String),
    outcome        LowCardinality(String),
    completeness   LowCardinality(String),
    anomalies      Array(LowCardinality(String))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(time)
ORDER BY (tenant, host, route, time, id)
TTL toDateTime(time) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1;
