// SPDX-License-Identifier: Apache-2.0

// Package config reads colvind.yaml, with every mistake that is in it. What its words
// have the agent do stays out, and so do the packages that do it: the colvin command
// reads the file too, for the directories.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// Where the agent keeps its files unless it is configured otherwise.
const (
	defaultRules    = "/etc/colvin/rules.yaml"
	DefaultStateDir = "/var/lib/colvin/agent"
)

// defaultSilence is for repairs over night, and no longer: who knows what was recabled.
const defaultSilence = rules.Silence(24 * time.Hour)

// The values of colours.of.
const (
	ColoursOfUntagged = "untagged"
	ColoursOfAll      = "all"
)

// The values of transmit. Empty is none of them, but what other ports have.
const (
	TransmitAuto = "auto"
	TransmitOn   = "on"
	TransmitOff  = "off"
)

// The values of capture.
const (
	CaptureAuto     = "auto"
	CaptureAll      = "all"
	CaptureProtocol = "protocol"
)

// The values of log.format.
const (
	logText = "text"
	LogJSON = "json"
)

// Config is colvind.yaml; deploy/colvind.yaml documents each key.
type Config struct {
	Node       string
	Interfaces []string             // globs; one that begins with "!" excludes
	Protocols  []discovery.Protocol // LLDP, CDP or both
	// RouterAdvertisements has the ports be listened to for them.
	RouterAdvertisements bool
	Ports                Ports
	Exceptions           []Exception
	ShutdownOnExit       bool
	Rules                string
	// How long a switch's word counts once it is heard no more, where no rule says it:
	// after it fell silent, and after it said goodbye.
	Silence, Goodbye rules.Silence
	RunDirectory     string
	StateDirectory   string
	// RecordDirectory is the CNI plugin's; the agent only reads it.
	RecordDirectory string
	Colours         Colours
	Isolation       string // nodefile.IsolationOff or nodefile.IsolationStrict
	AltNames        bool
	Kubernetes      Kubernetes
	Metrics         Metrics
	Log             Log
}

// Ports says what is done on ports.
type Ports struct {
	Transmit string // TransmitAuto, TransmitOn or TransmitOff
	Capture  string // CaptureAuto, CaptureAll or CaptureProtocol
}

// An Exception says what is done on the ports whose name a glob matches; what is empty
// is as on other ports.
type Exception struct {
	Match string
	Ports
}

// Colours says who gets a colour and what it is good for.
type Colours struct {
	Attach bool   // a pod may ask for a colour
	Of     string // ColoursOfUntagged or ColoursOfAll
}

// Kubernetes says whether the node is one of a cluster.
type Kubernetes struct {
	Enabled    bool
	Kubeconfig string // file; empty for the service account of the pod
}

// Metrics says where Prometheus finds the metrics.
type Metrics struct {
	Address string // host:port; empty for none
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level
	Format string
}

// Load reads the configuration file; without one the defaults hold. It
// reports every mistake in it.
func Load(file string) (Config, error) {
	c, err := read(file)
	if err != nil {
		return Config{}, err
	}
	if c.Node == "" {
		if c.Node, err = os.Hostname(); err != nil {
			return Config{}, fmt.Errorf("name this node: %w; set node: in the configuration", err)
		}
	}
	return c, nil
}

// LoadFor is Load for a node whose name is given beside the file, which may have it too.
func LoadFor(node, file string) (Config, error) {
	switch {
	case node == "":
		return Config{}, errors.New("name this node: -node is empty, as where it comes from a variable that is not set; set that, or leave -node out")
	case strings.Contains(node, "$("): // Kubernetes leaves what it does not know as it is
		return Config{}, fmt.Errorf("name this node: -node is %q, a variable that the pod does not have; add it to env, with fieldRef spec.nodeName", node)
	}
	c, err := read(file)
	if err != nil {
		return Config{}, err
	}
	if c.Node != "" && c.Node != node {
		return Config{}, fmt.Errorf("name this node: -node says %q, and %s has node: %q; leave one of them out", node, file, c.Node)
	}
	c.Node = node
	return c, nil
}

