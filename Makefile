# Everything here runs on Debian with Go, Node, git and make. What else a target
# needs it installs, and says so. Tools are pinned here and never enter go.mod.

GOLANGCI_VERSION := v2.15.0
GOLANGCI         := .cache/bin/golangci-lint-$(GOLANGCI_VERSION)

SEEDS    ?= 200
FUZZTIME ?= 30s
ARGS     ?=

PURE := ./clock ./store ./store/memstore ./gossip/... ./node ./node/kv ./sim/...
RACE := ./store/... ./node/...

# The binary is static and no C compiler is needed; only the race detector is C.
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help dev build test race sim fuzz bench lint cross check clean

# $(call need,command,package) installs a system package for a missing command.
need = command -v $(1) >/dev/null || { \
	command -v apt-get >/dev/null || { echo "$(1) is missing and there is no apt-get: install $(1), then try again" >&2; exit 1; }; \
	sudo=; [ "$$(id -u)" = 0 ] || sudo="sudo "; \
	echo "$(1) is missing: installing $(2) with $${sudo}apt-get"; \
	$$sudo apt-get update && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $(2); }

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

dev: build ## a whole cluster on this machine; ARGS="--regions 3"
	bin/hearsay dev $(ARGS)

build: ## the binary, into bin/
	go build -o bin/ ./cmd/hearsay

test: ## go vet and every test, real clients and a real browser included
	@$(call need,npm,npm)
	@$(call need,chromium,chromium)
	go vet ./...
	go test ./...

race: ## what starts goroutines, and the golden runs, under the race detector
	@$(call need,gcc,gcc libc6-dev)
	CGO_ENABLED=1 go test -race $(RACE)
	CGO_ENABLED=1 go test -race ./sim -run '^TestGolden$$'

sim: ## SEEDS=200 random clusters, each twice; a failure prints its replay
	go test ./sim -run '^TestSeeds$$' -count=1 -seeds=$(SEEDS)

fuzz: ## each fuzz target for FUZZTIME=30s
	@grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u | while read -r dir; do \
		for name in $$(go test "$$dir" -list '^Fuzz' | grep '^Fuzz'); do \
			echo "$$dir $$name"; \
			go test "$$dir" -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) || exit; \
		done || exit; \
	done

bench: ## benchmarks, in the form that benchstat reads
	go test ./... -run '^$$' -bench . -benchmem

lint: $(GOLANGCI) ## gofmt and golangci-lint
	$(GOLANGCI) run ./...

$(GOLANGCI):
	@echo "building golangci-lint $(GOLANGCI_VERSION), once: some minutes on two cores"
	GOBIN=$(CURDIR)/.cache/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	mv .cache/bin/golangci-lint $@

cross: ## the golden runs as WebAssembly and what is pure on 386; arm64 built and vetted
	@$(call need,node,nodejs)
	GOARCH=arm64 go build -o /dev/null ./cmd/hearsay
	GOARCH=arm64 go vet ./...
	GOARCH=386 go vet $(PURE)
	@if GOARCH=386 go test -run '^$$' ./clock >/dev/null; then \
		set -x; GOARCH=386 go test -short $(PURE); \
	else echo "this kernel runs no 386 programs: vetted only"; fi
	GOOS=js GOARCH=wasm go vet $(PURE)
	GOOS=js GOARCH=wasm go test ./sim -run '^(TestGolden|TestSeeds)$$' -count=1 -exec "$$(go env GOROOT)/lib/wasm/go_js_wasm_exec" -args -seeds=2

check: lint test race sim fuzz cross ## what CI runs, in this order

clean: ## remove what was built and downloaded here
	rm -rf bin .cache
