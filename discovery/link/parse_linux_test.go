// SPDX-License-Identifier: Apache-2.0

package link

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
)

// message writes an RTM_NEWLINK message as the netlink library would send one.
func message(index int32, attrs ...*nl.RtAttr) []byte {
	info := nl.NewIfInfomsg(unix.AF_UNSPEC)
	info.Type, info.Index, info.Flags = unix.ARPHRD_ETHER, index, unix.IFF_UP
	b := info.Serialize()
	common := []*nl.RtAttr{
		nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated("dev")),
		nl.NewRtAttr(unix.IFLA_ADDRESS, []byte{2, 0, 0, 0, 0, 1}),
		nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(1500)),
		nl.NewRtAttr(unix.IFLA_CARRIER, nl.Uint8Attr(1)),
		nl.NewRtAttr(unix.IFLA_CARRIER_CHANGES, nl.Uint32Attr(3)),
	}
	for _, a := range append(common, attrs...) {
		b = append(b, a.Serialize()...)
	}
	return b
}

func linkInfo(kind string, data ...*nl.RtAttr) *nl.RtAttr {
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, nl.ZeroTerminated(kind))
	addNest(info, unix.IFLA_INFO_DATA, data)
	return info
}

func addNest(to *nl.RtAttr, kind int, attrs []*nl.RtAttr) {
	nest := to.AddRtAttr(kind, nil)
	for _, a := range attrs {
		nest.AddChild(a)
	}
}

