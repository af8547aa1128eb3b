# Two commands do everything on a fresh machine: `make demo` and `make test`.

# rustup puts cargo here; a shell that is older than the installation does not look there yet.
export PATH := $(or $(CARGO_HOME),$(HOME)/.cargo)/bin:$(PATH)

CARGO ?= cargo
# Further options of the demonstration: DEMO_ARGS=--once ends it after the alerts.
DEMO_ARGS ?=
# Further options of the measurement: BENCH_ARGS=--quick uses captures a tenth as large, --live is the wire alone.
BENCH_ARGS ?=
SOAK_ARGS ?=
# Further options of the proofs: HARDEN_ARGS=--list names them, --quick takes the forms of `make test`.
HARDEN_ARGS ?=
# Further options of the calibration: CALIBRATION_ARGS=--write renews the tables of detectors/README.md.
CALIBRATION_ARGS ?=
# Loops of `make kill-loop`, of those in tests/kill/main.rs.
KILL_LOOPS ?= all
# Seconds for which `make outage` takes broker and database away.
OUTAGE_S ?= 3600
# Seeded bugs of `make mutants`: those of a suite (MUTANTS=tcp) or one (MUTANTS=tcp/no_paws); all where it is empty.
MUTANTS ?=
# Seconds of `make fuzz` for each target, and which targets: FUZZ_TARGETS="http1 hpack".
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?=
# Further options of cargo-deny in `make supply`: DENY_ARGS=--offline takes the advisories that were fetched before.
DENY_ARGS ?=
# Newer compilers know more lints than this source was checked against: LINT_ARGS= only shows them.
LINT_ARGS ?= -D warnings

# What the tests start: Kafka and ClickHouse. With HEELGUARD_SERVICES=required it is an error if one is missing.
SERVICES := tests/support/services/install.sh

.DEFAULT_GOAL := help
.PHONY: help demo test fuzz fuzz-coverage kill-loop outage mutants services lint fmt bench soak scale calibration build deb-tools deb notices supply reproduce harden book setup clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' Makefile

demo: setup ## build, replay a generated day with attacks in it, show its alerts and the page
	$(CARGO) run --release --locked -- demo $(DEMO_ARGS)

test: setup lint services ## lints, then every test: the whole gate
	$(CARGO) test --workspace --locked --no-fail-fast
	@$(SERVICES) --check || [ "$$HEELGUARD_SERVICES" != required ]

fuzz: ## fuzz every parser, FUZZ_SECONDS each (FUZZ_TARGETS="http1 hpack"); needs cargo-fuzz and a nightly compiler
	FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_TARGETS="$(FUZZ_TARGETS)" tests/fuzz/run.sh

fuzz-coverage: setup ## how much of each parser the kept inputs reach, by lines; installs cargo-llvm-cov where it is missing
	@$(CARGO) llvm-cov --version > /dev/null 2>&1 || { \
		echo 'fuzz-coverage: cargo-llvm-cov is missing, installing it' >&2; $(CARGO) install --locked cargo-llvm-cov; }
	@mkdir -p target/fuzz
	$(CARGO) llvm-cov --locked --test fuzz --json --summary-only --output-path target/fuzz/coverage.json
	$(CARGO) run --quiet --locked --example coverage -- target/fuzz/coverage.json

kill-loop: setup services ## kill the sensor 460 times, by calls, by chance, by power, and find seeded bugs: half an hour
	HEELGUARD_SERVICES=required HEELGUARD_KILL=$(KILL_LOOPS) \
		$(CARGO) test --locked --features seeded-bugs --test kill killed_again -- --nocapture

outage: setup services ## take broker, database and disk away from a sensor that reads on (OUTAGE_S=180): an hour
	HEELGUARD_SERVICES=required HEELGUARD_OUTAGE_S=$(OUTAGE_S) \
		$(CARGO) test --locked --test kill outage:: -- --nocapture --test-threads=1

