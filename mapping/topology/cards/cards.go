// SPDX-License-Identifier: Apache-2.0

// Package cards says what a picture of a topology shows: a card for each switch and for each
// node, or one for all nodes that are alike, their ports, and the lines between them. It is
// pure, and knows nothing of places on paper and of file formats.
package cards

// A Picture is what is to be drawn.
type Picture struct {
	Switches []Card
	Nodes    []Card
	Lines    []Line
	Legend   []Entry
}

// A Card is a switch, a node, or several nodes that lead to the same switches and networks.
type Card struct {
	Title string
	Sub   string // under the title
	About string // all of it, for who points there
	Ports []Port // that lead somewhere
	Rest  []Text // what is said of the others
	Count int    // of nodes that it stands for
}

// A Port is a port of a card, or those of several nodes that lead alike.
type Port struct {
	Name    string
	Master  string // the bond or bridge that it belongs to
	Bond    bool   // Master is a bond or team
	Doubt   string // what is to know about all its networks
	Texts   []Text // its networks
	Far     string // where the line ends
	About   string
	Look    Look
	Nowhere bool // nobody speaks there: a rule alone says where it leads
}

// A Text is words, in a colour where they name a network.
type Text struct {
	Words  string
	Colour string
	About  string
}

// A Line is the cable from a node's port to a switch port, or several of them.
type Line struct {
	Switch, SwitchPort int // indexes into Picture.Switches and Card.Ports
	Node, NodePort     int
	Count              int // of cables
	Look               Look
	About              string
}

// A Look is how a line or a port is drawn.
type Look struct {
	Colour  string // #rrggbb, of the first network
	Style   Style
	Several bool // networks
	Thin    bool // the bond sends through another of its members
	Warn    bool // nothing confirms now where it leads
}

// Style is how a line is broken.
type Style int

// The styles of lines.
const (
	Solid  Style = iota
	Dashed       // what is said of it is not fresh
	Dotted       // it is down
)

// An Entry of the legend.
type Entry struct {
	Kind   Sample
	Colour string
	Words  string
}

// A Sample is what the legend shows beside the words.
type Sample int

// The samples of a legend.
const (
	SampleNetwork Sample = iota
	SampleDashed
	SampleDotted
	SampleWarn
	SampleSeveral
	SampleBundle
	SampleThin
	SampleBond
	SampleNowhere
)
