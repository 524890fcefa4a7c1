// SPDX-License-Identifier: Apache-2.0

// Package scrub takes addresses and names out of what an agent knows, so that it can be
// shown to strangers: the same original has the same placeholder everywhere. What is
// gathered, and where it goes, is its callers' business.
package scrub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// What is named. The placeholders say it.
const (
	System = "system"
	Node   = "node"
	Pod    = "pod"

	namespace = "namespace"
	container = "container"
	chassis   = "chassis"
	host      = "host"
	account   = "account"
	said      = "text" // free text of others
)

// A Scrubber first learns all that is to be replaced, and then replaces it.
type Scrubber struct {
	names     *names
	addresses *addresses
	opaque    map[string]string // whole values of which nobody knows what they are
	learning  bool
}

// New returns a Scrubber that knows nothing.
func New() *Scrubber {
	return &Scrubber{names: newNames(), addresses: newAddresses(), opaque: map[string]string{}}
}

// LearnName says that a text is a name, of a System, Node or Pod.
func (s *Scrubber) LearnName(class, name string) { s.names.learn(class, name) }

// LearnText says that addresses in a text are to be replaced, and what errors of clients of
// the API server say of machines.
func (s *Scrubber) LearnText(text string) {
	s.addresses.learn(text)
	for _, c := range clues {
		for _, m := range c.find.FindAllStringSubmatch(text, -1) {
			for i, class := range c.classes {
				for name := range strings.SplitSeq(m[i+1], ", ") {
					if _, err := netip.ParseAddr(name); err != nil {
						s.names.learn(class, name)
					}
				}
			}
		}
	}
}

// clues are where sentences name machines and accounts.
var clues = []struct {
	find    *regexp.Regexp
	classes []string // of the groups
}{
	{regexp.MustCompile(`https?://(?:[^\s/"@]*@)?([A-Za-z0-9][A-Za-z0-9_.-]*)`), []string{host}},
	{regexp.MustCompile(`\blookup ([A-Za-z0-9][A-Za-z0-9_.-]*?)(?: on |: )`), []string{host}},
	{regexp.MustCompile(`certificate is valid for ((?:[A-Za-z0-9*][A-Za-z0-9_.:*-]*(?:, )?)+?), not ([A-Za-z0-9][A-Za-z0-9_.:-]*)`), []string{host, host}},
	{regexp.MustCompile(`the token belongs to node ([A-Za-z0-9][A-Za-z0-9.-]*),`), []string{Node}},
	{regexp.MustCompile(`system:serviceaccount:([A-Za-z0-9.-]+):([A-Za-z0-9.-]+)`), []string{namespace, account}},
	{regexp.MustCompile(`system:node:([A-Za-z0-9.-]+)`), []string{Node}},
}

// Learn takes what is to be replaced from JSON.
func (s *Scrubber) Learn(data []byte) error {
	s.learning = true
	defer func() { s.learning = false }()
	_, err := s.each(data, func(at place, text string) string {
		s.LearnText(text)
		switch how := at.how(text); how {
		case keep:
			if !at.foreign {
				s.names.common(text)
			}
		case prose, opaque, octets:
		case label:
			s.learnIdentity(text)
		case identifier:
			switch sub, value, ok := strings.Cut(text, ":"); {
			case octetsLike.MatchString(text): // of the device of a pin
			case !ok: // a group of switches
				s.names.learn(chassis, text)
			case !kept(at, sub):
				s.names.learn(chassis, value)
			}
		case owner:
			s.learnOwner(text)
		case end:
			s.learnIdentity(text)
			s.learnEnd(text)
		case arguments:
			for pair := range strings.SplitSeq(text, ";") {
				if key, value, _ := strings.Cut(pair, "="); argumentClass(key) != "" {
					s.names.learn(argumentClass(key), value)
				}
			}
		default:
			s.names.learn(string(how), text)
		}
		return text
	})
	return err
}

// JSON returns a document in which everything was replaced. Its keys stay, but for those of
// a plugin's configuration and result, which may be names.
func (s *Scrubber) JSON(data []byte) ([]byte, error) {
	return s.each(data, func(at place, text string) string {
		switch at.how(text) {
		case keep:
			return text
		case opaque:
			if now := s.Text(text); now != text {
				return now
			}
			return s.hide(text)
		case octets:
			return strings.Repeat("0", len(text))
		case identifier:
			if sub, value, ok := strings.Cut(text, ":"); ok && !kept(at, sub) && !octetsLike.MatchString(text) {
				return sub + ":" + s.whole(value)
			}
			return s.whole(text)
		case arguments:
			return s.arguments(text)
		case prose, label, owner, end:
		}
		return s.whole(text)
	})
}

