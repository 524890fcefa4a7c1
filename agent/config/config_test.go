// SPDX-License-Identifier: Apache-2.0

package config

import (
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/nodefile"
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
		Interfaces: []string{"*"}, Protocols: []discovery.Protocol{discovery.ProtocolLLDP, discovery.ProtocolCDP},
		Ports: Ports{Transmit: TransmitAuto, Capture: CaptureAuto}, Rules: defaultRules, RunDirectory: nodefile.DefaultDir, StateDirectory: DefaultStateDir, RecordDirectory: record.DefaultDir,
		Colours: Colours{Attach: true, Of: ColoursOfUntagged}, Log: Log{Level: slog.LevelInfo, Format: logText},
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
colvind.yaml:9:5: ports[3].match: is missing; name the ports with a glob such as "eth*"
`
	if err == nil || err.Error() != strings.TrimSpace(want) {
		t.Errorf("mistakes:\n%v\nwant\n%s", err, want)
	}
	if _, err := Parse("colvind.yaml", []byte("protocols: []\n")); err == nil || !strings.Contains(err.Error(), ":1:12: protocols: names no protocol") {
		t.Errorf("no protocols: %v", err)
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
