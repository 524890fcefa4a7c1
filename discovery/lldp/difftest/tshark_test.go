// SPDX-License-Identifier: Apache-2.0

//go:build linux

package difftest

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// A dissection is a packet in tshark's PDML.
type dissection struct {
	Protocols []field `xml:"proto"`
}

// A field is one that tshark dissected, with those inside it. A TLV is one
// without a name.
type field struct {
	Name   string  `xml:"name,attr"`
	Show   string  `xml:"show,attr"`  // what it means; of a text, with holes
	Value  string  `xml:"value,attr"` // its octets in hex; of a bit field, the number
	Fields []field `xml:"field"`
}

// dissect returns what tshark makes of each packet of a file.
func dissect(t *testing.T, file string) []dissection {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "tshark", "-n", "-r", file, "-T", "pdml", "-J", "eth lldp cdp _ws.malformed")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	packets, err := readPDML(out)
	if err := errors.Join(err, cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	return packets
}

func readPDML(r io.Reader) ([]dissection, error) {
	var packets []dissection
	decoder := xml.NewDecoder(ascii{r})
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return packets, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read PDML: %w", err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "packet" {
			var p dissection
			if err := decoder.DecodeElement(&p, &start); err != nil {
				return nil, fmt.Errorf("read PDML: %w", err)
			}
			packets = append(packets, p)
		}
	}
}

// ascii makes holes where texts of the wire make PDML malformed: tshark writes
// them as they are.
type ascii struct{ io.Reader }

// Read implements io.Reader.
func (a ascii) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	for i, c := range b[:n] {
		if (c < ' ' && c != '\n') || c > '~' {
			b[i] = '?'
		}
	}
	return n, err
}

// find returns the first field of a name in and below some fields.
func find(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f, true
		}
		if found, ok := find(f.Fields, name); ok {
			return found, true
		}
	}
	return field{}, false
}

// A tlv reads the fields of one TLV. The first that is missing or odd is its
// error.
type tlv struct {
	field
	err error
}

func (v *tlv) fail(name string, err error) {
	if v.err == nil {
		v.err = fmt.Errorf("%s in %q: %w", name, v.Show, err)
	}
}

func (v *tlv) has(name string) bool {
	_, ok := find(v.Fields, name)
	return ok
}

func (v *tlv) show(name string) string {
	f, ok := find(v.Fields, name)
	if !ok {
		v.fail(name, errors.New("not dissected"))
	}
	return f.Show
}

// number returns what a field means as a number of so many bits.
func (v *tlv) number(name string, bits int) uint64 {
	n, err := strconv.ParseUint(v.show(name), 0, bits)
	if err != nil {
		v.fail(name, err)
	}
	return n
}

func (v *tlv) bool(name string) bool { return v.number(name, 1) == 1 }

// octets returns the octets of a field; none where it is not there, as tshark
// does with an empty one.
func (v *tlv) octets(name string) []byte {
	f, _ := find(v.Fields, name)
	return v.decodeHex(name, f.Value)
}

// whole returns the octets of the TLV behind its type and length.
func (v *tlv) whole() []byte {
	const headerLen = 2
	b := v.decodeHex("the TLV", v.Value)
	return b[min(headerLen, len(b)):]
}

func (v *tlv) decodeHex(name, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, ":", ""))
	if err != nil {
		v.fail(name, err)
	}
	return b
}
