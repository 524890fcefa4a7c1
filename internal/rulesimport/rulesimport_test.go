// SPDX-License-Identifier: Apache-2.0

package rulesimport_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/colvin-net/colvin/internal/rulesimport"
	"github.com/colvin-net/colvin/internal/scenario"
	"github.com/colvin-net/colvin/mapping/rules"
)

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// TestImport plays what people have and compares what is made of it.
func TestImport(t *testing.T) {
	scenario.Run(t, "testdata/*.txtar", func(t *testing.T, files map[string]string) scenario.Player {
		t.Helper()
		return &player{files: files}
	})
}

type player struct {
	files map[string]string
	out   strings.Builder
}

func (p *player) Output() string { return p.out.String() }

// Play imports files of the scenario, and those beside it.
func (p *player) Play(t *testing.T, verb string, args []string) error {
	t.Helper()
	if verb != "import" {
		return fmt.Errorf("there is no %s", verb)
	}
	r := rulesimport.Request{Names: map[string]string{}, Now: now}
	fmt.Fprintf(&p.out, "$ colvin rules import %s\n", strings.Join(args, " "))
	for len(args) > 0 {
		switch args[0] {
		case "--everywhere":
			r.Everywhere = true
		case "--ruleset":
			r.RuleSet, args = args[1], args[1:]
		case "--name":
			from, to, _ := strings.Cut(args[1], "=")
			r.Names[from], args = to, args[1:]
		default:
			data, ok := p.files[args[0]]
			if !ok {
				read, err := os.ReadFile(filepath.Join("testdata", args[0]))
				if err != nil {
					return err
				}
				data = string(read)
			}
			r.Files = append(r.Files, rulesimport.File{Name: args[0], Data: []byte(data)})
		}
		args = args[1:]
	}
	report, err := rulesimport.Import(r)
	if err != nil {
		return err
	}
	if r.RuleSet == "" {
		if _, warnings, err := rules.Parse("made", []byte(report.Rules)); err != nil || len(warnings) > 0 {
			t.Errorf("%s\n%v %v", report.Rules, err, warnings)
		}
	}
	p.out.WriteString(report.Rules + "\n")
	return nil
}

// TestImportUTF16 holds that a table is read as spreadsheets and shells of Windows write it.
func TestImportUTF16(t *testing.T) {
	topologies, err := os.ReadFile(filepath.Join("testdata", "nodetopologies.json"))
	if err != nil {
		t.Fatal(err)
	}
	const table = "network\tinterface\tnode\r\nlab\teth2\tnode1\r\n"
	rulesOf := func(data []byte) string {
		t.Helper()
		r, err := rulesimport.Import(rulesimport.Request{Now: now, Files: []rulesimport.File{{Name: "map.txt", Data: data}, {Name: "wire", Data: topologies}}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Rules
	}
	want := rulesOf([]byte(table))
	if !strings.Contains(want, `interface: "eth2"`) {
		t.Fatalf("not read:\n%s", want)
	}
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		var data []byte
		for _, unit := range utf16.Encode([]rune("\ufeff" + table)) {
			data = order.AppendUint16(data, unit)
		}
		if got := rulesOf(data); got != want {
			t.Errorf("%v:\n%s", order, got)
		}
	}
}

// TestImportNotInForce holds that nothing is made where it is not known what is in force.
func TestImportNotInForce(t *testing.T) {
	_, err := rulesimport.Import(rulesimport.Request{Now: now, Files: []rulesimport.File{{Name: "site.yaml", Data: []byte("apiVersion: colvin.dev/v1alpha1\nkind: RuleSet\nmetadata: {name: site}\nspec: {networks: [{name: red, match: [{group: leaves, vlan: 300}]}]}\n")}}})
	if err == nil || !strings.Contains(err.Error(), "RuleSets in the files do not fit together") || !strings.Contains(err.Error(), "leaves") {
		t.Errorf("%v", err)
	}
}

// FuzzImport holds that whatever stands in a file, what is printed is a rules file, in
// which nothing that was only to be said counts.
func FuzzImport(f *testing.F) {
	topologies, err := os.ReadFile(filepath.Join("testdata", "nodetopologies.json"))
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"node1,eth1,green\nnode1,eth2,\"a\nb\"\n", "{\"kind\": \"InterfaceMap\", \"metadata\": {\"name\": \"node1\"}, \"spec\": [{\"interface\": \"eth2\", \"network\": \"x\\u2028\\n- y\"}]}",
		"kind: NetworkAttachmentDefinition\nmetadata: {name: \"a\\nnetworks: [x]\", annotations: {k8s.v1.cni.cncf.io/nodeSelector: kubernetes.io/hostname=node1}}\nspec: {config: '{\"type\": \"macvlan\", \"master\": \"eth2\"}'}\n",
		"kind: List\nitems: [1, {kind: Pod, spec: []}]\n", "node;interface;network;vlan\nnode1;eth2;lab;12\n", "\ufeff[", "{}{", "a: &x\n",
	} {
		f.Add([]byte(seed), "x.yaml")
		f.Add([]byte(seed), "\n- #")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		r, err := rulesimport.Import(rulesimport.Request{Now: now, Everywhere: true, Files: []rulesimport.File{{Name: name, Data: data}, {Name: "wire", Data: topologies}}})
		if err != nil {
			t.Fatal(err)
		}
		set, _, err := rules.Parse("made", []byte(r.Rules))
		if err != nil {
			t.Fatalf("%v\n%s", err, r.Rules)
		}
		if made := strings.Count(r.Rules, "\n  - name: "); set.Len() != made {
			t.Errorf("%d rules, want %d\n%s", set.Len(), made, r.Rules)
		}
	})
}
