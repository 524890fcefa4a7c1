// SPDX-License-Identifier: Apache-2.0

package yamlfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
)

// Kind is what a value looks like in the file.
type Kind int

// The kinds of values.
const (
	KindAbsent  Kind = iota // the key is not there
	KindNone                // the key is there, without a value
	KindText                // text, quoted or not
	KindNumber              // a number without quotes
	KindBool                // true or false without quotes
	KindList                // [a, b], or lines that begin with a dash
	KindMapping             // {a: b}, or lines of keys
)

var kindNames = [...]string{
	KindAbsent: "nothing", KindNone: "no value", KindText: "text", KindNumber: "a number", KindBool: "true or false",
	KindList: "a list", KindMapping: "a mapping",
}

// String returns the kind as a message names it.
func (k Kind) String() string { return kindNames[k] }

// A Mapping is a mapping of the document, in the order of the file.
type Mapping struct {
	value Value
	asked map[string]bool
	all   bool // every key was asked for
}

// A Pair is a key of a mapping with its value.
type Pair struct{ Key, Value Value }

// Get returns the value of a key, and makes the key a known one. Where the key
// is absent, so is the value.
func (m *Mapping) Get(key string) Value {
	m.asked[key] = true
	for _, e := range m.value.entries() {
		if e.key.text == key {
			return m.child(e)
		}
	}
	v := m.value
	v.node, v.path = nil, join(m.value.path, key)
	return v
}

// Pairs returns all keys with their values, and makes all of them known: for
// mappings whose keys are the user's own. A key that stands twice is left out
// the second time.
func (m *Mapping) Pairs() []Pair {
	m.all = true
	seen := make(map[string]bool)
	var pairs []Pair
	for _, e := range m.value.entries() {
		if seen[e.key.text] {
			continue
		}
		seen[e.key.text] = true
		v := m.child(e)
		pairs = append(pairs, Pair{Key: v.with(e.key), Value: v})
	}
	return pairs
}

// Len returns the number of entries.
func (m *Mapping) Len() int { return len(m.value.entries()) }

