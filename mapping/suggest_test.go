// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"encoding/binary"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/capture"
	"github.com/colvin-net/colvin/discovery/cdp"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/internal/paste/pastetest"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/rules"
)

// TestSuggestedRule pastes what explain suggests for each speaker back into the rules: it
// must name the network that was explained, and none that only resembles it.
func TestSuggestedRule(t *testing.T) {
	for _, text := range pastetest.Texts {
		t.Run(text, func(t *testing.T) {
			for _, kind := range []string{"component", "ifname", "cdp"} {
				for _, pvid := range []uint16{0, 100} {
					checkSuggestions(t, "node1", "eth", speakers(kind, text, pvid), "")
				}
			}
		})
	}
}

// TestSuggestedRuleOfHosts has hostile names on the node's side, too: of the node, and of
// its interfaces.
func TestSuggestedRuleOfHosts(t *testing.T) {
	for _, name := range pastetest.Texts {
		if strings.ContainsRune(name, 0) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			heard := speakers("ifname", "eth0", 100) // which is no name of a switch
			checkSuggestions(t, name, "eth", heard, "")
			if len(name) < 14 && name != "" && !strings.ContainsAny(name, "/: \t\n\r\u0085\u00a0") {
				checkSuggestions(t, "node1", name, heard, "")
			}
		})
	}
}

// TestSuggestedRuleLong holds that IDs which are too long for a pattern are named otherwise.
func TestSuggestedRuleLong(t *testing.T) {
	for _, long := range []string{strings.Repeat("\x01", 255), strings.Repeat("a", 255), strings.Repeat("(", 255), strings.Repeat("é", 127)} {
		for _, kind := range []string{"component", "ifname", "cdp"} {
			checkSuggestions(t, "node1", "eth", speakers(kind, long, 100), "")
			checkSuggestions(t, "node1", "eth", speakers(kind, long, 0), "")
		}
	}
}

// TestSuggestedRuleForGroup holds that a switch of a group is named with all of the group.
func TestSuggestedRuleForGroup(t *testing.T) {
	const group = "switchGroups:\n  dc1: {match: [{system: 'leaf*'}], unadvertised: switch}\n"
	for _, pvid := range []uint16{0, 100} {
		heard := speakers("component", "leaf1(FDO)", pvid)
		for i := range heard {
			heard[i].SystemName = "leaf" + heard[i].SystemName
		}
		checkSuggestions(t, "node1", "eth", heard, group)
	}
}

// TestSuggestedRuleCases are frames of people for whom the suggestion did not work.
func TestSuggestedRuleCases(t *testing.T) {
	f, err := os.Open("testdata/suggested-rule.hex")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var heard []discovery.Neighbor
	for frame, err := range capture.Frames("suggested-rule.hex", f) {
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, decoded(t, frame.Bytes))
	}
	if len(heard) != 3 {
		t.Fatalf("%d frames", len(heard))
	}
	checkSuggestions(t, "node1", "eth", heard, "")
}

var suggested = regexp.MustCompile(`match: (\[\{.*\}\])(?:, before the others,)? names it`)

// checkSuggestions has a node hear the speakers, each on a port of its own, and pastes what
// is suggested for each.
func checkSuggestions(t *testing.T, node, ifname string, heard []discovery.Neighbor, before string) {
	t.Helper()
	p := suggestionPlayer(t, node, ifname, heard, before)
	for i := range p.view.Uplinks {
		a := &p.view.Uplinks[i]
		said := explained(t, p, a.Port.Index)
		m := suggested.FindStringSubmatch(said)
		if m == nil {
			if !strings.Contains(said, "rename the interface") {
				t.Errorf("%s: nothing is suggested:\n%s", a.Identity, said)
			}
			continue
		}
		if a.Identity.Kind == identity.Sender && strings.Contains(m[1], "chassis:") {
			t.Errorf("%s is not named by its chassis ID: %s", a.Identity, m[1])
		}
		pasted := "networks:\n  - name: pasted\n    match: " + m[1] + "\n" + before
		again := suggestionPlayer(t, node, ifname, heard, pasted)
		for k := range again.view.Uplinks {
			b := &again.view.Uplinks[k]
			if want := b.Identity == a.Identity; (b.Name == "pasted") != want {
				t.Errorf("%s names %s, which is heard on %q: %t, want %t", m[1], b.Identity, b.Port.Name, !want, want)
			}
		}
	}
}

// explained is what colvin says, which has the agent's State by JSON.
func explained(t *testing.T, p *player, port int) string {
	t.Helper()
	snap, view := byJSON(t, p.snapshot()), byJSON(t, &p.view)
	ifi, _ := snap.Interface(port)
	lines, ok := mapping.Explain(view, snap, p.memory, ifi.Name, p.now)
	if !ok {
		t.Fatalf("there is no interface %q", ifi.Name)
	}
	return strings.Join(lines, "\n")
}

