// SPDX-License-Identifier: Apache-2.0

package nodefile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// An Excerpt is the file with one of its networks only: who asks what one name means need not
// read the thousands that a trunk has.
type Excerpt struct {
	// File has of Networks the one that was asked for, where it is there.
	File *File

	path string
	data []byte // the whole text
}

// ReadExcerpt is Read for what one name means. What is damaged in other networks Whole tells.
func ReadExcerpt(path, name string) (*Excerpt, error) {
	data, err := readText(path)
	if err != nil {
		return nil, err
	}
	return excerpt(path, data, name)
}

// ReadTrustedExcerpt is ReadExcerpt where ReadTrusted reads.
func ReadTrustedExcerpt(path, name string) (*Excerpt, error) {
	if err := trust(path); err != nil {
		return nil, err
	}
	return ReadExcerpt(path, name)
}

// Whole is the whole file, of the same text.
func (e *Excerpt) Whole() (*File, error) { return read(e.path, e.data) }

func excerpt(path string, data []byte, name string) (*Excerpt, error) {
	text, ok := cut(data, name)
	if !ok { // it is not as Write writes it
		text = data
	}
	f, err := read(path, text)
	if err != nil {
		return nil, err
	}
	f.Networks = slices.DeleteFunc(f.Networks, func(n Network) bool { return n.Name != name })
	return &Excerpt{f, path, data}, nil
}

// cut takes all networks out of the text of a file but the one with the name. In JSON each
// quote within a text is escaped, so what is looked for here is nowhere but where Write put it:
// between these two keys, and at the beginning of a network.
func cut(data []byte, name string) (text []byte, ok bool) {
	open, closed := []byte(`"networks":[`), []byte(`],"knownNames":`)
	from := bytes.Index(data, open)
	if from < 0 {
		return nil, false
	}
	from += len(open)
	until := bytes.Index(data[from:], closed)
	if until < 0 {
		return nil, false
	}
	head, networks, tail := data[:from], data[from:from+until], data[from+until:]
	quoted, err := json.Marshal(name)
	if err != nil {
		return nil, false
	}
	at := bytes.Index(networks, fmt.Appendf(nil, `{"name":%s,"uplinks":`, quoted))
	if at < 0 {
		return slices.Concat(head, tail), true
	}
	var network json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(networks[at:])).Decode(&network); err != nil {
		return nil, false
	}
	return slices.Concat(head, network, tail), true
}
