# SPDX-License-Identifier: Apache-2.0

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME ?= 30s
FUZZERS  ?= 1
BENCH    ?= .
ROUNDS   ?= 200
SEED     ?= 1
MUTANTS  ?= 50
RUNS     ?= 1000000
HELM     ?= 4
PACKAGES ?= ./mapping ./mapping/rules ./mapping/identity ./mapping/nodefile ./cniplugin ./cniplugin/record ./controller/plan \
	./discovery/neighbor ./discovery/lldp ./discovery/cdp ./discovery/ra ./discovery/router ./discovery/ether ./agent/...
PLATFORMS ?=
RELEASE  := cd hack/release && go run . -source ../.. -platforms '$(PLATFORMS)'
LINT     := go tool -modfile=hack/tools.mod golangci-lint

# Debian's administration tools are not on everybody's PATH.
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin

.PHONY: help
help: ## Show this list
	@echo "Colvin: what network is this interface attached to?"
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: build
build: ## Build colvin, colvind, colvin-cni, colvin-controller and kubectl-colvin into bin/
	@echo "build: bin/ ($(VERSION)); that takes 2 to 8 minutes the first time, seconds afterwards"
	@hack/build.sh bin/ ./cmd/... '$(VERSION)'

.PHONY: images
images: ## Build the container images into dist/, for amd64 and arm64, as VERSION; PUSH=registry/path pushes them, too
	@$(RELEASE) -out ../../dist -version '$(VERSION)' $(if $(PUSH),-push '$(PUSH)') images

.PHONY: packages
packages: ## Build deb and rpm of a node and of kubectl colvin into dist/packages/, for amd64 and arm64, as VERSION
	@rm -rf dist/packages
	@$(RELEASE) -out ../../dist/packages -version '$(VERSION)' packages

.PHONY: krew
krew: ## Build the archives and the manifest of kubectl colvin for krew into dist/krew/, as VERSION; PLATFORMS (linux/amd64,...) chooses
	@$(RELEASE) -out ../../dist/krew -version '$(VERSION)' krew

.PHONY: release
release: ## Build all that a release consists of into dist/release/, as VERSION, such as v0.1.0: docs/releasing.md
	@rm -rf dist/release
	@$(RELEASE) -out ../../dist/release -version '$(VERSION)' all

.PHONY: test
# The packages that take longest begin.
test: ## Install what the tests need, run them under the race detector; says which it skips, and what runs those
	@hack/setup.sh lldpd radvd iproute2 util-linux gcc libc6-dev
	@race=-race; [ -x "$$(command -v gcc)" ] || { race=; echo "test: no C compiler, so without the race detector"; }; \
	set -x; go run ./hack/gotest $$race -p $$(($$(nproc) + 1)) -shuffle=on -parallel 8 -timeout 20m ./lab ./lab/cluster ./lab/chart ./...

.PHONY: test-attacks
test-attacks: ## Attack the real agent and plugin: docs/security.md, row by row; 3 minutes
	@hack/setup.sh lldpd iproute2 util-linux
	COLVIN_ATTACKS=1 go test -count 1 -v -run TestAttack -timeout 10m ./lab

.PHONY: test-belief
test-belief: ## Walk and explore the belief machine without the race detector; 3 minutes
	go test -count 1 -timeout 30m ./mapping/belief

.PHONY: test-wire
test-wire: ## Install tshark, scapy and ladvd, and compare the codecs with them
	@hack/setup.sh lldpd iproute2 util-linux ladvd tshark python3-scapy
	COLVIN_REQUIRE=netns,lldpd,ladvd,tshark,scapy go test -count 1 ./discovery/lldp/difftest ./discovery/observe

.PHONY: test-pictures
test-pictures: ## Open pictures in Graphviz, Chromium, Mermaid and mxGraph, on which draw.io stands; a minute
	@hack/setup.sh graphviz chromium nodejs npm
	@npm install --silent --no-audit --no-fund --prefix dist/pictures mermaid@11.17.2 mxgraph@4.2.2 jsdom@29.1.1
	COLVIN_NODE_MODULES='$(abspath dist/pictures/node_modules)' COLVIN_REQUIRE=graphviz,chromium,mermaid,mxgraph go test -count 1 -v ./mapping/topology/draw

.PHONY: test-packages
test-packages: ## Install, upgrade, remove and purge the packages in a Debian with systemd, which it makes the first time; 2 minutes
	@hack/setup.sh debootstrap rpm cpio lldpd iproute2 util-linux procps
	COLVIN_REQUIRE=debian,rpm,netns,macvlan,lldpd go test -count 1 -v -timeout 15m ./lab/packages

.PHONY: test-vm
test-vm: ## Run the tests of bonds, VLAN devices and the like in a VM that has them
	@hack/setup.sh qemu-system-x86 busybox-static lldpd iproute2
	@lab/vm/run.sh