// suggestionPlayer hears each speaker until it is believed.
func suggestionPlayer(t *testing.T, node, ifname string, heard []discovery.Neighbor, text string) *player {
	t.Helper()
	p := &player{now: start, node: node, boot: "boot-1", attach: true}
	set, warnings, err := rules.Parse("rules.yaml", []byte(text))
	if err != nil || len(warnings) > 0 {
		t.Fatalf("%s\n%v %v", text, err, warnings)
	}
	p.rules = set
	if text != "" {
		asRuleSet(t, text)
	}
	for i := range heard {
		name := ifname + string(rune('a'+i))
		if err := p.link([]string{name}); err != nil {
			t.Fatal(err)
		}
	}
	hear := func() {
		for i, n := range heard {
			n.FirstHeard, n.LastHeard = p.now, p.now
			utter(&p.ports[i], n)
		}
		p.resolve()
	}
	hear()
	for i := range 4 { // CDP is not believed at once
		if heard[0].Protocol == discovery.ProtocolCDP || i > 2 {
			p.now = p.now.Add(40 * time.Second)
			hear()
		}
	}
	if len(p.view.Uplinks) < len(heard) {
		t.Fatalf("%d speakers, %d uplinks", len(heard), len(p.view.Uplinks))
	}
	return p
}

// speakers are one that calls itself and its port by a text, and some that resemble it.
func speakers(kind, text string, pvid uint16) []discovery.Neighbor {
	resemble := strings.NewReplacer("*", "x", "?", "x", "(", "x", ")", "x", `\`, "x", "[", "x", "\xff", "\xfe", "\x00", "\x01", "\n", " ")
	var out []discovery.Neighbor
	for _, similar := range []string{text, text + "x", "x" + text, resemble.Replace(text), strings.ToUpper(text), `\` + text, strings.TrimSpace(text), strings.ReplaceAll(text, `\`, "")} {
		n, ok := speaker(kind, similar, pvid, byte(len(out)+1))
		if ok && !slices.ContainsFunc(out, func(o discovery.Neighbor) bool { return o.MSAP == n.MSAP }) {
			out = append(out, n)
		}
	}
	return out
}

// speaker is what is decoded of a frame in which octets stand for the chassis, the port
// and the system.
func speaker(kind, octets string, pvid uint16, source byte) (discovery.Neighbor, bool) {
	if len(octets) > 250 {
		octets = octets[:250]
	}
	frame := append([]byte{1, 0x80, 0xc2, 0, 0, 0xe, 0, 0, 0x5e, 0, 0x53, source}, 0x88, 0xcc)
	if kind == "cdp" {
		return speakerCDP(octets, pvid, source)
	}
	subtype := map[string]byte{"component": 1, "ifname": 6}[kind]
	tlv := func(typ int, value string) {
		frame = binary.BigEndian.AppendUint16(frame, uint16(typ<<9|len(value)))
		frame = append(frame, value...)
	}
	tlv(1, string(subtype)+octets)
	tlv(2, "\x07p"+octets) // a chassis ID that is the port's is none
	tlv(3, "\x00\x78")
	tlv(5, octets)
	tlv(7, "\x00\x04\x00\x04")
	if pvid != 0 {
		tlv(127, "\x00\x80\xc2\x01"+string([]byte{byte(pvid >> 8), byte(pvid)}))
	}
	tlv(0, "")
	l, reason := lldp.Decode(frame)
	return l.Neighbor, reason == lldp.Accepted
}

func speakerCDP(octets string, pvid uint16, source byte) (discovery.Neighbor, bool) {
	body := []byte{0xaa, 0xaa, 3, 0, 0, 0xc, 0x20, 0, 2, 180, 0, 0}
	tlv := func(typ uint16, value string) {
		body = binary.BigEndian.AppendUint16(body, typ)
		body = binary.BigEndian.AppendUint16(body, uint16(4+len(value)))
		body = append(body, value...)
	}
	tlv(1, octets)
	tlv(3, "p"+octets)
	tlv(4, "\x00\x00\x00\x08")
	if pvid != 0 {
		tlv(10, string([]byte{byte(pvid >> 8), byte(pvid)}))
	}
	frame := append([]byte{1, 0, 0xc, 0xcc, 0xcc, 0xcc, 0, 0, 0x5e, 0, 0x53, source}, byte(len(body)>>8), byte(len(body)))
	n, reason := cdp.Decode(append(frame, body...))
	return n, reason == cdp.Accepted
}

func decoded(t *testing.T, frame []byte) discovery.Neighbor {
	t.Helper()
	if l, reason := lldp.Decode(frame); reason == lldp.Accepted {
		return l.Neighbor
	}
	n, reason := cdp.Decode(frame)
	if reason != cdp.Accepted {
		t.Fatal(reason)
	}
	return n
}
