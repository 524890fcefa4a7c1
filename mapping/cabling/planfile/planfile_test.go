// SPDX-License-Identifier: Apache-2.0

package planfile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/mapping/cabling"
	"github.com/colvin-net/colvin/mapping/cabling/planfile"
)

func lines(p *cabling.Plan) string {
	var out strings.Builder
	for i := range p.Cables {
		c := &p.Cables[i]
		fmt.Fprintf(&out, "%s: %s -- %s", c.Where, c.A, c.B)
		for _, flag := range []struct {
			set  bool
			name string
		}{{c.NodeA, "node"}, {c.Future, "future"}, {c.ByDescription, "by description"}} {
			if flag.set {
				out.WriteString(" (" + flag.name + ")")
			}
		}
		out.WriteString("\n")
	}
	for _, n := range p.Notes {
		out.WriteString("note: " + n + "\n")
	}
	return out.String()
}

// TestRead reads files of every form, and tells every mistake in those that are wrong. Those of
// the topologies are written after public ones, with what these have: nodes with attributes,
// subgraphs, ptmd's parameters, NetBox's columns.
func TestRead(t *testing.T) {
	files, err := filepath.Glob("testdata/*.*")
	if err != nil || len(files) < 10 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, ".txt") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var o planfile.Options
			if strings.HasPrefix(filepath.Base(file), "columns") {
				o.Columns = []string{"server", "NIC", "Switch", "5"}
			}
			p, err := planfile.Read(filepath.Base(file), data, o)
			var got string
			if err != nil {
				got = err.Error() + "\n"
			} else {
				got = lines(p)
			}
			golden.Compare(t, file+".txt", got)
		})
	}
}

// TestColumns holds that no column is guessed: not where two have the name, nor where one is
// named for two things.
func TestColumns(t *testing.T) {
	const text = "Server,Port,Switch,Port\nnode1,eth0,leaf-1,swp1\n"
	const known = "device,port,to device,to port,Port\nnode1,eth0,leaf-1,swp1,2\n"
	for _, tt := range []struct{ text, columns, want string }{
		{text, "Server,2,Switch,4", "f.csv:2:1: node1 eth0 -- leaf-1 swp1\n"},
		{text, "Server,Port,Switch,port", "f.csv:1:1: 2 columns are called \"Port\"; name the columns by --columns, that one by its number: 2 or 4\n" +
			"f.csv:1:1: 2 columns are called \"port\"; name the columns by --columns, that one by its number: 2 or 4"},
		{text, "Server,2,server,4", "f.csv:1:1: --columns names a column twice; name four: of a device, its port, and of the device and port at the other end"},
		{text, "1,2,3,2", "f.csv:1:1: --columns names a column twice; name four: of a device, its port, and of the device and port at the other end"},
		{text, "Server,2,Switch,5", "f.csv:1:1: there is no column \"5\" in \"Server\", \"Port\", \"Switch\", \"Port\"; name a column as the first line does, or by its number"},
		{known, "", "f.csv:1:1: 2 columns are called \"port\"; name the columns by --columns, that one by its number: 2 or 5"},
	} {
		var o planfile.Options
		if tt.columns != "" {
			o.Columns = strings.Split(tt.columns, ",")
		}
		p, err := planfile.Read("f.csv", []byte(tt.text), o)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = lines(p)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.columns, diff)
		}
	}
}

