-- What dashboards ask of weeks: who may call what with which proof, how long second factors take, what data leave.
-- States are idempotent as those of the rollups before. An exchange is in one row of each, so that the numbers of rows
-- may be added up; users and keys are sets, and are merged.

CREATE TABLE IF NOT EXISTS {create access_by_hour}
(
    month       Date COMMENT 'when it was written, for retention',
    tenant      LowCardinality(String) COMMENT 'whose traffic',
    sensor      LowCardinality(String) COMMENT 'who saw it',
    hour        DateTime('UTC') COMMENT 'packet time',
    host        LowCardinality(String) COMMENT 'the API',
    method      LowCardinality(String) COMMENT 'of the request',
    route       LowCardinality(String) COMMENT 'with {id} for what varies',
    proof_level LowCardinality(String) COMMENT 'none, password, mfa, api_key …',
    outcome     LowCardinality(String) COMMENT 'success, denied, error, unknown',
    calls       AggregateFunction(uniq, UUID) COMMENT 'uniqMerge(calls)',
    principals  AggregateFunction(uniq, String) COMMENT 'uniqMerge(principals): users, services, keys'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, hour, host, method, route, proof_level, outcome, sensor)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: calls of each endpoint by what was proved; read through access';

{distributed access_by_hour rand()}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_access_by_hour} TO {access_by_hour} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, sensor, toStartOfHour(toDateTime(time, 'UTC')) AS hour, host, method,
    route, proof_level, outcome, uniqState(id) AS calls,
    uniqState(concat(principal_kind, ':', principal_id)) AS principals
FROM {rows of transactions}
WHERE method != ''
GROUP BY month, tenant, sensor, hour, host, method, route, proof_level, outcome;

CREATE TABLE IF NOT EXISTS {create mfa_latency_by_hour}
(
    month  Date COMMENT 'when it was written, for retention',
    tenant LowCardinality(String) COMMENT 'whose traffic',
    sensor LowCardinality(String) COMMENT 'who saw it',
    hour   DateTime('UTC') COMMENT 'packet time',
    host   LowCardinality(String) COMMENT 'the API',
    event  LowCardinality(String) COMMENT 'challenge, attempt, enrolment …',
    factor LowCardinality(String) COMMENT 'totp, sms, webauthn …',
    bucket UInt8 COMMENT 'b: the time to the first byte was from 2^(b/4) to 2^((b+1)/4) microseconds',
    steps  AggregateFunction(uniq, UUID) COMMENT 'uniqMerge(steps)'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, hour, host, event, factor, bucket, sensor)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: how long steps of second factors take; read through mfa_latency';

{distributed mfa_latency_by_hour rand()}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_mfa_latency_by_hour} TO {mfa_latency_by_hour} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, sensor, toStartOfHour(toDateTime(time, 'UTC')) AS hour, host,
    mfa_event AS event, mfa_factor AS factor,
    toUInt8(floor(4 * log2(greatest(assumeNotNull(ttfb_us), 1)))) AS bucket, uniqState(id) AS steps
FROM {rows of transactions}
WHERE mfa_event != '' AND isNotNull(ttfb_us)
GROUP BY month, tenant, sensor, hour, host, event, factor, bucket;

CREATE TABLE IF NOT EXISTS {create data_by_hour}
(
    month   Date COMMENT 'when it was written, for retention',
    tenant  LowCardinality(String) COMMENT 'whose traffic',
    sensor  LowCardinality(String) COMMENT 'who saw it',
    hour    DateTime('UTC') COMMENT 'packet time',
    host    LowCardinality(String) COMMENT 'the API',
    method  LowCardinality(String) COMMENT 'of the request',
    route   LowCardinality(String) COMMENT 'with {id} for what varies',
    measure Enum8('bytes' = 1, 'items' = 2) COMMENT 'of the answer''s body, or records in it',
    bucket  UInt8 COMMENT 'b: an answer had from 2^(b/4) to 2^((b+1)/4) of them',
    answers AggregateFunction(uniq, UUID) COMMENT 'uniqMerge(answers) * exp2((bucket + 0.5) / 4) is at most 9.1 % off'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, hour, measure, host, method, route, bucket, sensor)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: what left in answers, by endpoint; read through data_leaving';

{distributed data_by_hour rand()}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_data_by_hour} TO {data_by_hour} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, sensor, toStartOfHour(toDateTime(time, 'UTC')) AS hour, host, method,
    route, CAST(size.1, 'Enum8(\'bytes\' = 1, \'items\' = 2)') AS measure,
    toUInt8(floor(4 * log2(size.2))) AS bucket, uniqState(id) AS answers
