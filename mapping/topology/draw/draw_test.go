// SPDX-License-Identifier: Apache-2.0

package draw_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/topology"
	"github.com/colvin-net/colvin/mapping/topology/cards"
	"github.com/colvin-net/colvin/mapping/topology/draw"
	"github.com/colvin-net/colvin/mapping/topology/layout"
	"github.com/colvin-net/colvin/mapping/topology/topologytest"
)

func place(t *topology.Topology, unfold bool) (*cards.Picture, *layout.Layout) {
	p := cards.Of(t, cards.HuesOf(t), unfold)
	return p, layout.Of(p)
}

func svg(t *topology.Topology, unfold bool, theme draw.Theme) string {
	p, l := place(t, unfold)
	return draw.SVG(p, l, theme)
}

// formats are all pictures of a topology.
func formats(t *topology.Topology, unfold bool, theme draw.Theme) map[string]string {
	p, l := place(t, unfold)
	return map[string]string{"svg": draw.SVG(p, l, theme), "drawio": draw.Drawio(p, l, theme), "dot": draw.DOT(p, l, theme), "mmd": draw.Mermaid(p, l)}
}

func TestGolden(t *testing.T) {
	for format, text := range formats(topologytest.Rack(), false, draw.Auto) {
		if format != "svg" { // which is in docs
			golden.Compare(t, filepath.Join("testdata", "rack."+format), text)
		}
	}
	for format, text := range formats(topologytest.New().Topology(), false, draw.Dark) {
		golden.Compare(t, filepath.Join("testdata", "empty."+format), text)
	}
}

// TestDocs holds that the pictures of the documentation are what is drawn today.
func TestDocs(t *testing.T) {
	docs := filepath.Join("..", "..", "..", "docs", "pictures")
	for name, text := range map[string]string{
		"rack": svg(topologytest.Rack(), false, draw.Auto), "60": svg(topologytest.Of60.Topology(), false, draw.Auto),
		"60-unfolded": svg(topologytest.Of60.Topology(), true, draw.Auto), "400": svg(topologytest.Of400.Topology(), false, draw.Auto),
	} {
		golden.Compare(t, filepath.Join(docs, name+".svg"), text)
	}
}

// evil tries to break out of every format.
const evil = `</text><script>alert(1)</script>"]; click n0p0 "javascript:x" ]]> <!-- end } --> &quot;&#10; #quot; {{x}} %%{init}%% style=a;b=c` +
	"\\N\\\" `**x**` \x00\x1b[31m\n\r\t\uffff\u202e\u200b\ufe0f'$'\\"

// named is a topology in which everything bears a name.
func named(name string) *topology.Topology {
	b := topologytest.New()
	for i := range 3 {
		n := fmt.Sprintf("%s%d", name, i)
		p := b.Port(n, n, n, topologytest.Untagged(name, 100), topologytest.Tagged(n, 101))
		b.Node(n, append(topologytest.In(n, p, b.Port("b"+n, n, "b"+n, topologytest.Untagged(name, 100))),
			topology.Port{Name: "p" + n, Pinned: []topology.Network{topologytest.Pinned(name)}}, topologytest.Silent(n, mapping.SilenceCause(name)))...)
	}
	top := b.Topology()
	for i := range top.Switches {
		for j := range top.Switches[i].Ports {
			top.Switches[i].Ports[j].Description = "about " + name
		}
	}
	return top
}

// TestHostileNames draws names that try to break out of the picture, and compares what it is made
// of with a picture of harmless names.
func TestHostileNames(t *testing.T) {
	for _, unfold := range []bool{false, true} {
		for _, theme := range []draw.Theme{draw.Auto, draw.Light, draw.Dark} {
			harmless, hostile := formats(named("harmless"), unfold, theme), formats(named(evil), unfold, theme)
			for _, format := range []string{"svg", "drawio"} {
				want, got := elements(t, harmless[format]), elements(t, hostile[format])
				for _, all := range []map[string]int{want, got} { // of what is cut, all is told
					delete(all, "title")
					delete(all, "Array/mxPoint")
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s is made of other elements with hostile names (-want +got):\n%s", format, diff)
				}
			}
			for _, format := range []string{"dot", "mmd"} {
				if want, got := strings.Count(harmless[format], "\n"), strings.Count(hostile[format], "\n"); want != got {
					t.Errorf("%s has %d lines, and %d with hostile names", format, want, got)
				}
			}
			for format, text := range hostile {
				if strings.ContainsAny(text, "\x00\x1b\r\t\uffff\u202e\u200b\ufe0f") {
					t.Errorf("%s has what cannot be seen in it: %q", format, text)
				}
			}
			checkQuotes(t, hostile)
		}
	}
}

// checkQuotes holds that labels end where they should.
func checkQuotes(t *testing.T, hostile map[string]string) {
	t.Helper()
	for line := range strings.Lines(hostile["mmd"]) {
		if n := strings.Count(line, `"`); n != 0 && n != 2 {
			t.Errorf("a label does not end where it should: %s", line)
		}
	}
	for line := range strings.Lines(hostile["dot"]) {
		bare := strings.NewReplacer(`\\`, "", `\"`, "").Replace(line)
		if strings.Count(bare, `"`)%2 != 0 || strings.Contains(bare, `"];`) {
			t.Errorf("a label does not end where it should: %s", line)
		}
	}
}

