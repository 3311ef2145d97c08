#!/usr/bin/env bash
# Makes the npm package of the contracts' interfaces, libraries and ABIs, and proves that it
# compiles on its own.
#   scripts/pack-contracts.sh         lists what is in it
#   scripts/pack-contracts.sh DIR     writes oml-contracts-VERSION.tgz to DIR
# Nothing is published.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
mkdir -p "$stage/package" "$stage/user/src"

cd "$root/contracts"
cp tooling/npm/package.json tooling/npm/README.md ../LICENSE-MIT ../LICENSE-APACHE "$stage/package"
cp -r src/interfaces src/libraries "$stage/package"
mkdir "$stage/package/abi"
cp bindings/abi/*.json "$stage/package/abi"

cd "$stage/package"
npm pack --pack-destination "$stage" --loglevel=error >/dev/null
archive=$(ls "$stage"/oml-contracts-*.tgz)
tar -tzf "$archive" | sort

# A user of the archive alone, with solady beside it.
mkdir -p "$stage/user/node_modules"
tar -xzf "$archive" -C "$stage/user/node_modules"
mv "$stage/user/node_modules/package" "$stage/user/node_modules/oml-contracts"
ln -s "$root/contracts/node_modules/solady" "$stage/user/node_modules/solady"
cd "$stage/user"
{
    echo '// SPDX-License-Identifier: MIT OR Apache-2.0'
    echo 'pragma solidity ^0.8.30;'
    for file in node_modules/oml-contracts/{interfaces,libraries}/*.sol; do
        echo "import \"${file#node_modules/}\";"
    done
} >src/User.sol
cat >foundry.toml <<TOML
[profile.default]
solc = "$root/contracts/tooling/bin/solc"
offline = true
evm_version = "prague"
auto_detect_remappings = false
allow_paths = ["$root/contracts/node_modules"]
remappings = ["oml-contracts/=node_modules/oml-contracts/", "solady/=node_modules/solady/src/"]
TOML
"$root/contracts/tooling/bin/forge" build --root . >"$stage/build.log" 2>&1 || {
    cat "$stage/build.log"
    echo 'pack: the package does not compile on its own; see above' >&2
    exit 1
}
if [ $# -gt 0 ]; then
    mkdir -p "$1"
    cp "$archive" "$1"
    echo "pack: wrote $1/$(basename "$archive")"
else
    echo "pack: compiles on its own; give a directory to keep $(basename "$archive")"
fi
