-- Connections under TLS that were not read, a row each. Those that were read stand in `tls`, which adds up `transactions`.

CREATE TABLE IF NOT EXISTS {create tls_connections}
(
    raised                 DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1)) COMMENT 'when the sensor wrote it, by its own clock',
    tenant                 LowCardinality(String) COMMENT 'whose traffic',
    sensor                 LowCardinality(String) COMMENT 'who saw it',
    id                     UUID COMMENT 'deterministic: the same from a replay or a repeated batch',
    time                   DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'packet time of the first byte',
    end_time               DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)) COMMENT 'packet time of its end',
    community_id           String CODEC(ZSTD(1)) COMMENT 'flow hash as Zeek and Suricata write it',
    src_ip                 IPv6 CODEC(ZSTD(1)) COMMENT 'IPv4 as ::ffff:a.b.c.d',
    src_port               UInt16 CODEC(ZSTD(1)) COMMENT 'of the connection',
    dst_ip                 IPv6 CODEC(ZSTD(1)) COMMENT 'of the connection',
    dst_port               UInt16 CODEC(ZSTD(1)) COMMENT 'of the connection',
    vlan                   Array(UInt16) COMMENT 'tags, outermost first',
    tunnel                 LowCardinality(String) COMMENT 'vxlan, gre …; empty: none',
    vni                    UInt32 CODEC(ZSTD(1)) COMMENT 'network in the tunnel; 0: none',
    transport              LowCardinality(String) COMMENT 'tcp, quic',
    version                LowCardinality(String) COMMENT 'agreed on; empty: not seen',
    cipher                 LowCardinality(String) COMMENT 'agreed on; empty: not seen',
    sni                    LowCardinality(String) COMMENT 'host name asked for in the handshake',
    ech                    Bool COMMENT 'the name asked for is hidden',
    alpn                   LowCardinality(String) COMMENT 'protocol agreed on',
    offered_alpn           Array(LowCardinality(String)) COMMENT 'protocols offered',
    ja4                    LowCardinality(String) COMMENT 'fingerprint of the client''s handshake',
    ja4_stable             LowCardinality(String) COMMENT 'the same, without what resumption changes',
    resumed                Nullable(Bool) COMMENT 'an earlier session goes on; null: not known',
    server_subject         String CODEC(ZSTD(1)) COMMENT 'the server''s certificate; TLS 1.3 hides it',
    server_names           Array(String) CODEC(ZSTD(1)) COMMENT 'that it is for',
    server_issuer          LowCardinality(String) COMMENT 'who vouches for it',
    server_not_before      Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)) COMMENT 'valid from',
    server_not_after       Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)) COMMENT 'valid until',
    server_self_signed     Bool COMMENT 'nobody else vouches for it',
    server_sha256          String CODEC(ZSTD(1)) COMMENT 'of the certificate, 64 hex digits',
    server_key_sha256      String CODEC(ZSTD(1)) COMMENT 'of its public key',
    client_cert_requested  Bool COMMENT 'the server asked for a certificate',
    client_cert_subject    String CODEC(ZSTD(1)) COMMENT 'of the client''s certificate',
    client_cert_issuer     LowCardinality(String) COMMENT 'who vouches for it',
    client_cert            String CODEC(ZSTD(1)) COMMENT 'the client''s certificate, by fingerprint',
    client_cert_key_sha256 String CODEC(ZSTD(1)) COMMENT 'of its public key',
    client_ip              IPv6 CODEC(ZSTD(1)) COMMENT 'behind trusted proxies',
    client_country         LowCardinality(String) COMMENT 'ISO 3166, empty: unknown',
    client_city            LowCardinality(String) COMMENT 'empty: unknown',
    client_lat             Nullable(Float32) CODEC(ZSTD(1)) COMMENT 'degrees',
    client_lon             Nullable(Float32) CODEC(ZSTD(1)) COMMENT 'degrees',
    client_asn             UInt32 CODEC(ZSTD(1)) COMMENT '0: unknown',
    client_class           LowCardinality(String) COMMENT 'internal, mobile, hosting, vpn …',
    client_bytes           UInt64 CODEC(ZSTD(1)) COMMENT 'sent by the client',
    server_bytes           UInt64 CODEC(ZSTD(1)) COMMENT 'sent by the server',
    completeness           LowCardinality(String) COMMENT 'whole, request_only, response_only, gap, truncated',
    anomalies              Array(LowCardinality(String)) COMMENT 'what was odd on the wire',
    INDEX by_raised raised TYPE minmax GRANULARITY 1,
    INDEX by_client client_ip TYPE bloom_filter GRANULARITY 4,
    INDEX by_ja4 ja4 TYPE bloom_filter GRANULARITY 4
)
ENGINE = {replicated}ReplacingMergeTree
PARTITION BY toDate(raised)
ORDER BY (tenant, toStartOfHour(time), sni, time, id)
TTL toDateTime(raised) + INTERVAL {days transactions} DAY
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 1000
COMMENT 'Heelguard: one row a TLS connection that was not read; kept as long as transactions';

{distributed tls_connections cityHash64(id)}