FROM {rows of transactions}
ARRAY JOIN [('bytes', response_bytes), ('items', toUInt64(ifNull(items, 0)))] AS size
WHERE outcome = 'success' AND size.2 > 0
GROUP BY month, tenant, sensor, hour, host, method, route, measure, bucket;

-- By day: an hour of one person's is hardly shorter than the exchanges themselves.
CREATE TABLE IF NOT EXISTS {create data_by_day}
(
    month          Date COMMENT 'when it was written, for retention',
    tenant         LowCardinality(String) COMMENT 'whose traffic',
    sensor         LowCardinality(String) COMMENT 'who saw it',
    day            Date COMMENT 'packet time, UTC',
    principal_kind LowCardinality(String) COMMENT 'user, service, key …',
    principal_id   String CODEC(ZSTD(1)) COMMENT 'who got it',
    host           LowCardinality(String) COMMENT 'the API',
    measure        Enum8('bytes' = 1, 'items' = 2) COMMENT 'of the answer''s body, or records in it',
    bucket         UInt8 COMMENT 'b: an answer had from 2^(b/4) to 2^((b+1)/4) of them',
    answers        AggregateFunction(uniq, UUID) COMMENT 'uniqMerge(answers) * exp2((bucket + 0.5) / 4) is at most 9.1 % off'
)
ENGINE = {replicated}AggregatingMergeTree
PARTITION BY month
ORDER BY (tenant, day, measure, principal_kind, principal_id, host, bucket, sensor)
TTL month + INTERVAL {days rollups} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: what left in answers, by who got it; read through data_taken';

{distributed data_by_day cityHash64(principal_id)}

CREATE MATERIALIZED VIEW IF NOT EXISTS {create to_data_by_day} TO {data_by_day} AS
SELECT
    toStartOfMonth(toDate(raised)) AS month, tenant, sensor, toDate(time) AS day, principal_kind, principal_id, host,
    CAST(size.1, 'Enum8(\'bytes\' = 1, \'items\' = 2)') AS measure, toUInt8(floor(4 * log2(size.2))) AS bucket,
    uniqState(id) AS answers
FROM {rows of transactions}
ARRAY JOIN [('bytes', response_bytes), ('items', toUInt64(ifNull(items, 0)))] AS size
WHERE outcome = 'success' AND size.2 > 0
GROUP BY month, tenant, sensor, day, principal_kind, principal_id, host, measure, bucket;

CREATE VIEW IF NOT EXISTS {create access} AS
SELECT
    tenant, hour, host, method, route, proof_level, outcome, uniqMerge(calls) AS calls,
    uniqMerge(principals) AS principals
FROM {all access_by_hour}
GROUP BY tenant, hour, host, method, route, proof_level, outcome;

-- The middle of a bucket, 2^((b+1/2)/4), is at most 9.1 % from any size or time in it.
CREATE VIEW IF NOT EXISTS {create mfa_latency} AS
SELECT
    tenant, hour, host, event, factor, sum(n) AS steps,
    exp2((quantileExactWeighted(0.5)(bucket, n) + 0.5) / 4) / 1000 AS p50_ms,
    exp2((quantileExactWeighted(0.95)(bucket, n) + 0.5) / 4) / 1000 AS p95_ms,
    exp2((quantileExactWeighted(0.99)(bucket, n) + 0.5) / 4) / 1000 AS p99_ms
FROM
(
    SELECT tenant, hour, host, event, factor, bucket, uniqMerge(steps) AS n
    FROM {all mfa_latency_by_hour}
    GROUP BY tenant, hour, host, event, factor, bucket
)
GROUP BY tenant, hour, host, event, factor;

CREATE VIEW IF NOT EXISTS {create data_leaving} AS
SELECT
    tenant, hour, host, method, route, measure, sum(n) AS answers, sum(n * exp2((bucket + 0.5) / 4)) AS amount
FROM
(
    SELECT tenant, hour, host, method, route, measure, bucket, uniqMerge(answers) AS n
    FROM {all data_by_hour}
    GROUP BY tenant, hour, host, method, route, measure, bucket
)
GROUP BY tenant, hour, host, method, route, measure;

CREATE VIEW IF NOT EXISTS {create data_taken} AS
SELECT
    tenant, day, principal_kind, principal_id, host, measure, sum(n) AS answers,
    sum(n * exp2((bucket + 0.5) / 4)) AS amount
FROM
(
    SELECT tenant, day, principal_kind, principal_id, host, measure, bucket, uniqMerge(answers) AS n
    FROM {all data_by_day}
    GROUP BY tenant, day, principal_kind, principal_id, host, measure, bucket
)
GROUP BY tenant, day, principal_kind, principal_id, host, measure;
