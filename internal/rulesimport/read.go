// SPDX-License-Identifier: Apache-2.0

package rulesimport

import (
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// A File is one that people have: objects of Kubernetes as YAML or JSON, or a table.
type File struct {
	Name string
	Data []byte
}

// An object is one of Kubernetes'.
type object struct {
	place      string // file:line, or file: items[3]
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name        string            `json:"name"`
		Namespace   string            `json:"namespace"`
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
	raw   json.RawMessage
}

// String is what messages call an object.
func (o *object) String() string { return o.Kind + " " + o.name() }

// name is that of the object, with its namespace.
func (o *object) name() string {
	if o.Metadata.Namespace == "" {
		return o.Metadata.Name
	}
	return o.Metadata.Namespace + "/" + o.Metadata.Name
}

// A row says of one interface of a node to which network it leads.
type row struct {
	place                    string
	node, interfac, net, vid string
}

// content is what stands in the files.
type content struct {
	objects  []*object
	rows     []row
	findings []Finding
}

func (c *content) unread(place, format string, args ...any) {
	c.findings = append(c.findings, Finding{NotRead, place, fmt.Sprintf(format, args...)})
}

func (c *content) read(f File) {
	f.Data = utf8Of(f.Data)
	switch text := bytes.TrimSpace(bytes.TrimPrefix(f.Data, []byte("\ufeff"))); {
	case len(text) == 0:
		c.unread(f.Name, "there is nothing in it")
	case text[0] == '{', text[0] == '[':
		c.readJSON(f.Name, text)
	case isTable(f.Name, text):
		c.readTable(f.Name, text)
	default:
		c.readYAML(f.Name, f.Data)
	}
}

// utf8Of is a text in UTF-8: spreadsheets and shells of Windows write UTF-16, which begins
// with a byte order mark.
func utf8Of(data []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return data
	}
	var units []uint16
	for two := range slices.Chunk(data[2:], 2) {
		if len(two) == 2 {
			units = append(units, order.Uint16(two))
		}
	}
	return []byte(string(utf16.Decode(units)))
}

// readJSON reads objects that stand one after another.
func (c *content) readJSON(file string, text []byte) {
	dec := json.NewDecoder(bytes.NewReader(text))
	for n := 1; ; n++ {
		place := file
		if n > 1 {
			place = fmt.Sprintf("%s: object %d", file, n)
		}
		var raw json.RawMessage
		switch err := dec.Decode(&raw); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			c.unread(fmt.Sprintf("%s:%d", file, 1+bytes.Count(text[:min(int(dec.InputOffset()), len(text))], []byte("\n"))), "it is not JSON: %v", err)
			return
		}
		c.add(place, raw)
	}
}

// readYAML reads documents.
func (c *content) readYAML(file string, data []byte) {
	for _, doc := range yamlfile.ParseAll(file, data) {
		var all []yamlfile.Value
		if root := doc.Root(); root.Kind() == yamlfile.KindList {
			all = root.List()
		} else {
			m := doc.Mapping()
			kind, items := m.Get("kind"), m.Get("items")
			if strings.HasSuffix(kind.Raw(), "List") && items.Present() {
				all = items.List()
			} else if m.Len() > 0 {
				all = []yamlfile.Value{root}
			}
			m.Pairs() // whose keys they are is for their kinds to say
		}
		c.addYAML(file, all)
		if mistakes, ok := errors.AsType[yamlfile.Mistakes](doc.Err()); ok {
			for _, m := range mistakes {
				c.findings = append(c.findings, Finding{NotRead, fmt.Sprintf("%s:%d:%d", m.File, m.Line, m.Column), strings.TrimSuffix(m.Message+"; "+m.Hint, "; ")})
			}
		}
	}
}

func (c *content) addYAML(file string, all []yamlfile.Value) {
	for _, v := range all {
		place := fmt.Sprintf("%s:%d", file, v.Line())
		raw, err := json.Marshal(v.Plain())
		if err != nil {
			c.unread(place, "%v", err)
			continue
		}
		c.add(place, raw)
	}
}

