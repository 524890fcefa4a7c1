// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cli/view"
	"github.com/colvin-net/colvin/internal/corpus"
)

// decode runs "colvin decode" in testdata and returns what it printed, and its
// error as main prints it.
func decode(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	t.Chdir("testdata")
	defer t.Chdir("..")
	var out strings.Builder
	cmd := newCommand("v0.1.0", &out, time.Now)
	cmd.SetIn(strings.NewReader(stdin))
	cmd.SetArgs(append([]string{"decode"}, args...))
	if err := cmd.ExecuteContext(t.Context()); err != nil && !errors.Is(err, ErrSilent) {
		out.WriteString("error: " + err.Error() + "\n")
	}
	return out.String()
}

func TestDecode(t *testing.T) {
	for name, args := range map[string][]string{
		"decode":              {"frames.hex"},
		"decode-wide":         {"frames.hex", "-o", "wide"},
		"decode-json":         {"frames.hex", "-o", "json"},
		"decode-bad":          {"bad.hex"},
		"decode-bad-json":     {"bad.hex", "-o", "json"},
		"decode-pcap":         {"frames.pcap"},
		"decode-cut":          {"cut.pcap"},
		"decode-wireless":     {"wireless.pcap", "-o", "json"},
		"decode-missing":      {"missing.pcap"},
		"decode-extra":        {"extra-octets.hex"},
		"decode-dcbx":         {"dcbx.hex"},
		"decode-dcbx-json":    {"dcbx.hex", "-o", "json"},
		"decode-pasted":       {"tcpdump-xx.txt"},
		"decode-routers":      {"routers.hex"},
		"decode-routers-json": {"routers.hex", "-o", "json"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, name, decode(t, "", args...)) })
	}
}

func TestDecodeStandardInput(t *testing.T) {
	const pdu = "0207040200000000100403057031060200780000"
	for _, tt := range []struct{ name, stdin, want string }{
		{"empty", "", "No frame was read.\n"},
		{"LLDPDU", pdu, "Frame:              1\nVerdict:            accepted\nProtocol:           LLDP\nChassis ID:         mac:02:00:00:00:00:10\nPort ID:            ifname:p1\nTime to live:       120 s\nPVID:               not advertised\n"},
		{"other", "ffffffffffff0200000000020806\n", "There is no LLDP, CDP or router advertisement in it, but 1 frame of another protocol; -o wide lists them.\n"},
		{"tcpdump -x", "12:00:00.000000 LLDP, length 20\n\t0x0000:  0207 0402 0000 0000 1004 0305 7031 0602\n\t0x0010:  0078 0000\n", "Frame:              1\nVerdict:            accepted\nProtocol:           LLDP\nChassis ID:         mac:02:00:00:00:00:10\nPort ID:            ifname:p1\nTime to live:       120 s\nPVID:               not advertised\n\nWithout a link header: 1 frame, as tcpdump -x and -X print them; -xx and -XX show who sent them.\n"},
		{"tcpdump without octets", "12:00:00.000000 LLDP, length 61\n", "No frame was read.\nerror: standard input:1:1: this is about a frame, without all its octets: have tcpdump print those with -xx\nthere is no frame in standard input; \"colvin decode --help\" lists the forms that are read\n"},
		{"bad", "hello\n", "No frame was read.\nerror: standard input:1:1: 'h' is no hex digit: give the octets of a frame in hex, or begin the line with #\nthere is no frame in standard input; \"colvin decode --help\" lists the forms that are read\n"},
	} {
		for _, args := range [][]string{{}, {"-"}} {
			if diff := cmp.Diff(tt.want, decode(t, tt.stdin, args...)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	}
	if diff := cmp.Diff("[]\n", decode(t, "", "-o", "json")); diff != "" {
		t.Errorf("empty as JSON (-want +got):\n%s", diff)
	}
}

// However many lines are bad, the message stays readable.
func TestDecodeManyErrors(t *testing.T) {
	got := decode(t, "00\n"+strings.Repeat("x\n", 250))
	if n := strings.Count(got, "\n"); n != 102 || !strings.HasSuffix(got, "\n150 more of standard input cannot be read\n") {
		t.Errorf("%d lines: %s", n, got)
	}
	got = decode(t, strings.Repeat("x\n", 250))
	if n := strings.Count(got, "\n"); n != 8 || !strings.HasSuffix(got, "\n245 more of standard input cannot be read\nthere is no frame in standard input; \"colvin decode --help\" lists the forms that are read\n") {
		t.Errorf("%d lines of nothing: %s", n, got)
	}
}

// TestDecodeCorpus decodes every file of the frame corpus whose folder
// COLVIN_FRAMES names: one object for each line of hex, with the line's ID, and
// nothing discarded that a real speaker sent.
func TestDecodeCorpus(t *testing.T) {
	root, files := corpus.Open(t)
	for _, file := range files {
		text, err := fs.ReadFile(root, file)
		if err != nil {
			t.Fatal(err)
		}
		var decoded []decodedFrame
		if err := json.Unmarshal([]byte(decode(t, string(text), "-", "-o", "json")), &decoded); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var got []string
		for _, d := range decoded {
			got = append(got, fmt.Sprintf("%s, LLDP or CDP: %t", d.ID, d.Protocol != "" && d.Protocol != view.ProtocolRA))
		}
		want, valid := corpusFrames(text)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", file, diff)
		}
		for _, d := range decoded {
			if d.Protocol != "" && valid[d.ID] && d.Verdict == verdictDiscarded {
				t.Errorf("%s is %s: %s", d.ID, d.Verdict, d.Reason)
			}
		}
	}
}

// corpusFrames lists the frames of a corpus file, whether they are LLDP or CDP,
// and which of them are valid.
func corpusFrames(text []byte) (frames []string, valid map[string]bool) {
	valid = map[string]bool{}
	id, kind, protocol := "", "", ""
	for line := range bytes.Lines(text) {
		comment, isComment := strings.CutPrefix(strings.TrimSpace(string(line)), "# ")
		key, value, _ := strings.Cut(comment, ": ")
		switch {
		case isComment && key == "id":
			id = value
		case isComment && key == "kind":
			kind, protocol, _ = strings.Cut(value, " ")
		case !isComment && comment != "":
			frames = append(frames, fmt.Sprintf("%s, LLDP or CDP: %t", id, slices.Contains([]string{"lldp", "lldpdu", "cdp"}, protocol)))
			valid[id] = kind != "malformed"
		}
	}
	return frames, valid
}
