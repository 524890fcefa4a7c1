// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
)

// A Font is how a text is written.
type Font struct {
	Size  int
	Bold  bool
	Muted bool
	Doubt bool // in the colour of warnings
}

// The fonts of a picture.
var (
	titleFont   = Font{Size: 14, Bold: true}
	subFont     = Font{Size: 11, Muted: true}
	portFont    = Font{Size: 12, Bold: true}
	masterFont  = Font{Size: 11, Bold: true}
	networkFont = Font{Size: 11}
	doubtFont   = Font{Size: 11, Doubt: true}
	farFont     = Font{Size: 10, Muted: true}
	legendFont  = Font{Size: 12}
)

// height is that of a line.
func (f Font) height() int { return f.Size + 3 }

// narrow and wide are characters of other than the usual width. All widths are those of DejaVu
// Sans, the widest of the fonts that a picture may be drawn in.
const (
	narrow = "ijlI.,:;'|!()[]/\\ ft-r"
	wide   = "mwMWG%@OQ+=#<>~&_"
)

// width is how much room a text needs at most, in pixels.
func (f Font) width(s string) int {
	var mils int
	for _, r := range s {
		switch {
		case r >= 0x1f000: // pictures
			mils += 1400
		case r >= 0x250: // many scripts, and the ellipsis
			mils += 1050
		case r >= 0x80:
			mils += 860
		case strings.ContainsRune(narrow, r):
			mils += 440
		case strings.ContainsRune(wide, r):
			mils += 990
		case 'A' <= r && r <= 'Z':
			mils += 775
		default:
			mils += 640
		}
	}
	if f.Bold {
		mils += mils / 8
	}
	return (mils*f.Size + 999) / 1000
}

// fitting is as much of a text as there is room for.
func (f Font) fitting(s string, room int) string {
	s = fit.Printable(s)
	if f.width(s) <= room {
		return s
	}
	low, high := 1, len([]rune(s)) // characters that fit, and do not
	for high-low > 1 {
		if mid := (low + high) / 2; f.width(fit.Cut(s, mid)) <= room {
			low = mid
		} else {
			high = mid
		}
	}
	return fit.Cut(s, low)
}

// square is what the square before a text takes.
func (f Font) square() int { return f.width("■ ") }

// warning is what the mark of a warning beside a text takes.
const warning = 16

// label is a text, cut to the room that there is.
func (f Font) label(text, about string, room int) Label {
	l := Label{Text: f.fitting(text, room), About: about, Font: f}
	if l.About == "" && l.Text != text {
		l.About = text
	}
	l.W, l.H = f.width(l.Text), f.height()
	return l
}

// needs is the room that a label takes, with what is beside it.
func (l *Label) needs() int {
	need := l.W
	if l.Colour != "" {
		need += l.Font.square()
	}
	if l.Warn {
		need += warning
	}
	return need
}