// TestFormat holds what a file is read as, by its name and by its looks.
func TestFormat(t *testing.T) {
	const dot, csv, yaml = `graph { "a":"1" -- "b":"2" }`, "device,port,to device,to port\na,1,b,2\n", "nodes: {a: {x: {device: b, port: '2'}}}"
	for name, texts := range map[string][]string{
		"plan":      {dot, "# c\n\nstrict " + dot, "/* c */" + dot, csv, "device;port;to device;to port\na;1;b;2", yaml, "{\"nodes\": {\"a\": {\"x\": {\"device\": \"b\", \"port\": \"2\"}}}}"},
		"plan.gv":   {dot, "\ufeff" + dot},
		"plan.CSV":  {csv, "\ufeff" + csv, strings.ReplaceAll(csv, "\n", "\r\n")},
		"plan.json": {yaml},
	} {
		for _, text := range texts {
			if p, err := planfile.Read(name, []byte(text), planfile.Options{}); err != nil || len(p.Cables) != 1 {
				t.Errorf("%s, %q: %v", name, text, err)
			}
		}
	}
	for format, text := range map[string]string{planfile.DOT: dot, planfile.CSV: csv, planfile.YAML: yaml} {
		if _, err := planfile.Read("x.json.dot.csv.yaml", []byte(text), planfile.Options{Format: format}); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
	want := "plan:1:1: neither the name of the file nor what is in it says how it is written; let its name end with .dot, .csv or .yaml, or say it by --format"
	if _, err := planfile.Read("plan", []byte("# rack 7\nnode1 eth0 -> leaf-1 Eth1/1\n"), planfile.Options{}); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestBounds holds that files of any size are refused in time.
func TestBounds(t *testing.T) {
	deep := "graph {" + strings.Repeat("{", 1<<20)
	many := "graph {" + strings.Repeat("a -- b\n", 1<<17) + "}"
	for name, tt := range map[string]struct{ text, want string }{
		"big":   {strings.Repeat("x", planfile.MaxSize+1), "f.dot:1:1: the file has more than 32 MiB, and more are not read; leave out what is not about the cables of nodes"},
		"deep":  {deep, "f.dot:1:72: subgraphs are nested more than 64 deep"},
		"latin": {"graph { \"\xe4\":\"1\" -- b:2 }", "f.dot:1:10: the text is not UTF-8; save the file as UTF-8"},
		"long":  {`graph { "` + strings.Repeat("x", 2000) + `":"1" -- b:2 }`, "f.dot:1:9: the name of a device has more than 1036 octets; no switch says so long a name"},
		"many":  {many, "f.dot:1:8: \"a\" has no port; write the port behind the device, at both ends: \"leaf1\":\"swp1\" -- \"server1\":\"eth1\""},
		"open":  {"graph {" + strings.Repeat("\"", 1<<20+1), "f.dot:1:1048584: a string is not closed; close it with \""},
	} {
		_, err := planfile.Read("f.dot", []byte(tt.text), planfile.Options{})
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		all := strings.Split(err.Error(), "\n")
		if all[0] != tt.want || len(all) > 1000 {
			t.Errorf("%s: %d mistakes, the first %s\nwant %s", name, len(all), all[0], tt.want)
		}
	}
}

// TestJoined holds that a string of many takes room by what it is, and not by its square.
func TestJoined(t *testing.T) {
	room := func(parts int) uint64 {
		text := []byte(`graph { "x"` + strings.Repeat(`+"x"`, parts) + `:"1" -- b:2 }`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := planfile.Read("f.dot", text, planfile.Options{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), "the name of a device has more than") {
			t.Error(err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	if once, fourfold := room(1<<12), room(1<<14); fourfold > 8*once {
		t.Errorf("a string takes %d, and one of four times its parts %d", once, fourfold)
	}
}

// hostile are names as an attacker may say them.
var hostile = []string{
	"=HYPERLINK(\"http://x\")", "+1", "-1", "@x", "'=1", "''@", "'", `"`, `a"b`, "a,b", "a;b", "a:b", "#x", "// x", "/* x", "{", "}", "[x]", "a -- b", "<b>", "null", "true", "7", "1e3", "~", "*a", "&a",
	"a: b", "- a", "? a", "é", "日本", "graph", "node", "x%0a", "mac:zz", "a\\b", "$(reboot)", "`id`", "!a", "|", ">",
}

// TestWrite holds that each format gives back what was written, whatever the names.
func TestWrite(t *testing.T) {
	for _, format := range planfile.Formats {
		p := &cabling.Plan{Notes: []string{"node9 eth0: \x1b[31mno\ncarrier"}}
		for i, name := range hostile {
			p.Cables = append(p.Cables, cabling.Cable{A: cabling.End{Device: name, Port: fmt.Sprint("p", i)}, B: cabling.End{Device: fmt.Sprint("d", i), Port: name}})
		}
		got, err := planfile.Read("plan", planfile.Write(p, format), planfile.Options{Format: format})
		if err != nil {
			t.Errorf("%s: %v\n%s", format, err, planfile.Write(p, format))
			continue
		}
		var want, is []string
		for i := range p.Cables {
			want = append(want, fmt.Sprintf("%q", []cabling.End{p.Cables[i].A, p.Cables[i].B}))
		}
		for i := range got.Cables {
			is = append(is, fmt.Sprintf("%q", []cabling.End{got.Cables[i].A, got.Cables[i].B}))
		}
		if diff := cmp.Diff(want, is); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}

// TestCSVCell holds that no spreadsheet computes what a switch says.
func TestCSVCell(t *testing.T) {
	for text, want := range map[string]string{"=1": "'=1", "+a": "'+a", "-a": "'-a", "@a": "'@a", "\t=1": "'\t=1", "\r": "'\r", "'=1": "''=1", "swp1": "swp1", "": "", "'a": "'a", "a=1": "a=1"} {
		if got := planfile.CSVCell(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// FuzzRead reads anything, and what it reads comes out of every format as it went in.
func FuzzRead(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.*")
	for _, file := range files {
		if data, err := os.ReadFile(file); err == nil {
			f.Add(data, uint8(slices.Index(planfile.Formats, strings.TrimPrefix(filepath.Ext(file), "."))))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, format uint8) {
		p, err := planfile.Read("f", data, planfile.Options{Format: planfile.Formats[int(format)%len(planfile.Formats)]})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("the mistake has no place: %v", err)
			}
			return
		}
		for i := range p.Cables {
			if c := &p.Cables[i]; c.Where.Line < 1 || c.Where.Column < 1 {
				t.Errorf("%v has no place", c)
			}
		}
	})
}
