// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/corpus"
)

// kept are the corpus frames marked malformed that are accepted nevertheless,
// with the number of optional TLVs discarded. Every other malformed one must be
// rejected.
var kept = map[string]struct {
	discarded int
	field     string // the discarded TLV in the independent decode
	why       string
}{
	"ladvd-31.system_name.dup-0":     {1, "", "second system name"},
	"ladvd-94.mgt.af-0":              {1, "mgmt", "management address of the reserved family 0"},
	"ladvd-A8.fuzzer.cap.conflict-0": {1, "caps", "bridge enabled but not available"},
	"ladvd-A8.fuzzer.cap.host-0":     {0, "", "station with other capabilities, as lldpd sends it on every host"},
	"ladvd-AA.fuzzer.addr.invalid-0": {0, "", "an IPv6 chassis ID of 4 octets: IDs are opaque (9.2.7.7.1 asks for 1 to 255 octets), kept as hex"},
	"defensics-med-location-0":       {0, "", "a bad civic location is inside a TLV that is kept raw"},
	"tcpdump-lldp-infinite-loop-1-0": {0, "", "TLVs kept raw; zeros among them read as End"},
}

// lenient are corpus frames where the independent decode sees all mandatory
// TLVs in order and nothing wrong, and that are rejected nevertheless.
var lenient = map[string]Reason{
	"ladvd-A4.fuzzer.chassis_id.one-0": ChassisIDLength, // 256 octets beside the subtype
}

// padded are the frames whose port ID the independent decode shows with the
// padding that we drop.
var padded = map[string]struct{ port, instead string }{
	"ladvd-46.good.d-link-0": {"local(7):0x323300", "local(7):23"},
}

// TestCorpus decodes the frame corpus whose folder COLVIN_FRAMES names, and
// compares every field of every frame with what three others say: the corpus'
// independent decode, the source of the frame, and lldpd. What they say of TLVs
// that are kept raw is compared with those.
func TestCorpus(t *testing.T) {
	frames, oracle := readCorpus(t)
	applied := applied{}
	for _, f := range frames {
		t.Run(f.id, func(t *testing.T) {
			got, reason := f.decode()
			checkVerdict(t, &f, &got, reason)
			if verdict := oracle[f.id]; verdict != nil && verdict.Accepted != (reason == Accepted) {
				t.Errorf("lldpd accepts it: %t, reason here: %v", verdict.Accepted, reason)
			}
			if reason != Accepted {
				return
			}
			said := corpusFields(&got.Neighbor)
			checkDecoded(t, &f, maps.Clone(said))
			checkStated(t, &f, said)
			checkOracle(t, oracle[f.id], &got.Neighbor, applied)
			checkInvariants(t, &got, f.bytes)
		})
	}
	checkExceptions(t, frames)
	applied.checkAll(t)
}

// checkExceptions holds that every frame an exception is made for is there, and
// that it still is one.
func checkExceptions(t *testing.T, frames []corpusFrame) {
	t.Helper()
	byID := map[string]*corpusFrame{}
	for i := range frames {
		byID[frames[i].id] = &frames[i]
	}
	listed := slices.Concat(slices.Collect(maps.Keys(kept)), slices.Collect(maps.Keys(lenient)),
		slices.Collect(maps.Keys(padded)), slices.Collect(maps.Keys(stated)))
	for _, id := range listed {
		if byID[id] == nil {
			t.Errorf("something is said of %s, which is not in the corpus", id)
		}
	}
	for id, k := range kept {
		if f := byID[id]; f != nil && (f.kind != "malformed" || (k.field != "" && f.values(k.field) == nil)) {
			t.Errorf("exception for %s no longer applies: it is %s, %s is %q", id, f.kind, k.field, f.values(k.field))
		}
	}
	for id := range lenient {
		if f := byID[id]; f != nil && !f.wholeMandatoryPart() {
			t.Errorf("exception for %s no longer applies: the independent decode finds something wrong too", id)
		}
	}
	for id, p := range padded {
		if f := byID[id]; f != nil && !slices.Contains(f.values("port"), p.port) {
			t.Errorf("exception for %s no longer applies: port is %q", id, f.values("port"))
		}
	}
}

