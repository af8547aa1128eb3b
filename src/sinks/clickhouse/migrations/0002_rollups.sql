-- What the rows add up to, kept up by the inserts themselves.
-- Every state is idempotent (uniq, min, max, sets): a row that comes twice changes nothing, so a batch sent again, a
-- replay, or a rebuild from the rows cannot inflate anything. `month` is that of `raised`, for retention.

CREATE TABLE IF NOT EXISTS {create alerts_by_hour}
(
    month    Date COMMENT 'when it was written, for retention',
    tenant   LowCardinality(String) COMMENT 'whose traffic',
    sensor   LowCardinality(String) COMMENT 'who saw it',
    hour     DateTime('UTC') COMMENT 'of the first event, in packet time',
    rule     LowCardinality(String) COMMENT 'MFA-01',
    detector LowCardinality(String) COMMENT 'mfa_failure_burst',
    severity Enum8('info' = 1, 'low' = 2, 'medium' = 3, 'high' = 4, 'critical' = 5) COMMENT 'one that the episode has reached',
    episodes AggregateFunction(uniqExact, UUID) COMMENT 'uniqExactMerge(episodes)'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, hour, rule, detector, severity, sensor)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: alerts by hour; read through alerts_hourly';

{distributed alerts_by_hour rand()}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_alerts_by_hour} TO {alerts_by_hour} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, sensor, toStartOfHour(toDateTime(first_seen, 'UTC')) AS hour,
    rule, detector, severity, uniqExactState(id) AS episodes
FROM {rows of alerts}
GROUP BY month, tenant, sensor, hour, rule, detector, severity;

CREATE TABLE IF NOT EXISTS {create mfa_posture_by_hour}
(
    month           Date COMMENT 'when it was written, for retention',
    tenant          LowCardinality(String) COMMENT 'whose traffic',
    sensor          LowCardinality(String) COMMENT 'who saw it',
    hour            DateTime('UTC') COMMENT 'packet time',
    host            LowCardinality(String) COMMENT 'the API',
    proof_level     LowCardinality(String) COMMENT 'what the user had proved: none, password, mfa …',
    account_has_mfa Bool COMMENT 'the account is known to have a second factor',
    event           LowCardinality(String) COMMENT 'challenge, attempt, enrolment …; empty: ordinary use',
    factor          LowCardinality(String) COMMENT 'totp, sms, webauthn …',
    outcome         LowCardinality(String) COMMENT 'success, fail_code …',
    events          AggregateFunction(uniq, UUID) COMMENT 'uniqMerge(events): MFA exchanges; of ordinary use none are kept',
    principals      AggregateFunction(uniq, String) COMMENT 'uniqMerge(principals): users'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, hour, host, event, factor, outcome, proof_level, account_has_mfa, sensor)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: second factors by hour, and what users had proved; read through mfa_posture';

{distributed mfa_posture_by_hour rand()}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_mfa_posture_by_hour} TO {mfa_posture_by_hour} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, sensor, toStartOfHour(toDateTime(time, 'UTC')) AS hour, host,
    proof_level, account_has_mfa, mfa_event AS event, mfa_factor AS factor, mfa_outcome AS outcome,
    uniqStateIf(id, mfa_event != '') AS events, uniqState(principal_id) AS principals
FROM {rows of transactions}
WHERE mfa_event != '' OR principal_kind = 'user'
GROUP BY month, tenant, sensor, hour, host, proof_level, account_has_mfa, event, factor, outcome;

CREATE TABLE IF NOT EXISTS {create key_passport}
(
    month       Date COMMENT 'when it was written, for retention',
    tenant      LowCardinality(String) COMMENT 'whose traffic',
    fingerprint String COMMENT '32 hex digits, as in alerts',
    kind        LowCardinality(String) COMMENT 'api_key, client_secret, client_certificate …',
    class       LowCardinality(String) COMMENT 'what it looks like',
    first_seen  SimpleAggregateFunction(min, DateTime64(6, 'UTC')) COMMENT 'packet time',
    last_seen   SimpleAggregateFunction(max, DateTime64(6, 'UTC')) COMMENT 'packet time',
    uses        AggregateFunction(uniq, UUID) COMMENT 'uniqMerge(uses)',
    clients     AggregateFunction(uniq, IPv6) COMMENT 'uniqMerge(clients): addresses',
    agents      AggregateFunction(uniq, String) COMMENT 'uniqMerge(agents): user agents',
    locations   AggregateFunction(groupUniqArray(20), String) COMMENT 'groupUniqArrayMerge(20)(locations): header:x-api-key; of more than 20 any 20',
    principals  AggregateFunction(groupUniqArray(100), String) COMMENT 'whose; of more than 100 any 100',
    countries   AggregateFunction(groupUniqArray(300), String) COMMENT 'where from',
    asns        AggregateFunction(groupUniqArray(100), UInt32) COMMENT 'whose networks; of more than 100 any 100',
    endpoints   AggregateFunction(groupUniqArray(100), String) COMMENT 'what for; of more than 100 any 100'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, fingerprint, kind, class)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: what each long-lived credential was used for; read through keys. Denied uses are left out, so guessed keys make no rows';

