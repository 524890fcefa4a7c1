// SPDX-License-Identifier: Apache-2.0

// Package colour holds the names that network identities get by themselves: the
// palette of colours such as "teal-heron", and the Book of who has which. It
// neither reads nor writes files; keeping the Book is its owner's task.
package colour

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// The palette is frozen. The colour that an identity prefers depends on the
// number and the order of the words, so a change here would rename networks.
// A golden test holds it.

// hues are the first words, each with the value in which pictures draw it. The
// values were found by measuring: every two are told apart, also with protanopia,
// deuteranopia and tritanopia, and each stands out from a white and from a dark
// background. TestHuesAreDistinct states the figures.
var hues = [...]struct{ name, hex string }{
	{"amber", "#b38a14"},
	{"ash", "#9a8c9c"},
	{"blue", "#3151f9"},
	{"plum", "#874e8b"},
	{"red", "#bb2d23"},
	{"sage", "#6c8d65"},
	{"sky", "#5197d6"},
	{"teal", "#266f60"},
}

// birds are the second words: common, easily typed, at most eight letters, and no
// two alike.
var birds = [...]string{
	"avocet", "bittern", "bunting", "canary", "cardinal", "condor", "crane", "curlew",
	"dipper", "dove", "duck", "dunlin", "eagle", "egret", "emu", "falcon",
	"finch", "flamingo", "fulmar", "gannet", "godwit", "goshawk", "harrier", "heron",
	"hornbill", "ibis", "jackdaw", "jay", "junco", "kestrel", "lapwing", "lark",
	"macaw", "magpie", "mallard", "merlin", "nuthatch", "oriole", "osprey", "ostrich",
	"owl", "pelican", "penguin", "pintail", "pipit", "plover", "puffin", "quail",
	"raven", "redstart", "robin", "rook", "sparrow", "starling", "stork", "swan",
	"swift", "tanager", "toucan", "wagtail", "warbler", "weaver", "wigeon", "wren",
}

// size is the number of colours: a power of two, so that a walk of any odd step
// visits them all.
const size = len(hues) * len(birds)

// at returns colour number i.
func at(i uint64) string {
	i %= uint64(size)
	return hues[i%uint64(len(hues))].name + "-" + birds[i/uint64(len(hues))]
}

// Preferred returns the colour that key gets where nobody else has it. It depends
// on key alone, the same in every process and release.
func Preferred(key string) string {
	start, _ := walk(key)
	return at(start)
}

// walk returns the number of the colour key prefers, and the odd step with which
// it goes on where that one is not free.
func walk(key string) (start, step uint64) {
	sum := sha256.Sum256([]byte(key))
	return binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16]) | 1
}

// Hex returns the value, such as "#266f60", in which pictures draw the named
// colour. It reports false for a name that is no colour of the palette.
func Hex(colour string) (string, bool) {
	hue, bird, _ := strings.Cut(colour, "-")
	if !slices.Contains(birds[:], bird) {
		return "", false
	}
	for _, h := range hues {
		if h.name == hue {
			return h.hex, true
		}
	}
	return "", false
}

// Hues are the values in which pictures draw, each told apart from every other.
func Hues() []string {
	var all []string
	for _, h := range hues {
		all = append(all, h.hex)
	}
	return all
}
