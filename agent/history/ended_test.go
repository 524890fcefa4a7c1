// SPDX-License-Identifier: Apache-2.0

package history

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestWhyEnded holds that each condition which ends says why, in a line and in few words.
func TestWhyEnded(t *testing.T) {
	source, err := os.ReadFile("../../mapping/view.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := regexp.MustCompile(`ConditionType = "(\w+)"`).FindAllSubmatch(source, -1)
	if len(kinds) == 0 {
		t.Fatal("no condition is found")
	}
	for _, k := range kinds {
		why := whyEnded(mapping.Condition{Type: mapping.ConditionType(k[1]), Message: "it was so"}, &agentapi.State{})
		if why == "" || strings.Contains(why, "it was so") || len(why) > 80 || strings.Contains(why, "\n") {
			t.Errorf("%s ended: %q", k[1], why)
		}
	}
}

func TestWhyEndedOnAPort(t *testing.T) {
	link := func(up, carrier bool) *discovery.Snapshot {
		return &discovery.Snapshot{Interfaces: []discovery.Interface{{Name: "lo"}, {Name: "eth1", Ethernet: true, Up: up, Carrier: carrier}}}
	}
	port := func(state belief.State) mapping.Memory {
		return mapping.Memory{Ports: []belief.Port{{Interface: "eth0"}, {Interface: "eth1", State: state, Holder: &belief.Voice{Neighbor: discovery.Neighbor{
			MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:p1"}, SystemName: "sw",
		}}}}}
	}
	uplink := func(c nodefile.Certainty, usable bool) mapping.View {
		return mapping.View{Uplinks: []mapping.Uplink{{Port: nodefile.Link{Name: "eth0"}}, {Port: nodefile.Link{Name: "eth1"}, Certainty: c, Usable: usable}}}
	}
	up := link(true, true)
	for name, tt := range map[string]struct {
		kind mapping.ConditionType
		now  agentapi.State
		want string
	}{
		"gone":          {mapping.Conflict, agentapi.State{Snapshot: &discovery.Snapshot{}, Memory: port(belief.Held)}, "eth1 is gone"},
		"down":          {mapping.LLDPInFirmware, agentapi.State{Snapshot: link(false, false)}, "eth1 is down"},
		"unplugged":     {mapping.StaleSoon, agentapi.State{Snapshot: link(true, false), View: uplink(nodefile.Down, false)}, "eth1 has no carrier"},
		"agreed":        {mapping.Conflict, agentapi.State{Snapshot: up, Memory: port(belief.Held)}, "sw is believed, and nobody contradicts it"},
		"changed":       {mapping.VLANChanging, agentapi.State{Snapshot: up, Memory: port(belief.Late)}, "sw is believed, and nobody contradicts it"},
		"another":       {mapping.VLANChanging, agentapi.State{Snapshot: up, Memory: port(belief.Disputed)}, "somebody else contradicts now"},
		"silent":        {mapping.Conflict, agentapi.State{Snapshot: up, Memory: port(belief.Silent)}, "nobody is heard there any more"},
		"nobody":        {mapping.Conflict, agentapi.State{Snapshot: up}, "nobody is believed there"},
		"heard":         {mapping.StaleSoon, agentapi.State{Snapshot: up, View: uplink(nodefile.Fresh, true)}, "the switch is heard again"},
		"over":          {mapping.StaleSoon, agentapi.State{Snapshot: up, View: uplink(nodefile.Stale, false)}, "the time is over: pods can be attached there no more"},
		"doubted":       {mapping.StaleSoon, agentapi.State{Snapshot: up, View: uplink(nodefile.Unverified, false)}, "its networks are unverified now"},
		"forgotten":     {mapping.StaleSoon, agentapi.State{Snapshot: up}, "its networks are forgotten"},
		"renamed":       {mapping.DeviceReturned, agentapi.State{Snapshot: &discovery.Snapshot{}}, "the device is named and set up as before"},
		"without ports": {mapping.PortUnreadable, agentapi.State{Snapshot: up}, "it is listened on"},
	} {
		if got := whyEnded(mapping.Condition{Type: tt.kind, Interface: "eth1"}, &tt.now); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
