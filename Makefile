.PHONY: help setup build demo test abi structure fmt

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "%-8s %s\n", $$1, $$2}' Makefile

setup: ## Install what is missing
	@scripts/setup.sh

build: ## Contracts, bindings and the oml binary (release)
	@scripts/build.sh

demo: ## The whole protocol on a local chain
	@scripts/demo.sh

test: ## Everything CI runs
	@scripts/test.sh

abi: ## Export the ABI of the contracts to the bindings
	@scripts/export-abi.sh

structure: ## Check layers, circles, names, sizes and documents
	@cargo run --quiet --locked -p oml-structure -- check

fmt: ## Format Rust and Solidity
	@cargo fmt --all
	@contracts/tooling/bin/forge fmt --root contracts
