// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

// An oracleVerdict is what lldpd 1.0.16 makes of a frame, in the shape of its
// json0 output: every element is an array.
type oracleVerdict struct {
	ID           string           `json:"id"`
	Accepted     bool             `json:"accepted"`
	Unrecognized int              `json:"unrecognized"`
	Neighbors    []oracleNeighbor `json:"neighbors"`
}

type oracleNeighbor map[string][]oracleElement

// oracleElement holds attributes, and elements again.
type oracleElement map[string]any

// oracleExceptions are the fields in which we differ from lldpd, by frame and
// field.
var oracleExceptions = map[string]string{
	"ladvd-A8.fuzzer.cap.conflict-0 capability": "enabled without being there is an error (IEEE Std 802.1AB-2016, 8.5.8.3)",
	"ladvd-AA.fuzzer.addr.invalid-0 chassis id": "an IPv6 address of 4 octets is shown as if it had 16",
	"sd-oui vlan":                        "VID 4660 is none",
	"sd-oui unknown-tlv":                 "does not know 802.1 subtypes 6 and 7",
	"sd-oui unrecognized":                "does not know 802.1 subtypes 6 and 7",
	"sd-oui aggregation":                 "does not know 802.1 subtype 7",
	"arista-veos-ethernet1 unknown-tlv":  "does not know 802.1 subtype 7",
	"arista-veos-ethernet1 unrecognized": "does not know 802.1 subtype 7",
	"arista-7050sx-lag unknown-tlv":      "does not know 802.1 subtype 7",
	"arista-7050sx-lag unrecognized":     "does not know 802.1 subtype 7",
	"arista-7050sx-lag aggregation":      "does not know 802.1 subtype 7",
	"ladvd-48.good.4500G-0 policy":       "shows no policy of the reserved application 0",
}

// oracleRaw are the elements of lldpd's output that come from TLVs we keep raw,
// by their path.
var oracleRaw = []string{
	"ppvid", "pi", // 802.1 subtypes 2 and 4
	"port power",                                                                                             // 802.3 subtype 2
	"lldp-med device-type", "lldp-med capability", "lldp-med inventory", "lldp-med location", "lldp-med poe", // MED subtypes 1 and 3 to 11
	"chassis mgmt-iface", // the interface number of a management address is not decoded
}

// applied are the entries of oracleExceptions and oracleRaw that were of use.
type applied map[string]bool

// raw notes that lldpd shows an element that has to be one of oracleRaw.
func (a applied) raw(t *testing.T, element string) {
	t.Helper()
	a[element] = true
	if !slices.Contains(oracleRaw, element) {
		t.Errorf("lldpd shows %s, which nothing is compared with", element)
	}
}

// checkAll holds that every entry was of use.
func (a applied) checkAll(t *testing.T) {
	t.Helper()
	for _, entry := range slices.AppendSeq(slices.Clone(oracleRaw), maps.Keys(oracleExceptions)) {
		if !a[entry] {
			t.Errorf("exception for %s was never of use", entry)
		}
	}
}

// checkOracle compares all that lldpd shows of a frame with what we decode.
func checkOracle(t *testing.T, verdict *oracleVerdict, n *discovery.Neighbor, applied applied) {
	t.Helper()
	if verdict == nil || !verdict.Accepted || n.TTL == 0 { // one that says goodbye is not shown
		return
	}
	if len(verdict.Neighbors) != 1 {
		t.Fatalf("lldpd shows %d neighbours", len(verdict.Neighbors))
	}
	want := verdict.Neighbors[0].fields(t, applied)
	want["unrecognized"] = []string{strconv.Itoa(verdict.Unrecognized)}
	got := oracleFields(n)
	names := slices.Sorted(maps.Keys(want))
	for name := range got {
		if want[name] == nil {
			names = append(names, name)
		}
	}
	for _, name := range names {
		why, excepted := oracleExceptions[verdict.ID+" "+name]
		applied[verdict.ID+" "+name] = true
		switch diff := cmp.Diff(want[name], got[name]); {
		case diff != "" && !excepted:
			t.Errorf("%s (-lldpd +decoded):\n%s", name, diff)
		case diff == "" && excepted:
			t.Errorf("exception for %s no longer applies (%s)", name, why)
		}
	}
}

