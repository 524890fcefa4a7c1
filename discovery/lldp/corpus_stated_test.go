// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"slices"
	"strings"
	"testing"
)

// stated is what the sources of the corpus' frames say of them in words, written
// as the fields of corpusFields; one with nothing behind the = is not there. What
// says nothing of a field has an empty list.
var stated = map[string][]string{
	"siemens-scalance-x212": {
		"sysname=Switch1", "port-desc=Siemens, SIMATIC NET, Ethernet Switch Port 01", "caps=station enabled station",
		"mgmt=141.81.0.190", "org 000ecf/2=00000000", "org 000ecf/5=001b1b02e61e",
	},
	"ladvd-41.good.small-0":   {"ttl=120", "sysname=test", "port=ifname(5):1/3", "pvid="},
	"ladvd-44.good.spaces-0":  {"sysname=HP ProCurve Switch 2626", "port=local(7):25", "port-desc=25", "pvid="},
	"ladvd-45.good.vlan-0":    {"sysname=trillian.blinkenlights.nl", "port=ifname(5):Gi0/1", "port-desc=GigabitEthernet0/1"},
	"ladvd-46.good.d-link-0":  {"ttl=120", "port=local(7):23"},
	"ladvd-47.good.nexus-0":   {"sysname=XdasdXZ", "port=local(7):Eth110/1/13", "port-desc=Ethernet110/1/13", "pvid="},
	"ladvd-48.good.4500G-0":   {"sysname=sw2.blat", "port=mac(3):00:1e:c1:42:42:42", "port-desc=GigabitEthernet1/0/9 Interface", "pvid=1"},
	"ladvd-49.good.ipmi-0":    {"sysname=(none).(none)", "port=ifname(5):bond0"},
	"ladvd-51.good.chassis-0": {"sysname=(none).(none)"},
	"ladvd-52.good.chassis-0": {}, // where the LLDPDU ends
	"ladvd-53.good.ipv6-0":    {"sysname=(none).(none)"},
	"ladvd-91.tlv.unknown-0":  {"tlv9="},
	"lldpd-recv-min": {
		"chassis=mac(4):00:17:d1:a8:35:bf", "port=mac(3):00:17:d1:a8:36:02", "ttl=120", "sysname=", "sysdesc=", "port-desc=",
	},
	"lldpd-recv-lldpd": {
		"chassis=mac(4):00:16:17:2f:a1:b6", "port=mac(3):00:16:17:2f:a1:b6", "ttl=120", "sysname=naruto.XXXXXXXXXXXXXXXXXXX",
		"caps=bridge+wlan-ap+router enabled bridge+router", "mgmt=10.238.80.75", "port-desc=eth0", "agg=status 0x1 id 0",
		"macphy=autoneg 0x3 adv 0x6c03 mau 16", "mfs=1500", "med-inv5=ND991789702", "med-inv6=080012 ", "med-inv7=2.6.29-2-amd64",
		"med-inv8=105820850009", "med-inv9=NEC Computers SAS", "med-inv10=POWERMATE VL350", "med-inv11=100207120",
	},
	"avaya-ers5510-vlans": {
		"chassis=mac(4):00:1f:46:d2:fc:00", "port=mac(3):00:1f:46:d2:fc:15", "ttl=120", "sysname=switch1",
		"sysdesc=Ethernet Routing Switch 5510-24T      HW:33       FW:5.0.0.4   SW:v5.1.0.014", "port-desc=Port 21",
		"caps=bridge+router enabled bridge", "mgmt=172.20.3.2", "pvid=500",
		"vlan=500 TestVlan", "vlan=501 TestVlan2", "vlan=502 TestVlan3",
		"proto-id=0026424203000000", "proto-id=888e01", "proto-id=88cc",
	},
	"hp-procurve-2600-8-pwr-med": {
		"chassis=mac(4):00:13:21:57:ca:40", "port=local(7):1", "ttl=120", "sysname=ProCurve Switch 2600-8-PWR",
		"caps=bridge+router enabled bridge", "mgmt=15.255.122.148", "med-cap=0x000f class 4",
		"med-policy=app 1 unknown 0 tagged 1 vid 50 prio 6 dscp 46", "org 0012bb/4=030041",
	},
	"cisco-sg200-08p-0": {
		"chassis=mac(4):00:35:35:35:35:35", "port=ifname(5):g1", "ttl=120", "macphy=autoneg 0x3 adv 0x0001 mau 0",
		"med-cap=0x002f class 4", "med-inv5=V02", "med-inv6=1.0.8.3", "med-inv7=1.0.8.3", "med-inv8=XXX11111ZZZ",
		"med-inv9=0xbc00", "med-inv10=SG 200-08P", "med-inv11=1",
	},
	"cisco-cat9k-8023bt-0":     {"dot3-power=0f01051302c601fe0163016300ff00ffce4f0001fe00000000"},
	"defensics-med-location-0": {"med-cap=0x0027 class 3", "med-policy=app 1 unknown 0 tagged 0 vid 0 prio 0 dscp 0", "org 0012bb/3=020241463500"},

	"ladvd-31.system_name.dup-0":     {}, // that ladvd rejects it; see kept
	"ladvd-94.mgt.af-0":              {},
	"ladvd-A6.fuzzer.end.short-0":    {},
	"ladvd-A8.fuzzer.cap.conflict-0": {},
	"ladvd-A8.fuzzer.cap.host-0":     {},
	"ladvd-AA.fuzzer.addr.invalid-0": {},

	"nm-nontpmr":           {"chassis=mac(4):00:01:02:03:04:05", "port=ifname(5):1/3", "port-desc=Port", "sysname=SYS", "sysdesc=foo", "ttl=120"},
	"nm-ttl1":              {"ttl=1"},
	"cisco-ip-phone-7911g": {}, // where it is from
	"arista-veos-ethernet1": {
		"chassis=mac(4):2c:c2:60:81:ea:f9", "port=ifname(5):Ethernet1", "pvid=1", "mfs=9236", "agg=status 0x1 id 0", "mgmt=2c:c2:60:81:ea:f9",
	},
	"arista-7050sx-lag":       {"agg=status 0x3 id 1000010", "pvid=1", `port-desc="Connected to DC1-AristaL2SW-R4"`},
	"cisco-aci-leaf-eth1-24":  {"chassis=mac(4):7c:0e:ce:cb:65:9c", "port=local(7):Eth1/24", "sysname=Leaf1.cliqr.com"},
	"lldpd-rhel-host":         {"caps=bridge+wlan-ap+router+station enabled router+station"},
	"arista-dcs-7808":         {"mfs=10200", "agg=status 0x3 id 1000120", "pvid=", "vlan="},
	"cisco-iosxr-8000-bundle": {"port=ifname(5):Bundle-Ether121"},
	"purestorage-flasharray":  {"caps=bridge+wlan-ap+router+station enabled bridge", "pvid="},
	"aruba-cx8325-a":          {"pvid=3560"},
	"yealink-sip-t33g":        {"chassis=netaddr(5):ipv4 10.90.20.186", "caps=bridge+telephone enabled bridge+telephone", "ttl=180"},
	"dell-s6000-ftos":         {"chassis=mac(4):34:17:eb:4c:1e:80", "port=ifname(5):hundredGigE 1/32"},
	"ubiquiti-us-8-60w":       {"port=local(7):Port 7", "caps=bridge enabled bridge"},

	// PVID and VLAN name tell VID 0x1234, which is none: the one is 0, the other discarded.
	"sd-oui": {"pvid=", "vlan=", "ppvid=flags 0x1 vid 30600", "mgmt-vid=258", "agg=status 0x1 id 1310738", "dot3-power=070100"},

	// Four distinct neighbours.
	"sd-sorted-1": {"chassis=chassis-component(1):1/2", "port=port-component(2):2/3"},
	"sd-sorted-2": {"chassis=chassis-component(1):2/1", "port=port-component(2):1/3"},
	"sd-sorted-3": {"chassis=chassis-component(1):2/10", "port=port-component(2):1/0"},
	"sd-sorted-4": {"chassis=chassis-component(1):2/19", "port=port-component(2):1/0"},

	"cisco-3560-2": {"sysname=S2.cisco.com", "chassis=mac(4):00:19:2f:a7:b2:8d", "port=ifalias(1):Uplink to S1", "pvid=1"},
	"cisco-3560-3": {"sysname=S1.cisco.com", "chassis=mac(4):00:18:ba:98:68:8f", "port=local(7):Fa0/13", "pvid=1"},
	"lldpd-mudurl-0": {
		"mgmt=62.12.173.114", "mgmt=2001:8a8:1006:4:223:54ff:fec2:5702",
		"org 00005e/1=68747470733a2f2f696d72696768742e6d75642e6578616d706c652e636f6d2f2e77656c6c2d6b6e6f776e2f6d75642f76312f766f6d697476322e30",
	},
}

// checkStated compares the fields that the source of a frame states.
func checkStated(t *testing.T, f *corpusFrame, got map[string][]string) {
	t.Helper()
	fields, known := stated[f.id]
	if known != (f.states != "") {
		t.Errorf("its source states %q, but what is compared with it is listed: %t", f.states, known)
	}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		if value == "" && strings.Join(got[name], "") == "" {
			continue
		}
		if !slices.Contains(got[name], value) {
			t.Errorf("%s is %q, its source states %q", name, got[name], value)
		}
	}
}
