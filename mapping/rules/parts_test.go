// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

func TestGlob(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          []string // nil: no match
	}{
		{"leaf-1", "leaf-1", []string{}},
		{"leaf-1", "leaf-12", nil},
		{"*", "", []string{}},
		{"?", "é", []string{}},
		{"?", "", nil},
		{"(*)-(*)", "a-b-c", []string{"a", "b-c"}},
		{"(*)-(*)", "abc", nil},
		{"rail-(*)", "rail-", []string{""}},
		{"(leaf*)-x", "leaf-1-x", []string{"leaf-1"}},
		{"*(??)", "abcd", []string{"cd"}},
		{`\(*\)`, "(x)", []string{}},
		{`\*\?\\`, `*?\`, []string{}},
		{`\*`, "x", nil},
		{"*a*b*", "xxaxxbxx", []string{}},
		{"*a*b", "ab ab", []string{}},
		{"(*)a(*)a", "aaa", []string{"", "a"}},
		{"**", "x", []string{}},
	} {
		g, err := parseGlob(tt.pattern)
		if err != nil {
			t.Errorf("parse %q: %v", tt.pattern, err)
			continue
		}
		got, ok := g.match(tt.text)
		if ok && got == nil {
			got = []string{}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q against %q (-want +got):\n%s", tt.pattern, tt.text, diff)
		}
	}
	if _, err := parseGlob(strings.Repeat("a", 512)); err != nil {
		t.Errorf("parse 512 octets: %v", err)
	}
	for _, bad := range []string{"", "(", ")", "()", "((*))", "((*)", `\`, `a\`, strings.Repeat("a", 513)} {
		if _, err := parseGlob(bad); err == nil {
			t.Errorf("parse %q: no error", bad)
		}
	}
}

func TestPortNumber(t *testing.T) {
	for id, want := range map[string]string{
		"ifname:Ethernet1/12": "12", "local:7": "7", "ifname:eth": "", "mac:00:1b:21:aa:bb:12": "", "ip:192.0.2.12": "",
		"subtype9:12": "", `component:\x00\x12`: "", "": "", "ifalias:port 007": "007",
	} {
		if got := portNumber(id); got != want {
			t.Errorf("number of %q is %q, want %q", id, got, want)
		}
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"": false, "a": true, "4": true, "green-1": true, "-green": false, "green-": false, "Green": false, "green.1": false, "gr\u00fcn": false,
		strings.Repeat("x", 63): true, strings.Repeat("x", 64): false,
	} {
		if got := ValidName(name); got != want {
			t.Errorf("ValidName(%q) = %t, want %t", name, got, want)
		}
	}
}

func TestSanitise(t *testing.T) {
	for text, want := range map[string]string{
		"Blue Net": "blue-net", "__A_B__": "a-b", "a-b": "a-b", "a--b": "a-b", "É": "", "": "", "\u212a": "", "rack 7/α/x": "rack-7-x", "az-AZ-09": "az-az-09",
	} {
		if got := Label(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// Every YAML block of the reference is a rules file without mistakes or
// warnings.
func TestReference(t *testing.T) {
	doc, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(doc), -1)
	if len(blocks) < 5 {
		t.Fatalf("%d YAML blocks in docs/rules.md, want at least 5", len(blocks))
	}
	for _, block := range blocks {
		if got := diagnose("rules.md", []byte(block[1])); got != "" {
			t.Errorf("%s\nin the block\n%s", got, block[1])
		}
	}
	for _, k := range append([]string{"managementAddress", "group", "vlan", "aliases", "tagged", "spans", "stale", "silence", "goodbye", "cdp", "wireNames", "unadvertised", "vlans", "match", "silent", "address", "prefix"}, keyNames[:]...) {
		if !strings.Contains(string(doc), "`"+k+"`") {
			t.Errorf("docs/rules.md does not explain %s", k)
		}
	}
}

// expression is the regular expression that means the same as a glob.
func expression(g *glob) *regexp.Regexp {
	var re strings.Builder
	for _, s := range g.steps {
		re.WriteString(map[stepOp]string{opLiteral: regexp.QuoteMeta(string(s.literal)), opOne: ".", opAny: ".*?", opOpen: "(", opClose: ")"}[s.op])
	}
	return regexp.MustCompile(`(?s)^(?:` + re.String() + `)$`)
}

// A glob says the same as a regular expression that means it.
func FuzzGlob(f *testing.F) {
	f.Add("leaf-(*)", "leaf-7")
	f.Add("(*)a?(*b)*", "xaybzb")
	f.Add(`\((*)\)`, "(x)")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		g, err := parseGlob(pattern)
		if err != nil || len(pattern) > 60 || len(text) > 200 {
			return
		}
		text = string([]rune(text))
		want := expression(g).FindStringSubmatch(text)
		got, ok := g.match(text)
		if ok != (want != nil) {
			t.Fatalf("%q matches %q: %v", pattern, text, ok)
		}
		if ok && len(want) > 1 && !cmp.Equal(want[1:], got) {
			t.Errorf("%q on %q caught %q, want %q", pattern, text, got, want[1:])
		}
	})
}

// BenchmarkGlob compares globs with regular expressions: 25 pairs of pattern and text,
// and what a pattern takes of memory.
func BenchmarkGlob(b *testing.B) {
	patterns := []string{"leaf-*", "leaf-(*)-rack?", "mac:00:1b:21:*", "Ethernet1/(*)", "*spine*"}
	texts := []string{"leaf-1", "leaf-12-rack3", "mac:00:1b:21:aa:bb:cc", "Ethernet1/48", "dc1-spine-4.example.net"}
	parse := func(pattern string) *glob {
		g, err := parseGlob(pattern)
		if err != nil {
			b.Fatal(err)
		}
		return g
	}
	compile := func(pattern string) *regexp.Regexp { return expression(parse(pattern)) }
	b.Run("glob", func(b *testing.B) {
		compareMatchers(b, patterns, parse, func(g *glob) {
			for _, text := range texts {
				g.match(text)
			}
		})
	})
	b.Run("regexp", func(b *testing.B) {
		compareMatchers(b, patterns, compile, func(re *regexp.Regexp) {
			for _, text := range texts {
				re.FindStringSubmatch(text)
			}
		})
	})
}

func compareMatchers[T any](b *testing.B, patterns []string, parse func(string) T, match func(T)) {
	b.Helper()
	const copies = 200
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var all []T
	for range copies {
		for _, p := range patterns {
			all = append(all, parse(p))
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		for _, m := range all[:len(patterns)] {
			match(m)
		}
	}
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/float64(len(all)), "B/pattern")
}

// Whatever the file, Parse ends with a set or with mistakes that have a place.
func FuzzParse(f *testing.F) {
	for _, file := range []string{"testdata/mistakes.yaml", "testdata/warnings.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`networks: [{name: "{vlanName}", wireNames: true, cdp: true, silence: 1d2h3m4s, goodbye: refuse, match: [{vlanName: "*"}]}]`))
	f.Add([]byte(`networks: [{name: "a-{system.1}", match: [{system: "(*)", vlan: "1,3-4"}], tagged: 5, aliases: [b]}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, warnings, err := Parse("f.yaml", data)
		mistakes, _ := errors.AsType[yamlfile.Mistakes](err)
		if (set == nil) != (len(mistakes) > 0) {
			t.Errorf("set %v with mistakes %v", set, err)
		}
		if object, _, err := Merge(Source{Name: "ruleset/f", Data: data, Root: "spec"}); (object == nil) != (set == nil) {
			t.Errorf("set %v in an object with mistakes %v", object, err)
		}
		lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
		for _, m := range append(mistakes, warnings...) {
			if m.Line < 1 || m.Line > len(lines) || m.Column < 1 || m.Column > len([]rune(lines[m.Line-1]))+1 || m.Message == "" {
				t.Errorf("%v is not in the file", m)
			}
		}
		checkAnswers(t, set, subject(leaf1()))
	})
}

