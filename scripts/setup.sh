#!/usr/bin/env bash
# Installs what a build needs and is missing: git, a C compiler, Rust, Node.js and the locked npm
# packages of the contracts; with --tests Python and its virtual environments, too; with --compilers
# all but the npm packages. Safe to run again; then it takes under a second.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

rust_wanted=$(sed -n 's/^channel = "\(.*\)"/\1/p' rust-toolchain.toml)
node_wanted=18
tests=
[ "${1:-}" != --tests ] || tests=yes

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
    printf 'setup: %s\n' "$1" >&2
    shift
    [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages where that needs no password, else says what to type.
apt_install() {
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if have sudo && sudo -n true 2>/dev/null; then
            as_root=(sudo -n)
        else
            die "missing: $*. Install with:" "sudo apt-get update && sudo apt-get install -y $*"
        fi
    fi
    have apt-get || die "missing: $*. Install the equivalent packages of your system, then run this again."
    say "installing $* with apt-get"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

node_major() { node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/'; }

check_system() {
    local missing=()
    have git || missing+=(git)
    have cc || missing+=(gcc libc6-dev)
    { have node && have npm; } || missing+=(nodejs npm)
    have sha256sum || missing+=(coreutils)
    if [ -n "$tests" ]; then have python3 || missing+=(python3); fi
    [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
    [ "$(node_major)" -ge "$node_wanted" ] ||
        die "Node.js $(node --version) is too old, $node_wanted or later is needed. With npm:" \
            "npm install --global node@22"
}

# Only for the contracts' proofs and analysis; tests go on without.
check_venv() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || (apt_install python3-venv) ||
        say "without python3-venv the contracts' proofs and static analysis are left out"
}

check_rust() {
    # A shell that has not been restarted since rustup was installed.
    if ! have cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then PATH="$HOME/.cargo/bin:$PATH"; fi
    if ! have cargo; then
        # Debian 12 knows the name, but has no package behind it.
        if have apt-get && [ -n "$(apt-cache madison rustup 2>/dev/null)" ]; then
            apt_install rustup
        fi
        if ! have rustup; then
            have curl || ! have apt-get || apt_install curl ca-certificates
            die "missing: Rust $rust_wanted. Install it, then run this again:" \
                "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal"
        fi
        rustup toolchain install "$rust_wanted" --profile minimal --component rustfmt,clippy
    fi
    local found
    found=$(rustc --version | sed 's/^rustc \([0-9.]*\).*/\1/')
    [ "$(printf '%s\n%s\n' "$rust_wanted" "$found" | sort -V | head -n1)" = "$rust_wanted" ] ||
        die "Rust $found is too old, $rust_wanted or later is needed. With rustup:" \
            "rustup toolchain install $rust_wanted --profile minimal --component rustfmt,clippy"
    have cargo-nextest || say "cargo-nextest is not installed; tests run with cargo test instead"
}

install_packages() {
    local lock stamp=contracts/node_modules/.lock-sha256
    lock=$(sha256sum <contracts/package-lock.json)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$lock" ]; then return; fi
    say "installing the npm packages of the contracts"
    (cd contracts && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null) ||
        die "npm ci failed in contracts; its message is above. Is the npm registry reachable?"
    printf '%s\n' "$lock" >"$stamp"
}

check_system
[ -z "$tests" ] || check_venv
check_rust
[ "${1:-}" != --compilers ] || exit 0
install_packages
contracts/tooling/bin/forge --version >/dev/null || die "forge does not run on this machine; see above"