// whole replaces a text that may be a name as it is.
func (s *Scrubber) whole(text string) string {
	if now, ok := s.names.whole(text); ok {
		return now
	}
	return s.Text(text)
}

// Text returns a text in which everything that was learned is replaced.
func (s *Scrubber) Text(text string) string { return s.addresses.replace(s.names.replace(text)) }

// Names replaces the names in a text whose addresses are placeholders already.
func (s *Scrubber) Names(text string) string { return s.names.replace(text) }

// Left says what of the originals is in a text that was to have none.
func (s *Scrubber) Left(text string) (originals []string) {
	low := strings.ToLower(text)
	for _, original := range slices.Concat(s.names.originals(), s.addresses.originals()) {
		if strings.Contains(low, strings.ToLower(original)) {
			originals = append(originals, original)
		}
	}
	return originals
}

// hide replaces a whole value.
func (s *Scrubber) hide(text string) string {
	if text == "" {
		return ""
	}
	if s.opaque[text] == "" {
		s.opaque[text] = fmt.Sprintf("hidden-%d", len(s.opaque)+1)
	}
	return s.opaque[text]
}

// argumentClass is what a key of CNI_ARGS names.
func argumentClass(key string) string {
	switch key {
	case "K8S_POD_NAMESPACE":
		return namespace
	case "K8S_POD_NAME":
		return Pod
	case "K8S_POD_INFRA_CONTAINER_ID", "K8S_POD_UID":
		return container
	}
	return ""
}

func (s *Scrubber) arguments(text string) string {
	pairs := strings.Split(text, ";")
	for i, pair := range pairs {
		switch key, value, ok := strings.Cut(pair, "="); {
		case !ok || key == "IgnoreUnknown":
		case argumentClass(key) != "" || key == "IP" || key == "MAC":
			pairs[i] = key + "=" + s.whole(value)
		default:
			pairs[i] = key + "=" + s.hide(value)
		}
	}
	return strings.Join(pairs, ";")
}

// endLike is what stands for a switch and its port, such as "sw-1 mac:00:00:5e:00:53:01
// port ifname:Ethernet1": its name if it has one, its chassis ID, its port ID.
var endLike = regexp.MustCompile(`^(?:(.*?),? )??(mac|ip|ifname|ifalias|local|component|portcomponent|circuit|cdp|chassis-\d+|port-\d+):(.*) port `)

// learnEnd takes the names from that.
func (s *Scrubber) learnEnd(text string) {
	m := endLike.FindStringSubmatch(text)
	if m == nil {
		return
	}
	s.names.learn(System, m[1])
	if !isAddress(m[2]) {
		s.names.learn(chassis, m[3])
	}
}

// identityLike is an identity in words, or its key.
var identityLike = regexp.MustCompile(`(?:^|\()(?:chassis )?([a-z]+):(.+?) (?:VLAN|vlan) \d+`)

func (s *Scrubber) learnIdentity(text string) {
	for _, m := range identityLike.FindAllStringSubmatch(text, -1) {
		if !isAddress(m[1]) {
			s.names.learn(chassis, m[2])
		}
	}
}

// learnOwner takes apart what stands for a container.
func (s *Scrubber) learnOwner(text string) {
	if space, pod, ok := strings.Cut(text, "/"); ok {
		s.names.learn(namespace, space)
		text = pod
	}
	if !strings.Contains(text, ellipsis) { // a container's ID, of which the rest is known
		s.names.learn(Pod, text)
	}
}

// each calls with for every text of a JSON document and returns the document with what
// that returns.
func (s *Scrubber) each(data []byte, with func(at place, text string) string) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("scrub: %w", err)
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s.walk(place{}, doc, with)); err != nil {
		return nil, fmt.Errorf("scrub: %w", err)
	}
	return out.Bytes(), nil
}

func (s *Scrubber) walk(at place, v any, with func(at place, text string) string) any {
	switch v := v.(type) {
	case string:
		return with(at, v)
	case []any:
		for i := range v {
			v[i] = s.walk(at, v[i], with)
		}
	case map[string]any:
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			below := place{above: at.key, key: key, foreign: at.foreign || key == "delegateConf" || key == "result"}
			if !at.foreign {
				s.names.common(key)
				out[key] = s.walk(below, v[key], with)
				continue
			}
			out[s.key(key)] = s.walk(below, v[key], with)
		}
		return out
	}
	return v
}

// plainKey is a key as programs have it.
var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// key replaces a key of others. While there is still to be learned it stays.
func (s *Scrubber) key(key string) string {
	switch {
	case s.learning:
		s.addresses.learn(key)
		return key
	case !plainKey.MatchString(key):
		return s.hide(key)
	}
	return s.Text(key)
}

// isTime reports whether a text is a time in JSON.
func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}
