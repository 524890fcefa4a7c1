// SPDX-License-Identifier: Apache-2.0

//go:build linux

package e2e

import (
	"bufio"
	"cmp"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/controlplane"
)

const (
	roundsEnv = "COLVIN_ROUNDS" // how often TestTimes does everything
	waysEnv   = "COLVIN_WAYS"   // a pattern of the ways that it compares; empty: all
	atOnce    = 50              // pods
)

// plain is macvlan as released, over a device that all nodes call the same.
const plain = `"type": "macvlan", "master": "` + managementDevice + `"`

// A way to a second network is a definition of its name.
type way struct{ name, config string }

// ways are compared. The first is none.
var ways = []way{
	{"no second network", ""},
	{"macvlan", `{` + plain + `}`},
	{"colvin", `{"type": "colvin", "network": "green"}`},
	{"macvlan, static", `{` + plain + `, "ipam": {"type": "static", "addresses": [{"address": "10.20.0.1/24"}]}}`},
	{"colvin, static", `{"type": "colvin", "network": "green", "ipam": {"type": "static", "addresses": [{"address": "10.20.0.1/24"}]}}`},
	{"macvlan, whereabouts", `{` + plain + `, "ipam": {"type": "whereabouts", "range": "10.30.0.0/23"}}`},
	{"colvin, whereabouts", `{"type": "colvin", "network": "green", "ipam": {"type": "whereabouts", "range": "10.30.0.0/23"}}`},
}

// TestTimes measures how long pods take from being created to being Ready, many at once, on one
// node and on those that green is on, in turns, so that whatever else the machine does is in all
// of them.
func TestTimes(t *testing.T) {
	asked := os.Getenv(roundsEnv)
	if asked == "" {
		t.Skip(roundsEnv + " is not set; make bench-e2e runs it")
	}
	rounds, err := strconv.Atoi(asked)
	if err != nil || rounds < 1 {
		t.Fatalf("%s=%s is no number of rounds", roundsEnv, asked)
	}
	compared := chosen(t)
	b := newBench(t)
	install(b)
	nameGreen(b)
	for _, w := range compared {
		if w.config != "" {
			b.apply(definitionOf(w.name, w.config))
		}
	}
	b.awaitWithin(4*time.Minute, func() error {
		if got := b.labelled(greenLabel); !slices.Equal(got, greenNodes()) {
			return fmt.Errorf("nodes labelled: %v", got)
		}
		return nil
	})
	places := []string{lab.Cabling[0].Node, ""} // one node, or all where green is
	times := map[string][]time.Duration{}
	quiet := b.idle(20 * time.Second)
	t.Logf("the cluster leaves %.0f %% of the processors", 100*quiet)
	for range rounds {
		for _, place := range places {
			for _, w := range compared {
				b.settle(quiet)
				key := place + "\t" + w.name
				took := b.createMany(w.name, w.config != "", place)
				times[key] = append(times[key], took...)
				t.Logf("%s, %s: p50 %.1f s, p99 %.1f s", where(place), w.name, quantile(took, 50).Seconds(), quantile(took, 99).Seconds())
			}
		}
	}
	var table strings.Builder
	tab := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, place := range places {
		base := quantile(times[place+"\t"+compared[0].name], 50)
		for _, w := range compared {
			all := times[place+"\t"+w.name]
			_, _ = fmt.Fprintf(tab, "%s\t%s\tp50 %.1f s\tp99 %.1f s\t%.2f of the first\n", where(place), w.name,
				quantile(all, 50).Seconds(), quantile(all, 99).Seconds(), quantile(all, 50).Seconds()/base.Seconds())
		}
	}
	_ = tab.Flush()
	t.Logf("%d pods at once, %d rounds, created to Ready:\n%s", atOnce, rounds, table.String())
}

// chosen are the ways that somebody wants to be compared.
func chosen(t *testing.T) []way {
	t.Helper()
	pattern, err := regexp.Compile("^(" + cmp.Or(os.Getenv(waysEnv), ".*") + ")$")
	if err != nil {
		t.Fatalf("%s: %v", waysEnv, err)
	}
	all := slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return !pattern.MatchString(w.name) })
	if len(all) == 0 {
		t.Fatalf("%s=%s is none of the ways %v", waysEnv, os.Getenv(waysEnv), ways)
	}
	return all
}

