// SPDX-License-Identifier: Apache-2.0

package capture

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// shown returns frames as read does, with numbers.
func shown(frames ...string) []string {
	var s []string
	for i, f := range frames {
		s = append(s, fmt.Sprintf("%d %s", i+1, f))
	}
	return s
}

// TestForms reads what tools print of the same five frames: LLDP, CDP, LLDP with names
// that look like hex, ARP, and LLDP with a VLAN tag. testdata/forms holds one file for
// each way of printing.
func TestForms(t *testing.T) {
	list, err := os.ReadFile("testdata/forms/frames.hex")
	if err != nil {
		t.Fatal(err)
	}
	frames := strings.Fields(string(list))
	alone := make([]string, len(frames)) // without the link header, which is not printed
	for i, f := range frames {
		switch _, pdu, isLLDP := strings.Cut(f, "88cc"); {
		case isLLDP:
			alone[i] = "00000000000000000000000088cc" + pdu
		case strings.HasPrefix(f, "01000ccccccc"):
			alone[i] = strings.Repeat("00", 12) + f[24:]
		default:
			alone[i] = f[28:]
		}
	}
	swapped := func(lines ...int) []string {
		var s []string
		for _, n := range lines {
			s = append(s, fmt.Sprintf("error: FILE:%d:9: od and hexdump exchange the octets of such groups: use xxd, hexdump -C or od -A x -t x1", n))
		}
		return s
	}
	nothing := func(lines ...int) []string {
		var s []string
		for _, n := range lines {
			s = append(s, fmt.Sprintf("error: FILE:%d:1: this is about a frame, without all its octets: have tcpdump print those with -xx", n))
		}
		return s
	}
	arp := "error: FILE:%d:9: '.' is no hex digit: give the octets of a frame in hex, or begin the line with #"
	want := map[string][]string{
		"tcpdump-x.txt":  shown(alone...),
		"tcpdump-X.txt":  shown(alone...),
		"tcpdump-vv.txt": slices.Insert(nothing(1, 26, 43, 64), 3, fmt.Sprintf(arp, 63)),
		"hexdump.txt":    swapped(1, 8, 19, 26, 31),
		"od-x.txt":       swapped(1, 8, 19, 26, 31),
	}
	files, err := filepath.Glob("testdata/forms/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("list testdata/forms: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want, special := want[filepath.Base(file)]
			if !special {
				want = shown(frames...)
			}
			pastes := map[string]string{
				"as it is": string(b), "with CRLF": strings.ReplaceAll(string(b), "\n", "\r\n"),
				"behind a prompt": "$ colvin decode - <<EOF\n" + string(b) + "EOF\n",
			}
			if special && strings.HasPrefix(want[0], "error: ") {
				delete(pastes, "behind a prompt") // lines are others
			}
			for name, paste := range pastes {
				if diff := cmp.Diff(want, read(strings.NewReader(paste))); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

// A dumpForm is a way of printing a dump.
type dumpForm struct {
	offset     string
	base       int // of the first offset
	width      int // octets of a row
	group      int // octets between two blanks
	gap        bool
	characters string // how a column of characters is printed; none if empty
	blank      byte   // what a blank is there
}

var dumpForms = map[string]dumpForm{
	"tcpdump -xx":            {offset: "\t0x%04x:  ", width: 16, group: 2},
	"tcpdump -XX":            {offset: "\t0x%04x:  ", width: 16, group: 2, characters: "  %s", blank: '.'},
	"Wireshark":              {offset: "%04x   ", width: 16, group: 1},
	"Wireshark, characters":  {offset: "%04x   ", width: 16, group: 1, characters: "   %s", blank: ' '},
	"Wireshark 1":            {offset: "%04x  ", width: 16, group: 1, gap: true, characters: "  %s", blank: ' '},
	"tshark --hexdump":       {offset: "%04x  ", width: 16, group: 1, characters: "   |%s|", blank: ' '},
	"xxd":                    {offset: "%08x: ", width: 16, group: 2, characters: "  %s", blank: ' '},
	"xxd -g4 -c32":           {offset: "%08x: ", width: 32, group: 4, characters: "  %s", blank: ' '},
	"xxd -g1 -c8":            {offset: "%08x: ", width: 8, group: 1, characters: "  %s", blank: ' '},
	"hexdump -C":             {offset: "%08x  ", width: 16, group: 1, gap: true, characters: "  |%s|", blank: ' '},
	"od -A x -t x1z":         {offset: "%06x ", width: 16, group: 1, characters: "  >%s<", blank: ' '},
	"od -t x1":               {offset: "%07o ", width: 16, group: 1},
	"no 0x":                  {offset: "%04x:  ", width: 16, group: 2, characters: "  %s", blank: '.'},
	"no colon":               {offset: "0x%04x  ", width: 16, group: 2, characters: "  %s", blank: '.'},
	"neither 0x nor colon":   {offset: "%04x  ", width: 16, group: 2, characters: "  %s", blank: '.'},
	"like IOS":               {offset: "%08X  ", width: 16, group: 4, characters: "  %s", blank: '.'},
	"FortiGate":              {offset: "0x%04x\t ", width: 16, group: 2, characters: "\t%s", blank: '.'},
	"PowerShell":             {offset: "%08X   ", width: 16, group: 1, characters: "  %s", blank: ' '},
	"PowerShell 7":           {offset: "%016X ", width: 16, group: 1, characters: " %s", blank: ' '},
	"IOS, in memory":         {offset: "%08X: ", base: 0x0f4e6f90, width: 16, group: 4, characters: "  %s", blank: '.'},
	"IOS, letter first":      {offset: "%08X: ", base: 0xd0f4e6f0, width: 16, group: 4, characters: "  %s", blank: '.'},
	"in memory, no colon":    {offset: "%08x  ", base: 0x0f4e6f90, width: 16, group: 1, characters: "  %s", blank: '.'},
	"debuggers":              {offset: "0x%012x: ", base: 0x7fffffffe010, width: 16, group: 1},
	"like the Linux kernel":  {offset: "%08x: ", width: 16, group: 1, characters: "  %s", blank: '.'},
	"like kernels, 32 a row": {offset: "%08x: ", width: 32, group: 1},
}

// print prints octets as a dump.
func (f *dumpForm) print(octets []byte) string {
	var s strings.Builder
	full := 0
	for at := 0; at < len(octets); at += f.width {
		row := octets[at:min(at+f.width, len(octets))]
		var digits, characters strings.Builder
		for i, c := range row {
			if i > 0 && i%f.group == 0 {
				digits.WriteByte(' ')
			}
			if i == f.width/2 && f.gap {
				digits.WriteByte(' ')
			}
			fmt.Fprintf(&digits, "%02x", c)
			switch {
			case c == ' ':
				c = f.blank
			case c < ' ' || c > '~':
				c = '.'
			}
			characters.WriteByte(c)
		}
		full = max(full, digits.Len())
		fmt.Fprintf(&s, f.offset, f.base+at)
		s.WriteString(digits.String())
		if f.characters != "" {
			s.WriteString(strings.Repeat(" ", full-digits.Len()))
			fmt.Fprintf(&s, f.characters, characters.String())
		}
		s.WriteByte('\n')
	}
	return s.String()
}

// lineForms print octets without offsets.
var lineForms = map[string]func([]byte) string{
	"digits":  hex.EncodeToString,
	"blanks":  func(b []byte) string { return fmt.Sprintf("% x", b) },
	"colons":  func(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ":") },
	"dashes":  func(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% X", b), " ", "-") },
	"commas":  func(b []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", b), " ", ",") },
	"0x":      func(b []byte) string { return fmt.Sprintf("%#x", b) },
	"0x each": func(b []byte) string { return fmt.Sprintf("%# x", b) },
	"quoted":  func(b []byte) string { return fmt.Sprintf("%q,", hex.EncodeToString(b)) },
	"array": func(b []byte) string {
		return fmt.Sprintf("x := []byte{%s}", strings.ReplaceAll(fmt.Sprintf("%# x", b), " ", ", "))
	},
	"Go":       func(b []byte) string { return fmt.Sprintf("%#v", b) },
	"escaped":  func(b []byte) string { return `"\x` + strings.ReplaceAll(fmt.Sprintf("% x", b), " ", `\x`) + `"` },
	"unquoted": func(b []byte) string { return `\x` + strings.ReplaceAll(fmt.Sprintf("% x", b), " ", `\x`) },
	"rows, xxd -i": func(b []byte) string {
		return inRows(b, 12, func(row []byte) string { return "  " + strings.ReplaceAll(fmt.Sprintf("%# x", row), " ", ", ") }, ",")
	},
	"rows, colons": func(b []byte) string {
		return inRows(b, 16, func(row []byte) string { return strings.ReplaceAll(fmt.Sprintf("% x", row), " ", ":") }, ":")
	},
	"rows, escaped": func(b []byte) string {
		return inRows(b, 16, func(row []byte) string { return `"\x` + strings.ReplaceAll(fmt.Sprintf("% x", row), " ", `\x`) + `"` }, ` \`)
	},
	"rows, C strings": func(b []byte) string {
		return inRows(b, 16, func(row []byte) string { return `"\x` + strings.ReplaceAll(fmt.Sprintf("% x", row), " ", `\x`) + `"` }, "")
	},
	"rows, xxd -p": func(b []byte) string { return inRows(b, 30, hex.EncodeToString, "") },
	"rows of 8": func(b []byte) string {
		return inRows(b, 8, func(row []byte) string { return fmt.Sprintf("% x", row) }, "")
	},
	"rows of 16": func(b []byte) string {
		return inRows(b, 16, func(row []byte) string { return fmt.Sprintf("% x", row) }, "")
	},
}

func inRows(b []byte, width int, form func([]byte) string, goesOn string) string {
	var rows []string
	for row := range slices.Chunk(b, width) {
		rows = append(rows, form(row))
	}
	return strings.Join(rows, goesOn+"\n")
}

// spoilt are what becomes of a text on its way through terminals, mails and browsers.
var spoilt = map[string]func(string) string{
	"as it is":       func(s string) string { return s },
	"CRLF":           func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"tabs to blanks": func(s string) string { return strings.ReplaceAll(s, "\t", "        ") },
	"indented":       func(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") },
	"quoted":         func(s string) string { return "> " + strings.ReplaceAll(s, "\n", "\n> ") },
	"no-break":       func(s string) string { return strings.ReplaceAll(s, "  ", "\u00a0 ") },
	"trimmed": func(s string) string {
		var lines []string
		for line := range strings.SplitSeq(s, "\n") {
			lines = append(lines, strings.TrimSpace(line))
		}
		return strings.Join(lines, "\n")
	},
	"blanks joined": func(s string) string {
		var lines []string
		for line := range strings.SplitSeq(s, "\n") {
			lines = append(lines, strings.Join(strings.Fields(line), " "))
		}
		return strings.Join(lines, "\n")
	},
}

// randomFrame returns an LLDP frame of texts that look like hex, like offsets and like
// what stands around columns of characters.
func randomFrame(random *rand.Rand) []byte {
	pieces := []string{"abcd", "beef", "0010", " ", "  ", "0x20", "cafe 00", "..", "|", "#", "//", "*/", `"`, `\x41`, ":", "-", "\x00\x00", "\xff", "12", "{", "0020:", "e", "\t"}
	text := func(most int) []byte {
		var b []byte
		for range random.IntN(most) {
			b = append(b, pieces[random.IntN(len(pieces))]...)
		}
		return b
	}
	b, _ := hex.DecodeString(frame[:28])
	for _, typ := range []byte{1, 2, 3, 4, 5, 6, 8, 127} {
		v := append([]byte{7}, text(12)...)
		b = append(append(b, typ<<1, byte(len(v)+1), 'a'), v...)
		if typ >= 3 && random.IntN(2) == 0 {
			break
		}
	}
	b = append(b, 0, 0)
	return append(b, make([]byte, max(0, (60-len(b))*random.IntN(2)))...)
}

// TestFormsAtRandom prints frames in every form and reads them again. What cannot be
// told apart is no excuse: an offset or a character is never an octet.
func TestFormsAtRandom(t *testing.T) {
	const seed, count = 1, 100
	random := rand.New(rand.NewPCG(seed, 0))
	for range count {
		a, b := randomFrame(random), randomFrame(random)
		want := shown(hex.EncodeToString(a), hex.EncodeToString(b))
		forms := map[string]string{}
		for name, form := range dumpForms {
			forms[name] = form.print(a) + "\n" + form.print(b)
			forms[name+", one behind the other"] = form.print(a) + form.print(b)
			forms[name+", with headings"] = "09:31:56.000001 LLDP, length 63: sw-a\n" + form.print(a) + "10:31:56.000001 LLDP, length 63: sw-a\n" + form.print(b)
		}
		for name, form := range lineForms {
			forms[name] = form(a) + "\n\n" + form(b)
		}
		for name, form := range forms {
			for how, spoil := range spoilt {
				if diff := cmp.Diff(want, read(strings.NewReader(spoil(form)))); diff != "" {
					t.Fatalf("%s, %s:\n%s\n(-want +got):\n%s", name, how, spoil(form), diff)
				}
			}
		}
	}
}

// TestPastedMistakes holds what is said of a paste that is not what it seems: where, and
// what is wanted instead.
func TestPastedMistakes(t *testing.T) {
	const (
		row0 = "\t0x0000:  0180 c200 000e 0200 0000 0001 88cc 0207\n"
		row1 = "\t0x0010:  0402 0000 0000 1004 0305 7031 0602 0078\n"
		row2 = "\t0x0020:  0000\n"
		good = "1 " + frame
	)
	heading := "09:31:56.000001 LLDP, length 20\n"
	all := "but 0x%04x octets come before it: give all rows of the dump, from 0 on"
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"whole", heading + row0 + row1 + row2, []string{good}},
		{"two, and a summary", heading + row0 + row1 + row2 + heading + row0 + row1 + row2 + "\n2 packets captured\n", []string{good, "2 " + frame}},
		{"named", "# id: a\n" + heading + row0 + row1 + row2, []string{"a " + frame}},
		{"row missing", row0 + row2 + "\n" + row0 + row1 + row2, []string{"error: FILE:1:2: the offset of the next row is 0x0020, which this one does not lead to: give all rows of the dump, offsets and octets in hex", "2 " + frame}},
		{"first row missing", heading + row1 + row2, []string{"error: FILE:2:2: the offset is 0x0010, " + fmt.Sprintf(all, 0)}},
		{"digit missing", row0 + strings.Replace(row1, "0305", "030", 1) + row2, []string{"error: FILE:2:2: the offset of the next row is 0x0020, which this one does not lead to: give all rows of the dump, offsets and octets in hex"}},
		{"no digit", row0 + strings.Replace(row1, "0305", "03O5", 1) + row2, []string{"error: FILE:2:2: the offset of the next row is 0x0020, which this one does not lead to: give all rows of the dump, offsets and octets in hex"}},
		{"no digit in the last row", row0 + "\t0x0010:  0402 00OO 0000\n", []string{`error: FILE:2:16: "00OO 0000" is neither hex nor the octets before it as characters: leave the characters out`}},
		{"nothing behind an offset", row0 + "\t0x0010:  ????\n", []string{"error: FILE:2:11: no octets in hex follow the offset"}},
		{"offset that is none", row0 + "\t0x0O10:  0402\n", []string{"error: FILE:2:5: 'O' is no hex digit of an offset: give all rows of the dump as they were printed"}},
		{"other characters", row0 + "\t0x0010:  0402 no\n", []string{`error: FILE:2:16: "no" is neither hex nor the octets before it as characters: leave the characters out`}},
		{"characters that were changed", "0000  01 80 c2 00 00 0e 02 61  .......a\n0008  61 62 63 64  beef\n", []string{"error: FILE:2:20: octets and characters cannot be told apart here: leave the characters out"}},
		{"one of them", "0000  01 80 c2 00 00 0e 02 61  .......a\n0008  61 62 63 64  b..x\n", []string{`error: FILE:2:20: "b..x" is neither hex nor the octets before it as characters: leave the characters out`}},
		{"hexdump leaves out", "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n00000030  01  |.|\n00000031\n", []string{"1 " + strings.Repeat("00", 48) + "01"}},
		{"hexdump leaves the rest out", "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n*\n00000020\n", []string{"1 " + strings.Repeat("00", 32)}},
		{"left out without an end", "00000000  00 00 00 00  |....|\n*\n", []string{"error: FILE:2:1: no offset behind it tells how often the row before it is repeated"}},
		{"left out for ever", "00000000  00 00 00 00  |....|\n*\n7fffffff\n", []string{"error: FILE:2:1: the frame is larger than 262144 octets"}},
		{"octets exchanged", "0000000 8001 00c2 0e00 0002\n0000008\n", []string{"error: FILE:1:9: od and hexdump exchange the octets of such groups: use xxd, hexdump -C or od -A x -t x1"}},
		{"columns numbered", "           00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F\n\n" + "00000000   01 80 C2 00 00 0E 02 00 00 00 00 01 88 CC 02 07  ................\n00000010   04 02  ..\n", []string{"1 0180c200000e02000000000188cc02070402"}},
		{"columns numbered with one digit", "        0  1  2  3  4  5  6  7   8  9  a  b  c  d  e  f\n" + "0000   01 80 C2 00 00 0E 02 00 00 00 00 01 88 CC 02 07\n", []string{"1 0180c200000e02000000000188cc0207"}},
		{
			"packets numbered", "Starting the packet display ........ Press Ctrl + Shift + 6 to exit\n\n0\n  0000:  0180C200 000E0200 00000001 88CC0207   ................\n\n10\n\n  0000:  0180C200 000E0200 00000001 88CC0208   ................\n",
			[]string{"1 0180c200000e02000000000188cc0207", "2 0180c200000e02000000000188cc0208"},
		},
		{"a number before digits", "10\n" + frame, []string{"1 10", "2 " + frame}},
		{"in memory, first row short", "0F4E6F98:                   0180C200 000E0200          ........\n0F4E6FA0: 00000001 88CC0207 0402  ..........\n", []string{"1 0180c200000e02000000000188cc02070402"}},
		{"in memory, row missing", "0F4E6F90: 0180C200 000E0200 00000001 88CC0207\n0F4E6FB0: 0402\n", []string{"error: FILE:1:1: the offset is 0F4E6F90, but 0x0000 octets come before it: give all rows of the dump, from 0 on"}},
		{"octal octets", "0000000 001 200 302  \\0  \\0 016\n0000006 001\n0000007\n\n" + frame, []string{"error: FILE:1:1: this dump has no octets in hex: use xxd, hexdump -C or od -A x -t x1", "2 " + frame}},
		{"decimal offsets", "0000000 01 80 c2 00 00 0e 02 00 00 00 00 01 88 cc 02 07\n0000016 04 02 00 00 00 00 10 04 03 05 70 31 06 02 00 78\n0000032 00 00\n0000034\n", []string{"error: FILE:1:1: the offset of the next row is 0000016, which this one does not lead to: give all rows of the dump, offsets and octets in hex"}},
		{"zeros are no offset", "0000 0180 c200 0002\n\n00000000\n", []string{"1 00000180c2000002", "2 00000000"}},
		{"a destination is no offset", "0180 c2 00 00 0e\n0180c200 000e\n", []string{"1 0180c200000e", "2 0180c200000e"}},
		{"frame with a mistake before a dump", strings.Replace(frame, "88cc", "88cx", 1) + "\n" + row0 + row1 + row2, []string{"error: FILE:1:28: 'x' is no hex digit: give the octets of a frame in hex, or begin the line with #", "2 " + frame}},
		{"heading before digits", "from the lab:\n" + frame, []string{"error: FILE:1:2: 'r' is no hex digit: give the octets of a frame in hex, or begin the line with #", "2 " + frame}},
		{"words of tcpdump", heading, []string{"error: FILE:1:1: this is about a frame, without all its octets: have tcpdump print those with -xx"}},
		{"frames in lines", frame + "\n" + frame[:40] + "\n" + cdp, []string{good, "2 " + frame[:40], "3 " + cdp}},
		{"cut frames in lines", frame[:40] + "\n" + frame[:40] + "\n", []string{"1 " + frame[:40], "2 " + frame[:40]}},
		{"decimal array", "{ 1, 128, 194 }", []string{"error: FILE:1:1: '{' is no hex digit: give the octets of a frame in hex, or begin the line with #"}},
		{"array of other numbers", "x = {0x01, 128,\n0x00};\n01", []string{`error: FILE:1:12: "128" is no octet of an array: write each as 0x01`, "2 01"}},
		{"array of words", "x[] = {\n 0x01, 0x0180,\n};\n01", []string{`error: FILE:2:8: "0x0180" is no octet of an array: write each as 0x01`, "2 01"}},
		{"array without an end", "x = {0x01, 0x80,", []string{"1 0180"}},
		{"small numbers", "0x1, 0x80, 0xc", []string{"1 01800c"}},
		{"array in rows, without brackets", "0x01, 0x80, /* .. */\n0xc2, // more\n0x00\n01", []string{"1 0180c200", "2 01"}},
		{"octal", `"\x01\200"`, []string{`error: FILE:1:6: '\\' begins no octet of a string: write each as \x01`}},
		{"string without an end", `"\x01\x80`, []string{"error: FILE:1:9: the string has no end"}},
		{"words in a string", `\x01\x80 and so on`, []string{`error: FILE:1:10: 'a' begins no octet of a string: write each as \x01`}},
		{"strings of Python", `[b'\x01\n', b"\x02\t'\\"]`, []string{"1 010a", "2 0209275c"}},
		{"CDP alone", "02b4000000010006 5231 00030006 7031\n", []string{"1 00000000000000000000000000" + "18" + "aaaa0300000c2000" + "02b40000000100065231000300067031"}},
		{"captured on all interfaces", fmt.Sprintf("\t0x0000:  %s\n\n\t0x0000:  %s\n\n\t0x0000:  %s\n", cooked, cooked2, cookedCDP), []string{"1 " + rebuilt, "2 " + rebuilt, "3 " + rebuiltCDP}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(strings.NewReader(tt.text))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
