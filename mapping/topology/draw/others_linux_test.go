// SPDX-License-Identifier: Apache-2.0

package draw_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/mapping/topology"
	"github.com/colvin-net/colvin/mapping/topology/cards"
	"github.com/colvin-net/colvin/mapping/topology/draw"
	"github.com/colvin-net/colvin/mapping/topology/layout"
	"github.com/colvin-net/colvin/mapping/topology/topologytest"
)

const target = "make test-pictures"

// What pictures are opened in.
var (
	graphviz = netnstest.NewFeature("graphviz", target, inPath("dot"))
	chromium = netnstest.NewFeature("chromium", target, inPath("chromium")).OnRequest() // it takes half a minute
	mermaid  = netnstest.NewFeature("mermaid", target, npmPackage("mermaid"))
	mxgraph  = netnstest.NewFeature("mxgraph", target, npmPackage("mxgraph"))
)

func inPath(program string) func() error {
	return func() error {
		_, err := exec.LookPath(program)
		return err
	}
}

// modulesEnv names the folder of npm packages.
const modulesEnv = "COLVIN_NODE_MODULES"

// npmPackage looks for a package of npm, and for what runs it without a browser.
func npmPackage(name string) func() error {
	return func() error {
		if _, err := exec.LookPath("node"); err != nil {
			return err
		}
		if os.Getenv(modulesEnv) == "" {
			return errors.New(modulesEnv + " names no folder of npm packages")
		}
		for _, wanted := range []string{name, "jsdom"} {
			if _, err := os.Stat(filepath.Join(os.Getenv(modulesEnv), wanted)); err != nil {
				return err
			}
		}
		return nil
	}
}

// drawn are topologies that others are to open.
func drawn() map[string]*topology.Topology {
	all := map[string]*topology.Topology{
		"empty": topologytest.New().Topology(), "rack": topologytest.Rack(), "60": topologytest.Of60.Topology(), "400": topologytest.Of400.Topology(), "hostile": named(evil),
	}
	for seed := range uint64(6) {
		all[fmt.Sprintf("random %d", seed)] = topologytest.Random(seed, int(4+3*seed), int(1+seed))
	}
	return all
}

// output runs a program, which is to have nothing to say against its input.
func output(t *testing.T, stdin, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 && name == "dot" {
		t.Errorf("%s: %v\n%s", name, err, stderr.String())
	}
	return string(out)
}

// TestGraphviz has Graphviz draw, and counts what it understood.
func TestGraphviz(t *testing.T) {
	netnstest.Require(t, graphviz)
	for name, top := range drawn() {
		for _, unfold := range []bool{false, name == "60" || name == "hostile"} {
			p, l := place(top, unfold)
			nodes, edges := 0, 0
			for line := range strings.Lines(output(t, draw.DOT(p, l, draw.Dark), "dot", "-Tplain")) {
				switch kind, _, _ := strings.Cut(line, " "); kind {
				case "node":
					nodes++
				case "edge":
					edges++
				}
			}
			if nodes != len(p.Switches)+len(p.Nodes) || edges != len(p.Lines) {
				t.Errorf("%s: %d nodes and %d edges, want %d and %d", name, nodes, edges, len(p.Switches)+len(p.Nodes), len(p.Lines))
			}
			checkPlaces(t, p, l)
			if name != "hostile" {
				continue
			}
			if svg := output(t, draw.DOT(p, l, draw.Light), "dot", "-Tsvg"); strings.Contains(svg, "<script") {
				t.Errorf("%s: a name became an element", name)
			}
		}
	}
}

// TestGraphvizEscapes holds that no name is one of Graphviz's escapes, in what is drawn and in
// what is shown at a card or a line.
func TestGraphvizEscapes(t *testing.T) {
	netnstest.Require(t, graphviz)
	const name = `\N\G\E\T\H\L\n\l\r\\`
	p, l := place(named(name), true)
	svg := output(t, draw.DOT(p, l, draw.Light), "dot", "-Tsvg")
	for what, line := range map[string]string{"a card": ">" + name + "0</text>", "its tooltip": `title="` + name + `0"`, "a line's": `title="` + name + "0 " + name + "0 to " + name + "0 " + name + `0"`} {
		if !strings.Contains(svg, line) {
			t.Errorf("%s does not say %s in\n%s", what, line, svg)
		}
	}
}