// add takes in an object, and of a list each of its own.
func (c *content) add(place string, raw json.RawMessage) {
	if list := []json.RawMessage(nil); json.Unmarshal(raw, &list) == nil && list != nil {
		for i, item := range list {
			c.add(fmt.Sprintf("%s: [%d]", place, i), item)
		}
		return
	}
	o := &object{place: place, raw: raw}
	if err := json.Unmarshal(raw, o); err != nil {
		c.unread(place, "it is no object of Kubernetes: %v", unfit(err))
		return
	}
	switch {
	case strings.HasSuffix(o.Kind, "List") && o.Items != nil:
		for i, item := range o.Items {
			c.add(fmt.Sprintf("%s: items[%d]", place, i), item)
		}
	case o.Kind == "":
		c.unread(place, "it is no object of Kubernetes: it has no kind; a table has the columns node, interface and network, with commas between them")
	default:
		c.objects = append(c.objects, o)
	}
}

// once leaves out objects that are there a second time, and those that differ: which of
// them is true is not known.
func (c *content) once() {
	type key struct{ kind, name string }
	type first struct {
		*object
		content string
	}
	seen, differ := map[key]first{}, map[key]bool{}
	id := func(o *object) key { return key{o.Kind, qualified(o.Metadata.Name, o.Metadata.Namespace)} }
	c.objects = slices.DeleteFunc(c.objects, func(o *object) bool {
		if !slices.Contains([]string{kindDefinition, kindMap, "Node", "NodeTopology", "RuleSet"}, o.Kind) {
			return false
		}
		was, ok := seen[id(o)]
		is := first{o, o.content()}
		switch {
		case !ok:
			seen[id(o)] = is
		case was.content != is.content && !differ[id(o)]:
			differ[id(o)] = true
			c.unread(o.place, "%s differs from that of %s, and which is true is not known: give the newest only", o, was.place)
		}
		return ok
	})
	c.objects = slices.DeleteFunc(c.objects, func(o *object) bool { return differ[id(o)] })
}

// content is what is read of an object, to compare it.
func (o *object) content() string {
	var in struct {
		Spec any `json:"spec"`
	}
	_ = json.Unmarshal(o.raw, &in) // it was read already
	of := []any{in.Spec}
	switch o.Kind {
	case "Node":
		of = []any{o.Metadata.Labels}
	case kindDefinition:
		of = append(of, o.Metadata.Annotations)
	}
	text, _ := json.Marshal(of) // of what was JSON
	return string(text)
}

// The columns of a table.
const (
	columnNode      = "node"
	columnInterface = "interface"
	columnNetwork   = "network"
	columnVLAN      = "vlan"
)

var columns = []string{columnNode, columnInterface, columnNetwork, columnVLAN}

// columnOf is the column that a word stands for in the line of their names, or nothing.
func columnOf(word string) string {
	switch strings.NewReplacer(" ", "", "_", "", "-", "", ".", "").Replace(strings.ToLower(word)) {
	case "node", "nodename", "host", "hostname":
		return columnNode
	case "interface", "interfacename", "ifname", "nic", "device":
		return columnInterface
	case "network", "networkname":
		return columnNetwork
	case "vlan", "vlanid", "vid", "tag":
		return columnVLAN
	}
	return ""
}

// separators are those of tables, the likeliest last.
var separators = []rune{'\t', ';', ','}

// isTable tells a table from YAML.
func isTable(file string, text []byte) bool {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".csv", ".tsv":
		return true
	case ".yaml", ".yml":
		return false
	}
	line := firstLine(text)
	if _, ok := saidSeparator(line); ok {
		return true
	}
	return strings.Count(line, string(separator(line))) >= 2 && !strings.Contains(line, ": ")
}

// firstLine is the first that is neither empty nor a comment.
func firstLine(text []byte) string {
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			return line
		}
	}
	return ""
}

