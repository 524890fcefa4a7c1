// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/internal/paste/pastetest"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// TestCommandsPasted pastes the commands in errors about interfaces of any name.
func TestCommandsPasted(t *testing.T) {
	b := newSRIOVBench(t)
	pci := functions["0000:03:00.1"]
	pci.Number = 3
	b.kernel.PCI, b.kernel.VFVLANs = map[string]link.PCIDevice{"0000:03:00.1": pci}, map[int]uint16{3: 300}
	c := &conf{network: "green", chosen: "0000:03:00.1"}
	explained := regexp.MustCompile(`; "(colvin explain .*)" tells more$`)
	down := regexp.MustCompile(`administratively down; (ip link set .*)$`)
	tagged := regexp.MustCompile(`another network; (ip link set .*) takes it off$`)
	for _, name := range pastetest.Texts {
		if strings.ContainsRune(name, 0) || strings.ContainsFunc(name, unicode.IsSpace) {
			continue // which no interface has in its name
		}
		at, device := nodefile.Link{Name: name, Index: 4}, paste.Device(name, 4)
		explain := []string{"colvin", "explain", name}
		if strings.HasPrefix(name, "-") {
			explain = []string{"colvin", "explain", "--", name}
		}
		for _, tt := range []struct {
			err    error
			within *regexp.Regexp
			want   []string
		}{
			{
				b.plugin.unusableError(c, &b.node, []nodefile.Uplink{{Certainty: nodefile.Fresh, Ports: []nodefile.Port{{Link: at}}}}),
				explained, explain,
			},
			{(&operation{}).usable(discovery.Interface{Name: name, Index: 4}), down, []string{"ip", "link", "set", "dev", device, "up"}},
			{b.plugin.untagged(c, at), tagged, []string{"ip", "link", "set", "dev", device, "vf", "3", "vlan", "0"}},
		} {
			m := tt.within.FindStringSubmatch(tt.err.Error())
			if m == nil {
				t.Errorf("%q: %v", name, tt.err)
				continue
			}
			if got := pastetest.Shell(t, m[1]); !slices.Equal(got, tt.want) {
				t.Errorf("%q: %s is pasted as %q", name, m[1], got)
			}
		}
	}
}
