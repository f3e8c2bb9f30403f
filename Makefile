# SPDX-License-Identifier: Apache-2.0
#
# `make` alone lists the targets. Go and make are all that they need; `make race`
# wants a C compiler besides, `make generate-check` wants git, and `make test` fetches
# Node.js, Chromium, form libraries to try the forms in, OAuth servers to connect to
# and PostgreSQL to keep records in, where that is possible.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO       ?= go
PLUGINS  := halopsa hellocloud faxplus
FUZZTIME ?= 30s

# Go's suffix of a program on this machine: .exe, or nothing.
EXE = $(shell $(GO) env GOEXE 2>/dev/null)

# Plugins run with no loader and no C library in their sandbox, so all is static.
export CGO_ENABLED := 0

# A plugin is trusted by its bytes. Neither the folder it was built in nor the
# commit it was built from may change them; nor does a build, here or in a test,
# fail because git is missing or distrusts the folder's owner.
# What is compiled for a test is compiled for the program, too; and nothing is linked
# with what only debuggers read.
export GOFLAGS := $(strip $(shell $(GO) env GOFLAGS 2>/dev/null) -buildvcs=false -trimpath '-ldflags=-s -w')
BUILD = $(GO) build

# What `make run` and the hints it prints work on.
RUNENV = CREDHOST_DATA=./data CREDHOST_PLUGINS=bin/plugins

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# --- programs -----------------------------------------------------------------

.PHONY: build
build: need-go ## build bin/credhost and the plugins in bin/plugins
	$(BUILD) -o bin/credhost$(EXE) ./cmd/credhost
	$(foreach p,$(PLUGINS),$(BUILD) -o bin/plugins/credhost-plugin-$(p)$(EXE) ./plugins/$(p)$(newline))

.PHONY: demo
demo: build ## show credhost at work, against stand-ins on this machine
	bin/credhost$(EXE) demo

.PHONY: run
run: build ## make credhost ready to use, with its store in ./data
	@mkdir -p -m 700 data
	@for p in $(PLUGINS); do $(RUNENV) bin/credhost$(EXE) plugin trust $$p --yes || exit; done
	@$(RUNENV) bin/credhost$(EXE) doctor
	@printf '\ncredhost is ready. Its store is ./data, its plugins are in bin/plugins. Go on with:\n\n'
	@printf '  %s\n' 'export $(RUNENV)' \
		'bin/credhost$(EXE) types' \
		'bin/credhost$(EXE) create hellocloud --name first' \
		'bin/credhost$(EXE) list'

.PHONY: clean
clean: ## remove what was built (never ./data, the store)
	rm -rf bin

# --- checks -------------------------------------------------------------------

# What tests need besides Go, a script gets, in each of these folders. Where it
# cannot be had, the tests that need it skip, and the last line says so; where it
# can, CREDHOST_NEED_NAME lets none of them skip.
TOOLS    := FORMS:internal/formtest OAUTH:internal/realoauth POSTGRES:internal/postgres LANGUAGES:examples PROXY:host/proxy API:internal/apitest ACME:internal/front
PACKAGES ?= ./...