// fields flattens what lldpd shows, in the form of oracleFields.
func (n oracleNeighbor) fields(t *testing.T, applied applied) map[string][]string {
	t.Helper()
	fields := map[string][]string{}
	for part, elements := range n {
		for _, e := range elements {
			switch part {
			case "vlan":
				fields[part] = append(fields[part], fmt.Sprintf("%v pvid %v %v", e["vlan-id"], e["pvid"], orEmpty(e["value"])))
			case "chassis", "port", "lldp-med", "unknown-tlvs":
				e.flatten(t, part, fields, applied)
			default:
				applied.raw(t, part)
			}
		}
	}
	return fields
}

func (e oracleElement) flatten(t *testing.T, part string, fields map[string][]string, applied applied) {
	t.Helper()
	for name, v := range e {
		elements, _ := v.([]any)
		for _, sub := range elements {
			sub, _ := sub.(map[string]any)
			var s string
			field := name
			switch element := part + " " + name; element {
			case "chassis id", "port id":
				field, s = element, fmt.Sprintf("%v %v", sub["type"], sub["value"])
			case "chassis descr", "port descr":
				field, s = element, fmt.Sprint(sub["value"])
			case "chassis name", "chassis mgmt-ip", "port ttl", "port mfs", "port aggregation":
				s = fmt.Sprint(sub["value"])
			case "chassis capability":
				s = fmt.Sprintf("%v %v", sub["type"], sub["enabled"])
			case "port auto-negotiation":
				s = oracleElement(sub).autoNegotiation()
			case "lldp-med policy":
				s = fmt.Sprintf("%v defined %v vlan %v pcp %v dscp %v", sub["apptype"], sub["defined"],
					inner(sub["vlan"], "vid"), inner(sub["pcp"], "value"), inner(sub["dscp"], "value"))
			case "unknown-tlvs unknown-tlv":
				s = fmt.Sprintf("%v/%v %v", sub["oui"], sub["subtype"], orEmpty(sub["value"]))
			default:
				applied.raw(t, element)
			}
			if s != "" {
				fields[field] = append(fields[field], s)
			}
		}
	}
}

func (e oracleElement) autoNegotiation() string {
	var s strings.Builder
	fmt.Fprintf(&s, "supported %v enabled %v", e["supported"], e["enabled"])
	modes, _ := e["advertised"].([]any)
	for _, m := range modes {
		m, _ := m.(map[string]any)
		fmt.Fprintf(&s, " %v %v %v", m["type"], m["hd"], m["fd"])
	}
	return s.String() + " " + inner(e["current"], "value")
}

// inner returns an attribute of the only element in v, if there is one.
func inner(v any, name string) string {
	if elements, _ := v.([]any); len(elements) == 1 {
		element, _ := elements[0].(map[string]any)
		return orEmpty(element[name])
	}
	return ""
}

