#!/usr/bin/env bash
# Everything that must hold before a change goes in. The last line is the sum over all test binaries.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scripts/common.sh

log=target/test.log
mkdir -p target

step() {
    echo "== $1"
    shift
    "$@" || { echo "failed: $*" >&2; echo "0 passed, 1 failed"; exit 1; }
}

step "format" cargo fmt --all --check
step "lints" cargo clippy --quiet --release --locked --workspace --all-targets -- -D warnings
step "dependencies" "$cargo_deny" --log-level error --locked --offline check bans licenses sources
step "binaries" cargo build --quiet --release --locked --workspace --bins

echo "== tests"
status=0
cargo test --release --locked --workspace --no-fail-fast 2>&1 | tee "$log" || status=$?

echo "== tests of tokens on a second module, kryoptic"
on_tokens=(--test first_day)
for file in hsm-integration/pkcs11/tests/*.rs; do
    on_tokens+=(--test "$(basename "$file" .rs)")
done
# Named within the workspace, for a package alone has other features and would be built once more.
POUCH_TEST_MODULE=kryoptic cargo test --release --locked --workspace "${on_tokens[@]}" --no-fail-fast 2>&1 | tee -a "$log" || status=$?

read -r passed failed unrun < <(awk '
    /^test result: / {
        for (i = 2; i <= NF; i++) {
            if ($i ~ /^passed/) passed += $(i - 1)
            if ($i ~ /^failed/) failed += $(i - 1)
            if ($i ~ /^ignored/) unrun += $(i - 1)
            if ($i ~ /^filtered/) unrun += $(i - 1)
        }
    }
    END { print passed + 0, failed + 0, unrun + 0 }
' "$log")

if ((unrun)); then
    echo "$unrun tests were ignored or filtered out: every test counts" >&2
    failed=$((failed + unrun))
fi
if ((status && !failed)); then
    echo "a test binary did not build or ended without a result" >&2
    failed=1
fi
if ((!passed && !failed)); then
    echo "no test ran" >&2
    failed=1
fi
echo "$passed passed, $failed failed"
exit $((failed > 0))
