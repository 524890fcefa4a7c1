// SPDX-License-Identifier: Apache-2.0

package yamlfile_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// read asks for one key of every kind.
type read struct {
	Text     string
	Bool     bool
	Duration time.Duration
	Choice   string
	Texts    []string
	Sub      string
}

func readAll(doc *yamlfile.Document) read {
	m := doc.Mapping()
	r := read{
		Text:     m.Get("text").Text("t"),
		Bool:     m.Get("bool").Bool(true),
		Duration: yamlfile.Parsed(m.Get("duration"), time.Second, duration),
		Choice:   m.Get("choice").OneOf("a", "a", "b"),
		Sub:      m.Get("sub").Mapping().Get("name").Text("s"),
	}
	for _, v := range m.Get("texts").List() {
		r.Texts = append(r.Texts, v.Text("x"))
	}
	return r
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil {
		err = yamlfile.Problem{Message: yamlfile.Quote(s) + " is not a duration", Hint: "write 30s or 5m"}
	}
	return d, err
}

var defaults = read{Text: "t", Bool: true, Duration: time.Second, Choice: "a", Sub: "s"}

func TestValues(t *testing.T) {
	full := read{"hello", false, 90 * time.Second, "b", []string{"one", "two"}, "inner"}
	for name, tt := range map[string]struct {
		file string
		want read
	}{
		"empty":        {"", defaults},
		"comment":      {"# nothing\n", defaults},
		"header":       {"---\n", defaults},
		"null":         {"~", defaults},
		"null mapping": {"sub:\n", defaults},
		"block":        {"---\ntext: hello\nbool: false\nduration: 1m30s\nchoice: b\ntexts:\n- one\n- two\nsub:\n  name: inner\n...\n", full},
		"flow":         {`{text: "hello", bool: False, duration: 90s, choice: b, texts: [one, 'two'], sub: {name: inner}}`, full},
		"windows":      {"\ufefftext: hello\r\nbool: false\r\nduration: 90s\r\nchoice: b\r\ntexts: [one, two]\r\nsub:\r\n  name: inner\r\n", full},
		"literal":      {"text: |\n  a: b\n  c\n", read{"a: b\nc\n", true, time.Second, "a", nil, "s"}},
		"colons":       {"text: mac:00:1b\nsub: {name: ge-0/0/1:0}\n", read{"mac:00:1b", true, time.Second, "a", nil, "ge-0/0/1:0"}},
	} {
		t.Run(name, func(t *testing.T) {
			doc := yamlfile.Parse("f.yaml", []byte(tt.file))
			if diff := cmp.Diff(tt.want, readAll(doc)); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if err := doc.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"kinds": {"text: 5\nbool: yes\nduration: soon\nchoice: c\ntexts: one\nsub: [1]\n", `
			f.yaml:1:7: text: is a number, where text belongs; put it in quotes
			f.yaml:2:7: bool: is text, where true or false belongs; write true or false without quotes
			f.yaml:3:11: duration: "soon" is not a duration; write 30s or 5m
			f.yaml:4:9: choice: unknown value "c"; write a or b
			f.yaml:5:8: texts: is text, where a list belongs; write [a, b], or one line per entry that begins with a dash
			f.yaml:6:6: sub: is a list, where a mapping belongs; write key: value`},
		"no value": {"text:\nbool:\n  \ntexts: [a, ~, 1]\nsub:\n", `
			f.yaml:1:1: text: has no value; give it one, or remove the key
			f.yaml:2:1: bool: has no value; give it one, or remove the key
			f.yaml:4:12: texts[1]: has no value; give it one, or remove the key
			f.yaml:4:15: texts[2]: is a number, where text belongs; put it in quotes`},
		"numbers": {"{text: 010}", `f.yaml:1:8: text: is a number, where text belongs; put it in quotes`},
		"float":   {"text: 1.5", `f.yaml:1:7: text: is a number, where text belongs; put it in quotes`},
		"keys": {"txet: a\nbool: true\n\"é é\": 1\nbool: false\nsub: {name: x, name: y, mane: z}\n", `
			f.yaml:1:1: txet: unknown key; did you mean "text"?
			f.yaml:3:1: ["é é"]: unknown key; known keys are bool, choice, duration, sub, text, texts
			f.yaml:4:1: bool: the key stands here again, after line 2; remove one of the two
			f.yaml:5:16: sub.name: the key stands here again, after line 5; remove one of the two
			f.yaml:5:25: sub.mane: unknown key; did you mean "name"?`},
		"characters, not octets": {"sub: {é: é, name: 1}", `
			f.yaml:1:7: sub["é"]: unknown key; known keys are name
			f.yaml:1:19: sub.name: is a number, where text belongs; put it in quotes`},
		"root": {"- a\n", `f.yaml:1:1: is a list, where a mapping belongs; write key: value`},

		"unclosed":    {"a: 1\nb: [1,\n", `f.yaml:2:4: not valid YAML: sequence end token ']' not found`},
		"indentation": {"a: 1\n b: 2\n", `f.yaml:1:4: not valid YAML: mapping value is not allowed in this context; check the indentation, and put text with ": " in quotes`},
		"tab":         {"a:\n\tb: 1\n", `f.yaml:2:1: not valid YAML: found character '\t' that cannot start any token; indent with spaces, and put text that begins with a special character in quotes`},
		"escape":      {`a: "x\("`, `f.yaml:1:7: not valid YAML: found unknown escape character '('; put text with a backslash in single quotes`},
		"lost comma":  {"{text: a bool: no}", `f.yaml:1:8: not valid YAML: "a bool: no" holds a colon; put a comma before the next key, or the text in quotes`},
		"not UTF-8":   {"a: b\nc: \xff\n", `f.yaml:2:4: not valid YAML: the text is not UTF-8; save the file as UTF-8`},
		"control":     {"a: \x00", `f.yaml:1:4: not valid YAML: control character U+0000; this is no text: name another file`},
		"left out": {"%YAML 1.2\n---\na: &x 1\nb: *x\n<<: {c: 1}\nd: !!str 1\n? e\n: f\n", `
			f.yaml:1:1: directives are not supported; put text that begins with % in quotes
			f.yaml:3:4: anchors are not supported; write the value out, or put text that begins with & in quotes
			f.yaml:4:4: aliases are not supported; put text that begins with * in quotes
			f.yaml:5:1: merge keys are not supported; write the keys out
			f.yaml:6:4: tags are not supported; put text that begins with ! in quotes
			f.yaml:7:1: keys that begin with "? " are not supported; write key: value`},
		"empty documents": {"---\n---\ntext: a\n---\n---\ntext: b\n", `f.yaml:6:1: a second document begins here; put one document into a file`},
		"documents":       {"text: a\n---\ntext: b\n", `f.yaml:3:1: a second document begins here; put one document into a file`},
		"too big":         {strings.Repeat("#", yamlfile.MaxSize+1), `f.yaml:1:1: the file has more than 1048576 bytes, and more are not read; split it or remove what is not needed`},
		"deep flow":       {strings.Repeat("[", 100000), `f.yaml:1:65: nested too deeply, or too many keys in one mapping; simplify the file`},
		"deep list":       {strings.Repeat("- ", 100000), `f.yaml:1:257: nested too deeply, or too many keys in one mapping; simplify the file`},
		"many keys":       {strings.Repeat("a: 1\n", 200000), `f.yaml:5001:1: nested too deeply, or too many keys in one mapping; simplify the file`},
	} {
		t.Run(name, func(t *testing.T) {
			doc := yamlfile.Parse("f.yaml", []byte(tt.file))
			readAll(doc)
			got := ""
			if err := doc.Err(); err != nil {
				got = err.Error()
			}
			want := strings.ReplaceAll(strings.TrimSpace(tt.want), "\n\t\t\t", "\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

// What is wrong in the YAML itself is told at once, as far as lines that are right can be
// told from those that only follow from a mistake.
func TestMistakesInYAML(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"of every kind": {
			"a:\n  - x: [{y: 1}\n  - x: [{y: 2}]\n  - x: @b\n    z: [{y: 1]\n  - name x\n    y: 1\n  - x: \"a\\(\"\n  - x: c: d\n  - x: {y: 1\n  - {y: 2}\nb:\n\tc: 1\nd: [1]]\ne: 1\n", `
			f.yaml:3:3: not valid YAML: ',' or ']' must be specified; the [ on line 2 is not closed
			f.yaml:4:8: not valid YAML: '@' is a reserved character; put the text in quotes
			f.yaml:5:14: not valid YAML: ',' or '}' must be specified
			f.yaml:6:5: not valid YAML: unexpected key name; check the indentation, and that the key ends with a colon
			f.yaml:8:11: not valid YAML: found unknown escape character '('; put text with a backslash in single quotes
			f.yaml:9:8: not valid YAML: mapping value is not allowed in this context; check the indentation, and put text with ": " in quotes
			f.yaml:11:3: not valid YAML: ',' or '}' must be specified; the { on line 10 is not closed
			f.yaml:13:1: not valid YAML: found character '\t' that cannot start any token; indent with spaces, and put text that begins with a special character in quotes
			f.yaml:14:7: not valid YAML: value is not allowed in this context; check the indentation, and put text with ": " in quotes`,
		},
		"beside what is left out": {"a: &x 1\nb: [1\nc: 2\n", `
			f.yaml:1:4: anchors are not supported; write the value out, or put text that begins with & in quotes
			f.yaml:3:1: not valid YAML: ',' or ']' must be specified; the [ on line 2 is not closed`},
		"an open quote": {"a:\n  - x: \"b\n    y: 1\n  - z: 1\n", `f.yaml:2:8: not valid YAML: could not find end character of double-quoted text`},
		"control characters": {"a: \x01\x1b\nb: \x02\n", `
			f.yaml:1:4: not valid YAML: control character U+0001; remove it
			f.yaml:2:4: not valid YAML: control character U+0002; remove it`},
		"no text": {"a: \x01\n\x00\x00\n\x00\n\x02", `
			f.yaml:1:4: not valid YAML: control character U+0001; remove it
			f.yaml:2:1: not valid YAML: control character U+0000; this is no text: name another file`},
		"several documents": {"a: 1\n---\nb: [\n---\nc: @\n", `
			f.yaml:3:4: not valid YAML: sequence end token ']' not found
			f.yaml:5:4: not valid YAML: '@' is a reserved character; put the text in quotes`},
	} {
		t.Run(name, func(t *testing.T) {
			want := strings.ReplaceAll(strings.TrimSpace(tt.want), "\n\t\t\t", "\n")
			if diff := cmp.Diff(want, yamlfile.Parse("f.yaml", []byte(tt.file)).Err().Error()); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseAll(t *testing.T) {
	var got []string
	for _, d := range yamlfile.ParseAll("f.yaml", []byte("# none\n---\ntext: a\n---\n---\n# none\n---\n---\ntext: 5\n...\n---\n--- {text: b}\n")) {
		text := d.Mapping().Get("text").Text("none")
		if err := d.Err(); err != nil {
			text = err.Error()
		}
		got = append(got, text)
	}
	if diff := cmp.Diff([]string{"a", "f.yaml:9:7: text: is a number, where text belongs; put it in quotes", "b"}, got); diff != "" {
		t.Errorf("documents (-want +got):\n%s", diff)
	}
	for _, file := range []string{"", "# none\n", "---\n---\n"} {
		if all := yamlfile.ParseAll("f.yaml", []byte(file)); len(all) != 1 || all[0].Err() != nil || all[0].Mapping().Len() != 0 {
			t.Errorf("%q: %d documents, %v", file, len(all), all[0].Err())
		}
	}
}

// A document that is not YAML reads as empty, without mistakes about that.
func TestBrokenReadsAsEmpty(t *testing.T) {
	doc := yamlfile.Parse("f.yaml", []byte("text: hello\nbool: ]"))
	doc.Mapping().Get("other").Required("")
	if diff := cmp.Diff(defaults, readAll(doc)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	mistakes, ok := errors.AsType[yamlfile.Mistakes](doc.Err())
	if !ok || len(mistakes) != 1 {
		t.Errorf("mistakes are %v, want one", doc.Err())
	}
}

func TestManyMistakes(t *testing.T) {
	doc := yamlfile.Parse("f.yaml", []byte("["+strings.Repeat("x,", 5000)+"]"))
	for _, v := range doc.Mapping().Get("none").List() {
		t.Errorf("value %v of an absent list", v)
	}
	doc = yamlfile.Parse("f.yaml", []byte("texts: ["+strings.Repeat("1,", 5000)+"]"))
	readAll(doc)
	mistakes, _ := errors.AsType[yamlfile.Mistakes](doc.Err())
	if len(mistakes) != 1001 {
		t.Fatalf("%d mistakes, want 1001", len(mistakes))
	}
	want := "f.yaml:1:2009: and more mistakes from here on; mend the ones above first"
	if got := mistakes[1000].String(); got != want {
		t.Errorf("last mistake is %q, want %q", got, want)
	}
}

func TestPairsAndWarnings(t *testing.T) {
	doc := yamlfile.Parse("f.yaml", []byte("vlans:\n  200: b\n  \"100\": a\n  200: c\n"))
	type pair struct {
		Key, Value, Path string
		Line             int
	}
	var got []pair
	for _, p := range doc.Mapping().Get("vlans").Mapping().Pairs() {
		got = append(got, pair{p.Key.Raw(), p.Value.Text(""), p.Value.Path(), p.Key.Line()})
		p.Value.Warn("is short", "")
	}
	if diff := cmp.Diff([]pair{{"200", "b", "vlans.200", 2}, {"100", "a", "vlans.100", 3}}, got); diff != "" {
		t.Errorf("pairs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("f.yaml:2:8: vlans.200: is short\nf.yaml:3:10: vlans.100: is short", doc.Warnings().Error()); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff("f.yaml:4:3: vlans.200: the key stands here again, after line 2; remove one of the two", doc.Err().Error()); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// Whatever the octets, reading ends, and every mistake is at a place in the file.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "a: 1", "text: [a, {b: c}]\nsub:\n  name: x\n", "a: &x *x", "- - a\n- b", "? a\n: b", "a: |\n  x\n", "a: >-\n x",
		"%TAG ! tag\n---\na", "{a: b: c}", "\"\\x\"", "a: 'b", "---\n...\n---", "\t", "\ufeffa: b\r\n", "!!map {}", "<<: *a", "a:\n  - b\n c",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc := yamlfile.Parse("f.yaml", data)
		readAll(doc)
		for _, p := range doc.Mapping().Pairs() {
			p.Value.List()
			p.Value.Mapping().Get("x").Required("")
			p.Value.Warn("seen", "")
		}
		mistakes, _ := errors.AsType[yamlfile.Mistakes](doc.Err())
		lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data)), "\n")
		for _, m := range append(mistakes, doc.Warnings()...) {
			if m.Line < 1 || m.Line > len(lines) || m.Column < 1 || m.Column > len([]rune(lines[m.Line-1]))+1 {
				t.Errorf("%v is not in the file", m)
			}
			if strings.ContainsAny(m.String(), "\n\x1b") {
				t.Errorf("%q is not one printable line", m)
			}
		}
	})
}