// elements counts the elements of a document, with their parents and what attributes they have.
func elements(t *testing.T, doc string) map[string]int {
	t.Helper()
	count := map[string]int{}
	var path []string
	for dec := xml.NewDecoder(strings.NewReader(doc)); ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, doc)
		}
		switch e := token.(type) {
		case xml.StartElement:
			name := e.Name.Local
			if len(path) > 0 && name == "mxPoint" {
				name = path[len(path)-1] + "/" + name
			}
			count[name]++
			for _, a := range e.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" {
					count[e.Name.Local+" "+a.Name.Local]++
				}
			}
			path = append(path, e.Name.Local)
		case xml.EndElement:
			path = path[:len(path)-1]
		}
	}
}

// TestThemes holds that a picture in one light has no colours of the other, and that only the one
// for every light asks for it.
func TestThemes(t *testing.T) {
	top := topologytest.Rack()
	light, dark, auto := formats(top, false, draw.Light), formats(top, false, draw.Dark), formats(top, false, draw.Auto)
	for _, format := range []string{"svg", "drawio", "dot"} {
		if strings.Contains(light[format], "#0f1319") || strings.Contains(dark[format], "#ffffff") {
			t.Errorf("%s has the paper of the other light", format)
		}
	}
	if got := strings.Count(auto["svg"], "prefers-color-scheme: dark"); got != 1 || strings.Contains(light["svg"]+dark["svg"], "prefers-color-scheme") {
		t.Errorf("the reader is asked for the light %d times where that decides, or where it does not", got)
	}
	for _, format := range []string{"drawio", "dot"} {
		if auto[format] != light[format] {
			t.Errorf("%s cannot ask for the light, and is not light", format)
		}
	}
}

// TestDrawio holds what draw.io documents of its format: cells 0 and 1 first, IDs once, each cell
// below one that is there, vertices with a place, edges between vertices.
func TestDrawio(t *testing.T) {
	for seed := range uint64(20) {
		top := topologytest.Random(seed, int(seed*2), int(seed%5))
		p, l := place(top, seed%2 == 0)
		checkDrawio(t, draw.Drawio(p, l, draw.Light), len(p.Lines))
	}
	p, l := place(named(evil), true)
	checkDrawio(t, draw.Drawio(p, l, draw.Light), len(p.Lines))
}

func checkDrawio(t *testing.T, text string, lines int) {
	t.Helper()
	type point struct {
		X  int    `xml:"x,attr"`
		Y  int    `xml:"y,attr"`
		As string `xml:"as,attr"`
	}
	var file struct {
		XMLName xml.Name `xml:"mxfile"`
		Diagram struct {
			ID    string `xml:"id,attr"`
			Name  string `xml:"name,attr"`
			Model struct {
				Root struct {
					Cells []struct {
						ID       string `xml:"id,attr"`
						Parent   string `xml:"parent,attr"`
						Style    string `xml:"style,attr"`
						Vertex   string `xml:"vertex,attr"`
						Edge     string `xml:"edge,attr"`
						Source   string `xml:"source,attr"`
						Target   string `xml:"target,attr"`
						Geometry *struct {
							W        int     `xml:"width,attr"`
							H        int     `xml:"height,attr"`
							Relative string  `xml:"relative,attr"`
							As       string  `xml:"as,attr"`
							Points   []point `xml:"mxPoint"`
						} `xml:"mxGeometry"`
					} `xml:"mxCell"`
				} `xml:"root"`
			} `xml:"mxGraphModel"`
		} `xml:"diagram"`
	}
	dec := xml.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&file); err != nil {
		t.Fatal(err)
	}
	cells := file.Diagram.Model.Root.Cells
	if file.Diagram.ID == "" || file.Diagram.Name == "" || len(cells) < 2 || cells[0].ID != "0" || cells[0].Parent != "" || cells[1].ID != "1" || cells[1].Parent != "0" {
		t.Fatalf("the diagram does not begin as it should: %+v", cells[:min(2, len(cells))])
	}
	kind := map[string]string{"0": "root", "1": "layer"}
	edges := 0
	for _, c := range cells[2:] {
		switch {
		case kind[c.ID] != "":
			t.Errorf("cell %s is there twice", c.ID)
		case kind[c.Parent] == "":
			t.Errorf("cell %s is in %q, which is not before it", c.ID, c.Parent)
		case (c.Vertex == "1") == (c.Edge == "1"):
			t.Errorf("cell %s is a vertex %q and an edge %q", c.ID, c.Vertex, c.Edge)
		case c.Geometry == nil || c.Geometry.As != "geometry":
			t.Errorf("cell %s has no place: %+v", c.ID, c.Geometry)
		case !strings.HasSuffix(c.Style, ";"), strings.Contains(c.Style, "html"):
			t.Errorf("cell %s has the style %q", c.ID, c.Style)
		case c.Vertex == "1" && (c.Geometry.W <= 0 || c.Geometry.H <= 0):
			t.Errorf("cell %s is %d by %d", c.ID, c.Geometry.W, c.Geometry.H)
		case c.Edge == "1" && c.Source == "" && len(c.Geometry.Points) != 2:
			t.Errorf("line %s has no ends", c.ID)
		case c.Edge == "1" && c.Source != "" && (kind[c.Source] != "vertex" || kind[c.Target] != "vertex"):
			t.Errorf("line %s goes from %q to %q", c.ID, c.Source, c.Target)
		}
		kind[c.ID] = "vertex"
		if c.Edge == "1" {
			kind[c.ID] = "edge"
			if c.Source != "" {
				edges++
			}
		}
	}
	if edges != lines {
		t.Errorf("%d edges, want %d", edges, lines)
	}
}
