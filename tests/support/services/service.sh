# shellcheck shell=bash
# One instance of a service that tests run against; kafka.sh and clickhouse.sh source this and call `serve`.
# An instance is its folder: env (KEY=VALUE lines for the tests), pid, log, tls, data. It listens on 127.0.0.1 alone.
# The script that sources this gives `name` and three functions, each with the folder as its argument:
#   prepare   once: ports, certificates, env
#   launch    becomes the server (exec)
#   answers   whether the server takes requests

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
services=${HEELGUARD_SERVICES_DIR:-$here/../../../target/services}
start_seconds=90
stop_seconds=20

say() { printf '%s: %s\n' "$name" "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

not_installed() {
    say "not installed; run $here/install.sh"
    exit 3
}

usage() {
    cat >&2 << USAGE
usage: $name.sh VERB DIR
  start     a new instance in DIR, or the one that stopped there; returns when it answers
  hold      the same for a parent: says ready, kills it and removes DIR when standard input ends
  stop      SIGTERM, and waits; data stay
  kill      SIGKILL
  pause     SIGSTOP
  resume    SIGCONT
  restart   stop, if it runs, and start: same data, same ports
Exit status: 0 done, 1 it failed, 2 wrong usage, 3 the service is not installed.
USAGE
    exit 2
}

# The verbs that every service has.
serve() {
    (($# == 2)) || usage
    local verb=$1 dir=$2
    case $verb in
        start | hold) mkdir -p -m 700 "$dir" ;;
        *) [[ -d $dir ]] || fail "there is no folder $dir" ;;
    esac
    dir=$(cd "$dir" && pwd)
    case $verb in
        start) start "$dir" ;;
        hold) hold "$dir" ;;
        stop) stop "$dir" ;;
        kill) finish "$dir" ;;
        pause) signal STOP "$dir" ;;
        resume) signal CONT "$dir" ;;
        restart)
            stop "$dir"
            start "$dir"
            ;;
        *) usage ;;
    esac
}

start() {
    local dir=$1
    ! runs "$dir" || fail "it runs in $dir already"
    if [[ ! -e $dir/env ]]; then
        prepare "$dir"
    fi
    # Job control gives the server a process group of its own: Ctrl-C ends the tests, and they end the server.
    : > "$dir/log"
    set -m
    launch "$dir" < /dev/null >> "$dir/log" 2>&1 &
    set +m
    local pid=$!
    disown
    # Who holds the instance may have let go of it meanwhile: it sees this pid, or we see its mark.
    if ! echo "$pid" > "$dir/pid" || [[ ! -d $dir || -e $dir/over ]]; then
        kill -KILL "$pid"
        fail 'nobody waits for it any more'
    fi
    local deadline=$((SECONDS + start_seconds))
    until answers "$dir"; do
        if ! alive "$pid"; then
            tail -n 20 "$dir/log" >&2
            fail 'it ended before it answered; the end of its log is above'
        elif ((SECONDS > deadline)); then
            finish "$dir"
            tail -n 20 "$dir/log" >&2
            fail "no answer within $start_seconds s; the end of its log is above"
        fi
        sleep 0.05
    done
}

# A parent that ends in any way, SIGKILL included, closes our standard input: no server outlives its test.
hold() {
    held=$1
    [[ ! -e $held/env ]] || fail "there is an instance in $held already"
    trap 'touch "$held/over"; finish "$held"; rm -rf "$held"' EXIT
    trap 'exit 1' HUP INT TERM
    start "$held"
    echo ready
    while read -r; do :; done
}

stop() {
    local dir=$1
    runs "$dir" || return 0
    signal CONT "$dir"
    signal TERM "$dir"
    gone "$dir" "$stop_seconds" || {
        say "SIGTERM was of no use within $stop_seconds s: SIGKILL"
        finish "$dir"
    }
}

finish() {
    local dir=$1
    runs "$dir" || return 0
    signal KILL "$dir"
    gone "$dir" "$stop_seconds" || fail 'it cannot be killed'
}

signal() { kill "-$1" "$(< "$2/pid")"; }

gone() {
    local deadline=$((SECONDS + $2))
    while runs "$1"; do
        ((SECONDS <= deadline)) || return 1
        sleep 0.05
    done
}

runs() { [[ -s $1/pid ]] && alive "$(< "$1/pid")"; }

alive() { kill -0 "$1" 2> /dev/null && ! ended "$1"; }

# A process that has ended is listed until its parent asks. Where /proc tells: its last thread has gone too, and with
# it what it listened on.
ended() { grep -qs '^State:.*Z' "/proc/$1/status" && grep -qs '^Threads:[[:blank:]]*1$' "/proc/$1/status"; }

# $1 ports in a row on which nobody listens, below those that the system gives to outgoing connections. Prints the first.
free_ports() {
    local attempt first port
    for attempt in {1..50}; do
        first=$((10240 + (RANDOM << 15 | RANDOM) % 22000))
        for ((port = first; port < first + $1; port++)); do
            listens "$port" && continue 2
        done
        echo "$first"
        return
    done
    fail "no $1 free ports in a row"
}

listens() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

# DIR/tls: an authority (ca.pem) and what it signed, each NAME.pem, NAME.key, and NAME.bundle with all in one:
#   server     for localhost and 127.0.0.1      expired    the same, of 2020
#   client     for users to show                misnamed   for another host
make_certificates() {
    local tls=$1/tls
    mkdir -p "$tls"
    : > "$tls/index"
    cat > "$tls/config" << CONFIG
[req]
distinguished_name = nothing
x509_extensions = authority
[nothing]
[ca]
default_ca = test
[test]
database = $tls/index
new_certs_dir = $tls
rand_serial = yes
unique_subject = no
default_md = sha256
policy = any
copy_extensions = copy
x509_extensions = signed
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[signed]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
authorityKeyIdentifier = keyid
CONFIG
    local here='DNS:localhost,IP:127.0.0.1'
    make_key ca -x509 -days 3650 -subj '/CN=Heelguard test authority' -out "$tls/ca.pem"
    make_signed server localhost "$here" 20250101000000Z 20450101000000Z
    make_signed client heelguard 'DNS:heelguard' 20250101000000Z 20450101000000Z
    make_signed expired localhost "$here" 20200101000000Z 20200201000000Z
    make_signed misnamed elsewhere.example 'DNS:elsewhere.example' 20250101000000Z 20450101000000Z
}

make_signed() {
    local name=$1 subject=$2 names=$3 from=$4 to=$5
    make_key "$name" -subj "/CN=$subject" -addext "subjectAltName = $names" -out "$tls/$name.request"
    openssl ca -batch -notext -config "$tls/config" -cert "$tls/ca.pem" -keyfile "$tls/ca.key" \
        -startdate "$from" -enddate "$to" -in "$tls/$name.request" -out "$tls/$name.pem" 2> "$tls/openssl" \
        || fail "openssl: $(< "$tls/openssl")"
    cat "$tls/$name.key" "$tls/$name.pem" "$tls/ca.pem" > "$tls/$name.bundle"
}

make_key() {
    local name=$1
    shift
    openssl req -new -config "$tls/config" -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$tls/$name.key" "$@" 2> "$tls/openssl" || fail "openssl: $(< "$tls/openssl")"
}
