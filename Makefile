# The commands a contributor needs; "make" alone lists them.

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Which packages to test, which benchmarks to run, and how long to fuzz each target.
PKG      ?= ./...
BENCH    ?= .
FUZZTIME ?= 30s

GOFILES = find . -name node_modules -prune -o -name '*.go' -print

.PHONY: help
help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | sort | expand -t 16

# As xcaddy builds: without debug information and paths, and without databases that only
# Caddy's ACME server can use. VERSION is shown by caddy version; by default it is Go's
# name for the commit.
TAGS    = nobadger,nomysql,nopgx
VERSION ?=
LDFLAGS = -s -w $(if $(VERSION),-X main.version=$(VERSION))

.PHONY: build
build: ## build ./caddy, with Caddy's standard modules and ours
	CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o caddy ./cmd/caddy

# Tests of queue/pebble of which a part runs under the race detector, and of cmd/caddy that
# do not run under it.
UNRACED = ^Test(EveryFault|DamagedBlocks|Model|PowerFailure|NotesReachTheDisk|SmallDisk|SmallMount|ForeignFile|NoReserve|Cluster.*|Exit.*|SocketActivation|Monitoring|Tracing|MemoryBound|SilentConnections|StalledReaders|Scripts|Inspector)$$

.PHONY: test
test: check ## check, then run all tests with the race detector (needs a C compiler), and the oracles
	CGO_ENABLED=1 go test -race -timeout 30m $(PKG)
	go test ./cmd/caddy ./queue/pebble -run '$(UNRACED)'
	go test ./verifiers/providers -run TestHostile
	go test ./verifiers/explain -run TestNothingLeaks
	$(MAKE) oracles

# How the SDKs in JavaScript are installed: none of their scripts is run, and peer
# dependencies are those of the lock file.
NPM_CI = npm ci --ignore-scripts --omit=optional --legacy-peer-deps

.PHONY: oracles
oracles: ## let the providers' own SDKs judge (those in JavaScript after npm ci in oracles)
	cd oracles && go test ./...
	@if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then \
		echo "oracles: no Node 20 or later: the judges in JavaScript are skipped"; \
	elif [ ! -d oracles/node_modules/svix ]; then \
		echo "oracles: the SDKs in JavaScript are not installed and are skipped; in oracles: $(NPM_CI)"; \
		cd oracles && node --test independent/vectors.test.mjs; \
	else cd oracles && npm test; fi

.PHONY: package
package: ## build, install and run a package for this machine (root and dpkg; else a part of it)
	cd packaging && go vet ./...
	cd packaging && go test -timeout 20m ./...

# What makes the archives and packages, and their SBOMs.
GORELEASER = github.com/goreleaser/goreleaser/v2@v2.15.1
CYCLONEDX  = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
RELEASE    = PATH="$(CURDIR)/build/tools:$$PATH" go run $(GORELEASER)

.PHONY: release-check
release-check: release-tools ## make a release in dist without publishing it, and install its deb; takes long
	$(RELEASE) check
	$(RELEASE) release --snapshot --clean
	cd packaging && go test -run TestDeb -v ./... -deb "$$(ls $(CURDIR)/dist/*_$$(go env GOARCH).deb)"

.PHONY: release
release: release-tools ## make the release of the tag at HEAD as a draft (needs GITHUB_TOKEN)
	$(RELEASE) release --clean

.PHONY: release-tools
release-tools:
	GOBIN="$(CURDIR)/build/tools" go install $(CYCLONEDX)

.PHONY: deploy
deploy: ## build and run the container image (buildah, as root), check the chart and the files for GitHub
	cd deploy && go vet ./...
	cd deploy && go test -timeout 15m ./...

# Modules of their own, which ./... does not reach. packaging and deploy have only tests, whose
# modules take minutes to compile: package and deploy are commands of their own.
NESTED = oracles examples/provider

# Modules that read what strangers send, besides those that go.mod asks for itself.
WATCHED = github.com/quic-go/quic-go golang.org/x/net github.com/klauspost/compress github.com/fxamacker/cbor/v2

# Says which modules have a newer release. It never fails, and says nothing offline.
.PHONY: behind
behind: ## say which modules are behind
	@direct=$$(sed -n '/^require (/,/^)/{/indirect/d;s/^\t\([^ ]*\) .*/\1/p;}' go.mod) && \
	timeout 30 go list -m -u -f '{{with .Update}}behind: {{$$.Path}} {{$$.Version}}, newest {{.Version}}{{end}}' \
		$$direct $(WATCHED) 2>/dev/null | grep . || true

.PHONY: check
check: behind ## go vet, gofmt and staticcheck
	go vet ./...
	@for dir in $(NESTED); do echo "go vet ($$dir)"; (cd $$dir && go vet ./...) || exit 1; done
	@unformatted=$$($(GOFILES) | xargs gofmt -l) && \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	go run $(STATICCHECK) ./...
	@for dir in $(NESTED); do echo "staticcheck ($$dir)"; (cd $$dir && go run $(STATICCHECK) ./...) || exit 1; done

.PHONY: bench
bench: ## compare with Caddy itself and print a table (bench/README.md); BENCH=regexp for some of it
	go test -run '^$$' -bench '$(BENCH)' -timeout 60m ./bench

# How long the soak takes, how long the network of a cluster is cut beside it, and how often the process is killed, when asked for by name.
SOAK  ?= 30m
PARTITION ?= 5m
KILLS ?= 1000

.PHONY: soak
soak: ## keep the gateway under load for SOAK=30m while one thing after another goes wrong
	CGO_ENABLED=1 go test -race -timeout 0 -v ./cmd/caddy -run '^Test(Soak|Partition|ClusterEngineAway)$$' -soak $(SOAK) -partition $(PARTITION) -away 30s

.PHONY: kill
kill: ## kill -9 the gateway under load KILLS=1000 times and account for every event
	go test -timeout 0 -v ./cmd/caddy -run '^TestKill$$' -kills $(KILLS)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME=30s
	@grep -rEo --include='*_test.go' --exclude-dir=node_modules '^func Fuzz[A-Za-z0-9_]+' . | sort | \
	while IFS=: read -r file func; do \
		target=$${func#func }; dir=$$(dirname "$$file"); \
		echo "$$dir $$target"; \
		(cd "$$dir" && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x .) || exit 1; \
	done

.PHONY: fmt
fmt: ## format the Go files
	$(GOFILES) | xargs gofmt -w
