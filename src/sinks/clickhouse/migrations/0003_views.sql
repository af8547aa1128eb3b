-- What people and dashboards read: plain views, in numbers and not in states.

CREATE VIEW IF NOT EXISTS {create alerts_current} AS
SELECT * FROM {all alerts} FINAL;

CREATE VIEW IF NOT EXISTS {create inventory_current} AS
SELECT * FROM {all inventory} FINAL;

CREATE VIEW IF NOT EXISTS {create alerts_hourly} AS
SELECT tenant, hour, rule, detector, severity, uniqExactMerge(episodes) AS episodes
FROM {all alerts_by_hour}
GROUP BY tenant, hour, rule, detector, severity;

CREATE VIEW IF NOT EXISTS {create mfa_posture} AS
SELECT
    tenant, hour, host, event, factor, outcome, proof_level, account_has_mfa, uniqMerge(events) AS events,
    uniqMerge(principals) AS principals
FROM {all mfa_posture_by_hour}
GROUP BY tenant, hour, host, event, factor, outcome, proof_level, account_has_mfa;

CREATE VIEW IF NOT EXISTS {create keys} AS
SELECT
    tenant, fingerprint, kind, class, min(seen_first) AS first_seen, max(seen_last) AS last_seen, uniqMerge(uses_state) AS uses,
    uniqMerge(clients_state) AS clients, uniqMerge(agents_state) AS user_agents,
    arraySort(groupUniqArrayMerge(20)(locations_state)) AS locations,
    arraySort(groupUniqArrayMerge(100)(principals_state)) AS principals,
    arraySort(arrayFilter(country -> country != '', groupUniqArrayMerge(300)(countries_state))) AS countries,
    arraySort(arrayFilter(asn -> asn != 0, groupUniqArrayMerge(100)(asns_state))) AS asns,
    arraySort(groupUniqArrayMerge(100)(endpoints_state)) AS endpoints
FROM
(
    SELECT
        tenant, fingerprint, kind, class, first_seen AS seen_first, last_seen AS seen_last, uses AS uses_state,
        clients AS clients_state, agents AS agents_state, locations AS locations_state,
        principals AS principals_state, countries AS countries_state, asns AS asns_state,
        endpoints AS endpoints_state
    FROM {all key_passport}
)
GROUP BY tenant, fingerprint, kind, class;

-- The middle of a bucket, 2^((b+1/2)/4), is at most 9.1 % from any time in it.
CREATE VIEW IF NOT EXISTS {create endpoint_latency} AS
SELECT
    tenant, hour, host, route, method, sum(n) AS requests,
    exp2((quantileExactWeighted(0.5)(bucket, n) + 0.5) / 4) / 1000 AS p50_ms,
    exp2((quantileExactWeighted(0.95)(bucket, n) + 0.5) / 4) / 1000 AS p95_ms,
    exp2((quantileExactWeighted(0.99)(bucket, n) + 0.5) / 4) / 1000 AS p99_ms
FROM
(
    SELECT tenant, hour, host, route, method, bucket, uniqMerge(requests) AS n
    FROM {all endpoint_latency_by_hour}
    GROUP BY tenant, hour, host, route, method, bucket
)
GROUP BY tenant, hour, host, route, method;
