// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"github.com/colvin-net/colvin/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

const (
	pdu   = "0207040200000000100403057031060200780000"
	frame = "0180c200000e02000000000188cc" + pdu
	cdp   = "01000ccccccc0200000000010010aaaa0300000c2000020000"
	bare  = "00000000000000000000000088cc" + pdu
)

// read returns what Frames yields, one line each: the ID and the octets, or the
// error.
func read(r io.Reader) []string {
	var got []string
	for f, err := range Frames("FILE", r) {
		if err != nil {
			got = append(got, "error: "+err.Error())
			continue
		}
		got = append(got, f.ID+" "+hex.EncodeToString(f.Bytes))
	}
	return got
}

func TestHex(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", nil},
		{"lines", frame + "\n\n  " + strings.ToUpper(frame) + "\r\n" + cdp, []string{"1 " + frame, "2 " + frame, "3 " + cdp}},
		{"separators", "0x01, 0x80:c2 00-00\t0e  # note", []string{"1 0180c200000e"}},
		{"byte order mark", "\ufeff0180", []string{"1 0180"}},
		{
			"identifiers", "# id: file\n# kind: valid\n\n01\n02\n# id: a\n#id:  b c \n03 # id: d\n04\n# id: \x1b[0m\n05",
			[]string{"file 01", "2 02", "d 03", "4 04", "\ufffd[0m 05"},
		},
		{"LLDPDU alone", pdu, []string{"1 " + bare}},
		{"chassis ID alone", "020704020000000010", []string{"1 00000000000000000000000088cc020704020000000010"}},
		{"reserved chassis ID alone", "0202084104020541", []string{"1 00000000000000000000000088cc0202084104020541"}},
		{"to an address like a chassis ID", "020704000001" + frame[12:], []string{"1 020704000001" + frame[12:]}},
		{"the same, tagged", "020704000001020000000001810000098100000988cc" + pdu, []string{"1 020704000001020000000001810000098100000988cc" + pdu}},
		{"the same, CDP", "020704000001" + cdp[12:], []string{"1 020704000001" + cdp[12:]}},
		{"to a local address", "0242ac1100020200000000010800", []string{"1 0242ac1100020200000000010800"}},
		{
			"bad lines", "01\n 01 0g\n0102 03 4\n0xzz\n0x\n# id: x\nhello\n02",
			[]string{
				"1 01",
				`error: FILE:2:6: 'g' is no hex digit: give the octets of a frame in hex, or begin the line with #`,
				`error: FILE:3:9: "4" has an odd number of hex digits: give two for each octet`,
				`error: FILE:4:3: 'z' is no hex digit: give the octets of a frame in hex, or begin the line with #`,
				`error: FILE:5:2: 'x' is no hex digit: give the octets of a frame in hex, or begin the line with #`,
				`error: FILE:7:1: 'h' is no hex digit: give the octets of a frame in hex, or begin the line with #`,
				"7 02",
			},
		},
		{
			"too large", strings.Repeat("00", maxFrame+1) + "\n01",
			[]string{"error: FILE:1:1: the frame is larger than 262144 octets", "2 01"},
		},
		{
			"line too long", "01\n" + strings.Repeat("0 ", maxLine),
			[]string{"1 01", "error: FILE:2: the line is longer than 1572864 octets: give one frame per line"},
		},
		{"binary", "01\n\x00\x01\n02", []string{"1 01", "error: read FILE: it begins neither as pcap nor as pcapng does, and is no text with lines of hex; \"editcap -F pcap\" of Wireshark makes pcap of other captures"}},
		{"UTF-16", "\xff\xfe0\x001\x00", []string{"error: FILE is text in UTF-16, as PowerShell writes it: save it as UTF-8"}},
		{"UTF-16, big-endian", "\xfe\xff\x000\x001", []string{"error: FILE is text in UTF-16, as PowerShell writes it: save it as UTF-8"}},
		{"gzip", "\x1f\x8b\x08\x00", []string{`error: FILE is compressed: unpack it first, as in "zcat FILE | colvin decode"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(strings.NewReader(tt.text))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadError(t *testing.T) {
	for _, text := range []string{"", "01\n"} {
		got := read(io.MultiReader(strings.NewReader(text), iotest.ErrReader(errors.New("disk on fire"))))
		if diff := cmp.Diff("error: read frames: disk on fire", got[len(got)-1]); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", text, diff)
		}
	}
}

// A packet is what goes into a file.
type packet struct {
	link   layers.LinkType
	octets string
}

func pcapFile(tb testing.TB, packets ...packet) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	if err := w.WriteFileHeader(65536, packets[0].link); err != nil {
		tb.Fatal(err)
	}
	for _, p := range packets {
		octets := decodeHex(tb, p.octets)
		if err := w.WritePacket(captureInfo(octets, 0), octets); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Bytes()
}

func pcapngFile(tb testing.TB, packets ...packet) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := pcapgo.NewNgWriter(&b, packets[0].link)
	if err != nil {
		tb.Fatal(err)
	}
	interfaces := map[layers.LinkType]int{packets[0].link: 0}
	for _, p := range packets {
		if _, ok := interfaces[p.link]; !ok {
			if interfaces[p.link], err = w.AddInterface(pcapgo.NgInterface{LinkType: p.link}); err != nil {
				tb.Fatal(err)
			}
		}
		octets := decodeHex(tb, p.octets)
		if err := w.WritePacket(captureInfo(octets, interfaces[p.link]), octets); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func captureInfo(octets []byte, index int) gopacket.CaptureInfo {
	return gopacket.CaptureInfo{Timestamp: time.Unix(1, 0), CaptureLength: len(octets), Length: len(octets), InterfaceIndex: index}
}

func decodeHex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

const (
	cooked    = "0001" + "0001" + "0006" + "0200000000010000" + "88cc" + pdu
	cookedCDP = "0001" + "0001" + "0006" + "0200000000010000" + "0004" + "aaaa0300000c2000020000"
	cooked2   = "88cc" + "0000" + "00000002" + "0001" + "01" + "06" + "0200000000010000" + pdu

	rebuilt    = "00000000000002000000000188cc" + pdu
	rebuiltCDP = "000000000000020000000001000baaaa0300000c2000020000"
)

func TestPackets(t *testing.T) {
	const wireless = layers.LinkTypeIEEE80211Radio
	refused := "error: read FILE: packet 1: it begins with no Ethernet header (link type 127, RadioTap): capture on an Ethernet interface"
	ethernet := func(octets string) packet { return packet{layers.LinkTypeEthernet, octets} }
	for _, tt := range []struct {
		name string
		file []byte
		want []string
	}{
		{"pcap", pcapFile(t, ethernet(frame), ethernet(""), ethernet(cdp)), []string{"1 " + frame, "2 ", "3 " + cdp}},
		{"pcapng", pcapngFile(t, ethernet(frame), ethernet(""), ethernet(cdp)), []string{"1 " + frame, "2 ", "3 " + cdp}},
		{
			"cooked", pcapFile(t, packet{layers.LinkTypeLinuxSLL, cooked}, packet{layers.LinkTypeLinuxSLL, cookedCDP}, packet{layers.LinkTypeLinuxSLL, "00"}),
			[]string{"1 " + rebuilt, "2 " + rebuiltCDP, "3 "},
		},
		{"cooked, version 2", pcapFile(t, packet{layers.LinkTypeLinuxSLL2, cooked2}, packet{layers.LinkTypeLinuxSLL2, "00"}), []string{"1 " + rebuilt, "2 "}},
		{"wireless", pcapFile(t, packet{wireless, "00"}, packet{wireless, "01"}), []string{refused}},
		{
			"many interfaces", pcapngFile(t, packet{wireless, "00"}, ethernet(frame), packet{layers.LinkTypeLinuxSLL2, cooked2}, packet{wireless, "00"}),
			[]string{refused, "2 " + frame, "3 " + rebuilt},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(bytes.NewReader(tt.file))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A file that was cut anywhere gives what is whole, and an error unless it was
// cut between two packets.
func TestCutShort(t *testing.T) {
	packets := []packet{{layers.LinkTypeEthernet, frame}, {layers.LinkTypeEthernet, cdp}}
	for name, file := range map[string][]byte{"pcap": pcapFile(t, packets...), "pcapng": pcapngFile(t, packets...)} {
		whole := read(bytes.NewReader(file))
		clean := 0 // how often it ends as a whole file does
		for n := 5; n < len(file); n++ {
			got := read(bytes.NewReader(file[:n]))
			last := ""
			if len(got) > 0 {
				last = got[len(got)-1]
			}
			if strings.HasSuffix(last, ": the file is cut short here; what is before is whole") {
				got = got[:len(got)-1]
			} else {
				clean++
			}
			if diff := cmp.Diff(whole[:len(got)], got, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("%s cut at %d (-want +got):\n%s", name, n, diff)
			}
		}
		if want := len(packets); clean < want || clean > want+1 { // behind the headers and each packet but the last
			t.Errorf("%s: no error when cut at %d places, want %d", name, clean, want)
		}
	}
}

// What a file claims takes no memory.
func TestHostileFile(t *testing.T) {
	le := binary.LittleEndian
	section := pcapngFile(t, packet{layers.LinkTypeEthernet, frame})
	names := le.AppendUint32(nil, 4) // Name Resolution Block
	names = le.AppendUint32(names, 12+4+1000)
	names = le.AppendUint16(names, 1) // IPv4
	names = le.AppendUint16(names, 1000)
	names = append(names, make([]byte, 1000)...) // hundreds of empty names
	names = le.AppendUint32(names, 12+4+1000)
	large := func(b []byte) []byte { // a packet with 1 GiB
		return le.AppendUint32(le.AppendUint32(append(b, make([]byte, 8)...), 1<<30), 1<<30)
	}
	pcap := pcapFile(t, packet{layers.LinkTypeEthernet, frame})
	le.PutUint32(pcap[16:], 1<<31) // snap length
	for _, tt := range []struct {
		name string
		head []byte
		rest []byte // again and again
		want string
	}{
		{"endless names", section, names, "error: read FILE: packet 2: could not read name: more than 4194304 octets of the file are in no packet, or in this one"},
		{
			"large packet, pcapng", large(append(bytes.Clone(section), 6, 0, 0, 0, 0xf0, 0xff, 0xff, 0x7f, 0, 0, 0, 0)), make([]byte, 1000),
			"error: read FILE: packet 2: more than 4194304 octets of the file are in no packet, or in this one",
		},
		{"large packet, pcap", large(pcap), make([]byte, 1000), "error: read FILE: packet 2: capture length exceeds snap length: 1073741824 > 262144"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			got := read(io.MultiReader(bytes.NewReader(tt.head), again(tt.rest)))
			runtime.GC()
			runtime.ReadMemStats(&after)
			if diff := cmp.Diff([]string{"1 " + frame, tt.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			const most = 512 << 20
			if total := after.TotalAlloc - before.TotalAlloc; total > most {
				t.Errorf("took %d octets of memory in all, want %d at most", total, most)
			}
		})
	}
}

// again reads the same octets without an end.
func again(b []byte) io.Reader { return &endless{b: b} }

type endless struct {
	b  []byte
	at int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.b[e.at:])
	e.at = (e.at + n) % len(e.b)
	return n, nil
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("# id: a\n" + frame + "\n0x01 02:03\n" + pdu))
	for _, form := range dumpForms {
		f.Add([]byte("09:31:56.000001 LLDP, length 20\n" + form.print(decodeHex(f, frame))))
	}
	for _, form := range lineForms {
		f.Add([]byte(form(decodeHex(f, frame))))
	}
	for _, p := range []packet{
		{layers.LinkTypeEthernet, frame}, {layers.LinkTypeLinuxSLL, cooked}, {layers.LinkTypeLinuxSLL2, cooked2},
	} {
		f.Add(pcapFile(f, p, p))
		f.Add(pcapngFile(f, p, p))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		frames := 0
		for frame, err := range Frames("FILE", bytes.NewReader(file)) {
			if err == nil && (frame.ID == "" || len(frame.Bytes) > maxFrame+headerLen+len(snapCDP)) {
				t.Errorf("frame %q of %d octets", frame.ID, len(frame.Bytes))
			}
			frames++
		}
		if frames > len(file) {
			t.Errorf("%d frames in %d octets", frames, len(file))
		}
	})
}
