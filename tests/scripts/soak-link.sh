#!/usr/bin/env bash
# Builds what is soaked, then soaks it.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release --locked -p pouch-link -p acceptance --bins
exec "${CARGO_TARGET_DIR:-target}/release/soak-link" --transfers "${TRANSFERS:-1000}" --seed "${SEED:-1}"
