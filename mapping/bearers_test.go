// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
)

var heardFirst = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

// saying is who holds a port, as "PORT CHASSIS NAME ADDRESS": the same word is not said.
func saying(words string) belief.Port {
	f := strings.Fields(words)
	n := discovery.Neighbor{Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: discovery.ID(f[1]), Port: discovery.ID("ifname:" + f[0])}}
	if f[2] != "-" {
		n.SystemName = f[2]
	}
	if len(f) > 3 {
		n.ManagementAddresses = f[3:]
	}
	if strings.HasPrefix(f[1], "cdp:") { // the name is the address that it sends from
		n.Protocol, n.Port, n.Source = discovery.ProtocolCDP, "ifname:Gi0/1", discovery.MAC{2, 0, 0, 0, 0, f[2][0]}
		n.SystemName = ""
	}
	return belief.Port{Interface: "eth" + f[0], Index: int(f[0][0] - '0'), State: belief.Held, Holder: &belief.Voice{Neighbor: n}}
}

// TestBearers holds who is apart after frames that come ten seconds after one another.
func TestBearers(t *testing.T) {
	for name, tt := range map[string]struct {
		frames string // of holders, in their order; "!" before one: its carrier was lost
		want   string // the ports that are apart
	}{
		"one port":                {"1 x a, 1 x b, 1 x a", ""},
		"the same":                {"1 x a, 2 x a, 1 x a, 2 x a", ""},
		"other chassis":           {"1 x a, 2 y b", ""},
		"at once":                 {"1 x a, 2 x b", "2"},
		"at once by address":      {"1 x a 192.0.2.1, 2 x a 192.0.2.2", "2"},
		"one address of several":  {"1 x a 192.0.2.1 192.0.2.9, 2 x a 192.0.2.2 192.0.2.9", ""},
		"no global address":       {"1 x a fe80::1, 2 x a fe80::2", ""},
		"no name":                 {"1 x -, 2 x b", ""},
		"a third that agrees":     {"1 x a, 2 x b, 3 x a", "2"},
		"a third like the second": {"1 x a, 2 x b, 3 x b", "2 3"},
		"until it agrees":         {"1 x a, 2 x b, 2 x a", ""},
		"until the others do":     {"1 x a, 2 x b, 1 x b", ""},
		"to":                      {"1 x a, 2 x b, 1 x a, 2 x b, 1 x a", "2"},
		"to and fro":              {"1 x a, 2 x b, 1 x a, 2 x b, 1 x a, 2 x b", "1 2"},
		"renamed":                 {"1 x a, 2 x a, 1 x b, 2 x a, 1 x b, 2 x b, 1 x b, 2 x b, 1 x b, 2 x b", ""},
		"renamed late":            {"1 x a, 2 x a, 1 x b, 2 x a, 1 x b, 1 x b, 1 x b, 1 x b, 2 x b", ""},
		"moved unseen":            {"1 x a, 2 x a, 2 x b, 1 x a, 2 x b, 1 x a, 2 x b", "1 2"},
		"moved":                   {"1 x a, 2 x a, !2 x b", "2"},
		"flapped":                 {"1 x a, 2 x a, !2 x a", ""},
		"forged among":            {"1 x a, 2 x a, 2 x b, 2 x a, 1 x a, 2 x b, 2 x a, 1 x a, 2 x b, 2 x a, 1 x a, 2 x b, 2 x a", ""},
		"only repeated":           {"1 x a, 2 x a, 2 x b, 2 x b, 2 x b, 2 x b", ""},
		"CDP":                     {"1 cdp:x a, 2 cdp:x a", ""},
		"CDP from two":            {"1 cdp:x a, 2 cdp:x b", "2"},
		"CDP from two for long":   {"1 cdp:x a, 2 cdp:x b, 1 cdp:x a, 2 cdp:x b, 1 cdp:x a, 2 cdp:x b", "1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var s Bearers
			ports := map[int]belief.Port{}
			now := heardFirst
			for frame := range strings.SplitSeq(tt.frames, ", ") {
				now = now.Add(10 * time.Second)
				words, lost := strings.CutPrefix(frame, "!")
				c := saying(words)
				before, again := ports[c.Index]
				c.Holder.FirstHeard, c.Holder.LastHeard, c.Epoch = now, now, before.Epoch
				if lost {
					c.Epoch += 2
				} else if again {
					c.Holder.FirstHeard = before.Holder.FirstHeard
				}
				ports[c.Index] = c
				s = s.learn(inOrder(ports), now)
			}
			if got := apart(s, ports); got != tt.want {
				t.Errorf("apart %q, want %q: %+v", got, tt.want, s)
			}
		})
	}
}

func inOrder(ports map[int]belief.Port) []belief.Port {
	var out []belief.Port
	for i := range 10 {
		if c, ok := ports[i]; ok {
			out = append(out, c)
		}
	}
	return out
}

func apart(s Bearers, ports map[int]belief.Port) string {
	var out []string
	for _, c := range inOrder(ports) {
		if s.Apart(c.Interface, c.Holder.Chassis) {
			out = append(out, fmt.Sprint(c.Index))
		}
	}
	return strings.Join(out, " ")
}

// TestBearersHold holds that only who holds a port and is heard there proves anything.
func TestBearersHold(t *testing.T) {
	for name, change := range map[string]func(*belief.Port){
		"silent":   func(c *belief.Port) { c.State = belief.Silent },
		"disputed": func(c *belief.Port) { c.State = belief.Disputed },
	} {
		t.Run(name, func(t *testing.T) {
			ports := []belief.Port{saying("1 x a"), saying("2 x b")}
			change(&ports[1])
			if got := (Bearers{}).learn(ports, heardFirst); len(got) != 0 {
				t.Errorf("learned %+v", got)
			}
		})
	}
}

// TestBearersShare holds that what learns changes nothing that is in use.
func TestBearersShare(t *testing.T) {
	ports := []belief.Port{saying("1 x a"), saying("2 x b")}
	s := Bearers{}.learn(ports, heardFirst)
	before := fmt.Sprintf("%+v", s)
	ports[1].Epoch, ports[0].Holder.SystemName = 9, "c"
	s.learn(ports, heardFirst.Add(time.Hour))
	if after := fmt.Sprintf("%+v", s); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

// TestBearersBounds holds that what others invent stays small.
func TestBearersBounds(t *testing.T) {
	var s Bearers
	for i := range 600 {
		now := heardFirst.Add(time.Duration(i) * time.Second)
		var ports []belief.Port
		for port := range 3 {
			c := saying(fmt.Sprintf("%d x%d n%d", port, i, port))
			c.Holder.LastHeard = now
			ports = append(ports, c)
		}
		s = s.learn(ports, now)
	}
	if len(s) > maxBearers || len(s) < maxBearers-2 { // one left alone is no bearer
		t.Errorf("%d bearers, want %d", len(s), maxBearers)
	}
	if s = s.learn(nil, heardFirst.Add(time.Hour)); len(s) != 0 {
		t.Errorf("%d bearers are left", len(s))
	}
}

// TestBearersMaterial holds that memory is not written for each frame.
func TestBearersMaterial(t *testing.T) {
	s := Bearers{{Chassis: "x", Interface: "eth1", Heard: heardFirst, Contradicted: heardFirst.Add(time.Minute), Apart: true}}
	want := Bearers{{Chassis: "x", Interface: "eth1", Contradicted: heardFirst, Apart: true}}
	if diff := cmp.Diff(want, s.material()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