.PHONY: test-cluster
test-cluster: kubernetes ## Run the tests on a real control plane, which say what they measure; 12 minutes
	@hack/setup.sh lldpd iproute2 util-linux runc
	COLVIN_SLOW=1 COLVIN_REQUIRE=kubernetes,whereabouts,helm,runc,netns,macvlan,lldpd go test -count 1 -v -timeout 20m ./lab/cluster ./lab/policies ./lab/controlplane ./lab/podrun ./agent/publish ./api/... ./controller | grep -v level=DEBUG

.PHONY: test-chart
test-chart: kubernetes ## Run the tests of the charts and of their pods with Helm HELM (4); 5 minutes
	@hack/setup.sh lldpd iproute2 util-linux runc prometheus
	@[ '$(HELM)' = 4 ] || $(MAKE) helm$(HELM)
	COLVIN_HELM=$(HELM) COLVIN_REQUIRE=kubernetes,helm,runc,netns,macvlan,lldpd,promtool,prometheus go test -count 1 -v -timeout 20m ./lab/chart | grep -v level=DEBUG

.PHONY: kubernetes
kubernetes: ## Build the control plane, Helm and what else tests run of others, once; 20 minutes on two processors
	@go run ./lab/controlplane/build

.PHONY: e2e
e2e: e2e-tools ## Run a cluster of five kubelets, and what happens there, or only STEPS; 8 minutes. KEEP=1 leaves it to you
	@hack/setup.sh lldpd iproute2 util-linux runc busybox-static
	COLVIN_KEEP='$(KEEP)' COLVIN_MULTUS='$(MULTUS)' COLVIN_LOGS='$(abspath dist/e2e)' \
	COLVIN_REQUIRE=netns,macvlan,lldpd,kubernetes,whereabouts,helm,e2e go test -count 1 -v -timeout $(if $(KEEP),0,40m) -run 'TestCluster$(if $(STEPS),/($(STEPS))$$)' ./lab/e2e

.PHONY: e2e-load
e2e-load: e2e-tools ## Upgrade Colvin in such a cluster, stop its API server and roll back under sixty pods; 9 minutes
	@hack/setup.sh lldpd iproute2 util-linux runc busybox-static
	COLVIN_MULTUS='$(MULTUS)' COLVIN_LOGS='$(abspath dist/e2e)' \
	COLVIN_REQUIRE=netns,macvlan,lldpd,kubernetes,whereabouts,helm,e2e go test -count 1 -v -timeout 40m -run TestLoad ./lab/e2e

.PHONY: e2e-tools
e2e-tools: kubernetes ## Build kubelet, containerd, Multus and the rest of make e2e, once; 25 minutes on two processors, after make kubernetes
	@hack/setup.sh busybox-static
	@go run ./lab/controlplane/build nodes

.PHONY: helm3
helm3: ## Build Helm 3, which tests run with COLVIN_HELM=3, once; 3 minutes on two processors
	@go run ./lab/controlplane/build helm3

.PHONY: demo
demo: ## Four nodes, three switches, one CNI configuration; a minute and a half, and 2 to 8 minutes the first time
	@began=$$EPOCHSECONDS; hack/setup.sh lldpd iproute2 util-linux iputils-ping; \
	echo "demo: Go modules are downloaded and programs are built first; that takes 2 to 8 minutes the first time, seconds afterwards"; \
	dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	hack/build.sh "$$dir/demo" ./lab/demo; \
	"$$dir/demo" -began $$began $(if $(SVG),-svg '$(SVG)')

.PHONY: lint
lint: ## Run golangci-lint (the first run builds it, which takes minutes)
	@echo "lint: golangci-lint run ./..."
	@$(LINT) run ./...

.PHONY: fmt
fmt: ## Format the code and bring it up to date with the language
	go fix ./...
	$(LINT) fmt ./...

.PHONY: generate
generate: ## Write what is made from the types in api/v1alpha1: deep copies and CRDs
	@hack/generate.sh

.PHONY: manifests
manifests: ## Write deploy/manifests, as the chart renders them
	COLVIN_REQUIRE=helm go test -count 1 -run TestManifests ./lab/chart -update

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s), FUZZERS (1) at a time
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | sed 's|^\(.*\)/[^/]*:func \(.*\)|\2 $(FUZZTIME) \1|' | \
		xargs -P $(FUZZERS) -L 1 hack/fuzz.sh

.PHONY: mutate
mutate: ## Score what the tests notice of MUTANTS (50) changes to each of PACKAGES, by SEED (1)
	@hack/setup.sh lldpd iproute2 util-linux
	@go run ./hack/mutate -seed $(SEED) -mutants $(MUTANTS) $(PACKAGES)

.PHONY: walk
walk: ## Let switches and hostile speakers do what they do RUNS (1000000) times, from SEED (1); 2 hours
	go test -count 1 -v -timeout 0 -run 'TestWalk|TestDay' ./mapping/belief -walk.runs $(RUNS) -walk.seed $(SEED)
	go test -count 1 -v -timeout 0 -run TestWalkOfPins ./mapping -pins.runs $$(( $(RUNS) / 100 )) -pins.seed $(SEED)
	go test -count 1 -v -timeout 0 -run TestHistories ./controller/plan -histories $$(( $(RUNS) / 1000 ))

