#!/usr/bin/env bash
# Looks for what building Heelguard needs, and installs what is missing.
# Says each thing it does; says nothing when all is there.
#
#   deploy/setup.sh [--tests] [--check]
#
#   --tests   also what starts Kafka and ClickHouse for the tests, looks into them, and shows the page
#   --check   installs nothing
#
# Exit status: 0 all is there, 1 something is missing and could not be installed, 2 wrong usage.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

rust_wanted=$(sed -n 's/^rust-version = "\([0-9.]*\)"$/\1/p' Cargo.toml | head -n 1)
java_wanted=17
check_only=false
with_tests=false

say() { printf 'setup: %s\n' "$*" >&2; }

main() {
    local option
    for option; do
        case $option in
            --check) check_only=true ;;
            --tests) with_tests=true ;;
            *)
                say 'usage: deploy/setup.sh [--tests] [--check]'
                exit 2
                ;;
        esac
    done

    local -a tools=()
    has_compiler || tools+=('a C compiler')
    has "${CXX:-c++}" || tools+=('a C++ compiler')
    has make || tools+=('make')
    has_perl || tools+=('Perl with its core modules')
    ! has_compiler || has_pcap || tools+=("libpcap's headers")
    local rust
    rust=$(rust_trouble)
    if [[ -n $rust ]] && ! has rustup && ! has curl && ! has wget; then
        tools+=('curl')
    fi
    ! $with_tests || look_for_test_tools

    if $check_only; then
        ((${#tools[@]} == 0)) || say "missing: $(joined "${tools[@]}")"
        [[ -z $rust ]] || say "$rust"
        ((${#tools[@]} == 0)) && [[ -z $rust ]]
        return
    fi
    ((${#tools[@]} == 0)) || install_tools "${tools[@]}"
    [[ -z $rust ]] || install_rust "$rust"
}

has() { command -v "$1" > /dev/null 2>&1; }

has_compiler() { [[ -n $(compiler) ]]; }

compiler() {
    local name
    for name in "${CC:-cc}" gcc clang; do
        ! has "$name" || { echo "$name" && return; }
    done
}

# The header stands for the library: packages bring both.
has_pcap() { "$(compiler)" -E -include pcap.h - < /dev/null > /dev/null 2>&1; }

# Slim systems have a Perl without these; OpenSSL's build uses them.
has_perl() { perl -MFindBin -MIPC::Cmd -MFile::Compare -e 1 2> /dev/null; }

# Adds to `tools` what the tests' services lack.
look_for_test_tools() {
    has_java || tools+=("Java $java_wanted or newer")
    has mvn || tools+=('Maven')
    python3 -c 'import ensurepip, venv' 2> /dev/null || tools+=('Python 3 with venv')
    has openssl || tools+=('openssl')
    has kcat || tools+=('kcat')
    has_browser || tools+=('Chromium')
    [[ $OSTYPE != linux* ]] || has strace || tools+=('strace')
    # Interfaces that come and go, for the live sensor.
    [[ $OSTYPE != linux* ]] || has ip || [[ -x /usr/sbin/ip ]] || tools+=('iproute2')
}

# The names under which the tests look for it.
has_browser() {
    local name
    for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome google-chrome-stable chrome; do
        ! has "$name" || return 0
    done
    return 1
}

has_java() {
    local version
    has java && version=$(java -version 2>&1 | sed -n 's/^.* version "\([0-9]*\).*$/\1/p' | head -n 1)
    at_least "${version:-0}" "$java_wanted"
}

# What is wrong with Rust, in a sentence; empty when nothing is.
rust_trouble() {
    local version
    if ! has cargo || ! version=$(rustc --version 2> /dev/null); then
        echo "Rust is missing (rustc and cargo $rust_wanted or newer)"
        return
    fi
    version=${version#rustc }
    version=${version%%[ -]*}
    if ! at_least "$version" "$rust_wanted"; then
        echo "Rust is too old: $version, and $rust_wanted or newer is needed"
    elif ! rustfmt --version > /dev/null 2>&1; then
        echo 'rustfmt is missing (a component of Rust)'
    elif ! cargo clippy --version > /dev/null 2>&1; then
        echo 'clippy is missing (a component of Rust)'
    fi
}

# Whether dotted version $1 is $2 or newer.
at_least() {
    local -a have want
    IFS=. read -r -a have <<< "$1"
    IFS=. read -r -a want <<< "$2"
    local part
    for part in 0 1 2; do
        ((${have[part]:-0} == ${want[part]:-0})) || break
    done
    ((${have[part]:-0} >= ${want[part]:-0}))
}

install_tools() {
    say "missing: $(joined "$@")"
    if ! has apt-get; then
        say 'install them with the system'\''s package manager, then run this again:'
        say '  Fedora, RHEL   dnf install gcc gcc-c++ make perl-core curl libpcap-devel'
        say '  Arch           pacman -S gcc make perl curl libpcap'
        say '  Alpine         apk add build-base perl curl bash libpcap-dev'
        say '  macOS          xcode-select --install'
        if $with_tests; then
            say 'and for the tests:'
            say '  Fedora, RHEL   dnf install java-21-openjdk-headless maven python3 openssl strace kcat iproute chromium'
            say '  Arch           pacman -S jre-openjdk-headless maven python openssl strace kcat iproute2 chromium'
            say '  Alpine         apk add openjdk21-jre-headless maven python3 openssl strace kcat iproute2 chromium'
            say '  macOS          brew install openjdk maven python openssl kcat && brew install --cask chromium'
        fi
        exit 1
    fi
    local -a as_root=()
    if ((EUID != 0)); then
        if has sudo && { [[ -t 0 ]] || sudo -n true 2> /dev/null; }; then
            as_root=(sudo)
        else
            say 'not root, and sudo cannot be used; run this as root, then run this again:'
            say "  apt-get update && apt-get install -y $(packages)"
            exit 1
        fi
    fi
    say 'asking apt-get what there is'
    ${as_root[@]+"${as_root[@]}"} apt-get update -q >&2 || say 'apt-get update failed; trying what is known'
    local -a packages
    read -r -a packages <<< "$(packages)"
    say "installing ${packages[*]} with apt-get"
    if ! ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${packages[@]}" >&2; then
        say "apt-get failed; install by hand: ${packages[*]}"
        exit 1
    fi
}

# Debian's names of everything that is wanted, in one line.
packages() {
    local names='gcc g++ libc6-dev libpcap-dev make perl curl ca-certificates'
    if $with_tests; then
        # The default Java of a system may be older than the newest it has.
        local java=openjdk-$java_wanted-jre-headless
        apt-cache show "$java" > /dev/null 2>&1 || java=default-jre-headless
        # Debian has a package chromium, older systems of Ubuntu chromium-browser.
        local browser=chromium
        apt-cache show "$browser" > /dev/null 2>&1 || browser=chromium-browser
        ! has_browser || browser=
        names+=" $java maven python3 python3-venv openssl strace kcat iproute2${browser:+ $browser}"
    fi
    echo "$names"
}

# Through rustup: an existing one gets one more toolchain, for this folder only.
install_rust() {
    say "$1"
    if has rustup; then
        say "adding toolchain $rust_wanted with rustup, and choosing it for $PWD"
        if rustup toolchain install "$rust_wanted" --profile minimal --component clippy,rustfmt >&2 \
            && rustup override set "$rust_wanted" >&2; then
            return
        fi
        explain_rust 'rustup failed'
    fi
    local script
    script=$(mktemp)
    say 'fetching rustup from https://sh.rustup.rs'
    if ! fetch https://sh.rustup.rs > "$script"; then
        rm -f "$script"
        explain_rust 'rustup cannot be fetched'
    fi
    say "installing Rust $rust_wanted in ${CARGO_HOME:-$HOME/.cargo} (no shell profile is changed)"
    if ! sh "$script" -y --no-modify-path --profile minimal --default-toolchain "$rust_wanted" \
        --component clippy,rustfmt >&2; then
        rm -f "$script"
        explain_rust 'rustup failed'
    fi
    rm -f "$script"
}

fetch() {
    if has curl; then
        curl --proto '=https' --tlsv1.2 -fsSL "$1"
    else
        wget --https-only -qO - "$1"
    fi
}

explain_rust() {
    say "$1; install these by hand, then run this again:"
    say "  rustc, cargo, clippy and rustfmt, version $rust_wanted or newer (https://rustup.rs, or the system's packages)"
    exit 1
}

joined() {
    local IFS=,
    local text="$*"
    echo "${text//,/, }"
}

main "$@"