func bigEndian(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

func TestParse(t *testing.T) {
	aggregator := nl.NewRtAttr(unix.IFLA_BOND_AD_INFO, nil)
	aggregator.AddRtAttr(unix.IFLA_BOND_AD_INFO_AGGREGATOR, nl.Uint16Attr(2))
	member := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	member.AddRtAttr(unix.IFLA_INFO_SLAVE_KIND, nl.ZeroTerminated("bond"))
	addNest(member, unix.IFLA_INFO_SLAVE_DATA|unix.NLA_F_NESTED, []*nl.RtAttr{
		nl.NewRtAttr(unix.IFLA_BOND_SLAVE_STATE, nl.Uint8Attr(1)),
		nl.NewRtAttr(unix.IFLA_BOND_SLAVE_MII_STATUS, nl.Uint8Attr(0)),
		nl.NewRtAttr(unix.IFLA_BOND_SLAVE_AD_AGGREGATOR_ID, nl.Uint16Attr(7)),
	})
	names := nl.NewRtAttr(unix.IFLA_PROP_LIST|unix.NLA_F_NESTED, nil)
	names.AddRtAttr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated("enp1s0"))
	names.AddRtAttr(unix.IFLA_ALT_IFNAME, nl.ZeroTerminated("green"))

	for name, tt := range map[string]struct {
		attrs []*nl.RtAttr
		want  discovery.Interface // beside what all have in common
	}{
		"hardware": {
			attrs: []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_PARENT_DEV_BUS_NAME, nl.ZeroTerminated("pci")), names},
			want:  discovery.Interface{Bus: "pci", AltNames: []string{"enp1s0", "green"}},
		},
		"representor of a virtual function": {
			attrs: []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_PHYS_PORT_NAME, nl.NonZeroTerminated("c1pf0vf12"))},
			want:  discovery.Interface{VF: true},
		},
		"representor of a host's function": {
			attrs: []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_PHYS_PORT_NAME, nl.NonZeroTerminated("pf0"))},
			want:  discovery.Interface{VF: true},
		},
		"uplink": {
			attrs: []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_PHYS_PORT_NAME, nl.NonZeroTerminated("p0s1"))},
		},
		"one of Colvin's own": {
			attrs: []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_IFALIAS, nl.ZeroTerminated("colvin: \x1b[2J")), nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(0))},
			want:  discovery.Interface{Alias: "colvin: \x1b[2J"},
		},
		"one being made": {
			attrs: []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_GROUP, nl.Uint32Attr(unfinished))},
			want:  discovery.Interface{Unfinished: true},
		},
		"port of Open vSwitch": {
			attrs: []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(9))},
			want:  discovery.Interface{Master: 9},
		},
		"Open vSwitch": {
			attrs: []*nl.RtAttr{linkInfo("openvswitch")},
			want:  discovery.Interface{Kind: "openvswitch"},
		},
		"VLAN": {
			attrs: []*nl.RtAttr{
				nl.NewRtAttr(unix.IFLA_LINK, nl.Uint32Attr(2)),
				linkInfo("vlan", nl.NewRtAttr(unix.IFLA_VLAN_ID, nl.Uint16Attr(100)), nl.NewRtAttr(unix.IFLA_VLAN_PROTOCOL, bigEndian(unix.ETH_P_8021Q))),
			},
			want: discovery.Interface{Kind: "vlan", Parent: 2, VLAN: 100},
		},
		"provider VLAN over a device of another namespace": {
			attrs: []*nl.RtAttr{
				nl.NewRtAttr(unix.IFLA_LINK, nl.Uint32Attr(2)),
				nl.NewRtAttr(unix.IFLA_LINK_NETNSID, nl.Uint32Attr(0)),
				linkInfo("vlan", nl.NewRtAttr(unix.IFLA_VLAN_ID, nl.Uint16Attr(100)), nl.NewRtAttr(unix.IFLA_VLAN_PROTOCOL, bigEndian(unix.ETH_P_8021AD))),
			},
			want: discovery.Interface{Kind: "vlan"},
		},
		"bridge that filters": {
			attrs: []*nl.RtAttr{linkInfo("bridge", nl.NewRtAttr(unix.IFLA_BR_VLAN_FILTERING, nl.Uint8Attr(1)))},
			want:  discovery.Interface{Kind: "bridge", VLANFiltering: true},
		},
		"LACP bond": {
			attrs: []*nl.RtAttr{linkInfo("bond", nl.NewRtAttr(unix.IFLA_BOND_MODE, nl.Uint8Attr(4)), aggregator)},
			want:  discovery.Interface{Kind: "bond", Bond: &discovery.Bond{Mode: "802.3ad", Aggregator: 2}},
		},
		"active-backup bond": {
			attrs: []*nl.RtAttr{linkInfo("bond", nl.NewRtAttr(unix.IFLA_BOND_MODE, nl.Uint8Attr(1)), nl.NewRtAttr(unix.IFLA_BOND_ACTIVE_SLAVE, nl.Uint32Attr(5)))},
			want:  discovery.Interface{Kind: "bond", Bond: &discovery.Bond{Mode: "active-backup", Active: 5}},
		},
		"bond of the future": {
			attrs: []*nl.RtAttr{linkInfo("bond", nl.NewRtAttr(unix.IFLA_BOND_MODE, nl.Uint8Attr(7)))},
			want:  discovery.Interface{Kind: "bond", Bond: &discovery.Bond{Mode: "mode 7"}},
		},
		"member of a bond": {
			attrs: []*nl.RtAttr{nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(6)), member},
			want:  discovery.Interface{Master: 6, BondMember: &discovery.BondMember{Up: true, Aggregator: 7}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.want.Index, tt.want.Name, tt.want.MAC, tt.want.MTU = 4, "dev", discovery.MAC{2, 0, 0, 0, 0, 1}, 1500
			tt.want.Ethernet, tt.want.Up, tt.want.Carrier, tt.want.CarrierChanges = true, true, true, 3
			got, err := parse(message(4, tt.attrs...))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("error %v, (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestParseNoCount(t *testing.T) {
	if _, err := parse(nl.NewIfInfomsg(unix.AF_UNSPEC).Serialize()); !errors.Is(err, errNoCount) {
		t.Errorf("got %v, want %v", err, errNoCount)
	}
}

// FuzzParse shows that parse stands whatever a kernel sends.
func FuzzParse(f *testing.F) {
	whole := message(4, linkInfo("bond", nl.NewRtAttr(unix.IFLA_BOND_MODE, nl.Uint8Attr(4))),
		nl.NewRtAttr(unix.IFLA_PHYS_PORT_NAME, nl.ZeroTerminated("pf0vf1")))
	f.Add(whole)
	f.Add(whole[:len(whole)-5])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := slices.Clone(msg)
		ifi, err := parse(msg)
		if err == nil && ifi.Ethernet != (ifi.MAC != discovery.MAC{}) {
			t.Errorf("Ethernet %t with the address %s", ifi.Ethernet, ifi.MAC)
		}
		if !slices.Equal(before, msg) {
			t.Error("the message was changed")
		}
	})
}
