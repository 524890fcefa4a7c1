// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A NodeUplink is a way into a network, and of which node.
type NodeUplink struct {
	Node string `json:"node,omitempty"`
	mapping.Uplink
}

// Networks shows the ways of nodes into networks, or those that are wanted where that is
// not nil, and below a table the conditions of the nodes.
func (o *Out) Networks(nodes []Node, wanted func(*mapping.Uplink) bool) error {
	list := []NodeUplink{}
	for i := range nodes {
		n := &nodes[i]
		for k := range n.View.Uplinks {
			if a := &n.View.Uplinks[k]; wanted == nil || wanted(a) {
				list = append(list, NodeUplink{o.nodeField(n), *a})
			}
		}
	}
	if o.Format == JSON {
		return o.JSON(list)
	}
	return o.networkTable(list, o.conditions(nodes))
}

func (o *Out) networkTable(list []NodeUplink, notes []string) error {
	header := o.header("NETWORK", "ALIASES", "DEVICE", "VLAN", "CERTAINTY", "SINCE", "SWITCH", "PORT", "BY")
	if o.Format == Wide {
		header = append(header, "IDENTITY", "REASON")
	}
	var cells [][]string
	for i := range list {
		at := &list[i].Uplink
		by := at.Rule.String()
		if by == "" && at.Colour != "" {
			by = "colour"
		}
		row := o.row(list[i].Node,
			at.Name, strings.Join(at.Aliases, ","), WhereText(at), VLANText(at), string(at.Certainty), fit.Age(o.Now().Sub(at.Since)),
			o.Cell(cmp.Or(at.System, string(at.Neighbor.Chassis))), o.Cell(string(at.Neighbor.Port)), by,
		)
		if o.Format == Wide {
			row = append(row, at.Identity.String(), at.Reason)
		}
		cells = append(cells, row)
	}
	return o.TableOr("No network is reached now; \""+o.Command+" topology\" says why, for each port.", header, cells, notes...)
}

// conditions are what an operator should know of the nodes.
func (o *Out) conditions(nodes []Node) (notes []string) {
	for i := range nodes {
		of := ""
		if o.PerNode {
			of = nodes[i].Name + ": "
		}
		for _, c := range nodes[i].View.Conditions {
			notes = append(notes, fmt.Sprintf("%s%s: %s", of, c.Type, strings.ReplaceAll(c.Message, "\n", "\n  ")))
		}
	}
	return notes
}

// WhereText is the device to attach to, or in parentheses the port where there is none.
func WhereText(at *mapping.Uplink) string {
	device := DeviceText(at.Device, at.Parent)
	if device == "" || at.Device.Name == "" && at.Name == "" {
		return fmt.Sprintf("(%s)", at.Port.Name)
	}
	return device
}

// DeviceText is the device to attach to; empty for none.
func DeviceText(device, parent nodefile.Link) string {
	if device.Name == "" && parent.Name != "" {
		return "new on " + parent.Name // the plugin makes a VLAN device
	}
	return device.Name
}

// VLANText says which VLAN an uplink is, and how it is carried.
func VLANText(at *mapping.Uplink) string {
	text := "not advertised"
	switch {
	case at.Identity.VLAN != 0:
		text = strconv.Itoa(int(at.Identity.VLAN))
	case at.VLANSource == mapping.VLANPinned:
		text = "untagged"
	}
	if at.VID != 0 {
		text += " tagged"
	}
	return text
}
