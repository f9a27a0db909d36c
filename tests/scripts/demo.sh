#!/usr/bin/env bash
# Builds what the demo shows, then shows it.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release --locked -p pouch-seal -p pouch-import -p pouch-link -p pouch-softtoken -p pouch-ceremony -p acceptance --bins
exec "${CARGO_TARGET_DIR:-target}/release/demo" --profile "${PROFILE:-rfc9580}" "$@"