mutants: setup ## put seeded bugs in, one at a time, and see that its tests fail: an hour or two (MUTANTS=tcp, MUTANTS=tcp/no_paws)
	MUTANTS=$(MUTANTS) $(CARGO) run --locked --example mutants

services: ## Kafka and ClickHouse for the tests, in target/services; without them those tests are not run
	@$(SERVICES) || [ "$$HEELGUARD_SERVICES" != required ]

bench: setup ## what the sensor costs beside libpcap alone and its peers (BENCH_ARGS="--quick --runs 3"); needs 8 GB of disk
	$(CARGO) bench --locked --bench replay -- $(BENCH_ARGS)

soak: setup ## an hour on a virtual cable at one rate (SOAK_ARGS="--minutes 60 --rate 50000"): memory, drops, accounts; takes root
	$(CARGO) bench --locked --bench soak -- $(SOAK_ARGS)

scale: setup services ## what sensors and workers do on Kafka here, and a model of larger loads (SCALE_ARGS="--quick --write")
	$(CARGO) bench --locked --bench scale -- $(SCALE_ARGS)

calibration: setup ## alerts per million transactions of a benign week (CALIBRATION_ARGS="--list medium"); fails when noisy
	$(CARGO) bench --locked --bench calibration -- $(CALIBRATION_ARGS)

lint: setup ## clippy; formatting and layers are checked by the tests
	$(CARGO) clippy --workspace --all-targets --locked -- $(LINT_ARGS)

fmt: ## format every Rust file, those declared by macros included
	rustfmt --edition 2024 $$(git ls-files '*.rs')

build: setup ## target/release/heelguard
	$(CARGO) build --release --locked

deb-tools:
	@command -v dpkg-shlibdeps > /dev/null || { \
		echo 'deb: dpkg-shlibdeps is missing, which finds the libraries to depend on: sudo apt install dpkg-dev' >&2; exit 1; }
	@$(CARGO) deb --version > /dev/null 2>&1 || { \
		echo 'deb: cargo-deb is missing, installing it' >&2; $(CARGO) install --locked cargo-deb; }

notices: setup ## the notices of everything that is linked, in target/package/NOTICES.txt
	@mkdir -p target/package
	$(CARGO) run --quiet --locked --example notices -- $$(rustc -vV | sed -n 's/^host: //p') > target/package/NOTICES.txt

supply: setup notices ## licences, sources and known holes of every crate, and a bill of materials (CycloneDX); needs the network
	@for tool in deny cyclonedx; do $(CARGO) $$tool --version > /dev/null 2>&1 || { \
		echo "supply: cargo-$$tool is missing, installing it" >&2; $(CARGO) install --locked cargo-$$tool || exit 1; }; done
	$(CARGO) deny --locked check --hide-inclusion-graph licenses bans sources
	$(CARGO) cyclonedx --quiet --format json --describe binaries --no-build-deps
	@mv heelguard_bin.cdx.json target/package/heelguard.cdx.json
	$(CARGO) deny $(DENY_ARGS) --locked check advisories

harden: setup services ## every proof of safety in its long form, and the table of docs/hardening.md (HARDEN_ARGS="--write kernel kills"); hours
	$(CARGO) run --quiet --locked --example harden -- $(HARDEN_ARGS)

reproduce: setup ## build what is delivered twice from nothing and compare the bytes: half an hour
	tests/tools/reproduce.sh

deb: deb-tools build notices ## a Debian package, in target/debian; needs dpkg-dev, installs cargo-deb where it is missing
	@mkdir -p target/package
	@target/release/heelguard man > target/package/heelguard.1
	@target/release/heelguard completions bash > target/package/heelguard.bash
	@target/release/heelguard completions zsh > target/package/_heelguard
	@target/release/heelguard completions fish > target/package/heelguard.fish
	$(CARGO) deb --no-build --locked

book: ## the documentation as a site, in target/book; needs mdbook (cargo install mdbook)
	mdbook build docs

setup: ## look for what building needs, install what is missing (deploy/setup.sh --check only looks)
	@deploy/setup.sh

clean: ## remove everything that was built
	$(CARGO) clean
