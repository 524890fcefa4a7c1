// SPDX-License-Identifier: Apache-2.0

package planfile

import (
	"bytes"
	"errors"

	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/cabling"
)

// yaml reads a plan of our own: of each node, where each of its interfaces is plugged in.
//
//	nodes:
//	  node1:
//	    ens3f0: {device: leaf-1, port: Ethernet1/7}
func (r *reader) yaml(text string) {
	doc := yamlfile.Parse(r.name, []byte(text))
	for _, n := range doc.Mapping().Get("nodes").Required("write each node with its interfaces").Mapping().Pairs() {
		for _, p := range n.Value.Mapping().Pairs() {
			r.yamlCable(n.Key.Raw(), p)
		}
	}
	if mistakes, ok := errors.AsType[yamlfile.Mistakes](doc.Err()); ok {
		r.mistakes = append(r.mistakes, mistakes...)
	}
}

func (r *reader) yamlCable(node string, p yamlfile.Pair) {
	to := p.Value.Mapping()
	device, port := to.Get("device").Required("write what the interface is plugged into"), to.Get("port").Required("write the port of the device")
	end := func(at yamlfile.Value, device, port string) written {
		w := written{End: cabling.End{Device: device, Port: port}}
		w.line, w.column = at.Line(), at.Column()
		return w
	}
	if to, at := name(device), name(port); to != "" && at != "" {
		r.cable(end(p.Key, node, p.Key.Raw()), end(device, to, at), cabling.Cable{NodeA: true})
	}
}

// name is a name, which may look like a number.
func name(v yamlfile.Value) string {
	if v.Kind() == yamlfile.KindNumber {
		return v.Raw()
	}
	text := v.Text("")
	if v.Kind() == yamlfile.KindText && text == "" {
		v.Mistake("is empty", "write a name")
	}
	return text
}

func writeYAML(b *bytes.Buffer, p *cabling.Plan) {
	b.WriteString("nodes:\n")
	if len(p.Cables) == 0 {
		b.Reset()
		b.WriteString("nodes: {}\n")
	}
	node := ""
	for i := range p.Cables {
		c := &p.Cables[i]
		if c.A.Device != node || i == 0 {
			node = c.A.Device
			b.WriteString("  " + paste.YAML(node) + ":\n")
		}
		b.WriteString("    " + paste.YAML(c.A.Port) + ": {device: " + paste.YAML(c.B.Device) + ", port: " + paste.YAML(c.B.Port) + "}\n")
	}
}