// saidSeparator is that of a line such as sep=; which spreadsheets put first.
func saidSeparator(line string) (rune, bool) {
	line = strings.Trim(line, `"`)
	if len(line) < 4 || !strings.EqualFold(line[:4], "sep=") {
		return 0, false
	}
	of := []rune(line[4:] + "\t") // which was trimmed
	return of[0], slices.Contains(separators, of[0])
}

// separator is what stands most often in a line between its columns.
func separator(line string) rune {
	return slices.MaxFunc(separators, func(a, b rune) int {
		return 2*(strings.Count(line, string(a))-strings.Count(line, string(b))) + slices.Index(separators, a) - slices.Index(separators, b)
	})
}

// readTable reads lines of a node, an interface, a network and, where there is one, the
// VLAN ID of tagged frames. A line with the names of the columns may give another order.
func (c *content) readTable(file string, text []byte) {
	comma := separator(firstLine(text))
	if said, ok := saidSeparator(firstLine(text)); ok {
		line := []byte(firstLine(text))
		comma, text = said, bytes.Replace(text, line, nil, 1) // an empty line counts, and is skipped
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.Comment, r.FieldsPerRecord, r.TrimLeadingSpace = comma, '#', -1, true
	order := columns
	for first := true; ; first = false {
		record, err := r.Read()
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			c.unread(fmt.Sprintf("%s:%d:%d", file, parse.Line, parse.Column), "%v", parse.Err)
			continue
		}
		if err != nil {
			return // the end
		}
		for i := range record {
			record[i] = strings.TrimSpace(record[i])
		}
		if first && heads(record) {
			if order = c.header(file, r, record); order == nil {
				return
			}
			continue
		}
		c.addRow(file, r, order, record)
	}
}

// heads reports whether a line has the names of columns: two of them are no chance.
func heads(record []string) bool {
	n := 0
	for _, word := range record {
		if columnOf(word) != "" {
			n++
		}
	}
	return n >= 2
}

// header is the order of the columns, or nil where it is not known what they are: one that
// was skipped could be that of the tags.
func (c *content) header(file string, r *csv.Reader, record []string) (order []string) {
	for i, word := range record {
		name := columnOf(word)
		line, column := r.FieldPos(i)
		place := fmt.Sprintf("%s:%d:%d", file, line, column)
		switch {
		case word != "" && name == "":
			c.unread(place, "%s is no column that is known here, so nothing is read of the table: the columns are %s; leave it out, or call it so", yamlfile.Quote(word), strings.Join(columns, ", "))
			return nil
		case name != "" && slices.Contains(order, name):
			c.unread(place, "%s is the column %s a second time, so nothing is read of the table", yamlfile.Quote(word), name)
			return nil
		}
		order = append(order, name)
	}
	for _, name := range columns[:3] {
		if !slices.Contains(order, name) {
			line, _ := r.FieldPos(0)
			c.unread(fmt.Sprintf("%s:%d", file, line), "there is no column %s, so nothing is read of the table", name)
			return nil
		}
	}
	return order
}

func (c *content) addRow(file string, r *csv.Reader, order, record []string) {
	line, _ := r.FieldPos(0)
	at := row{place: fmt.Sprintf("%s:%d", file, line)}
	fields := map[string]*string{columnNode: &at.node, columnInterface: &at.interfac, columnNetwork: &at.net, columnVLAN: &at.vid}
	for i, text := range record {
		if i < len(order) && order[i] != "" {
			*fields[order[i]] = text
		} else if text != "" {
			l, column := r.FieldPos(i)
			c.unread(fmt.Sprintf("%s:%d:%d", file, l, column), "%s is in a column too many: a line has %s", yamlfile.Quote(text), strings.Trim(strings.Join(order, ", "), ", "))
			return
		}
	}
	for _, name := range columns[:3] {
		if *fields[name] == "" {
			c.unread(at.place, "the %s is missing: a line has %s", name, strings.Join(order, ", "))
			return
		}
	}
	c.rows = append(c.rows, at)
}
