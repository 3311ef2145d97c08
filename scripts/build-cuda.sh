#!/usr/bin/env bash
# Builds `oml` for CUDA GPUs, on a machine that has none: compiler and headers come from PyPI, the
# driver's libraries are stubs that only the linker sees.
#
#     scripts/build-cuda.sh [FOLDER]        FOLDER/oml; default target/cuda
#
# CUDA_COMPUTE_CAP chooses the generation (default 90: H100, H200). OML_CUDA_PACKAGE and
# OML_CUDA_TARGET build another target, e.g. `oml-prover` and `--example bench_engine`. Where it
# runs, CUDA 13's libcublas, libcurand, libcudart and the driver must be found (LD_LIBRARY_PATH).
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$PATH:$HOME/.cargo/bin"
out=$(mkdir -p "${1:-target/cuda}" && cd "${1:-target/cuda}" && pwd)
package=${OML_CUDA_PACKAGE:-oml-cli}
read -ra target <<<"${OML_CUDA_TARGET:---bin oml}"

toolkit() {
    local venv="${OML_VENVS:-$root/target/venvs}/cuda" home=$1 packages lib name
    if [ ! -x "$venv/bin/python" ]; then
        python3 -m venv "$venv"
        "$venv/bin/pip" install --quiet --requirement scripts/cuda-requirements.txt
    fi
    packages=$("$venv/bin/python" -c 'import nvidia; print(list(nvidia.__path__)[0])')/cu13
    rm -rf "$home" && mkdir -p "$home/lib64/stubs"
    for name in bin include nvvm; do ln -s "$packages/$name" "$home/$name"; done
    for lib in "$packages"/lib/*; do
        ln -s "$lib" "$home/lib64/"
        name=$(basename "$lib")
        case $name in *.so.*) ln -sf "$lib" "$home/lib64/${name%%.so.*}.so" ;; esac
    done
}

# Libraries of empty functions, under the names of the real ones. Each has the names that the
# bindings declare for it and no others: a name in two libraries would bind the program to the wrong
# one.
stubs() {
    local folder=$1 bindings=$2 part soname
    while read -r part soname; do
        grep -rhoE 'fn cu[A-Za-z0-9_]+\(' "$bindings/src/$part/sys/" | sed -E 's/fn (.*)\(/void \1(void) {}/' | sort -u |
            cc -shared -fPIC -x c - -Wl,-soname,"$soname" -o "$folder/$soname"
        ln -sf "$soname" "$folder/${soname%%.so.*}.so"
    done <<<'driver libcuda.so.1
cublas libcublas.so.13
cublaslt libcublasLt.so.13'
}

home="$out/home"
toolkit "$home"
# Only to have the bindings' sources at hand.
cargo fetch --locked --quiet
bindings=$(cargo metadata --locked --format-version 1 --features cuda --manifest-path cli/Cargo.toml |
    python3 -c 'import json, sys; print(next(p["manifest_path"] for p in json.load(sys.stdin)["packages"] if p["name"] == "cudarc"))')
stubs "$home/lib64/stubs" "$(dirname "$bindings")"

env CUDA_HOME="$home" CUDA_PATH="$home" CUDA_ROOT="$home" CUDA_TOOLKIT_ROOT_DIR="$home" NVCC_CCBIN="$(command -v g++)" \
    PATH="$home/bin:$PATH" CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-90}" \
    LIBRARY_PATH="$home/lib64:$home/lib64/stubs" CARGO_TARGET_DIR="${OML_CUDA_TARGET_DIR:-$out/target}" \
    cargo build --release --locked --package "$package" "${target[@]}" --features cuda
built="${OML_CUDA_TARGET_DIR:-$out/target}/release"
name=${target[1]}
[ "${target[0]}" = --example ] && built="$built/examples"
strip -o "$out/$name" "$built/$name"
printf 'build-cuda: %s\n' "$out/$name" >&2
