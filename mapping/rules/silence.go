// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// A Silence says how long a switch's word counts after it was heard last. The zero
// Silence says nothing: then another decides, so that cmp.Or finds who does.
type Silence time.Duration

// The Silences that are no duration.
const (
	SilenceRefuse Silence = -1            // not at all
	SilenceKeep   Silence = math.MaxInt64 // until another is heard
)

// Within these a Silence is worth saying: below, a switch that is well would fall silent
// between two frames.
const (
	minSilence = time.Minute
	maxSilence = 366 * 24 * time.Hour
)

// Limit returns how long the word counts, or that it does without end. The default is for
// a Silence that says nothing.
func (s Silence) Limit(def time.Duration) (d time.Duration, forever bool) {
	switch s {
	case 0:
		return def, false
	case SilenceRefuse:
		return 0, false
	case SilenceKeep:
		return 0, true
	}
	return time.Duration(s), false
}

// String returns the Silence as a rule says it, or "".
func (s Silence) String() string {
	switch s {
	case 0:
		return ""
	case SilenceRefuse:
		return "refuse"
	case SilenceKeep:
		return "keep"
	}
	var b strings.Builder
	rest := time.Duration(s)
	for _, u := range units {
		if n := rest / u.length; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + u.name)
			rest -= n * u.length
		}
	}
	return b.String()
}

var units = []struct {
	name   string
	length time.Duration
}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// span is a duration of whole units. The digits of each reach beyond maxSilence, and
// nowhere near what a Duration holds.
var span = regexp.MustCompile(`^(?:([0-9]{1,3})d)?(?:([0-9]{1,4})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?$`)

const (
	spanHint    = "a duration of at least 1m and at most 366d, such as 30m, 24h or 7d"
	silenceHint = "write refuse, keep, or " + spanHint
	goodbyeHint = "write refuse, or " + spanHint
)

// ReadSilence reads what is said of a switch that falls silent without a goodbye.
func ReadSilence(v yamlfile.Value) Silence { return readSilence(v, silenceHint, SilenceKeep) }

// ReadGoodbye reads what is said of a switch that says goodbye. It is not kept: whoever
// says goodbye has left.
func ReadGoodbye(v yamlfile.Value) Silence { return readSilence(v, goodbyeHint) }

func readSilence(v yamlfile.Value, hint string, also ...Silence) Silence {
	if k := v.Kind(); k != yamlfile.KindText && k != yamlfile.KindAbsent {
		v.Mistake("is "+k.String()+", where a duration belongs", hint)
		return 0
	}
	return yamlfile.Parsed(v, 0, func(text string) (Silence, error) {
		for _, word := range append(also, SilenceRefuse) {
			if text == word.String() {
				return word, nil
			}
		}
		d, ok := parseSpan(text)
		switch {
		case !ok:
			return 0, yamlfile.Problem{Message: yamlfile.Quote(text) + " is not a duration", Hint: hint}
		case d < minSilence || d > maxSilence:
			return 0, yamlfile.Problem{Message: text + " is out of range", Hint: hint}
		}
		return Silence(d), nil
	})
}

// ParseSilence reads what String wrote.
func ParseSilence(text string) (Silence, bool) {
	for _, word := range []Silence{0, SilenceRefuse, SilenceKeep} {
		if text == word.String() {
			return word, true
		}
	}
	d, ok := parseSpan(text)
	return Silence(d), ok && d >= minSilence && d <= maxSilence
}

func parseSpan(s string) (time.Duration, bool) {
	numbers := span.FindStringSubmatch(s)
	if numbers == nil || s == "" {
		return 0, false
	}
	var d time.Duration
	for i, u := range units {
		n, _ := strconv.Atoi(numbers[i+1]) // "" is none of them
		d += time.Duration(n) * u.length
	}
	return d, true
}
