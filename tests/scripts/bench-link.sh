#!/usr/bin/env bash
# Builds what is measured, then measures it. LIDI names a folder of lidi's binaries to compare with.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release --locked -p pouch-link -p acceptance --bins
exec "${CARGO_TARGET_DIR:-target}/release/bench-link" "$@"