func checkVerdict(t *testing.T, f *corpusFrame, got *Frame, reason Reason) {
	t.Helper()
	exception, isKept := kept[f.id]
	switch {
	case f.protocol != "lldp" && f.protocol != "lldpdu":
		if reason != NotLLDP {
			t.Errorf("%s frame: %v, want %v", f.protocol, reason, NotLLDP)
		}
		return
	case isKept:
		if reason != Accepted || got.Discarded != exception.discarded {
			t.Errorf("%v with %d TLVs discarded, want %v with %d (%s)", reason, got.Discarded, Accepted, exception.discarded, exception.why)
		}
	case f.kind == "malformed":
		if reason == Accepted {
			t.Error("accepted a malformed frame")
		}
	case reason != Accepted:
		t.Errorf("%s frame: %v", f.kind, reason)
	case got.Discarded != f.badTLVs():
		t.Errorf("%s frame: %d TLVs discarded, want %d", f.kind, got.Discarded, f.badTLVs())
	}
	// The independent decode agrees about the mandatory part.
	if want, exception := lenient[f.id]; exception {
		if reason != want {
			t.Errorf("%v, want %v", reason, want)
		}
	} else if whole := f.wholeMandatoryPart(); f.decoded != nil && whole != (reason == Accepted) {
		t.Errorf("%v, but the independent decode finds the mandatory part whole: %t", reason, whole)
	}
}