func where(place string) string {
	if place == "" {
		return "four nodes"
	}
	return "one node"
}

func quantile(all []time.Duration, percent int) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, len(sorted)*percent/100)]
}

// definitionName is a name that objects may have.
func definitionName(way string) string {
	return strings.NewReplacer(", ", "-", " ", "-").Replace(way)
}

func definitionOf(way, config string) string {
	return fmt.Sprintf(`apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: %[1]s}
spec: {config: '{"cniVersion": "1.0.0", "name": "%[1]s", %[2]s'}
`, definitionName(way), config[1:])
}

// createMany creates pods at once, waits until all are Ready, deletes them, and returns how long
// each took.
func (b *bench) createMany(way string, attached bool, node string) []time.Duration {
	b.t.Helper()
	seen, stop := b.watchReady("app=many")
	defer stop()
	created := map[string]time.Time{}
	for i := range atOnce {
		name := fmt.Sprintf("many-%d", i)
		metadata := object{"name": name, "labels": object{"app": "many"}}
		if attached {
			metadata["annotations"] = object{"k8s.v1.cni.cncf.io/networks": definitionName(way)}
		}
		spec := object{
			"terminationGracePeriodSeconds": 0,
			"containers":                    []object{{"name": "main", "image": controlplane.ToolsImage, "imagePullPolicy": "Never"}},
			// Where green is, whatever the way.
			"nodeSelector": object{greenLabel: "true"},
		}
		if node != "" {
			spec["nodeSelector"] = object{"kubernetes.io/hostname": node}
		}
		created[name] = time.Now()
		b.DoT(b.t, http.MethodPost, "/api/v1/namespaces/default/pods", object{"metadata": metadata, "spec": spec}, nil)
	}
	var took []time.Duration
	timeout := time.After(5 * time.Minute)
	for len(created) > 0 {
		select {
		case name := <-seen:
			if began, ok := created[name]; ok {
				took = append(took, time.Since(began))
				delete(created, name)
			}
		case <-timeout:
			b.t.Fatalf("%s: %d of %d pods are not Ready", way, len(created), atOnce)
		case <-b.ctx.Done():
			b.t.Fatal(b.ctx.Err())
		}
	}
	b.kubectl("delete", "pods", "--selector=app=many", "--wait", "--timeout=300s")
	return took
}

// idle returns the share of the processors' time that nothing used meanwhile.
func (b *bench) idle(meanwhile time.Duration) float64 {
	b.t.Helper()
	read := func() (idle, all float64) {
		text, err := os.ReadFile("/proc/stat")
		b.ok(err)
		first, _, _ := strings.Cut(string(text), "\n")
		for i, field := range strings.Fields(first)[1:] {
			ticks, err := strconv.ParseFloat(field, 64)
			b.ok(err)
			if i == 3 || i == 4 { // idle, and waiting for disks
				idle += ticks
			}
			if i < 8 { // guests are in the time of users already
				all += ticks
			}
		}
		return idle, all
	}
	idleBefore, allBefore := read()
	select {
	case <-time.After(meanwhile):
	case <-b.ctx.Done():
		b.t.Fatal(b.ctx.Err())
	}
	idleAfter, allAfter := read()
	return (idleAfter - idleBefore) / (allAfter - allBefore)
}

// settle waits until the machine is nearly as idle as it was, two minutes at most: what is left to do of the
// pods of one way would be counted with those of the next.
func (b *bench) settle(idle float64) {
	b.t.Helper()
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if b.idle(5*time.Second) > idle-0.1 {
			return
		}
	}
	b.t.Logf("two minutes later the machine is not as idle as it was")
}

// watchReady tells the names of pods as they become Ready.
func (b *bench) watchReady(selector string) (<-chan string, func()) {
	b.t.Helper()
	cmd := exec.CommandContext(b.ctx, b.Program("kubectl"), "--kubeconfig="+b.AdminFile(), "get", "pods", "--selector="+selector, "--watch",
		`--output=jsonpath={.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}`)
	cmd.Dir = filepath.Dir(b.AdminFile())
	out, err := cmd.StdoutPipe()
	b.ok(err)
	b.ok(cmd.Start())
	seen := make(chan string, 100*atOnce)
	go func() {
		defer close(seen)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if name, ready, _ := strings.Cut(lines.Text(), " "); ready == "True" {
				seen <- name
			}
		}
	}()
	return seen, func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	}
}
