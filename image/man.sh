#!/usr/bin/env bash
# Manual pages into target/man and shell completions into target/completions, from the binaries' own descriptions.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=(pouch-seal pouch-import pouch-ceremony pouch-link)
binaries=(pouch-seal pouch-import pouch-ceremony pouch-send pouch-receive)
cargo build --quiet --release --locked "${packages[@]/#/-p}" --bins
mkdir -p target/man target/completions
for binary in "${binaries[@]}"; do
    "${CARGO_TARGET_DIR:-target}/release/$binary" --quiet man target/man
    for shell in bash zsh fish; do
        "${CARGO_TARGET_DIR:-target}/release/$binary" completions "$shell" >"target/completions/$binary.$shell"
    done
done
ls target/man target/completions
