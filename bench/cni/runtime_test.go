// SPDX-License-Identifier: Apache-2.0

//go:build linux

package cni

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	current "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sync/errgroup"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/boottime"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The ways to attach a container to the network green, which is on eth1.
const (
	bare       = "bare macvlan"
	altname    = "macvlan through an altname"
	delegating = "a plugin that only delegates"
	colvin     = "colvin"
	lookup     = "a plugin that looks up over TLS"
	// These have an address of host-local.
	bareAddressed   = "bare macvlan with host-local"
	colvinAddressed = "colvin with host-local"
)

var allWays = []string{bare, altname, delegating, colvin, lookup, bareAddressed, colvinAddressed}

// The verbs.
const (
	add = "ADD"
	del = "DEL"
)

const network = "green"

var ports = []string{"eth1", "eth2", "eth3", "eth4", "eth5", "eth6", "eth7", "eth8"}

// job is what the runtime is asked to measure.
type job struct {
	Rounds     int
	Dir        string            // on a disk
	Plugins    []string          // directories with the plugins
	Containers map[string]string // each way's network namespace
	Crowd      []string          // those of containers that come all at once
	Where      bool              // measured is where the time goes, and nothing else
	Before     bool              // beside the plugin of an earlier revision
}

// results are what the runtime measured.
type results struct {
	Took  durations
	Crowd durations // what the crowd's ADDs took in all, by way
	Where []*step
}

