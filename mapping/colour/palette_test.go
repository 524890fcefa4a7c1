// SPDX-License-Identifier: Apache-2.0

package colour

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPreferredGolden holds the palette and the hash: a failure means that every
// cluster's networks would change their names.
func TestPreferredGolden(t *testing.T) {
	want := map[string]string{
		"":                                       "red-bunting",
		"a":                                      "blue-tanager",
		"chassis mac:00:1b:21:aa:bb:cc VLAN 1":   "ash-egret",
		"chassis mac:00:1b:21:aa:bb:cc VLAN 100": "ash-swift",
		"chassis mac:00:1b:21:aa:bb:cc VLAN 200": "amber-dove",
		"chassis mac:00:1b:21:aa:bb:cd VLAN 100": "blue-pintail",
		"switch group dc1 VLAN 4094":             "sage-egret",
		"chassis local:über-switch VLAN 7":       "teal-eagle",
	}
	got := map[string]string{}
	for key := range want {
		got[key] = Preferred(key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("preferred colours (-want +got):\n%s", diff)
	}
	names := sha256.New()
	for i := range uint64(size) {
		fmt.Fprintln(names, at(i))
	}
	if sum, want := hex.EncodeToString(names.Sum(nil)), "c0fce82087432eb637378a97123faca3a78c5e360f500759d9d50c463231825b"; sum != want {
		t.Errorf("all colours in order have the checksum %s, want %s", sum, want)
	}
}

func TestNames(t *testing.T) {
	label := regexp.MustCompile(`^[a-z]+-[a-z]+$`)
	seen := map[string]bool{}
	for i := range uint64(size) {
		name := at(i)
		if !label.MatchString(name) || len(name) > 15 {
			t.Errorf("colour %q: want two words and at most 15 characters", name)
		}
		if seen[name] {
			t.Errorf("colour %q comes twice", name)
		}
		seen[name] = true
		if _, ok := Hex(name); !ok {
			t.Errorf("Hex(%q) does not know the colour", name)
		}
	}
	if len(seen) < 2*maxColours || size&(size-1) != 0 {
		t.Errorf("%d colours, want a power of two, twice %d at least", len(seen), maxColours)
	}
}

func TestHex(t *testing.T) {
	type answer struct {
		Value string
		OK    bool
	}
	want := map[string]answer{
		"teal-heron":     {"#266f60", true},
		"amber-wren":     {"#b38a14", true},
		"":               {},
		"-":              {},
		"teal":           {},
		"teal-":          {},
		"-heron":         {},
		"heron-teal":     {},
		"teal-teal":      {},
		"teal-heron-":    {},
		"Teal-heron":     {},
		"teal-heron\n":   {},
		"mauve-heron":    {},
		"teal-pterosaur": {},
	}
	got := map[string]answer{}
	for name := range want {
		value, ok := Hex(name)
		got[name] = answer{value, ok}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// TestWordsAreDistinct keeps words apart that a slip of the finger, or a glance,
// would confuse.
func TestWordsAreDistinct(t *testing.T) {
	var first []string
	for _, h := range hues {
		first = append(first, h.name)
	}
	for _, list := range []struct {
		words   []string
		least   int
		longest int
	}{
		{words: first, least: 2, longest: 6},
		{words: birds[:], least: 3, longest: 8},
	} {
		for i, a := range list.words {
			if len(a) < 3 || len(a) > list.longest {
				t.Errorf("%q has %d letters, want 3 to %d", a, len(a), list.longest)
			}
			for _, b := range list.words[:i] {
				if d := editDistance(a, b); d < list.least {
					t.Errorf("%q and %q differ by %d letters, want %d at least", a, b, d, list.least)
				}
			}
		}
	}
}

// editDistance is the Levenshtein distance of two words.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// The figures that the hues were chosen for. A CIE 1976 difference of 2.3 is just
// noticeable; areas and lines that stand out need a contrast of 3:1 (WCAG 2.2,
// 1.4.11).
const (
	minDifference = 19
	minContrast   = 3
	white         = "#ffffff"
	dark          = "#121212"
)

// visions are what is left of a colour, in linear RGB, for each kind of sight: the
// matrices of Machado, Oliveira and Fernandes, "A Physiologically-based Model for
// Simulation of Color Vision Deficiency" (2009), at full severity.
var visions = map[string][3]vector{
	"normal":       {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func TestHuesAreDistinct(t *testing.T) {
	for sight, matrix := range visions {
		for i, a := range hues {
			for _, b := range hues[:i] {
				d := difference(lab(see(matrix, linear(t, a.hex))), lab(see(matrix, linear(t, b.hex))))
				if d < minDifference {
					t.Errorf("%s: %s and %s differ by %.1f, want %d at least", sight, a.name, b.name, d, minDifference)
				}
			}
		}
	}
}

func TestHuesStandOut(t *testing.T) {
	for _, h := range hues {
		for _, background := range []string{white, dark} {
			if c := contrast(linear(t, h.hex), linear(t, background)); c < minContrast {
				t.Errorf("%s has a contrast of %.2f with %s, want %d at least", h.name, c, background, minContrast)
			}
		}
	}
}

// vector is a colour in linear RGB, CIE XYZ or CIE Lab.
type vector [3]float64

// linear reads a value such as "#266f60" and undoes the gamma of sRGB (IEC
// 61966-2-1).
func linear(t *testing.T, value string) vector {
	t.Helper()
	digits, ok := strings.CutPrefix(value, "#")
	octets, err := hex.DecodeString(digits)
	if !ok || err != nil || len(octets) != 3 {
		t.Fatalf("value %q: want # and six digits", value)
	}
	var v vector
	for i, o := range octets {
		c := float64(o) / 255
		if c <= 0.04045 {
			v[i] = c / 12.92
		} else {
			v[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return v
}

// apply multiplies matrix and vector.
func apply(matrix [3]vector, v vector) vector {
	var out vector
	for i, row := range matrix {
		out[i] = row[0]*v[0] + row[1]*v[1] + row[2]*v[2]
	}
	return out
}

// see is apply within what a screen can show.
func see(matrix [3]vector, v vector) vector {
	out := apply(matrix, v)
	for i := range out {
		out[i] = min(max(out[i], 0), 1)
	}
	return out
}

// lab turns linear sRGB into CIE Lab for white point D65.
func lab(rgb vector) vector {
	xyz := apply([3]vector{
		{0.4124564, 0.3575761, 0.1804375},
		{0.2126729, 0.7151522, 0.0721750},
		{0.0193339, 0.1191920, 0.9503041},
	}, rgb)
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (24389.0/27*t + 16) / 116
	}
	x, y, z := f(xyz[0]/0.95047), f(xyz[1]), f(xyz[2]/1.08883)
	return vector{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// difference is the CIE 1976 colour difference.
func difference(a, b vector) float64 {
	return math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2])
}

// contrast is the contrast ratio of WCAG 2.2.
func contrast(a, b vector) float64 {
	luminance := func(v vector) float64 { return 0.2126*v[0] + 0.7152*v[1] + 0.0722*v[2] }
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}
