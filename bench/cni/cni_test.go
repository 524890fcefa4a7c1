// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cni

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

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
	got := measure(t, *rounds, crowd)
	t.Logf("%d interleaved rounds\n%s", *rounds, table(got.Took))
	for _, l := range limits {
		if r := compare(got.Took, l.verb, l.way, l.base, l.percent); r.ratio > l.most {
			t.Errorf("%v: %.3f times, want %.2f or less", l, r.ratio, l.most)
		}
	}
	for _, verb := range []string{add, del} {
		a, b := median(got.Crowd[verb+colvin]), median(got.Crowd[verb+bare])
		ratio := float64(a) / float64(b)
		t.Logf("%d times %s at once: %s %v, %s %v, %.3f times", crowd, verb, colvin, round(a), bare, round(b), ratio)
		if verb == add && ratio > crowdMost {
			t.Errorf("%d times ADD at once take %.3f times what they take %s, want %.2f or less", crowd, ratio, bare, crowdMost)
		}
	}
}

// crowd is how many containers come at once, and crowdMost how many times as long as bare
// macvlan their ADDs may take in all.
const (
	crowd     = 100
	crowdMost = 1.25
)

// TestWays holds that each way attaches.
func TestWays(t *testing.T) {
	const few = 2
	got := measure(t, few, few)
	if len(got.Took) != 2*len(allWays) || len(got.Crowd) != 4 {
		t.Errorf("measured %v", got)
	}
	for name, d := range got.Took {
		if len(d) != few || slices.Min(d) <= 0 {
			t.Errorf("%s took %v, want %d times", name, d, few)
		}
	}
}

// measure returns what each call of each way took, and those of a crowd.
func measure(t *testing.T, rounds, crowd int) *results {
	t.Helper()
	return do(t, &job{Rounds: rounds}, crowd)
}

// do does a job on a node with a container for each way, and a crowd of containers.
func do(t *testing.T, j *job, crowd int) *results {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN)
	node := makeNode(t)
	j.Dir, j.Containers = privatedir.New(t), map[string]string{}
	j.Plugins = build(t, j.Dir)
	for _, w := range allWays {
		j.Containers[w] = container(t, node, w)
	}
	for i := range crowd {
		j.Crowd = append(j.Crowd, container(t, node, fmt.Sprint("crowd-", i)))
	}
	return run(t, node, j)
}

// container makes a container and returns its network namespace.
func container(t *testing.T, node *netnstest.Namespace, name string) string {
	t.Helper()
	c, err := node.NewContainer(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c.NetNS()
}

// run has the node's runtime do the job.
func run(t *testing.T, node *netnstest.Namespace, j *job) *results {
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
	cmd.Env = append(os.Environ(), runtimeVar+"=1", "COLVIN_RUN_DIRECTORY="+j.runDir(), "COLVIN_RECORD_DIRECTORY="+filepath.Join(j.Dir, "attachments"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(stdin), t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run container runtime: %v", err)
	}
	var got results
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	return &got
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
		"./delegating", "./lookup", "./nothing", "github.com/colvin-net/colvin/cmd/colvin-cni")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build plugins: %v\n%s", err, said)
	}
	if *before != "" {
		buildBefore(t, *before, filepath.Join(ours, "before"))
	}
	return []string{ours, reference}
}
