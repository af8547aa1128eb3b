#!/bin/sh
# Builds what is delivered twice from nothing, in the same folder, and compares the bytes.
# It is given nothing and uses target/reproduce; it says which bytes differ, and ends with 1 then.
# Same source, same compiler, same folder: paths in messages are made independent of where the source lies, those that C
# libraries write into themselves are not.
set -eu
cd "$(dirname "$0")/../.."
CARGO_TARGET_DIR=target/reproduce
# Libraries in C write the day they were built on, unless they are told one.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2> /dev/null || echo 0)
RUSTFLAGS="--remap-path-prefix=$PWD=/heelguard --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
export CARGO_TARGET_DIR SOURCE_DATE_EPOCH RUSTFLAGS

build() {
    rm -rf "$CARGO_TARGET_DIR"
    "${CARGO:-cargo}" build --release --locked
    cp "$CARGO_TARGET_DIR/release/heelguard" "$1"
}

mkdir -p target/package
first=target/package/heelguard.first second=target/package/heelguard.second
build "$first"
build "$second"
sha256sum "$first" "$second"
if cmp "$first" "$second"; then
    echo "reproduce: both builds are equal"
    rm -rf "$CARGO_TARGET_DIR" "$second"
else
    echo "reproduce: the builds differ; both are in target/package" >&2
    exit 1
fi
