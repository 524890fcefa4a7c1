// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/observe"
	"github.com/colvin-net/colvin/discovery/transmit"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Where the agent keeps its files unless it is configured otherwise.
const (
	DefaultRules    = "/etc/colvin/rules.yaml"
	DefaultStateDir = "/var/lib/colvin/agent"
)

// The values of colours.of.
const (
	ColoursOfUntagged = "untagged"
	ColoursOfAll      = "all"
)

// The values of log.format.
const (
	LogText = "text"
	LogJSON = "json"
)

// Config is colvind.yaml; deploy/colvind.yaml documents each key.
type Config struct {
	Node           string
	Interfaces     observe.Patterns
	Protocols      ether.Socket // LLDP, CDP or both
	Ports          observe.Settings
	Exceptions     []observe.Exception
	ShutdownOnExit bool
	Rules          string
	RunDirectory   string
	StateDirectory string
	// RecordDirectory is the CNI plugin's; the agent only reads it.
	RecordDirectory string
	Colours         ColourConfig
	AltNames        bool
	Kubernetes      KubernetesConfig
	Metrics         MetricsConfig
	Log             LogConfig
}

// ColourConfig says who gets a colour and what it is good for.
type ColourConfig struct {
	Attach bool   // a pod may ask for a colour
	Of     string // ColoursOfUntagged or ColoursOfAll
}

// KubernetesConfig says whether the node is one of a cluster.
type KubernetesConfig struct {
	Enabled    bool
	Kubeconfig string // file; empty for the service account of the pod
}

// MetricsConfig says where Prometheus finds the metrics.
type MetricsConfig struct {
	Address string // host:port; empty for none
}

// LogConfig says what is logged and how.
type LogConfig struct {
	Level  slog.Level
	Format string
}

// LoadConfig reads the configuration file; without one the defaults hold. It
// reports every mistake in it.
func LoadConfig(file string) (Config, error) {
	var data []byte
	if file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return Config{}, fmt.Errorf("read configuration: %w", err)
		}
	}
	c, err := ParseConfig(file, data)
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

// ParseConfig reads the content of a configuration file. An empty node stays
// empty.
func ParseConfig(file string, data []byte) (Config, error) {
	doc := yamlfile.Parse(file, data)
	m := doc.Mapping()
	colours, metrics, log := m.Get("colours").Mapping(), m.Get("metrics").Mapping(), m.Get("log").Mapping()
	kubernetes := kubernetes(m.Get("kubernetes").Mapping())
	c := Config{
		Node:            m.Get("node").Text(""),
		Interfaces:      patterns(m.Get("interfaces")),
		Protocols:       listenedTo(m.Get("protocols")),
		Ports:           settings(m, observe.Settings{Transmit: transmit.Auto, Capture: ether.CaptureAuto}),
		Exceptions:      exceptions(m.Get("ports")),
		ShutdownOnExit:  m.Get("shutdownOnExit").Bool(false),
		Rules:           path(m.Get("rules"), DefaultRules),
		RunDirectory:    path(m.Get("runDirectory"), nodefile.DefaultDir),
		StateDirectory:  path(m.Get("stateDirectory"), DefaultStateDir),
		RecordDirectory: path(m.Get("recordDirectory"), record.DefaultDir),
		Colours: ColourConfig{
			Attach: colours.Get("attach").Bool(!kubernetes.Enabled),
			Of:     colours.Get("of").OneOf(ColoursOfUntagged, ColoursOfUntagged, ColoursOfAll),
		},
		AltNames:   m.Get("altnames").OneOf("off", "on", "off") == "on",
		Kubernetes: kubernetes,
		Metrics:    MetricsConfig{Address: address(metrics.Get("address"))},
		Log: LogConfig{
			Level:  level(log.Get("level")),
			Format: log.Get("format").OneOf(LogText, LogText, LogJSON),
		},
	}
	if err := doc.Err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// patterns reads interface patterns one by one, so that a mistake names its line.
func patterns(v yamlfile.Value) observe.Patterns {
	if !v.Present() {
		return observe.Patterns{"*"}
	}
	var out observe.Patterns
	for _, e := range v.List() {
		p := observe.Patterns{e.Text("")}
		if err := p.Validate(); err != nil {
			e.Mistake(err.Error(), "see path.Match for the syntax of globs")
		}
		out = append(out, p...)
	}
	return out
}

// listenedTo reads which protocols are listened to.
func listenedTo(v yamlfile.Value) ether.Socket {
	names := map[string]ether.Socket{string(discovery.ProtocolLLDP): ether.LLDP, string(discovery.ProtocolCDP): ether.CDP}
	if !v.Present() {
		return ether.LLDP | ether.CDP
	}
	var out ether.Socket
	for _, e := range v.List() {
		out |= names[e.OneOf("", string(discovery.ProtocolLLDP), string(discovery.ProtocolCDP))]
	}
	if len(v.List()) == 0 {
		v.Mistake("names no protocol", "write [lldp, cdp], or one of the two; to listen nowhere, write interfaces: []")
	}
	return out
}

// settings reads what can be set for all ports and for some.
func settings(m *yamlfile.Mapping, def observe.Settings) observe.Settings {
	return observe.Settings{
		Transmit: transmit.Mode(m.Get("transmit").OneOf(string(def.Transmit),
			string(transmit.Auto), string(transmit.On), string(transmit.Off))),
		Capture: ether.Capture(m.Get("capture").OneOf(string(def.Capture),
			string(ether.CaptureAuto), string(ether.CaptureAll), string(ether.CaptureProtocol))),
	}
}

func exceptions(v yamlfile.Value) []observe.Exception {
	var out []observe.Exception
	for _, e := range v.List() {
		m := e.Mapping()
		match := m.Get("match").Required("name the ports with a glob such as \"eth*\"")
		x := observe.Exception{Match: match.Text(""), Settings: settings(m, observe.Settings{})}
		if _, err := filepath.Match(x.Match, ""); match.Present() && (err != nil || x.Match == "") {
			match.Mistake(fmt.Sprintf("%s is not a glob such as \"eth*\"", yamlfile.Quote(x.Match)), "see path.Match for the syntax of globs")
		}
		out = append(out, x)
	}
	return out
}

func kubernetes(m *yamlfile.Mapping) KubernetesConfig {
	c := KubernetesConfig{Enabled: m.Get("enabled").Bool(false)}
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
	if err := l.UnmarshalText([]byte(v.OneOf("info", "debug", "info", "warn", "error"))); err != nil {
		return slog.LevelInfo
	}
	return l
}
