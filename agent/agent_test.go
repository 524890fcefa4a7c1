// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/discovery/transmit"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

// TestReferenceConfiguration parses deploy/colvind.yaml, which must state every
// default.
func TestReferenceConfiguration(t *testing.T) {
	data, err := os.ReadFile("../deploy/colvind.yaml")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := ParseConfig("colvind.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := ParseConfig("empty.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults, reference); diff != "" {
		t.Errorf("reference (-default +reference):\n%s", diff)
	}
	want := Config{
		Interfaces: observe.Patterns{"*"}, Protocols: ether.LLDP | ether.CDP,
		Ports: observe.Settings{Transmit: transmit.Auto, Capture: ether.CaptureAuto}, Rules: DefaultRules, RunDirectory: nodefile.DefaultDir, StateDirectory: DefaultStateDir, RecordDirectory: record.DefaultDir,
		Colours: ColourConfig{Attach: true, Of: ColoursOfUntagged}, Log: LogConfig{Level: slog.LevelInfo, Format: LogText},
	}
	if diff := cmp.Diff(want, defaults); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestConfigurationMistakes(t *testing.T) {
	_, err := ParseConfig("colvind.yaml", []byte(`node: 7
interfaces: ["eth[", "!"]
rules: rules.yaml
colours: {attach: perhaps, off: all}
metrics: {address: "9100"}
log: {level: loud}
`))
	if err == nil {
		t.Fatal("mistakes are accepted")
	}
	for _, place := range []string{"colvind.yaml:1:7", ":2:14", ":2:22", ":3:8", ":4:19", ":4:28", ":5:20", ":6:14"} {
		if !strings.Contains(err.Error(), place) {
			t.Errorf("no mistake at %s in:\n%v", place, err)
		}
	}
}

// TestPortConfiguration reads what can be set for ports.
func TestPortConfiguration(t *testing.T) {
	c, err := ParseConfig("colvind.yaml", []byte(`protocols: [lldp]
transmit: off
capture: all
shutdownOnExit: true
ports:
  - {match: "eth*", transmit: on}
  - {match: "ens?", capture: protocol}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := Config{Protocols: c.Protocols, Ports: c.Ports, Exceptions: c.Exceptions, ShutdownOnExit: c.ShutdownOnExit}
	want := Config{
		Protocols: ether.LLDP, Ports: observe.Settings{Transmit: transmit.Off, Capture: ether.CaptureAll}, ShutdownOnExit: true,
		Exceptions: []observe.Exception{
			{Match: "eth*", Settings: observe.Settings{Transmit: transmit.On}},
			{Match: "ens?", Settings: observe.Settings{Capture: ether.CaptureProtocol}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestPortConfigurationMistakes(t *testing.T) {
	_, err := ParseConfig("colvind.yaml", []byte(`protocols: [lldp, edp]
transmit: yes
capture: early
shutdownOnExit: perhaps
ports:
  - {match: "eth[", transmit: never}
  - {transmit: on}
  - {match: "", captures: all}
  - eth1
`))
	want := `
colvind.yaml:1:19: protocols[1]: unknown value "edp"; write lldp or cdp
colvind.yaml:2:11: transmit: unknown value "yes"; write auto or on or off
colvind.yaml:3:10: capture: unknown value "early"; write auto or all or protocol
colvind.yaml:4:17: shutdownOnExit: is text, where true or false belongs; write true or false without quotes
colvind.yaml:6:13: ports[0].match: "eth[" is not a glob such as "eth*"; see path.Match for the syntax of globs
colvind.yaml:6:31: ports[0].transmit: unknown value "never"; write auto or on or off
colvind.yaml:7:5: ports[1].match: is missing; name the ports with a glob such as "eth*"
colvind.yaml:8:13: ports[2].match: "" is not a glob such as "eth*"; see path.Match for the syntax of globs
colvind.yaml:8:17: ports[2].captures: unknown key; did you mean "capture"?
colvind.yaml:9:5: ports[3]: is text, where a mapping belongs; write key: value
colvind.yaml:9:5: ports[3].match: is missing; name the ports with a glob such as "eth*"
`
	if err == nil || err.Error() != strings.TrimSpace(want) {
		t.Errorf("mistakes:\n%v\nwant\n%s", err, want)
	}
	if _, err := ParseConfig("colvind.yaml", []byte("protocols: []\n")); err == nil || !strings.Contains(err.Error(), ":1:12: protocols: names no protocol") {
		t.Errorf("no protocols: %v", err)
	}
}

func state() *agentapi.State {
	return &agentapi.State{
		Version: "v1", Node: "node1",
		Snapshot: &discovery.Snapshot{Ports: []discovery.Port{{
			Name: "eth1", Neighbors: []discovery.Neighbor{{Protocol: discovery.ProtocolLLDP}}, Transmit: discovery.Transmit{State: discovery.Sending},
			Counters: discovery.PortCounters{FramesIn: 7, FramesOut: 5, FramesDiscarded: 3, FramesInErrors: 3, Discards: discovery.Discards{"noEnd": 2, "ttlMissing": 1}},
		}}},
		View: mapping.View{
			Attachments: []mapping.Attachment{{Certainty: nodefile.Fresh}, {Certainty: nodefile.Fresh}, {Certainty: nodefile.Down}},
			Conditions:  []mapping.Condition{{Type: mapping.Conflict}},
		},
		Attachments: []agentapi.ContainerAttachment{{Status: agentapi.ContainerOK}, {Status: agentapi.ContainerMoved}, {Status: agentapi.ContainerMoved, Orphaned: "its network namespace is gone"}, {Status: agentapi.ContainerDown, Orphaned: "its network namespace is gone"}},
		Writes:      3,
	}
}

func TestMetrics(t *testing.T) {
	want, err := os.Open("testdata/metrics.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = want.Close() }()
	if err := testutil.CollectAndCompare(NewCollector(func() (*agentapi.State, error) { return state(), nil }), want); err != nil {
		t.Error(err)
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), nodefile.SocketName)
	if err := os.WriteFile(path, nil, 0o600); err != nil { // what a killed agent left
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	answer, answerErr := state(), error(nil)
	h := &history{dir: t.TempDir()}
	server := NewServer(path, func() (*agentapi.State, error) { return answer, answerErr }, h.since, slog.New(slog.DiscardHandler))
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	got, err := queryUntil(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(answer, got); diff != "" {
		t.Errorf("state (-sent +received):\n%s", diff)
	}
	h.append(agentapi.Change{Time: when, What: agentapi.ChangeAgent, To: "started"}, agentapi.Change{Time: when.Add(time.Hour), What: agentapi.ChangeName, To: "green"})
	history, err := agentapi.QueryChanges(t.Context(), path, when.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	want := agentapi.Changes{Changes: []agentapi.Change{{Time: when.Add(time.Hour), What: agentapi.ChangeName, To: "green"}}}
	if diff := cmp.Diff(want, history); diff != "" {
		t.Errorf("changes (-want +received):\n%s", diff)
	}
	answerErr = agentapi.ErrNotReady
	if _, err := agentapi.Query(t.Context(), path); err == nil || !strings.Contains(err.Error(), agentapi.ErrNotReady.Error()) {
		t.Errorf("Query = %v, want %v", err, agentapi.ErrNotReady)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := agentapi.Query(t.Context(), path); err == nil {
		t.Error("a socket without a server answers")
	}
}

// queryUntil asks until the server listens.
func queryUntil(t *testing.T, path string) (*agentapi.State, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for tick := time.Tick(time.Millisecond); ; <-tick {
		s, err := agentapi.Query(ctx, path)
		if err == nil || ctx.Err() != nil {
			return s, errors.Join(err, ctx.Err())
		}
	}
}
