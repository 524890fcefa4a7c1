// SPDX-License-Identifier: Apache-2.0

package lldp

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/colvin-net/colvin/discovery"
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

// differences are the frames where our verdict is not that of lldpd 1.0.16, each
// with the reason. There is none.
var differences = map[string]string{}

// padded are the IDs of the independent decode whose padding we drop.
var padded = map[string]string{"local(7):0x323300": "local(7):23"}

// TestCorpus decodes the frame corpus whose folder COLVIN_FRAMES names.
func TestCorpus(t *testing.T) {
	frames, oracle := readCorpus(t)
	for _, f := range frames {
		t.Run(f.id, func(t *testing.T) {
			got, reason := f.decode()
			checkVerdict(t, &f, &got, reason)
			if accepted, known := oracle[f.id]; known && accepted != (reason == Accepted) && differences[f.id] == "" {
				t.Errorf("lldpd accepts it: %t, reason here: %v", accepted, reason)
			}
			if reason == Accepted {
				checkDecoded(t, &f, &got.Neighbor)
				checkInvariants(t, &got, f.bytes)
			}
		})
	}
	ids := map[string]bool{}
	for _, f := range frames {
		ids[f.id] = true
	}
	for _, id := range slices.Concat(slices.Collect(maps.Keys(kept)), slices.Collect(maps.Keys(lenient)), slices.Collect(maps.Keys(differences))) {
		if !ids[id] {
			t.Errorf("exception for %s, which is not in the corpus", id)
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
func checkDecoded(t *testing.T, f *corpusFrame, n *discovery.Neighbor) {
	t.Helper()
	want := map[string][]string{}
	for _, field := range f.decoded {
		name, value, _ := strings.Cut(field, "=")
		switch {
		case name == kept[f.id].field:
			continue
		case name == "vlan" && !validVIDText(value), name == "pvid" && !validVIDText(value):
			continue
		case name == "mgmt": // "ipv4 192.0.2.1 if-subtype 2 if 1 oid -"
			_, value, _ = strings.Cut(value, " ")
			value, _, _ = strings.Cut(value, " ")
			value = strings.TrimPrefix(value, "0x")
		}
		want[name] = append(want[name], value)
	}
	got := corpusFields(n)
	for name, values := range got {
		for i, v := range want[name] {
			if short, cut := strings.CutSuffix(v, "..."); cut && i < len(values) {
				want[name][i], values[i] = short, values[i][:min(len(short), len(values[i]))]
			}
			want[name][i], _, _ = strings.Cut(want[name][i], `\0`)
			if id, ok := padded[v]; ok {
				want[name][i] = id
			}
		}
		want[name] = slices.DeleteFunc(want[name], func(s string) bool { return s == "" })
		// A text told twice is in the independent decode twice.
		if diff := cmp.Diff(slices.Compact(want[name]), values, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-independent +decoded):\n%s", name, diff)
		}
	}
}

// corpusFields writes the fields of n as the corpus does.
func corpusFields(n *discovery.Neighbor) map[string][]string {
	fields := map[string][]string{
		"chassis": {corpusID(string(n.Chassis), map[string]string{
			"component": "chassis-component(1)", "mac": "mac(4)", "ip": "netaddr(5)", "subtype5": "netaddr(5)",
			"ifname": "ifname(6)", "local": "local(7)",
		})},
		"port": {corpusID(string(n.Port), map[string]string{
			"ifalias": "ifalias(1)", "component": "port-component(2)", "mac": "mac(3)", "ip": "netaddr(4)", "subtype4": "netaddr(4)",
			"ifname": "ifname(5)", "local": "local(7)",
		})},
		"ttl":       {strconv.Itoa(int(n.TTL))},
		"port-desc": nonEmpty(n.PortDescription),
		"sysname":   nonEmpty(n.SystemName),
		"sysdesc":   nonEmpty(strings.ReplaceAll(n.SystemDescription, `\x0a`, `\n`)),
		"caps":      nil,
		"mgmt":      nil,
		"pvid":      nil,
		"vlan":      nil,
	}
	if c := n.Capabilities; c.Available != 0 {
		s := strings.Join(c.Available.Names(), "+") + " enabled " + strings.Join(c.Enabled.Names(), "+")
		fields["caps"] = []string{strings.NewReplacer("c-vlan", "cvlan", "s-vlan", "svlan").Replace(s)}
	}
	for _, a := range n.ManagementAddresses {
		fields["mgmt"] = append(fields["mgmt"], strings.TrimPrefix(a, "mac:"))
	}
	if n.PVID != 0 {
		fields["pvid"] = []string{strconv.Itoa(int(n.PVID))}
	}
	for _, v := range n.VLANs {
		fields["vlan"] = append(fields["vlan"], fmt.Sprintf("%d %s", v.ID, v.Name))
	}
	return fields
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
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
	return err == nil && validVID(uint16(vid))
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

// readCorpus reads the frames, and for each whether lldpd accepts it.
func readCorpus(t *testing.T) ([]corpusFrame, map[string]bool) {
	t.Helper()
	dir := os.Getenv("COLVIN_FRAMES")
	if dir == "" {
		if slices.Contains(strings.Split(os.Getenv("COLVIN_REQUIRE"), ","), "frames") {
			t.Fatal("COLVIN_REQUIRE asks for frames, but COLVIN_FRAMES names no folder of frames")
		}
		t.Skip("COLVIN_FRAMES names no folder of frames")
	}
	root := os.DirFS(dir)
	files, err := fs.Glob(root, "*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("list frames in %s: %d files, %v", dir, len(files), err)
	}
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

func readOracle(t *testing.T, root fs.FS, file string) map[string]bool {
	t.Helper()
	text, err := fs.ReadFile(root, file)
	if err != nil {
		t.Fatal(err)
	}
	accepted := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		var verdict struct {
			ID       string `json:"id"`
			Accepted bool   `json:"accepted"`
		}
		if err := json.Unmarshal([]byte(line), &verdict); err != nil {
			t.Fatalf("read %s: %v", file, err)
		}
		accepted[verdict.ID] = verdict.Accepted
	}
	return accepted
}