// checkPlaces holds that "neato -n" leaves cards where they are.
func checkPlaces(t *testing.T, p *cards.Picture, l *layout.Layout) {
	t.Helper()
	const inch = 72
	places := map[string]layout.Card{}
	for i, c := range l.Switches {
		places[fmt.Sprintf("s%d", i)] = c
	}
	for i, c := range l.Nodes {
		places[fmt.Sprintf("n%d", i)] = c
	}
	dx, dy, first := 0.0, 0.0, true
	for line := range strings.Lines(output(t, draw.DOT(p, l, draw.Light), "neato", "-n", "-Tplain")) {
		var name string
		var x, y float64
		if n, _ := fmt.Sscanf(line, "node %s %f %f", &name, &x, &y); n != 3 {
			continue
		}
		c := places[name]
		x, y = x*inch-float64(c.X+c.W/2), y*inch+float64(c.Y+c.H/2)
		if first {
			dx, dy, first = x, y, false
		}
		if math.Abs(x-dx) > 2 || math.Abs(y-dy) > 2 {
			t.Errorf("%s is %.1f, %.1f away from its place", name, x-dx, y-dy)
		}
	}
}

// TestMermaid has Mermaid's own parser read, and counts what it understood.
func TestMermaid(t *testing.T) {
	netnstest.Require(t, mermaid)
	read(t, "testdata/mermaid.mjs", func(p *cards.Picture, l *layout.Layout) (picture, want string) {
		ports := 0
		for _, c := range append(p.Switches, p.Nodes...) {
			ports += len(c.Ports)
			if len(c.Ports) == 0 || len(c.Rest) > 0 {
				ports++
			}
		}
		return draw.Mermaid(p, l), fmt.Sprintf("%d vertices, %d edges", ports, len(p.Lines))
	})
}

// TestMxgraph has the codec of mxGraph, on which draw.io stands, read, and counts what it understood.
func TestMxgraph(t *testing.T) {
	netnstest.Require(t, mxgraph)
	read(t, "testdata/mxgraph.cjs", func(p *cards.Picture, l *layout.Layout) (picture, want string) {
		picture = draw.Drawio(p, l, draw.Light)
		return picture, fmt.Sprintf("%d cells, %d lines at both ends", strings.Count(picture, "<mxCell "), len(p.Lines))
	})
}

// read has a script read pictures, as a list in JSON, and compares what it says of each.
func read(t *testing.T, script string, of func(*cards.Picture, *layout.Layout) (picture, want string)) {
	t.Helper()
	var names, pictures, want []string
	for name, top := range drawn() {
		for _, unfold := range []bool{false, true} {
			picture, says := of(place(top, unfold))
			names, pictures, want = append(names, fmt.Sprintf("%s, unfold %t", name, unfold)), append(pictures, picture), append(want, says)
		}
	}
	stdin, err := json.Marshal(pictures)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(output(t, string(stdin), "node", script, os.Getenv(modulesEnv)), "\n")
	for i, name := range names {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("%s: got %q, want %q", name, got[min(i, len(got)-1)], want[i])
		}
	}
}

// TestChromium has a browser draw, in both lights, and measures: each text is on its card, none on
// another, and the paper is as light as it should be.
func TestChromium(t *testing.T) {
	netnstest.Require(t, chromium)
	var auto []string
	for name, top := range drawn() {
		auto = append(auto, svg(top, false, draw.Auto))
		if name == "60" {
			auto = append(auto, svg(top, true, draw.Auto))
		}
	}
	const dark, light = "0", "1" // blink's preferredColorScheme
	const darkPaper, lightPaper = "rgb(15, 19, 25)", "rgb(255, 255, 255)"
	rack := topologytest.Rack()
	measure(t, dark, darkPaper, auto...)
	measure(t, light, lightPaper, auto...)
	measure(t, dark, lightPaper, svg(rack, false, draw.Light))
	measure(t, light, darkPaper, svg(rack, false, draw.Dark))
}

// measure has a browser of a scheme draw pictures, whose paper is to have a colour.
func measure(t *testing.T, scheme, paper string, pictures ...string) {
	t.Helper()
	script, err := os.ReadFile("testdata/measure.js")
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(pictures, "\n<hr>\n")
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, []byte("<!DOCTYPE html><meta charset=utf-8><body>"+all+"<pre id=out></pre><script>"+string(script)+"</script>"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("%d pictures, %d texts, paper %s\n", len(pictures), strings.Count(all, "<text "), paper)
	if got := browse(t, page, scheme); got != want {
		t.Errorf("scheme %s: got %s\nwant %s", scheme, got, want)
	}
}

// browse is what a page writes into out.
func browse(t *testing.T, page, scheme string) string {
	t.Helper()
	dom := output(t, "", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(), "--blink-settings=preferredColorScheme="+scheme, "--dump-dom", "file://"+page)
	_, after, ok := strings.Cut(dom, `<pre id="out">`)
	out, _, _ := strings.Cut(after, "</pre>")
	if !ok {
		t.Errorf("the page has no measures:\n%.500s", dom)
	}
	return out
}