// runtimeMain is the container runtime. It runs within the node, so that what is
// timed is the plugins, and calls them by the CNI module as runtimes do.
func runtimeMain() {
	if err := serveJob(os.Stdin, os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveJob(in io.Reader, out io.Writer) error {
	var j job
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return fmt.Errorf("parse job: %w", err)
	}
	took, err := j.do()
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(took)
}

func (j *job) do() (*results, error) {
	agent, err := j.agent()
	if err != nil {
		return nil, err
	}
	defer func() { _ = agent.Close() }()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"device":"`+ports[0]+`"}`)
	}))
	defer server.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(j.caFile(), ca, 0o600); err != nil {
		return nil, err
	}
	ways, err := j.ways(server.URL)
	if err != nil {
		return nil, err
	}
	if j.Where {
		steps, err := j.where(ways)
		return &results{Where: steps}, err
	}
	took, err := rotate(ways, j.Rounds)
	if err != nil {
		return nil, err
	}
	crowd, err := j.crowd(ways)
	return &results{Took: took, Crowd: crowd}, err
}

// crowdRounds is how often a crowd comes.
const crowdRounds = 5

// crowd has containers attached all at once, and then detached.
func (j *job) crowd(ways []way) (durations, error) {
	took := durations{}
	for range crowdRounds {
		for _, w := range ways {
			if w.name != bare && w.name != colvin || len(j.Crowd) == 0 {
				continue
			}
			for _, verb := range []string{add, del} {
				start := time.Now()
				if err := w.atOnce(verb, j.Crowd); err != nil {
					return nil, fmt.Errorf("%s: %s at once: %w", w.name, verb, err)
				}
				took[verb+w.name] = append(took[verb+w.name], time.Since(start))
			}
		}
	}
	return took, nil
}

// atOnce runs a verb for many containers at once.
func (w *way) atOnce(verb string, containers []string) error {
	var g errgroup.Group
	for i, netns := range containers {
		args := w.args
		args.Command, args.ContainerID, args.NetNS = verb, fmt.Sprint("crowd-", i), netns
		g.Go(func() error {
			if verb == del {
				return invoke.ExecPluginWithoutResult(context.Background(), w.path, w.conf, &args, nil)
			}
			_, err := invoke.ExecPluginWithResult(context.Background(), w.path, w.conf, &args, nil)
			return err
		})
	}
	return g.Wait()
}

// rotate runs all ways in each round, in an order that differs. The first round
// is for caches, and is not counted.
func rotate(ways []way, rounds int) (durations, error) {
	took := durations{}
	order := rand.New(rand.NewPCG(1, 2))
	for round := range rounds + 1 {
		for _, i := range order.Perm(len(ways)) {
			added, deleted, err := ways[i].attach(context.Background())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", ways[i].name, err)
			}
			if round > 0 {
				took[add+ways[i].name] = append(took[add+ways[i].name], added)
				took[del+ways[i].name] = append(took[del+ways[i].name], deleted)
			}
		}
	}
	return took, nil
}

// way is a plugin with its configuration and its container.
type way struct {
	name string
	path string // of the plugin
	conf []byte
	args invoke.Args
}

// attach times an ADD and the DEL after it.
func (w *way) attach(ctx context.Context) (added, deleted time.Duration, err error) {
	w.args.Command = add
	start := time.Now()
	answer, err := invoke.ExecPluginWithResult(ctx, w.path, w.conf, &w.args, nil)
	added = time.Since(start)
	if err != nil {
		return 0, 0, fmt.Errorf("ADD: %w", err)
	}
	result, err := current.NewResultFromResult(answer)
	if err != nil {
		return 0, 0, err
	}
	if len(result.Interfaces) == 0 || result.Interfaces[0].Sandbox != w.args.NetNS {
		return 0, 0, fmt.Errorf("ADD: no interface in %s: %v", w.args.NetNS, result)
	}
	w.args.Command = del
	start = time.Now()
	if err := invoke.ExecPluginWithoutResult(ctx, w.path, w.conf, &w.args, nil); err != nil {
		return 0, 0, fmt.Errorf("DEL: %w", err)
	}
	return added, time.Since(start), nil
}

func (j *job) caFile() string { return filepath.Join(j.Dir, "ca.pem") }
func (j *job) runDir() string { return filepath.Join(j.Dir, "run") }

// ways completes the configurations.
func (j *job) ways(url string) ([]way, error) {
	macvlan := func(master string) map[string]any {
		return map[string]any{"type": "macvlan", "mode": "bridge", "master": master}
	}
	confs := map[string]map[string]any{
		bare:       macvlan(ports[0]),
		altname:    macvlan(network),
		delegating: {"type": "delegating", "delegate": macvlan(ports[0])},
		colvin: {
			"type": "colvin-cni", "network": network,
		},
		lookup: {"type": "lookup", "delegate": macvlan(""), "url": url, "caFile": j.caFile()},
	}
	for with, without := range map[string]string{bareAddressed: bare, colvinAddressed: colvin} {
		confs[with] = maps.Clone(confs[without])
		confs[with]["ipam"] = map[string]any{
			"type": "host-local", "dataDir": filepath.Join(j.Dir, "addresses", with), "ranges": [][]any{{map[string]any{"subnet": "10.10.0.0/24", "gateway": "10.10.0.1"}}},
			"routes": []any{map[string]any{"dst": "0.0.0.0/0"}},
		}
	}
	var ways []way
	for _, name := range allWays {
		conf := confs[name]
		conf["cniVersion"], conf["name"] = "1.1.0", "bench"
		data, err := json.Marshal(conf)
		if err != nil {
			return nil, err
		}
		path, err := invoke.FindInPath(fmt.Sprint(conf["type"]), j.Plugins)
		if err != nil {
			return nil, err
		}
		ways = append(ways, way{name: name, path: path, conf: data, args: invoke.Args{
			ContainerID: strings.ReplaceAll(name, " ", "-"), NetNS: j.Containers[name], IfName: "net1",
			Path: strings.Join(j.Plugins, string(filepath.ListSeparator)),
		}})
	}
	return ways, nil
}

// agent leaves what a running agent does: the node file, and a lock that is held
// until the file returned is closed.
func (j *job) agent() (*os.File, error) {
	bootID, err := bootid.Read()
	if err != nil {
		return nil, err
	}
	all, err := link.List()
	if err != nil {
		return nil, err
	}
	f := &nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: bootID, Written: time.Now(),
		Converged: true, KnownPatterns: []string{"rail-*"},
	}
	for i, name := range ports {
		port, err := find(all, name)
		if err != nil {
			return nil, err
		}
		f.Networks = append(f.Networks, networks(i, port)...)
	}
	for _, n := range f.Networks {
		f.KnownNames = append(f.KnownNames, n.Name)
	}
	if err := os.Mkdir(j.runDir(), 0o755); err != nil {
		return nil, err
	}
	if err := nodefile.Write(filepath.Join(j.runDir(), nodefile.FileName), f); err != nil {
		return nil, err
	}
	return agentlock.Take(filepath.Join(j.runDir(), agentlock.Name))
}

func find(all []discovery.Interface, name string) (nodefile.Uplink, error) {
	for _, i := range all {
		if i.Name == name {
			l := nodefile.Link{Name: i.Name, Index: i.Index, MAC: i.MAC.String()}
			return nodefile.Uplink{Device: l, Ports: []nodefile.Port{{Link: l, CarrierChanges: i.CarrierChanges}}}, nil
		}
	}
	return nodefile.Uplink{}, errors.New("no interface " + name)
}

// networks are those that a port leads to: one untagged, and two tagged ones.
func networks(i int, port nodefile.Uplink) []nodefile.Network {
	name := network
	if i > 0 {
		name = fmt.Sprint("rail-", i)
	}
	var all []nodefile.Network
	for n, name := range []string{name, fmt.Sprint("storage-", i), fmt.Sprint("tenant-", i)} {
		a := port
		vlan := uint16(100*(n+1) + i)
		a.Identity = fmt.Sprintf("mac:00:1b:21:aa:bb:cc vlan %d", vlan)
		a.Certainty, a.Usable, a.Until, a.Since = nodefile.Fresh, true, boottime.SinceBoot()+time.Hour, time.Now()
		a.Neighbor, a.Rule = fmt.Sprintf("leaf-1 Ethernet1/%d", i+1), "/etc/colvin/rules.yaml:12"
		if n > 0 {
			a.VID, a.Parent, a.Device = vlan, a.Device, nodefile.Link{}
			a.Ports = slices.Clone(a.Ports)
			a.Ports[0].VID = vlan
		}
		all = append(all, nodefile.Network{Name: name, Uplinks: []nodefile.Uplink{a}})
	}
	return all
}