{distributed key_passport cityHash64(fingerprint)}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_key_passport} TO {key_passport} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, credential.fingerprint AS fingerprint, credential.kind AS kind,
    credential.class AS class, min(time) AS first_seen, max(time) AS last_seen, uniqState(id) AS uses,
    uniqState(client_ip) AS clients, uniqState(toString(user_agent)) AS agents,
    groupUniqArrayState(20)(concat(credential.location, ':', credential.name)) AS locations,
    groupUniqArrayState(100)(concat(principal_kind, ':', principal_id)) AS principals,
    groupUniqArrayState(300)(toString(client_country)) AS countries, groupUniqArrayState(100)(client_asn) AS asns,
    groupUniqArrayState(100)(concat(method, ' ', host, route)) AS endpoints
FROM {rows of transactions}
ARRAY JOIN credentials AS credential
WHERE outcome != 'denied'
  AND credential.kind NOT IN ('session', 'bearer_jwt', 'mfa_token', 'refresh_token', 'dpop', 'other')
GROUP BY month, tenant, fingerprint, kind, class;

CREATE TABLE IF NOT EXISTS {create endpoint_latency_by_hour}
(
    month    Date COMMENT 'when it was written, for retention',
    tenant   LowCardinality(String) COMMENT 'whose traffic',
    sensor   LowCardinality(String) COMMENT 'who saw it',
    hour     DateTime('UTC') COMMENT 'packet time',
    host     LowCardinality(String) COMMENT 'the API',
    route    LowCardinality(String) COMMENT 'with {id} for what varies',
    method   LowCardinality(String) COMMENT 'of the request',
    bucket   UInt8 COMMENT 'b: the time to the first byte was from 2^(b/4) to 2^((b+1)/4) microseconds',
    requests AggregateFunction(uniq, UUID) COMMENT 'uniqMerge(requests)'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, hour, host, route, method, bucket, sensor)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: how long endpoints take; read through endpoint_latency';

{distributed endpoint_latency_by_hour rand()}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_endpoint_latency_by_hour} TO {endpoint_latency_by_hour} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, sensor, toStartOfHour(toDateTime(time, 'UTC')) AS hour, host, route,
    method, toUInt8(floor(4 * log2(greatest(assumeNotNull(ttfb_us), 1)))) AS bucket, uniqState(id) AS requests
FROM {rows of transactions}
WHERE isNotNull(ttfb_us)
GROUP BY month, tenant, sensor, hour, host, route, method, bucket;

CREATE TABLE IF NOT EXISTS {create tls}
(
    month        Date COMMENT 'when it was written, for retention',
    tenant       LowCardinality(String) COMMENT 'whose traffic',
    sensor       LowCardinality(String) COMMENT 'who saw it',
    hour         DateTime('UTC') COMMENT 'packet time',
    community_id String COMMENT 'the connection, as Zeek and Suricata write it',
    src_ip       IPv6 COMMENT 'IPv4 as ::ffff:a.b.c.d',
    dst_ip       IPv6 COMMENT 'IPv4 as ::ffff:a.b.c.d',
    dst_port     UInt16 COMMENT 'of the server',
    version      LowCardinality(String) COMMENT 'TLS 1.3 …',
    cipher       LowCardinality(String) COMMENT 'agreed on',
    sni          LowCardinality(String) COMMENT 'host name asked for',
    alpn         LowCardinality(String) COMMENT 'protocol agreed on',
    ja4          LowCardinality(String) COMMENT 'fingerprint of the client''s handshake',
    decrypted    Bool COMMENT 'read with the session''s keys',
    client_cert  String COMMENT 'the client''s certificate, by fingerprint',
    first_seen   SimpleAggregateFunction(min, DateTime64(6, 'UTC')) COMMENT 'packet time',
    last_seen    SimpleAggregateFunction(max, DateTime64(6, 'UTC')) COMMENT 'packet time',
    transactions AggregateFunction(uniq, UUID) COMMENT 'uniqMerge(transactions)'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, hour, sni, ja4, community_id, src_ip, dst_ip, dst_port, version, cipher, alpn, decrypted, client_cert, sensor)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: TLS connections whose exchanges were read';

{distributed tls cityHash64(community_id)}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_tls} TO {tls} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, sensor, toStartOfHour(toDateTime(time, 'UTC')) AS hour, community_id,
    src_ip, dst_ip, dst_port, tls_version AS version, tls_cipher AS cipher, tls_sni AS sni, tls_alpn AS alpn,
    tls_ja4 AS ja4, tls_decrypted AS decrypted, tls_client_cert AS client_cert, min(time) AS first_seen,
    max(time) AS last_seen, uniqState(id) AS transactions
FROM {rows of transactions}
WHERE tls_version != '' OR tls_decrypted
GROUP BY month, tenant, sensor, hour, community_id, src_ip, dst_ip, dst_port, version, cipher, sni, alpn, ja4,
    decrypted, client_cert;