func orEmpty(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// oracleFields writes the fields of n as lldpd does.
func oracleFields(n *discovery.Neighbor) map[string][]string {
	fields := map[string][]string{
		"chassis id":   {oracleID(string(n.Chassis))},
		"port id":      {oracleID(string(n.Port))},
		"ttl":          {strconv.Itoa(int(n.TTL))},
		"unrecognized": {strconv.Itoa(len(oracleUnknown(n, true)))},
	}
	add := func(name, value string) {
		if value != "" {
			fields[name] = append(fields[name], value)
		}
	}
	newlines := strings.NewReplacer(`\x0a`, "\n", `\x0d`, "\r")
	add("name", n.SystemName)
	add("chassis descr", newlines.Replace(n.SystemDescription))
	add("port descr", n.PortDescription)
	for _, a := range n.ManagementAddresses {
		if _, err := netip.ParseAddr(a); err == nil {
			add("mgmt-ip", a)
		}
	}
	for _, c := range []struct{ ours, theirs string }{
		{"other", "Other"},
		{"repeater", "Repeater"},
		{"bridge", "Bridge"},
		{"router", "Router"},
		{"wlan-ap", "Wlan"},
		{"telephone", "Tel"},
		{"docsis", "Docsis"},
		{"station", "Station"},
	} {
		if slices.Contains(n.Capabilities.Available.Names(), c.ours) {
			add("capability", fmt.Sprintf("%s %t", c.theirs, slices.Contains(n.Capabilities.Enabled.Names(), c.ours)))
		}
	}
	vlans := n.VLANs
	if n.PVID != 0 && !slices.ContainsFunc(vlans, func(v discovery.VLANName) bool { return v.ID == n.PVID }) {
		vlans = append(slices.Clone(vlans), discovery.VLANName{ID: n.PVID})
	}
	for _, v := range vlans {
		add("vlan", fmt.Sprintf("%d pvid %t %s", v.ID, v.ID == n.PVID, v.Name))
	}
	if n.MaxFrameSize != 0 {
		add("mfs", strconv.Itoa(int(n.MaxFrameSize)))
	}
	if n.LinkAggregation != nil && n.LinkAggregation.PortID != 0 {
		add("aggregation", strconv.Itoa(int(n.LinkAggregation.PortID)))
	}
	add("auto-negotiation", oracleAutoNegotiation(n.MACPHY))
	if n.MED != nil {
		for _, p := range n.MED.NetworkPolicies {
			add("policy", oraclePolicy(p))
		}
	}
	for _, u := range oracleUnknown(n, false) {
		add("unknown-tlv", u)
	}
	return fields
}

// oracleID writes an ID as lldpd does: what it has no form for is octets.
func oracleID(id string) string {
	prefix, value, _ := strings.Cut(id, ":")
	switch {
	case prefix == "component":
		octets, _ := hex.DecodeString(unescapedHex(value))
		return fmt.Sprintf("unhandled % x", octets)
	case strings.HasPrefix(prefix, "subtype"):
		octets, _ := hex.DecodeString(value)
		return fmt.Sprintf("ip % x", octets)
	default:
		return prefix + " " + value
	}
}

func oracleAutoNegotiation(m *discovery.MACPHY) string {
	if m == nil {
		return ""
	}
	var s strings.Builder
	fmt.Fprintf(&s, "supported %t enabled %t", m.AutoNegotiationSupported, m.AutoNegotiationEnabled)
	for _, mode := range []struct {
		name     string
		half, fd uint16
	}{
		{"10Base-T", 1 << 14, 1 << 13},
		{"100Base-TX", 1 << 11, 1 << 10},
		{"100Base-T2", 1 << 9, 1 << 8},
		{"1000Base-X", 1 << 3, 1 << 2},
		{"1000Base-T", 1 << 1, 1 << 0},
	} {
		if half, full := m.Advertised&mode.half != 0, m.Advertised&mode.fd != 0; half || full {
			fmt.Fprintf(&s, " %s %t %t", mode.name, half, full)
		}
	}
	return s.String() + " " + map[uint16]string{
		0: "unknown", 16: "100BaseTXFD - 2 pair category 5 UTP, full duplex mode",
		30: "1000BaseTFD - Four-pair Category 5 UTP, full duplex mode", 33: "10GigBaseR - R PCS/PMA, unknown PMD.",
	}[m.MAUType]
}

func oraclePolicy(p discovery.NetworkPolicy) string {
	vlan := ""
	if p.Tagged {
		vlan = strconv.Itoa(int(p.VID))
	}
	application := map[uint8]string{1: "Voice"}[p.Application]
	return fmt.Sprintf("%s defined %t vlan %s pcp %d dscp %d", application, !p.Unknown, vlan, p.Priority, p.DSCP)
}

// oracleUnknown are the TLVs that lldpd does not know either: it shows those of
// organizations, and counts the others too.
func oracleUnknown(n *discovery.Neighbor, others bool) []string {
	var unknown []string
	for _, u := range slices.Concat(n.UnknownTLVs, dcbxTLVs(n.DCBX)) {
		oui := strings.ToUpper(strings.ReplaceAll(u.OUI.String(), ":", ","))
		switch {
		case u.Type != 127:
			if others {
				unknown = append(unknown, "")
			}
		case oui == "00,12,BB" && u.Subtype <= 11, oui == "00,12,0F" && u.Subtype == 2, oui == "00,80,C2" && (u.Subtype == 2 || u.Subtype == 4):
		default:
			value := strings.ToUpper(strings.ReplaceAll(fmt.Sprintf("% x", []byte(u.Value)), " ", ","))
			unknown = append(unknown, fmt.Sprintf("%s/%d %s", oui, u.Subtype, value))
		}
	}
	return unknown
}

func readOracle(t *testing.T, root fs.FS, file string) map[string]*oracleVerdict {
	t.Helper()
	text, err := fs.ReadFile(root, file)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]*oracleVerdict{}
	for line := range strings.Lines(string(text)) {
		verdict := new(oracleVerdict)
		if err := json.Unmarshal([]byte(line), verdict); err != nil {
			t.Fatalf("read %s: %v", file, err)
		}
		verdicts[verdict.ID] = verdict
	}
	return verdicts
}
