// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/lab/daemon"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// prometheus is the server.
var prometheus = netnstest.NewFeature("prometheus", "make test-chart", func() error {
	_, err := exec.LookPath("prometheus")
	return err
})

// Where agent and Prometheus are asked, on the node.
const (
	agentAddress      = "127.0.0.1:9469"
	prometheusAddress = "127.0.0.1:9090"
)

const scrapes = `global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: colvin
    static_configs: [{targets: [%q]}]
`

// watchedConfig has the agent speak on all ports; inACluster, look for an API server where none is.
const watchedConfig = `node: node1
interfaces: ["eth*"]
transmit: on
silence: 6h
metrics: {address: "` + agentAddress + `"}
`

const inACluster = "kubernetes: {enabled: true, kubeconfig: /etc/colvin/kubeconfig}\n"

const nowhere = `apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
`

const watchedRules = `networks:
  - name: green
    match: [{system: sw-green, vlan: 100}]
  - name: blue
    match: [{system: sw-blue, vlan: 200}]
`

// apart are alerts and panels that one node has no reason for here, or none within a minute:
// what they ask for is held by TestAlerts and TestDashboard. All others have to say something.
var apart = []string{
	"ColvinPinContradicted", "Nodes with a PinContradicted", "ColvinSplit", "ColvinFlooded", "ColvinFiles",
	"ColvinAgentGone", "ColvinCabling", // what Kubernetes knows of nodes and jobs
	"ColvinOrphanedRecords", "Nobody ended them", "Neighbours aged out",
}

// TestPrometheus has Prometheus read an agent while much goes wrong on its node: each alert and
// each panel finds what it asks for, labels included.
func TestPrometheus(t *testing.T) {
	t.Parallel() // it mostly waits
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN, netnstest.RealLLDPD, prometheus)
	w := newWatched(t)
	w.says("ColvinCluster", "Not told to the cluster")
	w.ok(w.StopAgent())
	w.ok(w.WriteFile("/etc/colvin/colvind.yaml", watchedConfig))
	w.ok(w.StartAgent(t.Context()))
	w.says("ColvinRulesInvalid", "Rules not in force", "ColvinNotConverged", "Still starting", "ColvinHearsItself", "Nodes that hear themselves")
	w.ok(w.WriteFile("/etc/colvin/rules.yaml", watchedRules))
	w.ok(w.Await(t.Context(), "green", lab.Resolves("green", "eth1", nodefile.Fresh)))
	w.attach()
	w.says("Attached")
	w.ok(w.red.KillSpeaker()) // it is silent after 75 s
	w.ok(w.green.SetPVID(t.Context(), "p1", lab.BlueVLAN))
	w.says("Nodes with a VLANChanging")
	w.ok(w.Move(t.Context(), "eth1", w.blue, "p1", lab.BlueVLAN))
	w.says("ColvinConflict", "Nodes with a Conflict", "ColvinUnverified")
	w.says("ColvinAttachmentMoved", "Containers elsewhere", "Moved, by node")
	w.says("ColvinStaleSoon", "Silent switches", "Silent ports", "Until the first network is refused")
	w.meanwhile = w.mumble
	w.says(w.unsaid()...)
	for _, r := range w.rules() {
		if r.Health != "ok" {
			t.Errorf("Prometheus says of the alert %s: %s", r.Name, r.LastError)
		}
	}
}

// A watched node is one that Prometheus reads.
type watched struct {
	*lab.Node
	t                *testing.T
	green, blue, red *netnstest.Switch
	nobody           *netnstest.Namespace // at the other end of eth2
	server           *daemon.Process
	asks             map[string]string // expressions, by alert or panel
	said             map[string]bool   // those that found something
	meanwhile        func()            // happens each time that it is asked
}

// newWatched is a node of which two ports lead to switches, one to nobody, and two to each other;
// its rules are no rules, and no API server answers it.
func newWatched(t *testing.T) *watched {
	t.Helper()
	binaries, err := lab.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, asks: map[string]string{}, said: map[string]bool{}, meanwhile: func() {}}
	w.green = netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "sw-green", Hold: 30})
	w.blue = netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "sw-blue", Hold: 30})
	w.red = netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "sw-red", Hold: 30})
	w.Node, err = lab.NewNode(t.Context(), "node1", binaries)
	w.ok(err)
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := w.AgentLog()
			t.Logf("agent log:\n%s", log)
		}
		w.ok(w.Close())
	})
	w.ok(w.Cable(t.Context(), "eth1", w.green, "p1", lab.GreenVLAN))
	w.ok(w.Cable(t.Context(), "eth5", w.red, "p1", 300))
	w.nobody = netnstest.NewT(t, "nobody")
	netnstest.ConnectT(t, netnstest.Endpoint{In: w.Namespace, Name: "eth2"}, netnstest.Endpoint{In: w.nobody, Name: "lan0"})
	netnstest.ConnectT(t, netnstest.Endpoint{In: w.Namespace, Name: "eth3"}, netnstest.Endpoint{In: w.Namespace, Name: "eth4"})
	for file, text := range map[string]string{"colvind.yaml": watchedConfig + inACluster, "kubeconfig": nowhere, "rules.yaml": "networks: nothing\n"} {
		w.ok(w.WriteFile("/etc/colvin/"+file, text))
	}
	w.ok(w.StartAgent(t.Context()))
	w.ask()
	w.serve()
	return w
}

