// SPDX-License-Identifier: Apache-2.0

package yamlfile

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Rewrite is a document with some of its texts written anew.
type Rewrite struct {
	Data  []byte
	Lines []int // of the texts that are new
}

// RewriteTexts asks of each text in the document, with the key that it has, and writes
// those anew for which another is returned. Comments, layout and quotes stay as they are.
// The error is Mistakes.
func RewriteTexts(file string, data []byte, with func(key, text string, line int) string) (Rewrite, error) {
	d := Parse(file, data)
	if len(d.mistakes) > 0 {
		return Rewrite{}, d.mistakes
	}
	var (
		edits []edit
		want  []string
	)
	d.root.texts("", func(key string, n *node) {
		now := with(key, n.text, n.line)
		if want = append(want, now); now != n.text {
			edits = append(edits, edit{n, now})
		}
	})
	out := Rewrite{Data: slices.Clone(data)}
	for _, e := range slices.Backward(edits) {
		var ok bool
		if out.Data, ok = e.apply(out.Data); !ok {
			d.report(d.at(e.node.line, e.node.column, "", Quote(e.node.text)+" cannot be replaced as it is written here", "write it on one line, or edit it by hand"))
		}
		out.Lines = append(out.Lines, e.node.line)
	}
	slices.Reverse(out.Lines)
	if len(d.mistakes) > 0 {
		sortMistakes(d.mistakes)
		return Rewrite{}, d.mistakes
	}
	var got []string
	Parse(d.file, out.Data).root.texts("", func(_ string, n *node) { got = append(got, n.text) })
	if !slices.Equal(got, want) { // what this does not understand of YAML must not become somebody's rules
		d.breaks(1, 1, "the document cannot be rewritten", "edit it by hand")
		return Rewrite{}, d.mistakes
	}
	return out, nil
}

// texts visits all texts below a node in the order of the file, with the key they have.
func (n *node) texts(key string, visit func(key string, n *node)) {
	if n == nil {
		return
	}
	if n.kind == KindText {
		visit(key, n)
	}
	for _, e := range n.entries {
		e.value.texts(e.key.text, visit)
	}
	for _, item := range n.items {
		item.texts("", visit)
	}
}

// An edit is a text with what is to stand there.
type edit struct {
	node *node
	now  string
}

func (e edit) apply(data []byte) ([]byte, bool) {
	begin, err := offset(data, e.node.line, e.node.column)
	if err != nil {
		return data, false
	}
	length, style := scalar(string(data[begin:]), e.node.text)
	if length == 0 {
		return data, false
	}
	return slices.Replace(data, begin, begin+length, []byte(quoted(e.now, style))...), true
}

// offset is where a line and column of the parser are in the file, which may begin with a
// byte order mark and end its lines in any way.
func offset(data []byte, line, column int) (int, error) {
	at := 0
	if strings.HasPrefix(string(data), "\ufeff") {
		at = len("\ufeff")
	}
	for ; line > 1; line-- {
		n := strings.IndexAny(string(data[at:]), "\r\n")
		if n < 0 {
			return 0, errors.New("no such line")
		}
		at += n + 1
		if data[at-1] == '\r' && at < len(data) && data[at] == '\n' {
			at++
		}
	}
	for ; column > 1; column-- {
		_, size := utf8.DecodeRune(data[at:])
		at += size
	}
	return at, nil
}

// scalar is the length of the scalar that the source begins with, and its quote. It is 0
// for one that is not text on one line.
func scalar(source, text string) (length int, quote byte) {
	if source == "" {
		return 0, 0
	}
	line, _, _ := strings.Cut(strings.ReplaceAll(source, "\r", "\n"), "\n")
	switch q := source[0]; q {
	case '"', '\'':
		pattern := doubleQuoted
		if q == '\'' {
			pattern = singleQuoted
		}
		return len(pattern.FindString(line)), q
	}
	if !strings.HasPrefix(line, text) {
		return 0, 0
	}
	return len(text), 0
}

var (
	doubleQuoted = regexp.MustCompile(`^"(?:[^"\\]|\\.)*"`)
	singleQuoted = regexp.MustCompile(`^'(?:[^']|'')*'`)
	plain        = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9:._/-]*[A-Za-z0-9]$`)
)

// quoted writes text in quotes of a kind, or without where it needs none.
func quoted(text string, quote byte) string {
	switch {
	case quote == '"':
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
	case quote == 0 && plain.MatchString(text):
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