func read(file string) (Config, error) {
	if file == "" {
		return Parse(file, nil)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(file, data)
}

// Parse reads the content of a configuration file. An empty node stays
// empty.
func Parse(file string, data []byte) (Config, error) {
	doc := yamlfile.Parse(file, data)
	m := doc.Mapping()
	colours, metrics, log := m.Get("colours").Mapping(), m.Get("metrics").Mapping(), m.Get("log").Mapping()
	kubernetes := kubernetes(m.Get("kubernetes").Mapping())
	c := Config{
		Node:                 m.Get("node").Text(""),
		Interfaces:           patterns(m.Get("interfaces")),
		Protocols:            protocols(m.Get("protocols")),
		RouterAdvertisements: m.Get("routerAdvertisements").OneOf("on", "on", "off") == "on",
		Ports:                ports(m, Ports{Transmit: TransmitAuto, Capture: CaptureAuto}),
		Exceptions:           exceptions(m.Get("ports")),
		ShutdownOnExit:       m.Get("shutdownOnExit").Bool(false),
		Rules:                path(m.Get("rules"), defaultRules),
		Silence:              cmp.Or(rules.ReadSilence(m.Get("silence")), defaultSilence),
		Goodbye:              cmp.Or(rules.ReadGoodbye(m.Get("goodbye")), rules.SilenceRefuse),
		RunDirectory:         path(m.Get("runDirectory"), nodefile.DefaultDir),
		StateDirectory:       path(m.Get("stateDirectory"), DefaultStateDir),
		RecordDirectory:      path(m.Get("recordDirectory"), record.DefaultDir),
		Colours: Colours{
			Attach: colours.Get("attach").Bool(!kubernetes.Enabled),
			Of:     colours.Get("of").OneOf(ColoursOfUntagged, ColoursOfUntagged, ColoursOfAll),
		},
		Isolation:  m.Get("isolation").OneOf(nodefile.IsolationOff, nodefile.IsolationOff, nodefile.IsolationStrict),
		AltNames:   m.Get("altnames").OneOf("off", "on", "off") == "on",
		Kubernetes: kubernetes,
		Metrics:    Metrics{Address: address(metrics.Get("address"))},
		Log: Log{
			Level:  level(log.Get("level")),
			Format: log.Get("format").OneOf(logText, logText, LogJSON),
		},
	}
	if err := doc.Err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// patterns reads interface patterns one by one, so that a mistake names its line.
func patterns(v yamlfile.Value) []string {
	if !v.Present() {
		return []string{"*"}
	}
	var out []string
	for _, e := range v.List() {
		p := e.Text("")
		if !isGlob(strings.TrimPrefix(p, "!")) {
			e.Mistake(fmt.Sprintf("interface pattern %q is not a glob such as \"eth*\" or \"!eth0\"", p), "see path.Match for the syntax of globs")
		}
		out = append(out, p)
	}
	return out
}

// isGlob reports whether path.Match takes what is to match something.
func isGlob(s string) bool {
	_, err := filepath.Match(s, "")
	return err == nil && s != ""
}

// protocols reads which protocols are listened to.
func protocols(v yamlfile.Value) []discovery.Protocol {
	all := []discovery.Protocol{discovery.ProtocolLLDP, discovery.ProtocolCDP}
	if !v.Present() {
		return all
	}
	said := map[string]bool{}
	for _, e := range v.List() {
		said[e.OneOf("", string(discovery.ProtocolLLDP), string(discovery.ProtocolCDP))] = true
	}
	if len(v.List()) == 0 {
		v.Mistake("names no protocol", "write [lldp, cdp], or one of the two; to listen nowhere, write interfaces: []")
	}
	return slices.DeleteFunc(all, func(p discovery.Protocol) bool { return !said[string(p)] })
}

// ports reads what can be set for all ports and for some.
func ports(m *yamlfile.Mapping, def Ports) Ports {
	return Ports{
		Transmit: m.Get("transmit").OneOf(def.Transmit, TransmitAuto, TransmitOn, TransmitOff),
		Capture:  m.Get("capture").OneOf(def.Capture, CaptureAuto, CaptureAll, CaptureProtocol),
	}
}

func exceptions(v yamlfile.Value) []Exception {
	var out []Exception
	for _, e := range v.List() {
		m := e.Mapping()
		match := m.Get("match").Required("name the ports with a glob such as \"eth*\"")
		x := Exception{Match: match.Text(""), Ports: ports(m, Ports{})}
		if match.Present() && !isGlob(x.Match) {
			match.Mistake(fmt.Sprintf("%s is not a glob such as \"eth*\"", yamlfile.Quote(x.Match)), "see path.Match for the syntax of globs")
		}
		out = append(out, x)
	}
	return out
}

func kubernetes(m *yamlfile.Mapping) Kubernetes {
	c := Kubernetes{Enabled: m.Get("enabled").Bool(false)}
	if file := m.Get("kubeconfig"); file.Text("") != "" {
		c.Kubeconfig = path(file, "")
	}
	return c
}

func path(v yamlfile.Value, def string) string {
	p := v.Text(def)
	if !filepath.IsAbs(p) {
		v.Mistake(fmt.Sprintf("%s is not an absolute path", yamlfile.Quote(p)), "begin it with /")
	}
	return p
}

func address(v yamlfile.Value) string {
	a := v.Text("")
	if a == "" {
		return ""
	}
	if _, _, err := net.SplitHostPort(a); err != nil {
		v.Mistake(fmt.Sprintf("%s is not host:port", yamlfile.Quote(a)), "write for example 127.0.0.1:9100")
	}
	return a
}

func level(v yamlfile.Value) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(v.OneOf("info", "debug", "info", "warn", "error"))) // it knows them all
	return l
}