func (w *watched) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// attach attaches a container to green.
func (w *watched) attach() {
	w.t.Helper()
	const conf = `{"cniVersion": "1.1.0", "name": "green", "type": "colvin", "network": "green", "delegate": {"type": "macvlan"}}`
	p, err := w.NewPod(w.t.Context(), "pod1", conf, "")
	w.ok(err)
	w.t.Cleanup(func() { w.ok(p.Close()) })
	_, err = p.Add(w.t.Context())
	w.ok(err)
}

// mumble sends a frame on eth2 that is no LLDP.
func (w *watched) mumble() {
	w.t.Helper()
	w.ok(w.nobody.Do(func() error {
		s, err := speaker.Open("lan0")
		if err != nil {
			return err
		}
		return errors.Join(s.SendRaw([]byte("\x01\x80\xc2\x00\x00\x0e\x02\x00\x00\x00\x00\x01\x88\xccmumble")), s.Close())
	}))
}

// ask gathers what alerts and panels ask for. An alternative for what is absent finds nothing.
func (w *watched) ask() {
	w.t.Helper()
	for _, group := range readAlerts(w.t).Groups {
		for _, r := range group.Rules {
			w.asks[r.Alert] = r.Expr
		}
	}
	for _, p := range readPanels(w.t) {
		for _, target := range p.Targets {
			w.asks[p.Title] = strings.NewReplacer(" or vector(0)", "", "$__rate_interval", "10s", "$job", "colvin").Replace(target.Expr)
		}
	}
	for _, name := range apart {
		if _, ok := w.asks[name]; !ok {
			w.t.Errorf("%s is neither alert nor panel", name)
		}
		delete(w.asks, name)
	}
}

// serve starts Prometheus.
func (w *watched) serve() {
	w.t.Helper()
	dir := w.t.TempDir()
	rules, err := filepath.Abs(alerts)
	w.ok(err)
	config := filepath.Join(dir, "prometheus.yml")
	w.ok(os.WriteFile(config, fmt.Appendf(nil, scrapes, rules, agentAddress), 0o600))
	cmd := w.Command(context.WithoutCancel(w.t.Context()), "prometheus", "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+prometheusAddress)
	w.server, err = daemon.Start(filepath.Join(dir, "prometheus.log"), cmd.Cmd, cmd)
	w.ok(err)
	w.t.Cleanup(w.server.Forget)
}

// says waits until each of these alerts and panels has found something.
func (w *watched) says(names ...string) {
	w.t.Helper()
	w.ok(w.server.Await(w.t.Context(), func(ctx context.Context) error {
		w.meanwhile()
		for _, name := range names {
			if w.said[name] {
				continue
			}
			var found struct{ Result []any }
			if err := w.get(ctx, "query?query="+url.QueryEscape(w.asks[name]), &found); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if len(found.Result) == 0 {
				return fmt.Errorf("%s finds nothing by %s", name, w.asks[name])
			}
			w.said[name] = true
		}
		return nil
	}))
}

// unsaid are the alerts and panels that nobody has waited for.
func (w *watched) unsaid() (names []string) {
	for name := range w.asks {
		if !w.said[name] {
			names = append(names, name)
		}
	}
	return names
}

// A ruleState is what Prometheus makes of a rule.
type ruleState struct{ Name, Health, LastError string }

func (w *watched) rules() (all []ruleState) {
	w.t.Helper()
	var got struct{ Groups []struct{ Rules []ruleState } }
	w.ok(w.get(w.t.Context(), "rules", &got))
	for _, group := range got.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) == 0 {
		w.t.Error("Prometheus has no rules")
	}
	return all
}

// get asks Prometheus, on the node.
func (w *watched) get(ctx context.Context, what string, data any) error {
	dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = w.Do(func() (err error) {
			conn, err = new(net.Dialer).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+prometheusAddress+"/api/v1/"+what, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DialContext: dial, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if answer.Status != "success" {
		return fmt.Errorf("prometheus: %s", answer.Error)
	}
	return nil
}