.PHONY: explore
explore: ## Reach every state of a port with two speakers, in finer steps than the tests; 20 minutes, 4 GB
	go test -count 1 -v -timeout 0 -run TestExplore ./mapping/belief -explore.fine

.PHONY: bench
bench: ## Run the benchmarks that match BENCH (all)
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./...

.PHONY: bench-lab
bench-lab: ## Measure frame to name and cable to name in the lab (docs/performance.md)
	@hack/setup.sh lldpd iproute2 util-linux
	go test -run '^$$' -bench FrameToName -benchtime 500x ./lab
	go test -run '^$$' -bench CableIn -benchtime 1x ./lab

.PHONY: bench-budgets
bench-budgets: ## Measure what one node or many rules may cost the controller; 3 minutes
	go test -run '^$$' -bench Budgets -benchmem -benchtime 3x -timeout 20m ./controller/plan

.PHONY: bench-kubectl
bench-kubectl: kubernetes ## Measure kubectl colvin in a cluster of 5000 nodes in the API server; 4 minutes
	COLVIN_NODES=5000 COLVIN_REQUIRE=kubernetes go test -count 1 -v -run TestManyNodes -timeout 15m ./cli/kubectl

.PHONY: bench-codecs
bench-codecs: ## Compare the LLDP decoder with others; it must be 3 times faster
	cd bench && go test -v -count 1 -run . .

.PHONY: bench-cni
bench-cni: ## Compare ways to attach a container in ROUNDS (200) interleaved rounds, and with the plugin of BEFORE; 8 minutes
	@hack/setup.sh strace
	cd bench && go test -v -count 1 -timeout 30m -run 'CNI|Where' ./cni -rounds $(ROUNDS) -before '$(BEFORE)'

.PHONY: bench-scale
bench-scale: ## Memory and idle processor time of colvind and lldpd, 64 ports each; 3 minutes
	@hack/setup.sh lldpd iproute2 util-linux
	go test -run '^$$' -bench Scale -benchtime 1x ./lab

.PHONY: bench-edge
bench-edge: ## Measure a node with 500 ports, 250 containers, all VLANs and 2000 veths of pods; 4 minutes
	@hack/setup.sh iproute2 util-linux
	go test -run '^$$' -bench Edge -benchmem -benchtime 50x ./agent ./agent/containers ./mapping/nodefile
	go test -run '^$$' -bench Edge -benchtime 1x ./lab

.PHONY: bench-e2e
bench-e2e: e2e-tools ## Measure pods from created to Ready in a cluster of kubelets, in ROUNDS rounds, by all ways or WAYS; half an hour each
	@hack/setup.sh lldpd iproute2 util-linux runc busybox-static
	COLVIN_ROUNDS='$(if $(filter file,$(origin ROUNDS)),2,$(ROUNDS))' COLVIN_WAYS='$(WAYS)' COLVIN_LOGS='$(abspath dist/e2e)' \
	COLVIN_REQUIRE=netns,macvlan,lldpd,kubernetes,whereabouts,helm,e2e go test -count 1 -v -timeout 3h -run TestTimes ./lab/e2e

.PHONY: bench-tests
bench-tests: ## Run the tests that say what they measure: belief, floods, reboots, pictures; 5 minutes
	@hack/setup.sh lldpd iproute2 util-linux
	go test -count 1 -v -p 1 -timeout 20m -run 'TestWalk|TestDay|TestExplore|Flood|TestReboots|TestCrossings|TestBinarySize' \
		./mapping/belief ./lab ./discovery/router ./controller/plan ./mapping/topology/layout ./internal/archtest | grep -v level=

BENCHES := "bench BENCH=Refresh|Layout|Plan|ReadFor|Write" bench-lab bench-codecs bench-cni bench-scale bench-edge bench-budgets \
	bench-tests bench-kubectl test-cluster test-chart e2e "bench-e2e ROUNDS=1" e2e-load
.PHONY: bench-all
bench-all: ## Measure all that docs/performance.md has, one after the other, into dist/bench/; an hour and a half, with nothing beside it
	@mkdir -p dist/bench
	@{ git describe --tags --always --dirty; date -u +%F; go version; uname -sr; nproc; lscpu | grep 'Model name'; free -g | grep Mem; uptime; } > dist/bench/machine.txt
	@failed=; for target in $(BENCHES); do \
		echo "bench-all: $$target, into dist/bench/$${target%% *}.txt, after $$SECONDS s"; \
		$(MAKE) --no-print-directory $$target > dist/bench/$${target%% *}.txt 2>&1 || failed+=" $${target%% *}"; \
	done; echo "bench-all: $$SECONDS s"; \
	[ -z "$$failed" ] || { echo "bench-all: these failed:$$failed"; exit 1; }

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist
