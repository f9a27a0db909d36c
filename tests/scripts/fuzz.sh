#!/usr/bin/env bash
# Runs every fuzz target for FUZZ_SECONDS. Needs rustup's nightly; cargo-fuzz is installed into target/tools if missing.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scripts/common.sh

cargo_fuzz_version=0.13.1
rustup toolchain list | grep -q '^nightly' || rustup toolchain install nightly --profile minimal
if [[ ! -x $tools/bin/cargo-fuzz ]]; then
    echo "installing into target/tools: cargo-fuzz $cargo_fuzz_version (cargo)"
    cargo install --quiet --locked --root target/tools cargo-fuzz --version "$cargo_fuzz_version"
fi
export PATH=$tools/bin:$PATH
exec tests/fuzz/run "${FUZZ_SECONDS:-60}" "$@"