// checkDecoded compares the fields that the corpus' independent decode prints.
func checkDecoded(t *testing.T, f *corpusFrame, got map[string][]string) {
	t.Helper()
	want := map[string][]string{}
	for _, field := range f.decoded {
		name, value, _ := strings.Cut(field, "=")
		switch {
		case name == kept[f.id].field, name == "ERR", name == "trailer":
			continue
		case name == "dot3-linkagg" && f.values("dot1-linkagg") != nil:
			continue
		case (name == "vlan" || name == "pvid" || name == "mgmt-vid") && !validVIDText(value):
			continue
		case name == "mgmt": // "ipv4 192.0.2.1 if-subtype 2 if 1 oid -": the address alone is decoded
			_, value, _ = strings.Cut(value, " ")
			value, _, _ = strings.Cut(value, " ")
			value = strings.TrimPrefix(value, "0x")
		case name == "port" && value == padded[f.id].port:
			value = padded[f.id].instead
		case name == "org 0080c2/12":
			value = withoutReserved(value)
		}
		name = strings.TrimPrefix(strings.TrimPrefix(name, "dot1-link"), "dot3-link")
		value, _, _ = strings.Cut(value, `\0`) // padding of a text
		if value != "" || !slices.Contains(texts, name) {
			want[name] = append(want[name], value)
		}
	}
	for name, values := range want {
		want[name] = slices.Compact(values) // a text told twice
		for i, v := range want[name] {
			if short, cut := strings.CutSuffix(v, "..."); cut && i < len(got[name]) {
				got[name] = slices.Clone(got[name])
				want[name][i], got[name][i] = short, got[name][i][:min(len(short), len(got[name][i]))]
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" && f.decoded != nil {
		t.Errorf("fields (-independent +decoded):\n%s", diff)
	}
}

// withoutReserved clears the reserved bits of an Application Priority TLV, which are
// not decoded: an octet, and two bits of each entry.
func withoutReserved(value string) string {
	short, cut := strings.CutSuffix(value, "...")
	octets, err := hex.DecodeString(short[:len(short)&^1])
	if err != nil {
		return value
	}
	for i := range octets {
		switch {
		case i == 0:
			octets[i] = 0
		case i%3 == 1:
			octets[i] &^= 0x18
		}
	}
	if short = hex.EncodeToString(octets); cut {
		short += "..."
	}
	return short
}

// texts are the fields that are not there where they are empty.
var texts = []string{"port-desc", "sysname", "sysdesc"}

// corpusFields writes the fields of n as the corpus does.
func corpusFields(n *discovery.Neighbor) map[string][]string {
	fields := map[string][]string{}
	add := func(name, format string, values ...any) {
		fields[name] = append(fields[name], fmt.Sprintf(format, values...))
	}
	add("chassis", "%s", corpusID(string(n.Chassis), map[string]string{
		"component": "chassis-component(1)", "mac": "mac(4)", "ip": "netaddr(5)", "subtype5": "netaddr(5)",
		"ifname": "ifname(6)", "local": "local(7)",
	}))
	add("port", "%s", corpusID(string(n.Port), map[string]string{
		"ifalias": "ifalias(1)", "component": "port-component(2)", "mac": "mac(3)", "ip": "netaddr(4)", "subtype4": "netaddr(4)",
		"ifname": "ifname(5)", "local": "local(7)",
	}))
	add("ttl", "%d", n.TTL)
	for i, s := range []string{n.PortDescription, n.SystemName, n.SystemDescription} {
		if s != "" {
			add(texts[i], "%s", strings.ReplaceAll(s, `\x0a`, `\n`))
		}
	}
	if c := n.Capabilities; c.Available != 0 {
		names := strings.NewReplacer(",", "+", "c-vlan", "cvlan", "s-vlan", "svlan")
		add("caps", "%s enabled %s", names.Replace(c.Available.String()), names.Replace(c.Enabled.String()))
	}
	for _, a := range n.ManagementAddresses {
		add("mgmt", "%s", strings.TrimPrefix(a, "mac:"))
	}
	if n.PVID != 0 {
		add("pvid", "%d", n.PVID)
	}
	for _, v := range n.VLANs {
		add("vlan", "%d %s", v.ID, v.Name)
	}
	if n.ManagementVID != 0 {
		add("mgmt-vid", "%d", n.ManagementVID)
	}
	if a := n.LinkAggregation; a != nil {
		add("agg", "status 0x%x id %d", flags(a.Capable, a.Enabled), a.PortID)
	}
	if n.MaxFrameSize != 0 {
		add("mfs", "%d", n.MaxFrameSize)
	}
	if m := n.MACPHY; m != nil {
		add("macphy", "autoneg 0x%x adv 0x%04x mau %d", flags(m.AutoNegotiationSupported, m.AutoNegotiationEnabled), m.Advertised, m.MAUType)
	}
	if n.MED != nil {
		for _, p := range n.MED.NetworkPolicies {
			add("med-policy", "app %d unknown %d tagged %d vid %d prio %d dscp %d",
				p.Application, flags(p.Unknown), flags(p.Tagged), p.VID, p.Priority, p.DSCP)
		}
	}
	for _, tlv := range slices.Concat(n.UnknownTLVs, dcbxTLVs(n.DCBX)) {
		name, value := corpusTLV(&tlv)
		add(name, "%s", value)
	}
	return fields
}

// flags returns the bits, the lowest first, as a number.
func flags(bits ...bool) int {
	n := 0
	for i, bit := range bits {
		if bit {
			n |= 1 << i
		}
	}
	return n
}

// corpusTLV writes a TLV that is kept raw as the corpus does, which decodes a few
// more.
func corpusTLV(tlv *discovery.TLV) (name, value string) {
	v := tlv.Value
	if tlv.Type != 127 {
		return fmt.Sprintf("tlv%d", tlv.Type), hex.EncodeToString(v)
	}
	switch org := strings.ReplaceAll(tlv.OUI.String(), ":", ""); fmt.Sprintf("%s/%d", org, tlv.Subtype) {
	case "0080c2/2":
		return "ppvid", fmt.Sprintf("flags 0x%x vid %d", v[0], binary.BigEndian.Uint16(v[1:]))
	case "0080c2/4":
		return "proto-id", hex.EncodeToString(v[1 : 1+v[0]])
	case "00120f/2":
		return "dot3-power", hex.EncodeToString(v)
	case "0012bb/1":
		return "med-cap", fmt.Sprintf("0x%04x class %d", binary.BigEndian.Uint16(v), v[2])
	case "0012bb/5", "0012bb/6", "0012bb/7", "0012bb/8", "0012bb/9", "0012bb/10", "0012bb/11":
		text, _, _ := strings.Cut(string(v), "\x00")
		return fmt.Sprintf("med-inv%d", tlv.Subtype), text
	default:
		return fmt.Sprintf("org %s/%d", org, tlv.Subtype), hex.EncodeToString(v)
	}
}

// corpusID writes an ID as the corpus does: "mac(4):00:01:02:03:04:05",
// "netaddr(5):ipv4 192.0.2.1", "local(7):0x323300".
func corpusID(id string, names map[string]string) string {
	prefix, value, _ := strings.Cut(id, ":")
	switch {
	case prefix == "ip" && strings.Contains(value, ":"):
		value = "ipv6 " + value
	case prefix == "ip":
		value = "ipv4 " + value
	case strings.Contains(value, `\x`):
		value = "0x" + unescapedHex(value)
	case strings.HasPrefix(prefix, "subtype"):
		family, _ := strconv.ParseUint(value[:2], 16, 8)
		value = fmt.Sprintf("af%d %s", family, value[2:])
	}
	return names[prefix] + ":" + value
}

// unescapedHex returns the octets of an escaped ID value in hex.
func unescapedHex(s string) string {
	var b strings.Builder
	for s != "" {
		if octet, rest, ok := strings.Cut(s, `\x`); ok && octet == "" {
			b.WriteString(rest[:2])
			s = rest[2:]
			continue
		}
		fmt.Fprintf(&b, "%02x", s[0])
		s = s[1:]
	}
	return b.String()
}

// A corpusFrame is one frame of the corpus with what its comments say.
type corpusFrame struct {
	id       string
	kind     string   // "valid", "reconstructed", "malformed"
	protocol string   // "lldp"; "lldpdu" where there is no Ethernet header; or another
	decoded  []string // "name=value"
	states   string   // what the source of the frame says
	bytes    []byte
}

func (f *corpusFrame) decode() (Frame, Reason) {
	if f.protocol == "lldpdu" {
		return DecodePDU(f.bytes)
	}
	return Decode(f.bytes)
}

// values returns the values of a field of the independent decode.
func (f *corpusFrame) values(name string) []string {
	var values []string
	for _, field := range f.decoded {
		if n, value, _ := strings.Cut(field, "="); n == name {
			values = append(values, value)
		}
	}
	return values
}

// badTLVs is how many TLVs the independent decode shows that are discarded: VLAN
// names whose VID is none.
func (f *corpusFrame) badTLVs() int {
	return len(slices.DeleteFunc(f.values("vlan"), validVIDText))
}

// validVIDText reports whether a PVID, or a VLAN name behind its VID, is usable.
func validVIDText(s string) bool {
	number, _, _ := strings.Cut(s, " ")
	vid, err := strconv.ParseUint(number, 10, 16)
	return err == nil && discovery.ValidVID(uint16(vid))
}

// wholeMandatoryPart reports whether the independent decode shows chassis ID,
// port ID and TTL first and once, with a value, and no End amiss.
func (f *corpusFrame) wholeMandatoryPart() bool {
	for i, name := range []string{"chassis", "port", "ttl"} {
		values := f.values(name)
		if len(values) != 1 || !strings.HasPrefix(f.decoded[i], name+"=") || strings.HasSuffix(values[0], ":") || values[0] == "EMPTY" {
			return false
		}
	}
	return !slices.ContainsFunc(f.values("ERR"), func(e string) bool {
		return strings.Contains(e, "End") || strings.Contains(e, "end len") || strings.Contains(e, "truncated")
	})
}

// readCorpus reads the frames, and for each what lldpd makes of it.
func readCorpus(t *testing.T) ([]corpusFrame, map[string]*oracleVerdict) {
	t.Helper()
	root, files := corpus.Open(t)
	var frames []corpusFrame
	for _, file := range files {
		frames = append(frames, readCorpusFile(t, root, file)...)
	}
	return frames, readOracle(t, root, "lldpd-1.0.16-oracle.jsonl")
}

func readCorpusFile(t *testing.T, root fs.FS, file string) []corpusFrame {
	t.Helper()
	text, err := fs.ReadFile(root, file)
	if err != nil {
		t.Fatal(err)
	}
	var frames []corpusFrame
	var f corpusFrame
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		comment, isComment := strings.CutPrefix(line, "# ")
		key, value, _ := strings.Cut(comment, ": ")
		switch {
		case line == "" || (isComment && f.id == "" && key != "id"): // the file's own comment
		case isComment && key == "id":
			f = corpusFrame{id: value}
		case isComment && key == "kind":
			f.kind, f.protocol, _ = strings.Cut(value, " ")
		case isComment && key == "source-states":
			f.states = value
		case isComment && key == "decoded":
			f.decoded = strings.Split(value, "; ")
		case isComment:
		default:
			if f.bytes, err = hex.DecodeString(line); err != nil || f.id == "" {
				t.Fatalf("read frame %q of %s: %v", f.id, file, err)
			}
			frames = append(frames, f)
			f = corpusFrame{}
		}
	}
	return frames
}
