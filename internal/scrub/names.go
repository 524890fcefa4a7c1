// SPDX-License-Identifier: Apache-2.0

package scrub

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/colvin-net/colvin/internal/fit"
)

// short is the length below which a name is found in sentences as a word only, and a number
// not at all.
const short = 4

var number = regexp.MustCompile(`^\d+$`)

// names are those that were learned, and what stands for them.
type names struct {
	classes map[string]string // of each name
	order   []string
	words   map[string]bool // Colvin's own: found as whole values only

	placeholder map[string]string // nil until the first is asked for
	find        *regexp.Regexp    // every spelling, the longest first
	spelled     map[string]string // of each spelling in lower case, what stands for it
}

func newNames() *names { return &names{classes: map[string]string{}, words: map[string]bool{}} }

// classes are the words of which placeholders are made.
const classes = "system- node- pod- namespace- container- chassis- text- host- account- octets- hidden- "

func (n *names) common(word string) { n.words[strings.ToLower(word)] = true }

// everybodys are names of every cluster, which tell nothing of any, and words of sentences.
var everybodys = regexp.MustCompile(`^(?:localhost|default|kube-system|kubernetes(?:\.default(?:\.svc(?:\.cluster\.local)?)?)?)$`)

func (n *names) learn(class, name string) {
	if strings.TrimSpace(name) == "" || n.classes[name] != "" || (class == namespace || class == host) && everybodys.MatchString(name) {
		return
	}
	n.classes[name] = class
	n.order = append(n.order, name)
}

// settle gives each name a placeholder that is no name itself, nor part of one.
func (n *names) settle() {
	if n.placeholder != nil {
		return
	}
	all := strings.ToLower(strings.Join(n.order, "\x00"))
	n.placeholder, n.spelled = map[string]string{}, map[string]string{}
	counts := map[string]int{}
	same := map[string]string{} // names that differ in case only are one to a reader
	var spellings []string
	for _, name := range n.order {
		now := same[strings.ToLower(name)]
		for class := n.classes[name]; now == ""; {
			counts[class]++
			if next := fmt.Sprintf("%s-%d", class, counts[class]); !strings.Contains(all, next) {
				now = next
			}
		}
		n.placeholder[name], same[strings.ToLower(name)] = now, now
		if len(name) >= short && strings.Contains(classes, strings.ToLower(name)) || len(name) < short && number.MatchString(name) {
			n.common(name)
		}
		if n.words[strings.ToLower(name)] {
			continue
		}
		for _, spelling := range spell(name) {
			if key := strings.ToLower(spelling); n.spelled[key] == "" {
				n.spelled[key] = now
				spellings = append(spellings, spelling)
			}
		}
	}
	slices.SortStableFunc(spellings, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for i := range spellings {
		spellings[i] = regexp.QuoteMeta(spellings[i])
	}
	if len(spellings) > 0 {
		n.find = regexp.MustCompile("(?i)" + strings.Join(spellings, "|"))
	}
}

// spell lists how a name is written in sentences, JSON and YAML.
func spell(name string) []string {
	inJSON, _ := json.Marshal(name) // of a string
	quoted, ascii := strconv.Quote(name), strconv.QuoteToASCII(name)
	all := []string{
		name, fit.Printable(name), quoted[1 : len(quoted)-1], ascii[1 : len(ascii)-1], string(inJSON[1 : len(inJSON)-1]),
		strings.ReplaceAll(name, "'", "''"), strings.ReplaceAll(name, `\`, `\\`),
	}
	all = slices.DeleteFunc(all, func(s string) bool { return !utf8.ValidString(s) || strings.TrimSpace(s) == "" })
	slices.Sort(all)
	return slices.Compact(all)
}

// whole returns what stands for a text that is a name.
func (n *names) whole(text string) (string, bool) {
	n.settle()
	now, ok := n.placeholder[text]
	return now, ok
}

// replace replaces the names in a text, but for what is a part of an address.
func (n *names) replace(text string) string {
	n.settle()
	if n.find == nil {
		return text
	}
	var out strings.Builder
	done, within := 0, spans(text)
	for _, at := range n.find.FindAllStringIndex(text, -1) {
		if at[1]-at[0] < short && !alone(text, at[0], at[1]) {
			continue
		}
		for len(within) > 0 && within[0][1] < at[1] {
			within = within[1:]
		}
		if len(within) > 0 && within[0][0] <= at[0] {
			continue
		}
		out.WriteString(text[done:at[0]])
		out.WriteString(n.spelled[strings.ToLower(text[at[0]:at[1]])])
		done = at[1]
	}
	out.WriteString(text[done:])
	return n.uncut(out.String())
}

// alone reports whether a part of a text is a word.
func alone(text string, from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:from])
	after, _ := utf8.DecodeRuneInString(text[to:])
	part := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
	return !part(before) && !part(after)
}

const ellipsis = "…"

// uncut replaces names of which a part stands before an ellipsis, and maybe one behind it.
func (n *names) uncut(text string) string {
	parts := strings.Split(text, ellipsis)
	for i := range parts[:len(parts)-1] {
		for _, name := range n.order {
			if head, ok := cutAt(parts[i], fit.Printable(name)); ok && !n.words[strings.ToLower(name)] {
				parts[i] = head + n.placeholder[name]
				parts[i+1] = withoutTail(parts[i+1], fit.Printable(name))
				break
			}
		}
	}
	return strings.Join(parts, ellipsis)
}

// cutAt returns what is before the beginning of a name with which a text ends.
func cutAt(text, name string) (head string, ok bool) {
	for l := min(len(name)-1, len(text)); l >= short; l-- {
		if strings.EqualFold(text[len(text)-l:], name[:l]) {
			return text[:len(text)-l], true
		}
	}
	return "", false
}

// withoutTail takes the end of a name from the beginning of a text.
func withoutTail(text, name string) string {
	for l := min(len(name)-1, len(text)); l > 0; l-- {
		if strings.EqualFold(text[:l], name[len(name)-l:]) {
			return text[l:]
		}
	}
	return text
}

// originals are all that can be looked for: not what is one of Colvin's own words, nor too
// short to be told from others.
func (n *names) originals() (all []string) {
	n.settle()
	for _, name := range n.order {
		if !n.words[strings.ToLower(name)] && len(name) >= short {
			all = append(all, spell(name)...)
		}
	}
	return all
}
