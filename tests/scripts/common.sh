# Shared by the scripts: versions and places. Sourced from the top folder.

cargo_deny_version=0.20.2
openpgp_js=6.3.2
rsop_version=0.12.0
shamir_mnemonic_version=0.3.0
# What its command line needs.
click_version=8.1.8

tools=$PWD/target/tools
cargo_deny=$tools/bin/cargo-deny
rsop=$tools/bin/rsop
# The version stands in tests/kryoptic, with its lock file.
kryoptic=$tools/lib/libkryoptic_pkcs11.so
npm_modules=$tools/node_modules
python_modules=$tools/python

# The folder of the newest PostgreSQL server here: Debian does not put it on the path.
postgresql_bin() {
    local newest
    newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5n | tail -n 1)
    if [[ -n $newest && -x $newest/initdb ]]; then
        echo "$newest"
    else
        local initdb
        initdb=$(command -v initdb) && dirname "$(readlink -f "$initdb")"
    fi
}
