#!/usr/bin/env bash
# Builds what is measured, then measures it.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release --locked -p pouch-seal -p pouch-softtoken -p acceptance --bins
exec "${CARGO_TARGET_DIR:-target}/release/bench-seal" "$@"
