#!/usr/bin/env bash
# ClickHouse for tests: its engine behind clickhouse_server.py, http and https, on free ports.
#
#   clickhouse.sh start|hold|stop|kill|pause|resume|restart DIR    (what each does: clickhouse.sh without arguments)
#
# DIR/env tells the addresses, the user and the authority's certificate.
# Python and its packages come from install.sh.
set -euo pipefail

name=clickhouse
# shellcheck source=tests/support/services/service.sh
source "$(dirname "${BASH_SOURCE[0]}")/service.sh"

user=heelguard
password=correct-horse

prepare() {
    local dir=$1
    [[ -e $services/python/requirements.txt ]] || not_installed
    make_certificates "$dir"
    local port
    port=$(free_ports 4)
    cat > "$dir/env.new" << ENV
CLICKHOUSE_URL=http://127.0.0.1:$port
CLICKHOUSE_HTTPS_URL=https://127.0.0.1:$((port + 1))
CLICKHOUSE_CA=$dir/tls/ca.pem
CLICKHOUSE_USER=$user
CLICKHOUSE_PASSWORD=$password
ENV
    mv "$dir/env.new" "$dir/env"
}

launch() {
    local dir=$1
    local port
    port=$(port "$dir")
    exec "$services/python/bin/python" "$here/clickhouse_server.py" --path "$dir/data" --user "$user:$password" \
        --port "$port" --tls-port "$((port + 1))" --tls "$dir/tls/server.bundle"
}

answers() { grep -qs '^ready$' "$1/log"; }

port() { sed -n 's/^CLICKHOUSE_URL=.*://p' "$1/env"; }

serve "$@"
