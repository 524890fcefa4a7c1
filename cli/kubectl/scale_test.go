// SPDX-License-Identifier: Apache-2.0

//go:build linux

package kubectl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/lab/controlplane"
)

// What a command may take of a cluster of many nodes, as issued: time, and memory at its peak.
const (
	mostTime   = 2 * time.Second
	mostMemory = 300 << 20
)

// nodesEnv is of how many nodes TestManyNodes measures a cluster: make bench-kubectl says it.
const nodesEnv = "COLVIN_NODES"

// TestManyNodes runs the commands that people type first against an API server of many nodes.
// It judges their time only where somebody says how many: machines have other things to do.
func TestManyNodes(t *testing.T) {
	c := controlplane.StartColvinT(t, controlplane.Options{})
	n, most := 300, time.Hour
	if text := os.Getenv(nodesEnv); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", nodesEnv, err)
		}
		most = mostTime
	}
	fill(t, c, generate(t, n))
	program := filepath.Join(t.TempDir(), "kubectl-colvin")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "../../cmd/kubectl-colvin")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the command: %v\n%s", err, said)
	}
	for _, tt := range []struct {
		args []string
		want string // in the output
	}{
		{[]string{"networks"}, "storage"},
		{[]string{"nodes"}, nodeName(n - 2)},
		{[]string{"switch", "leaf-1-b"}, "dark"},
		{[]string{"why", "pending"}, "its agent has published nothing"},
		{[]string{"networks", "--missing", "storage"}, "has no carrier"},
	} {
		t.Run(strings.Join(tt.args, "-"), func(t *testing.T) { measure(t, program, c.AdminFile(), tt.args, tt.want, most) })
	}
}

// measure runs a command three times, and takes the best time and the worst memory.
func measure(t *testing.T, program, kubeconfig string, args []string, want string, within time.Duration) {
	t.Helper()
	best, most := time.Hour, int64(0)
	for range 3 {
		var out bytes.Buffer
		cmd := exec.CommandContext(t.Context(), program, append([]string{"--kubeconfig", kubeconfig}, args...)...)
		cmd.Stdout, cmd.Stderr = &out, &out
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		used := peakOf(cmd.Process.Pid)
		err := cmd.Wait()
		took := time.Since(begin)
		if err != nil || !strings.Contains(out.String(), want) {
			t.Fatalf("%v, without %q:\n%.2000s", err, want, out.String())
		}
		best, most = min(best, took), max(most, <-used)
	}
	t.Logf("%s: %v, %d MB", strings.Join(args, " "), best.Round(time.Millisecond), most>>20)
	if best > within || most > mostMemory {
		t.Errorf("want %v and %d MB at most", within, int64(mostMemory)>>20)
	}
}

// peakOf tells the most memory that a process had, in octets, when it has ended. The kernel's own
// account of it begins with that of who started it.
func peakOf(pid int) <-chan int64 {
	out := make(chan int64, 1)
	go func() {
		most := int64(0)
		for tick := time.Tick(5 * time.Millisecond); ; <-tick {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, peak, there := strings.Cut(string(text), "VmHWM:")
			if err != nil || !there { // it is gone, or waits to be waited for
				out <- most
				return
			}
			kilobytes, _, _ := strings.Cut(strings.TrimSpace(peak), " ")
			if n, err := strconv.ParseInt(kilobytes, 10, 64); err == nil {
				most = max(most, n<<10)
			}
		}
	}()
	return out
}

// fill puts a generated site, and a pod that waits, into an API server.
func fill(t *testing.T, c *controlplane.ControlPlane, s *site) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(16)
	ctx := t.Context()
	for i := range s.nodes {
		group.Go(func() error { return createNode(ctx, c, s, i) })
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	own := "/apis/" + v1alpha1.GroupVersion.String() + "/"
	for _, topology := range s.topologies {
		group.Go(func() error {
			return c.Do(ctx, http.MethodPost, own+v1alpha1.NodeTopologies, asObject(t, topology), nil)
		})
	}
	for _, n := range s.networks {
		group.Go(func() error {
			o := asObject(t, n)
			if err := c.Do(ctx, http.MethodPost, own+v1alpha1.Networks, o, nil); err != nil {
				return err
			}
			return c.Do(ctx, http.MethodPatch, own+v1alpha1.Networks+"/"+n.Name+"/status", jsonObject{"status": o["status"]}, nil)
		})
	}
	if err := errors.Join(group.Wait(), c.Do(ctx, http.MethodPost, own+v1alpha1.RuleSets, s.ruleSet, nil), createPod(ctx, c)); err != nil {
		t.Fatal(err)
	}
}

// createNode creates a Node as large as those of kubelets are: they tell their images.
func createNode(ctx context.Context, c *controlplane.ControlPlane, s *site, i int) error {
	images := []jsonObject{}
	for k := range 50 {
		images = append(images, jsonObject{"names": []string{fmt.Sprintf("registry.example.com/team-%d/image@sha256:%064d", k, k)}, "sizeBytes": 1 << 20})
	}
	var made struct{ Metadata struct{ UID string } }
	err := c.Do(ctx, http.MethodPost, "/api/v1/nodes", jsonObject{
		"metadata": jsonObject{"name": s.nodes[i].Name, "labels": s.nodes[i].Labels},
		"status": jsonObject{
			"images": images, "capacity": jsonObject{"pods": "110"}, "conditions": []jsonObject{{"type": "Ready", "status": "True"}},
		},
	}, &made)
	if t := s.topologyOf[s.nodes[i].Name]; t != nil {
		t.OwnerReferences[0].UID = types.UID(made.Metadata.UID)
	}
	return err
}

// createPod creates a pod that waits for two networks which no node has both of.
func createPod(ctx context.Context, c *controlplane.ControlPlane) error {
	terms := []jsonObject{{"matchExpressions": []jsonObject{
		{"key": "network.colvin.dev/storage", "operator": "In", "values": []string{"true"}},
		{"key": "network.colvin.dev/rack-1", "operator": "In", "values": []string{"true"}},
	}}}
	return c.Do(ctx, http.MethodPost, "/api/v1/namespaces/default/pods", jsonObject{
		"metadata": jsonObject{"name": "pending"},
		"spec": jsonObject{
			"containers": []jsonObject{{"name": "c", "image": "i"}},
			"affinity":   jsonObject{"nodeAffinity": jsonObject{"requiredDuringSchedulingIgnoredDuringExecution": jsonObject{"nodeSelectorTerms": terms}}},
		},
	}, nil)
}
