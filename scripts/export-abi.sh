#!/usr/bin/env bash
# Builds the contracts and writes what the Rust bindings read: contracts/bindings/abi/<Name>.json
# with the ABI and both bytecodes of every deployable contract under contracts/src. With --check
# nothing is written; differences from the committed files are an error.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root/contracts"
mode='write'
case "${1:-}" in
"") ;;
--check) mode='check' ;;
*)
    echo "usage: scripts/export-abi.sh [--check]" >&2
    exit 2
    ;;
esac

FOUNDRY_PROFILE=default tooling/bin/forge build --skip 'test/**' --skip 'script/**' >&2

MODE=$mode node <<'JS'
const fs = require("node:fs");
const path = require("node:path");
const check = process.env.MODE === "check";
const target = path.join("bindings", "abi");

function sources(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return sources(name);
    return name.endsWith(".sol") ? [name] : [];
  });
}

function exported(file, name) {
  const artefact = JSON.parse(fs.readFileSync(path.join("out", path.basename(file), `${name}.json`)));
  const { object, linkReferences } = artefact.bytecode;
  const deployed = artefact.deployedBytecode;
  // Where the constructor writes immutables: there, a deployed contract differs from this.
  const immutables = Object.values(deployed.immutableReferences ?? {})
    .flat()
    .map(({ start, length }) => [start, length])
    .sort((a, b) => a[0] - b[0]);
  if (Object.keys(linkReferences ?? {}).length > 0) {
    throw new Error(`${name} must be linked with a library; make the library's functions internal`);
  }
  // One line per item, so that a difference shows what changed.
  const items = artefact.abi.map((item) => JSON.stringify(item)).join(",\n");
  return `{"abi": [\n${items}\n],\n"bytecode": ${JSON.stringify({ object })},\n"deployedBytecode": ${JSON.stringify({ object: deployed.object, immutables })}}\n`;
}

const wanted = new Map();
for (const file of sources("src")) {
  for (const [, name] of fs.readFileSync(file, "utf8").matchAll(/^contract (\w+)/gm)) {
    wanted.set(`${name}.json`, exported(file, name));
  }
}

fs.mkdirSync(target, { recursive: true });
const present = fs.readdirSync(target).filter((name) => name.endsWith(".json"));
const stale = present.filter((name) => !wanted.has(name));
const changed = [...wanted].filter(([name, text]) => {
  const file = path.join(target, name);
  return !fs.existsSync(file) || fs.readFileSync(file, "utf8") !== text;
});
if (check) {
  for (const [name] of changed) console.error(`error: contracts/bindings/abi/${name} is out of date`);
  for (const name of stale) console.error(`error: contracts/bindings/abi/${name} has no contract`);
  if (changed.length + stale.length > 0) {
    console.error("hint: run scripts/export-abi.sh and commit the result");
    process.exitCode = 1;
  }
} else {
  for (const [name, text] of changed) fs.writeFileSync(path.join(target, name), text);
  for (const name of stale) fs.unlinkSync(path.join(target, name));
  console.error(`abi: ${wanted.size} contracts, ${changed.length} changed, ${stale.length} removed`);
}
JS