// Whatever the wire says, a name is a DNS label that the rules cover, and none that a
// rule gives literally to others.
func FuzzName(f *testing.F) {
	f.Add("leaf-1", "uplink (x)", "Ethernet1/1", "Blue Net", uint16(200), uint16(1))
	f.Add("Gr", "", "Een", "green", uint16(1000), uint16(1))
	f.Add("---", "\xff\x00", "é", "", uint16(0), uint16(0))
	set, _, err := Parse("f.yaml", []byte(`
switchGroups: {dc: {match: [{system: "leaf-*"}], unadvertised: switch, wireNames: true, vlans: {"1-4094": "{vlanName}-{vlan}-{port.number}"}}}
networks:
  - {name: "{system.1}-{system.2}", wireNames: true, aliases: ["a{portDescription.1}"], match: [{system: "(*)-(*)", portDescription: "(*)"}]}
  - {name: "x-{port.1}", match: [{port: "E(*)"}, {port: "(*)", vlan: "5-9"}]}
  - {name: "{vlanName}", wireNames: true, tagged: "1000-1099", match: [{system: "*"}], aliases: [b]}
  - {name: green, aliases: ["7", gr-een], match: [{node: another}]}
`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, system, description, port, vlanName string, vid, pvid uint16) {
		n := &discovery.Neighbor{
			MSAP: discovery.MSAP{Chassis: "local:x", Port: discovery.ID("ifname:" + port)}, SystemName: system, PortDescription: description,
			PVID: pvid, VLANs: []discovery.VLANName{{ID: vid, Name: vlanName}},
		}
		checkAnswers(t, set, subject(n))
		for _, v := range n.VLANs {
			for _, tagged := range []bool{false, true} {
				naming, _, _ := set.Read(subject(n)).Name(Occurrence{v.ID, v.Name, tagged})
				if slices.Contains([]string{"green", "7", "gr-een"}, naming.Name) {
					t.Errorf("%q of %q and %q is %q", vlanName, system, port, naming.Name)
				}
			}
		}
	})
}

func checkAnswers(t *testing.T, set *Set, s Subject) {
	t.Helper()
	set.Ignored(s)
	set.Read(s).Group()
	occurrences := []Occurrence{unadvertised, {VID: s.Neighbor.PVID}}
	declared := set.Read(s).Declared()
	for vid := range declared.All() {
		if vid < 1 || vid > discovery.MaxVID || vid == s.Neighbor.PVID {
			t.Errorf("declares %d", vid)
		}
	}
	for _, v := range s.Neighbor.VLANs {
		occurrences = append(occurrences, Occurrence{v.ID, v.Name, true}, Occurrence{v.ID, v.Name, false})
	}
	for _, occ := range occurrences {
		naming, ok, _ := set.Read(s).Name(occ)
		if !ok {
			continue
		}
		for _, name := range append(naming.Aliases, naming.Name) {
			if !ValidName(name) || !set.Covers(name) {
				t.Errorf("%+v is named %q", occ, name)
			}
		}
	}
}