func (m *Mapping) child(e entry) Value {
	v := m.value.with(e.value)
	v.path = join(m.value.path, e.key.text)
	return v
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,63}$`)

func join(path, key string) string {
	if !plainKey.MatchString(key) {
		return path + "[" + Quote(key) + "]"
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func (m *Mapping) unknown() Mistakes {
	var out Mistakes
	if m.all {
		return nil
	}
	known := make([]string, 0, len(m.asked))
	for k := range m.asked {
		known = append(known, k)
	}
	slices.Sort(known)
	for _, e := range m.value.entries() {
		if m.asked[e.key.text] {
			continue
		}
		hint := fit.Suggest(e.key.text, known)
		if hint == "" {
			hint = "known keys are " + strings.Join(known, ", ")
		}
		out = append(out, m.value.doc.at(e.key.line, e.key.column, join(m.value.path, e.key.text), "unknown key", hint))
		if len(out) > maxMistakes {
			break
		}
	}
	return out
}

func (m *Mapping) duplicates() {
	first := make(map[string]int)
	for _, e := range m.value.entries() {
		line, twice := first[e.key.text]
		if !twice {
			first[e.key.text] = e.key.line
			continue
		}
		v := m.child(e).with(e.key)
		v.Mistake(fmt.Sprintf("the key stands here again, after line %d", line), "remove one of the two")
	}
}

// A Value is a value of the document, present or not.
type Value struct {
	doc          *Document
	node         *node // nil when absent
	line, column int   // of the value, or of the mapping it is absent from
	path         string
	amiss        bool // absent from what is no mapping, which was told
}

func (v Value) with(n *node) Value {
	v.node, v.line, v.column = n, n.line, n.column
	return v
}

func (v Value) entries() []entry {
	if v.node == nil {
		return nil
	}
	return v.node.entries
}

// Kind returns what the value looks like.
func (v Value) Kind() Kind {
	if v.node == nil {
		return KindAbsent
	}
	return v.node.kind
}

// Present reports whether the key is there, even without a value.
func (v Value) Present() bool { return v.node != nil }

// Line returns the line the value begins on.
func (v Value) Line() int { return v.line }

// Column returns the character of its line at which the value begins, from 1.
func (v Value) Column() int { return v.column }

// Path returns where the value is in the document, such as "networks[0].name".
func (v Value) Path() string { return v.path }

// Raw returns the text of a scalar as it stands in the file, without quotes,
// whatever its kind.
func (v Value) Raw() string {
	if v.node == nil {
		return ""
	}
	return v.node.text
}

// Plain returns the value as encoding/json does: nil, a string, a json.Number, a bool, a
// []any or a map[string]any. For values that are somebody else's to check: all keys count
// as known.
func (v Value) Plain() any {
	switch v.Kind() {
	case KindText:
		return v.node.text
	case KindNumber:
		return json.Number(v.node.text)
	case KindBool:
		return strings.EqualFold(v.node.text, "true")
	case KindList:
		out := make([]any, 0, len(v.node.items))
		for _, item := range v.List() {
			out = append(out, item.Plain())
		}
		return out
	case KindMapping:
		out := map[string]any{}
		for _, p := range v.Mapping().Pairs() {
			out[p.Key.Raw()] = p.Value.Plain()
		}
		return out
	default:
		return nil
	}
}

// Mistake records a mistake at the value.
func (v Value) Mistake(message, hint string) {
	v.doc.report(v.doc.at(v.line, v.column, v.path, message, hint))
}

// Reject records an error about the value as a mistake; a Problem gives it a
// hint.
func (v Value) Reject(err error) {
	p, ok := errors.AsType[Problem](err)
	if !ok {
		p.Message = printable(err.Error())
	}
	v.Mistake(p.Message, p.Hint)
}

// Warn records a warning at the value.
func (v Value) Warn(message, hint string) {
	v.doc.warn(v.doc.at(v.line, v.column, v.path, message, hint))
}

// Required makes it a mistake that the key is absent. The hint says what to do;
// "" is "add it".
func (v Value) Required(hint string) Value {
	if !v.Present() && !v.amiss {
		if hint == "" {
			hint = "add it"
		}
		v.Mistake("is missing", hint)
	}
	return v
}

// Text returns text, or def where the key is absent.
func (v Value) Text(def string) string {
	if !v.is(KindText, "put it in quotes") {
		return def
	}
	return v.node.text
}

// Bool returns true or false, or def where the key is absent.
func (v Value) Bool(def bool) bool {
	if !v.is(KindBool, "write true or false without quotes") {
		return def
	}
	return strings.EqualFold(v.node.text, "true")
}

// OneOf returns one of the choices, or def where the key is absent.
func (v Value) OneOf(def string, choices ...string) string {
	want := "write " + strings.Join(choices, " or ")
	if !v.is(KindText, want) {
		return def
	}
	if slices.Contains(choices, v.node.text) {
		return v.node.text
	}
	v.Mistake("unknown value "+Quote(v.node.text), want)
	return def
}

// Parsed returns what parse makes of a text, or def where the key is absent.
// An error of parse becomes a mistake; a Problem gives it a hint.
func Parsed[T any](v Value, def T, parse func(string) (T, error)) T {
	if !v.is(KindText, "put it in quotes") {
		return def
	}
	t, err := parse(v.node.text)
	if err != nil {
		v.Reject(err)
		return def
	}
	return t
}

// List returns the values of a list. It is empty where the key is absent or has
// no value.
func (v Value) List() []Value {
	if v.Kind() == KindNone || !v.is(KindList, "write [a, b], or one line per entry that begins with a dash") {
		return nil
	}
	list := make([]Value, len(v.node.items))
	for i, n := range v.node.items {
		list[i] = v.with(n)
		list[i].path = fmt.Sprintf("%s[%d]", v.path, i)
	}
	return list
}

// Mapping returns the value as a mapping. It is empty, and never nil, where the
// key is absent, has no value or is no mapping.
func (v Value) Mapping() *Mapping {
	m := &Mapping{value: v, asked: make(map[string]bool)}
	if v.Kind() == KindNone || !v.is(KindMapping, "write key: value") {
		m.value.node, m.value.amiss = nil, v.Present() && v.Kind() != KindNone
		return m
	}
	if known, ok := v.doc.mappings[v.node]; ok {
		return known
	}
	m.value = v.with(v.node)
	v.doc.mappings[v.node] = m
	v.doc.order = append(v.doc.order, m)
	m.duplicates()
	return m
}

// is reports whether the value is there and of a kind. A wrong kind is a
// mistake, and so is a key without a value.
func (v Value) is(k Kind, hint string) bool {
	switch v.Kind() {
	case KindAbsent:
		return false
	case k:
		return true
	case KindNone:
		v.Mistake("has no value", "give it one, or remove the key")
	case KindList, KindMapping:
		if k == KindText {
			hint = "write one text"
		}
		fallthrough
	default:
		v.Mistake(fmt.Sprintf("is %s, where %s belongs", v.Kind(), k), hint)
	}
	return false
}
