#!/usr/bin/env bash
# The tests of openpgp-pkcs11, and the first day of a home and an embassy, on every module that they know; fails when one is missing or runs no test.
set -euo pipefail
cd "$(dirname "$0")/../.."

modules=(softhsm2 kryoptic tpm2)
failed=()

version() {
    case $1 in
    softhsm2) dpkg-query -W -f='${Version}' softhsm2 ;;
    kryoptic) sed -n '/^name = "kryoptic"$/{n;s/version = "\(.*\)"/\1/p}' tests/kryoptic/Cargo.lock ;;
    tpm2) dpkg-query -W -f='${Package} ${Version} ' libtpm2-pkcs11-1 swtpm libtpms0 tpm2-abrmd ;;
    esac 2>/dev/null || echo "of an unknown version"
}

# Passed tests, and whether all is well: every one of the test files must have run all of its tests, and at least one.
count() {
    awk -v files="$(ls hsm-integration/pkcs11/tests/*.rs tests/first_day.rs | wc -l)" '
        /^test result: / {
            results++
            for (i = 2; i <= NF; i++) {
                if ($i ~ /^passed/) { passed += $(i - 1); if ($(i - 1) == 0) wrong++ }
                if ($i ~ /^(failed|ignored|filtered)/) wrong += $(i - 1)
            }
        }
        END {
            if (results < files) wrong += files - results
            print passed + 0, (wrong ? "not" : "all")
        }
    ' "$1"
}

mkdir -p target
cargo build --quiet --release --locked --workspace --bins
for module in "${modules[@]}"; do
    log=target/test-hsm-$module.log
    echo "== $module $(version "$module")"
    status=0
    POUCH_TEST_MODULE=$module cargo test --release --locked -p openpgp-pkcs11 --test '*' --no-fail-fast >"$log" 2>&1 || status=$?
    # A ceremony, and the first pouch by the keys that it makes.
    POUCH_TEST_MODULE=$module cargo test --release --locked -p acceptance --test first_day --no-fail-fast >>"$log" 2>&1 || status=$?
    read -r passed whole < <(count "$log")
    if ((!status && passed)) && [[ $whole == all ]]; then
        echo "$passed passed, 0 failed"
    else
        grep -oE '^(test .* FAILED|error\[.*|error: .*|.* is needed for this test.*)' "$log" | sort -u | head -n 60 || true
        echo "failed; all of it: $log"
        failed+=("$module")
    fi
done

if ((${#failed[@]})); then
    echo "failed on: ${failed[*]}" >&2
    exit 1
fi
echo "passed on: ${modules[*]}"
