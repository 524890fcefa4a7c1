// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cni

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/cniplugins"
	"github.com/colvin-net/colvin/internal/privatedir"
)

var rounds = flag.Int("rounds", 200, "how often each way is measured")

// runtimeVar makes the test binary the container runtime of a node.
const runtimeVar = "COLVIN_BENCH_RUNTIME"

func TestMain(m *testing.M) {
	if os.Getenv(runtimeVar) != "" {
		runtimeMain()
		return
	}
	os.Exit(m.Run())
}

// TestCNI holds what the ways cost compared with each other.
func TestCNI(t *testing.T) {
	took := measure(t, *rounds)
	t.Logf("ADD, %d interleaved rounds\n%s", *rounds, table(took))
	for _, l := range limits {
		if r := compare(took, l.way, l.base); r.ratio > l.most {
			t.Errorf("%s takes %.3f times what %s takes, want %.2f or less", l.way, r.ratio, l.base, l.most)
		}
	}
}

// TestWays holds that each way attaches.
func TestWays(t *testing.T) {
	const few = 2
	for name, d := range measure(t, few) {
		if len(d) != few || slices.Min(d) <= 0 {
			t.Errorf("%s took %v, want %d times", name, d, few)
		}
	}
}

// measure returns what each ADD of each way took.
func measure(t *testing.T, rounds int) map[string][]time.Duration {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN)
	node := makeNode(t)
	j := job{Rounds: rounds, Dir: privatedir.New(t), Containers: map[string]string{}}
	j.Plugins = build(t, j.Dir)
	for _, w := range allWays {
		c, err := node.NewContainer(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
		j.Containers[w] = c.NetNS()
	}
	return run(t, node, &j)
}

// run has the node's runtime do the job.
func run(t *testing.T, node *netnstest.Namespace, j *job) map[string][]time.Duration {
	t.Helper()
	stdin, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := node.Command(t.Context(), self)
	cmd.Env = append(os.Environ(), runtimeVar+"=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run container runtime: %v", err)
	}
	var took map[string][]time.Duration
	if err := json.Unmarshal(out, &took); err != nil {
		t.Fatal(err)
	}
	return took
}

// makeNode makes a node with eight ports, the first of which is also called
// green.
func makeNode(t *testing.T) *netnstest.Namespace {
	t.Helper()
	node, sw := netnstest.NewT(t, "node"), netnstest.NewT(t, "switch")
	for _, port := range ports {
		netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: port}, netnstest.Endpoint{In: sw, Name: port})
	}
	link, err := node.Netlink().LinkByName(ports[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Netlink().LinkAddAltName(link, network); err != nil {
		t.Fatal(err)
	}
	return node
}

// build returns the directories of the plugins: ours as they are shipped, and
// the reference plugins.
func build(t *testing.T, dir string) []string {
	t.Helper()
	reference, err := cniplugins.Install(t.Context(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	ours := filepath.Join(dir, "bin")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", ours+"/",
		"./delegating", "./lookup", "github.com/colvin-net/colvin/cmd/colvin-cni")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build plugins: %v\n%s", err, said)
	}
	return []string{ours, reference}
}
