// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestReferenceConfiguration parses deploy/colvind.yaml, which must state every
// default.
func TestReferenceConfiguration(t *testing.T) {
	data, err := os.ReadFile("../../deploy/colvind.yaml")
	if err != nil {
		t.Fatal(err)
	}
	reference, err := Parse("colvind.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	defaults, err := Parse("empty.yaml", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaults, reference); diff != "" {
		t.Errorf("reference (-default +reference):\n%s", diff)
	}
	want := Config{
		Interfaces: []string{"*"}, Protocols: []discovery.Protocol{discovery.ProtocolLLDP, discovery.ProtocolCDP}, RouterAdvertisements: true,
		Ports: Ports{Transmit: TransmitAuto, Capture: CaptureAuto}, Rules: defaultRules, Silence: defaultSilence, Goodbye: rules.SilenceRefuse, RunDirectory: nodefile.DefaultDir, StateDirectory: DefaultStateDir, RecordDirectory: record.DefaultDir,
		Colours: Colours{Attach: true, Of: ColoursOfUntagged}, Isolation: nodefile.IsolationOff, Log: Log{Level: slog.LevelInfo, Format: logText},
	}
	if diff := cmp.Diff(want, defaults); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

func TestConfigurationMistakes(t *testing.T) {
	_, err := Parse("colvind.yaml", []byte(`node: 7
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
	c, err := Parse("colvind.yaml", []byte(`protocols: [lldp]
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
		Protocols: []discovery.Protocol{discovery.ProtocolLLDP}, Ports: Ports{Transmit: TransmitOff, Capture: CaptureAll}, ShutdownOnExit: true,
		Exceptions: []Exception{
			{Match: "eth*", Ports: Ports{Transmit: TransmitOn}},
			{Match: "ens?", Ports: Ports{Capture: CaptureProtocol}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestPortConfigurationMistakes(t *testing.T) {
	_, err := Parse("colvind.yaml", []byte(`protocols: [lldp, edp]
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
`
	if err == nil || err.Error() != strings.TrimSpace(want) {
		t.Errorf("mistakes:\n%v\nwant\n%s", err, want)
	}
	if _, err := Parse("colvind.yaml", []byte("protocols: []\n")); err == nil || !strings.Contains(err.Error(), ":1:12: protocols: names no protocol") {
		t.Errorf("no protocols: %v", err)
	}
}

func TestSilenceConfigurationMistakes(t *testing.T) {
	_, err := Parse("colvind.yaml", []byte("silence: 30\ngoodbye: keep\n"))
	want := `
colvind.yaml:1:10: silence: is a number, where a duration belongs; write refuse, keep, or a duration of at least 1m and at most 366d, such as 30m, 24h or 7d
colvind.yaml:2:10: goodbye: "keep" is not a duration; write refuse, or a duration of at least 1m and at most 366d, such as 30m, 24h or 7d
`
	if err == nil || err.Error() != strings.TrimSpace(want) {
		t.Errorf("mistakes:\n%v\nwant\n%s", err, want)
	}
}

func TestAltNamesConfiguration(t *testing.T) {
	for content, want := range map[string]bool{"": false, "altnames: off": false, "altnames: on": true} {
		if c, err := Parse("colvind.yaml", []byte(content)); err != nil || c.AltNames != want {
			t.Errorf("%q: %v, %v; want %v", content, c.AltNames, err, want)
		}
	}
	_, err := Parse("colvind.yaml", []byte("altnames: yes"))
	if want := `colvind.yaml:1:11: altnames: unknown value "yes"; write on or off`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestRouterAdvertisements(t *testing.T) {
	for content, want := range map[string]bool{"": true, "routerAdvertisements: off": false, "routerAdvertisements: on": true} {
		if c, err := Parse("colvind.yaml", []byte(content)); err != nil || c.RouterAdvertisements != want {
			t.Errorf("%q: %v, %v; want %v", content, c.RouterAdvertisements, err, want)
		}
	}
	_, err := Parse("colvind.yaml", []byte("routerAdvertisements: auto"))
	if want := `colvind.yaml:1:23: routerAdvertisements: unknown value "auto"; write on or off`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestIsolationConfiguration(t *testing.T) {
	_, err := Parse("colvind.yaml", []byte("isolation: hard"))
	if want := `colvind.yaml:1:12: isolation: unknown value "hard"; write off or strict`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestConfiguration sets what the other tests leave as it is.
func TestConfiguration(t *testing.T) {
	c, err := Parse("colvind.yaml", []byte(`node: node1
interfaces: ["eth*", "!eth0"]
protocols: [cdp]
routerAdvertisements: off
rules: /r
silence: keep
goodbye: 90m
runDirectory: /run/x
stateDirectory: /state
recordDirectory: /records
colours: {attach: true, of: all}
isolation: strict
altnames: on
kubernetes: {enabled: true, kubeconfig: /k}
metrics: {address: "127.0.0.1:9100"}
log: {level: debug, format: json}
`))
	want := Config{
		Node: "node1", Interfaces: []string{"eth*", "!eth0"}, Protocols: []discovery.Protocol{discovery.ProtocolCDP}, Ports: Ports{Transmit: TransmitAuto, Capture: CaptureAuto},
		Rules: "/r", Silence: rules.SilenceKeep, Goodbye: rules.Silence(90 * time.Minute), RunDirectory: "/run/x", StateDirectory: "/state", RecordDirectory: "/records", Colours: Colours{Attach: true, Of: ColoursOfAll}, Isolation: nodefile.IsolationStrict, AltNames: true,
		Kubernetes: Kubernetes{Enabled: true, Kubeconfig: "/k"}, Metrics: Metrics{Address: "127.0.0.1:9100"}, Log: Log{Level: slog.LevelDebug, Format: LogJSON},
	}
	if diff := cmp.Diff(want, c); err != nil || diff != "" {
		t.Errorf("%v, configuration (-want +got):\n%s", err, diff)
	}
}

func TestKubernetesConfiguration(t *testing.T) {
	for content, attach := range map[string]bool{"": true, "kubernetes: {enabled: false}": true, "kubernetes: {enabled: true}": false} {
		if c, err := Parse("colvind.yaml", []byte(content)); err != nil || c.Colours.Attach != attach || c.Kubernetes.Enabled == attach || c.Kubernetes.Kubeconfig != "" {
			t.Errorf("%q: %+v, %v", content, c, err)
		}
	}
	_, err := Parse("colvind.yaml", []byte("kubernetes: {kubeconfig: k}"))
	if want := `colvind.yaml:1:26: kubernetes.kubeconfig: "k" is not an absolute path; begin it with /`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestLogLevels(t *testing.T) {
	for level, want := range map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError} {
		if c, err := Parse("colvind.yaml", []byte("log: {level: "+level+"}")); err != nil || c.Log.Level != want {
			t.Errorf("%s: %v, %v", level, c.Log.Level, err)
		}
	}
}

// TestLoad holds that a node has a name, and that a file which cannot be used is an error.
func TestLoad(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		content, node, err string
	}{
		"named":   {content: "node: node1\n", node: "node1"},
		"unnamed": {content: "shutdownOnExit: true\n", node: host},
		"mistake": {content: "nod: node1\n", err: ":1:1: nod: unknown key"},
	} {
		file := filepath.Join(t.TempDir(), "colvind.yaml")
		if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(file)
		if c.Node != tt.node || (err == nil) != (tt.err == "") || err != nil && !strings.HasPrefix(err.Error(), file+tt.err) {
			t.Errorf("%s: node %s, %v", name, c.Node, err)
		}
	}
	if c, err := Load(""); err != nil || c.Node != host || c.Rules != defaultRules {
		t.Errorf("no file: %+v, %v", c, err)
	}
	if c, err := Load(filepath.Join(t.TempDir(), "colvind.yaml")); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read configuration: ") {
		t.Errorf("a file that is gone: %+v, %v", c, err)
	}
}

// TestLoadFor holds that a name which is given beside the file is the node's, and that the
// two never differ.
func TestLoadFor(t *testing.T) {
	for name, tt := range map[string]struct {
		node, content, err string
	}{
		"given":    {node: "node1", content: "shutdownOnExit: true\n"},
		"both":     {node: "node1", content: "node: node1\n"},
		"another":  {node: "node1", content: "node: node2\n", err: `name this node: -node says "node1", and FILE has node: "node2"; leave one of them out`},
		"empty":    {content: "node: node1\n", err: "name this node: -node is empty, as where it comes from a variable that is not set; set that, or leave -node out"},
		"variable": {node: "$(NODE_NAME)", err: `name this node: -node is "$(NODE_NAME)", a variable that the pod does not have; add it to env, with fieldRef spec.nodeName`},
		"mistake":  {node: "node1", content: "nod: node1\n", err: "FILE:1:1: nod: unknown key"},
	} {
		file := filepath.Join(t.TempDir(), "colvind.yaml")
		if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := LoadFor(tt.node, file)
		switch {
		case tt.err == "":
			if err != nil || c.Node != tt.node {
				t.Errorf("%s: node %q, %v", name, c.Node, err)
			}
		case err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), file, "FILE"), tt.err):
			t.Errorf("%s: %v, want %s", name, err, tt.err)
		}
	}
	if c, err := LoadFor("node1", ""); err != nil || c.Node != "node1" || c.Rules != defaultRules {
		t.Errorf("no file: %+v, %v", c, err)
	}
	if _, err := LoadFor("node1", filepath.Join(t.TempDir(), "colvind.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}
