#!/usr/bin/env bash
# Apache Kafka for tests: one node that is broker and controller, every kind of listener, on free ports.
#
#   kafka.sh start|hold|stop|kill|pause|resume|restart DIR    (what each does: kafka.sh without arguments)
#   kafka.sh topic DIR NAME [PARTITIONS]                      makes a topic; none makes itself
#   kafka.sh seed                                             makes the data that every instance begins with
#
# DIR/env tells the addresses, users and files. The user `stranger` may not touch any topic. Who asks at
# KAFKA_PROXIED is told to come back there: a test's proxy listens on it and hands on to KAFKA_BEHIND_PROXY.
# The jars come from install.sh, which makes the seed too: users and rules in place save a start half its time.
set -euo pipefail

name=kafka
# shellcheck source=tests/support/services/service.sh
source "$(dirname "${BASH_SOURCE[0]}")/service.sh"

user=heelguard
password=correct-horse
stranger=stranger
stranger_password=battery-staple
# Listener and security protocol, in the order of their ports.
listeners=(PLAINTEXT:PLAINTEXT SSL:SSL MUTUAL:SSL EXPIRED:SSL MISNAMED:SSL
    SASL_PLAINTEXT:SASL_PLAINTEXT SASL_SSL:SASL_SSL PROXIED:PLAINTEXT CONTROLLER:SASL_PLAINTEXT)
cluster_id=aGVlbGd1YXJkLXRlc3RzLg

main() {
    if [[ ${1:-} == topic ]] && (($# == 3 || $# == 4)); then
        tool "$2" org.apache.kafka.tools.TopicCommand --create --topic "$3" --partitions "${4:-3}"
    elif [[ $* == seed ]]; then
        seed
    else
        serve "$@"
    fi
}

prepare() {
    local dir=$1
    [[ -d $services/kafka/seed ]] || not_installed
    lay_out "$dir"
    cp -R "$services/kafka/seed" "$dir/data"
}

seed() {
    local dir
    dir=$(mktemp -d "$services/kafka/new.XXXXXX")
    lay_out "$dir"
    format "$dir"
    start "$dir"
    make_rules "$dir"
    stop "$dir"
    mv "$dir/data" "$services/kafka/seed"
    rm -rf "$dir"
}

lay_out() {
    make_certificates "$1"
    write_properties "$1" "$(free_ports "$((${#listeners[@]} + 1))")"
}

format() {
    java_run kafka.tools.StorageTool format --config "$1/properties" --cluster-id "$cluster_id" \
        --add-scram "SCRAM-SHA-256=[name=$user,password=$password]" \
        --add-scram "SCRAM-SHA-512=[name=$user,password=$password]" \
        --add-scram "SCRAM-SHA-256=[name=$stranger,password=$stranger_password]" \
        --add-scram "SCRAM-SHA-512=[name=$stranger,password=$stranger_password]" \
        > "$1/format" 2>&1 || fail "cannot make the data folder: $(< "$1/format")"
}

# A rule for a topic takes away the freedom of those it does not name, so everybody is named.
make_rules() {
    tool "$1" org.apache.kafka.tools.AclCommand --add --topic '*' --operation All \
        --allow-principal 'User:*' --deny-principal "User:$stranger" > "$1/rules" 2>&1 \
        || fail "cannot make the rules: $(< "$1/rules")"
}

# DIR/properties for the server and DIR/env for the tests.
write_properties() {
    local dir=$1 port=$2
    local security=org.apache.kafka.common.security
    local plain="$security.plain.PlainLoginModule required user_$user=\"$password\""
    plain+=" user_$stranger=\"$stranger_password\";"
    local scram="$security.scram.ScramLoginModule required;"
    local oauth="$security.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";"

    local listener address bound='' advertised='' protocols='' controller=''
    : > "$dir/env.new"
    for listener in "${listeners[@]}"; do
        address=127.0.0.1:$port
        port=$((port + 1))
        bound+=",${listener%:*}://$address"
        protocols+=",$listener"
        case ${listener%:*} in
            CONTROLLER)
                controller=$address
                continue
                ;;
            PROXIED)
                echo "KAFKA_BEHIND_PROXY=$address" >> "$dir/env.new"
                address=127.0.0.1:$port
                port=$((port + 1))
                ;;
        esac
        advertised+=",${listener%:*}://$address"
        echo "KAFKA_${listener%:*}=$address" >> "$dir/env.new"
    done
    sed -e "s|@DIR@|$dir|; s|@CONTROLLER@|$controller|; s|@LISTENERS@|${bound#,}|; s|@ADVERTISED@|${advertised#,}|" \
        -e "s|@PROTOCOLS@|${protocols#,}|; s|@PLAIN@|$plain|; s|@SCRAM@|$scram|; s|@OAUTH@|$oauth|" \
        "$here/kafka.properties" > "$dir/properties"
    cat >> "$dir/env.new" << ENV
KAFKA_CA=$dir/tls/ca.pem
KAFKA_CLIENT_CERT=$dir/tls/client.pem
KAFKA_CLIENT_KEY=$dir/tls/client.key
KAFKA_USER=$user
KAFKA_PASSWORD=$password
KAFKA_STRANGER=$stranger
KAFKA_STRANGER_PASSWORD=$stranger_password
ENV
    mv "$dir/env.new" "$dir/env"
}

# Without the second compiler: it pays after minutes, and would compete with what is tested.
launch() {
    exec java -Xms256m -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$services/kafka/lib/*" \
        -Dlog4j2.configurationFile="$here/kafka.log4j2.properties" kafka.Kafka "$1/properties"
}

answers() { grep -qs 'Kafka Server started' "$1/log"; }

# Runs one of Kafka's command-line tools on the instance in $1.
tool() {
    local dir=$1 class=$2
    shift 2
    java_run "$class" --bootstrap-server "$(sed -n 's/^KAFKA_PLAINTEXT=//p' "$dir/env")" "$@"
}

java_run() {
    java -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$services/kafka/lib/*" "$@"
}

main "$@"
