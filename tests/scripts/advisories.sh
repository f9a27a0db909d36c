#!/usr/bin/env bash
# Known vulnerabilities in dependencies. Apart from `make test`, because the database comes from the network
# (github.com/rustsec/advisory-db) and the answer changes without a change here.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scripts/common.sh
exec "$cargo_deny" --locked check advisories
