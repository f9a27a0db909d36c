#!/usr/bin/env bash
# Installs what building, testing and the demo need, and only what is missing. On Debian 12; says what it does.
# With the word "tpm" also what the tests on a TPM of software need.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scripts/common.sh

# One line each: the Debian package, and how to see that what it brings is there.
wanted=(
    "ca-certificates ls /etc/ssl/certs/ca-certificates.crt"
    "gcc            command -v cc"
    "make           command -v make"
    "perl           command -v perl"
    "pkg-config     command -v pkg-config"
    "clang          command -v clang"
    "libclang-dev   ls /usr/lib/*/libclang-*.so* /usr/lib/llvm-*/lib/libclang*.so*"
    "util-linux     command -v setpriv"
    "iproute2       ls /usr/sbin/ip /sbin/ip /usr/bin/ip"
    "procps         type -P kill"
    "diffutils      command -v diff"
    "python3        command -v python3"
    "faketime       command -v faketime"
    "softhsm2       ls /usr/lib/*/softhsm/libsofthsm2.so /usr/lib/softhsm/libsofthsm2.so"
    "opensc         command -v pkcs11-tool"
    "p11-kit        command -v p11-kit"
    "p11-kit-modules ls /usr/lib/*/pkcs11/p11-kit-client.so"
    "postgresql     postgresql_bin"
    "gnupg          command -v gpg"
    "gpgv           command -v gpgv"
    "sq             command -v sq"
    "age            command -v age"
    "zstd           command -v zstd"
    "jq             command -v jq"
    "sqv            command -v sqv"
    "time           command -v /usr/bin/time"
    "tar            command -v tar"
    "strace         command -v strace"
    "iproute2       type -P ip /usr/sbin/ip /sbin/ip"
    "nftables       type -P nft /usr/sbin/nft /sbin/nft"
    "systemd        command -v systemd-analyze"
    "shellcheck     command -v shellcheck"
    "nodejs         command -v node"
    "npm            command -v npm"
    "python3-pip    python3 -m pip --version"
)

if [[ ${1-} == tpm ]]; then
    wanted+=(
        "libtpm2-pkcs11-1    ls /usr/lib/*/pkcs11/libtpm2_pkcs11.so"
        "swtpm               command -v swtpm"
        "tpm2-abrmd          type -P tpm2-abrmd /usr/sbin/tpm2-abrmd"
        "libtss2-tcti-tabrmd0 ls /usr/lib/*/libtss2-tcti-tabrmd.so.0"
        "tpm2-tools          command -v tpm2_getcap"
        "dbus-daemon         command -v dbus-daemon"
    )
fi

there() {
    # Globs that match nothing make ls fail for those words; any one match is enough.
    eval "$1" 2>/dev/null | grep -q .
}

missing=()
for line in "${wanted[@]}"; do
    read -r package probe <<<"$line"
    there "$probe" || missing+=("$package")
done

if ((${#missing[@]})); then
    install="apt-get install -y --no-install-recommends ${missing[*]}"
    if ((EUID == 0)); then
        root=()
    elif command -v sudo >/dev/null; then
        root=(sudo)
    else
        echo "missing: ${missing[*]}" >&2
        echo "this user is not root and there is no sudo; as root run:" >&2
        echo "    apt-get update && $install" >&2
        exit 1
    fi
    command -v apt-get >/dev/null || {
        echo "missing: ${missing[*]} (Debian's names); there is no apt-get here, install them as this system does" >&2
        exit 1
    }
    echo "installing Debian packages: ${missing[*]}"
    "${root[@]}" apt-get update -q
    # The cluster that Debian would make and start is not ours to leave running: ours are made in test folders.
    if [[ " ${missing[*]} " == *" postgresql "* && ! -e /etc/postgresql-common/createcluster.conf ]]; then
        "${root[@]}" mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | "${root[@]}" tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive $install -q -o Dpkg::Options::=--force-confold
    for line in "${wanted[@]}"; do
        read -r package probe <<<"$line"
        there "$probe" || { echo "$package is installed, but this still finds nothing: $probe" >&2; exit 1; }
    done
fi

command -v cargo >/dev/null || {
    echo "there is no cargo; install Rust with rustup (https://rustup.rs), the toolchain file does the rest" >&2
    exit 1
}

if [[ ! -d $npm_modules/openpgp ]]; then
    echo "installing into target/tools: OpenPGP.js $openpgp_js (npm)"
    npm install --loglevel=error --no-audit --no-fund --ignore-scripts --prefix target/tools "openpgp@$openpgp_js"
fi

if [[ ! -d $python_modules/shamir_mnemonic-$shamir_mnemonic_version.dist-info || ! -d $python_modules/click-$click_version.dist-info ]]; then
    echo "installing into target/tools: shamir-mnemonic $shamir_mnemonic_version, another SLIP-0039 (pip)"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --only-binary :all: \
        --upgrade --target "$python_modules" "shamir-mnemonic==$shamir_mnemonic_version" "click==$click_version"
fi

if [[ ! -x $cargo_deny ]]; then
    echo "installing into target/tools: cargo-deny $cargo_deny_version (cargo, some minutes)"
    cargo install --quiet --locked --root target/tools cargo-deny --version "$cargo_deny_version"
fi

# rPGP as a program and not as a dependency: it brings a hundred crates, half of them of an elder generation than ours.
if [[ ! -x $rsop ]] || ! "$rsop" version --extended | grep -q "pqc: yes"; then
    echo "installing into target/tools: rsop $rsop_version, rPGP's command line (cargo, some minutes)"
    cargo install --quiet --locked --root target/tools --force rsop --version "$rsop_version" --no-default-features --features cli,pqc
fi

# A token for tests. It is a library, which cargo install does not install, so a package of ours depends on it; and it
# brings its own OpenSSL and SQLite, because those of Debian 12 are too old or have no headers.
if [[ ! -f $kryoptic || tests/kryoptic/Cargo.lock -nt $kryoptic || tests/kryoptic/Cargo.toml -nt $kryoptic ]]; then
    echo "building into target/tools: kryoptic $(sed -n '/^name = "kryoptic"$/{n;s/version = "\(.*\)"/\1/p}' tests/kryoptic/Cargo.lock)," \
        "a PKCS#11 token (cargo, some minutes)"
    cargo build --quiet --release --locked --manifest-path tests/kryoptic/Cargo.toml --target-dir target/tools/kryoptic -p kryoptic
    mkdir -p "${kryoptic%/*}"
    # A fresh file and not a new content: a test may have the old one loaded.
    cp --remove-destination target/tools/kryoptic/release/libkryoptic_pkcs11.so "$kryoptic"
    rm -r target/tools/kryoptic
fi

# All of the lock file, also what only other platforms build: cargo-deny looks at the whole graph, without a network.
if ! cargo fetch --quiet --locked --offline 2>/dev/null; then
    echo "fetching the crates of Cargo.lock"
    cargo fetch --quiet --locked
fi