.PHONY: test
test: need-go ## run all tests, or those of PACKAGES
	@lacks=; for tool in $(TOOLS); do \
			if ./$${tool#*:}/tools.sh; then export "CREDHOST_NEED_$${tool%:*}=1"; else lacks="$$lacks $${tool#*:}"; fi; \
		done; \
		echo "$(GO) test $(TESTFLAGS) $(PACKAGES)"; \
		$(GO) test $(TESTFLAGS) $(PACKAGES) || exit; \
		for dir in $$lacks; do ./$$dir/tools.sh || true; done

.PHONY: tools
tools: need-go ## install what tests need besides Go: Node.js, Chromium, libraries, OAuth servers, PostgreSQL, Python
	@for tool in $(TOOLS); do ./$${tool#*:}/tools.sh || exit; done

HISTORIES ?= 100000

# Under the race detector, make race simulates a few.
.PHONY: simulate
simulate: need-go ## simulate HISTORIES (100000) histories of renewal in which everything goes wrong
	CREDHOST_HISTORIES=$(HISTORIES) $(GO) test -run '^TestSimulation$$' -timeout 0 -v ./host

CRASHES ?= 10000

.PHONY: crashes
crashes: need-go ## have plugins crash CRASHES (10000) times, and count what is left
	CREDHOST_CRASHES=$(CRASHES) $(GO) test -run '^TestCrashesLeakNothing$$' -timeout 0 -v ./host/registry

SOAK ?= 10m

.PHONY: soak
soak: need-go ## load the proxy for SOAK (10m) with all that goes wrong, and see what it holds
	CREDHOST_SOAK=$(SOAK) $(GO) test -run '^TestSoak$$' -timeout 0 -v ./host/proxy

HUGE ?= 10737418240

.PHONY: huge
huge: need-go ## send HUGE bytes (10 GiB) through the proxy each way, and see what it holds
	CREDHOST_HUGE=$(HUGE) $(GO) test -run '^TestLargeBodiesAreNotKept$$' -timeout 0 -v ./host/proxy

.PHONY: deployments
deployments: need-go ## have BuildKit, Compose and Kubernetes' types read the examples of deployment
	CREDHOST_DEPLOYMENTS=1 $(GO) test -run '^TestDeployments$$' -v ./examples

SHOTS ?= bin/screenshots

.PHONY: screenshots
screenshots: need-go ## take pictures of the pages into the folder SHOTS (bin/screenshots)
	@mkdir -p $(SHOTS)
	CREDHOST_NEED_FORMS=1 CREDHOST_WEB_SHOTS=$(abspath $(SHOTS)) $(GO) test -count=1 -run '^TestJourneys$$' -timeout 20m ./host/web
	CREDHOST_NEED_FORMS=1 CREDHOST_FORM_SHOTS=$(abspath $(SHOTS))/forms $(GO) test -count=1 -run '^TestPagesInBrowser$$' -timeout 20m ./internal/formtest

REQUESTS ?= 300

.PHONY: requests
requests: need-go ## send each operation of the HTTP API REQUESTS (300) requests of all kinds
	CREDHOST_REQUESTS=$(REQUESTS) $(GO) test -run '^TestRequestsOfAllKinds$$' -timeout 0 -v ./host/httpapi

# The packages whose own goroutines share what they have, the longest first. The
# others wait for a disk, drive a browser or whole programs, and the detector would
# wait with them: `make race RACED=./...` has it do so. LONGEST are those of the
# others that begin first.
RACED := ./host ./host/registry ./sdk ./sdk/oauth ./sdk/serve ./host/access ./host/audit ./host/egress ./host/events \
	./host/sandbox ./host/memstore ./internal/front ./internal/wire
LONGEST := ./internal/formtest ./cmd/credhost ./internal/storm ./host/pgstore ./host/web ./internal/hostile ./internal/attack ./internal/realoauth ./internal/canary

# What make lint has vetted is not vetted once more for each test. Tests wait for
# much, so one package more is tested at a time than there are processors, each of
# which may take longer for it.
WHOLE = -vet=off -timeout 20m -p $(shell expr $$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1) + 1)

.PHONY: race
race: need-cc ## run all tests, those of what is concurrent under the race detector
	@$(MAKE) --no-print-directory test CGO_ENABLED=1 TESTFLAGS="-race $(WHOLE) $(TESTFLAGS)" PACKAGES="$(RACED)"
	@$(MAKE) --no-print-directory test TESTFLAGS="$(WHOLE) $(TESTFLAGS)" PACKAGES="$(LONGEST) $(filter-out $(shell $(GO) list $(RACED)),$(shell $(GO) list ./...))"

.PHONY: lint
lint: need-go ## check formatting and go.mod, then go vet and staticcheck
	@badly=$$(find . -name node_modules -prune -o -name '*.go' -print | xargs "$$($(GO) env GOROOT)/bin/gofmt" -l) && test -z "$$badly" || \
		{ echo "these files are not formatted; run gofmt -w on them:" >&2; echo "$$badly" >&2; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) -C internal/testidp vet ./...
	$(GO) -C internal/testacme vet ./...
	$(GO) tool staticcheck ./...

# Everything must be sound for these.
OTHERS := linux/arm64 darwin/arm64 windows/amd64

.PHONY: cross
cross: need-go ## check everything for Linux on arm64, for macOS and for Windows
	$(GO) run ./internal/cross $(OTHERS)

# Fuzzing takes one target of one package at a time. The program of a package's
# tests is built once for all of its targets. That it learns from what an input
# reaches has everything compiled once more; GUIDED= goes without.
GUIDED ?= -fuzz .

.PHONY: fuzz
fuzz: need-go ## run each fuzz target for FUZZTIME (30s, or 10000x for that many inputs)
	@set -e; built=$$(mktemp -d); trap 'rm -rf "$$built"' EXIT; \
		dirs=$$(grep -rl --include='*_test.go' --exclude-dir=node_modules '^func Fuzz' . | xargs -n 1 dirname | sort -u); \
		$(GO) test -c $(GUIDED) -o "$$built/" $$dirs; \
		for dir in $$dirs; do \
			tests="$$built/$$(basename "$$(cd $$dir && pwd)").test$(EXE)"; \
			for target in $$(cd $$dir && "$$tests" -test.list '^Fuzz' | grep '^Fuzz'); do \
				echo "fuzz $$dir $$target for $(FUZZTIME)"; \
				(cd $$dir && "$$tests" -test.run '^$$' -test.fuzz "^$$target\$$" -test.fuzztime $(FUZZTIME) -test.fuzzminimizetime 10x \
					-test.fuzzcachedir "$$($(GO) env GOCACHE)/fuzz/credhost/$$dir"); \
			done; \
		done

.PHONY: bench
bench: need-go ## run the benchmarks and print what they reach as ratios
	$(GO) run ./internal/bench

# --- generated files ----------------------------------------------------------

.PHONY: generate
generate: need-go ## write the generated files anew
	$(GO) generate ./...

# The work tree as git would commit it, in an index of its own: the real index,
# and edits that are not committed yet, stay as they are.
WORKTREE = GIT_INDEX_FILE="$$index" git add -A && GIT_INDEX_FILE="$$index" git write-tree

.PHONY: generate-check
generate-check: need-go ## fail if a generated file is not what `make generate` writes
	@command -v git >/dev/null || { echo "make generate-check compares with git, which is not on the PATH" >&2; exit 1; }
	@index=$$(mktemp -d)/index; trap 'rm -rf "$$(dirname "$$index")"' EXIT; \
		before=$$($(WORKTREE)) && $(MAKE) --no-print-directory generate && after=$$($(WORKTREE)) || exit; \
		git --no-pager diff --exit-code --stat "$$before" "$$after" || \
		{ echo "these files differ from what make generate writes; it has been run now: look at them and commit" >&2; exit 1; }

# --- what the targets need ----------------------------------------------------

GOVERSION := $(shell sed -n 's/^go //p' go.mod)

.PHONY: need-go
need-go:
	@command -v $(GO) >/dev/null || \
		{ echo "credhost needs Go $(GOVERSION) or newer, and there is no '$(GO)' on the PATH: see https://go.dev/doc/install" >&2; exit 1; }
	@said=$$($(GO) list -m 2>&1) || \
		{ echo "credhost needs Go $(GOVERSION) or newer: see https://go.dev/doc/install. '$(GO)' says:" >&2; echo "$$said" >&2; exit 1; }

.PHONY: need-cc
need-cc: need-go
	@cc=$$($(GO) env CC); command -v "$${cc%% *}" >/dev/null || \
		{ echo "the race detector needs a C compiler, and there is no '$$cc' on the PATH; make test does without" >&2; exit 1; }

define newline


endef
