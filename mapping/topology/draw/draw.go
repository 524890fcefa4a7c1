// SPDX-License-Identifier: Apache-2.0

// Package draw writes pictures of a topology in the formats that people look at and edit: SVG,
// draw.io, DOT and Mermaid. It is pure: cards and their places go in, text comes out. Names come
// from the wire, so each format escapes them.
package draw

import (
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/topology/cards"
)

// A Theme is the light in which a picture is looked at.
type Theme string

// The themes.
const (
	Auto  Theme = "auto" // SVG: as the reader's screen is; else light
	Light Theme = "light"
	Dark  Theme = "dark"
)

// Themes are all themes.
func Themes() []string { return []string{string(Auto), string(Light), string(Dark)} }

// A palette is the colours of everything that is no network.
type palette struct{ paper, node, sw, border, frame, text, muted, warn string }

var (
	light = palette{
		paper: "#ffffff", node: "#f6f8fa", sw: "#e8edf4", border: "#c3cad5", frame: "#98a2b3", text: "#1b1f27", muted: "#5b6472", warn: "#b54708",
	}
	dark = palette{
		paper: "#0f1319", node: "#1a2029", sw: "#222b38", border: "#3a4454", frame: "#5d6a80", text: "#e8ebf0", muted: "#a3adbb", warn: "#f5a524",
	}
)

// colours are the palette of a theme; where that depends on the reader, the light one.
func (t Theme) colours() palette {
	if t == Dark {
		return dark
	}
	return light
}

// stroke is how thick a line is.
func stroke(l *cards.Line) float64 {
	switch {
	case l.Count > 1 && l.Look.Several:
		return 7
	case l.Count > 1, l.Look.Several:
		return 5
	case l.Look.Thin:
		return 1.4
	}
	return 2.4
}

// words are what is written at a port, one line each.
func words(p *cards.Port) []string {
	out := []string{p.Name}
	if p.Doubt != "" {
		out = append(out, p.Doubt)
	}
	for _, t := range p.Texts {
		out = append(out, t.Words)
	}
	if p.Look.Warn {
		out[0] += " ⚠"
	}
	if p.Far != "" {
		out = append(out, p.Far)
	}
	return out
}

// escapeXML makes a text part of an XML document, in an attribute or between elements.
func escapeXML(s string) string {
	return xmlEscaper.Replace(fit.Printable(s))
}

var xmlEscaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;")
