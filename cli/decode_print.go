// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
)

// A frameList prints frames one by one, however many there are.
type frameList interface {
	add(*decodedFrame) error
	end() error
}

func (a *app) frameList() frameList {
	if a.format == formatJSON {
		return &frameArray{app: a}
	}
	return &frameBlocks{app: a}
}

// A frameArray prints a JSON array, as app.json does at once.
type frameArray struct {
	*app
	begun bool
}

func (l *frameArray) add(d *decodedFrame) error {
	before := ",\n  "
	if !l.begun {
		before, l.begun = "[\n  ", true
	}
	b, err := json.MarshalIndent(d, "  ", "  ")
	if err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return l.write(before + string(b))
}

func (l *frameArray) end() error {
	if !l.begun {
		return l.write("[]\n")
	}
	return l.write("\n]\n")
}

// frameBlocks prints a block of lines for each frame.
type frameBlocks struct {
	*app
	shown, others, noHeader int
}

func (l *frameBlocks) add(d *decodedFrame) error {
	if d.Protocol == "" && l.format != formatWide {
		l.others++
		return nil
	}
	if d.noHeader {
		l.noHeader++
	}
	if l.shown++; l.shown > 1 {
		if err := l.print(""); err != nil {
			return err
		}
	}
	return l.facts(d.facts())
}

func (l *frameBlocks) end() error {
	if l.noHeader > 0 {
		if err := l.print("\nWithout a link header: %s, as tcpdump -x and -X print them; -xx and -XX show who sent them.", frames(l.noHeader)); err != nil {
			return err
		}
	}
	switch {
	case l.others == 0 && l.shown == 0:
		return l.print("No frame was read.")
	case l.others == 0:
		return nil
	case l.shown == 0:
		return l.print("There is no LLDP, CDP or router advertisement in it, but %s; -o wide lists them.", ofOthers(l.others))
	default:
		return l.print("\nNot shown: %s; -o wide lists them.", ofOthers(l.others))
	}
}

func ofOthers(n int) string {
	if n == 1 {
		return "1 frame of another protocol"
	}
	return frames(n) + " of other protocols"
}

func frames(n int) string {
	if n == 1 {
		return "1 frame"
	}
	return fmt.Sprintf("%d frames", n)
}

// facts are in the order of the standard's TLVs.
func (d *decodedFrame) facts() []fact {
	verdict := d.Verdict
	if d.Reason != "" {
		verdict += ": " + d.Reason
	}
	f := []fact{{"Frame", d.ID}, {"Verdict", verdict}, {"Protocol", strings.ToUpper(string(d.Protocol))}, {"From", macText(d.SourceMAC)}, {"To", macText(d.DestinationMAC)}}
	if d.Verdict == verdictDiscarded {
		return f
	}
	if d.Router != nil {
		return append(f, d.routerFacts()...)
	}
	f = append(f, saidFacts(d.neighbor)...)
	if d.DiscardedTLVs != 0 {
		f = append(f, fact{"Discarded TLVs", strconv.Itoa(d.DiscardedTLVs)})
	}
	return f
}

// routerFacts are what a router says.
func (d *decodedFrame) routerFacts() []fact {
	r := d.Router
	f := []fact{{"VLAN", routerVLAN(r.Tag)}, {"Router", r.Address.String()}, {"Default for", defaultFor(r)}, {"DHCPv6", byDHCP(r)}}
	for i := range r.Prefixes {
		f = append(f, fact{"Prefix", prefixSays(&r.Prefixes[i])})
	}
	if d.DiscardedPrefixes != 0 {
		f = append(f, fact{"Discarded prefixes", strconv.Itoa(d.DiscardedPrefixes)})
	}
	return f
}

func macText(m discovery.MAC) string {
	if m == (discovery.MAC{}) {
		return ""
	}
	return m.String()
}

func capabilities(c discovery.Capabilities) string {
	if c == (discovery.Capabilities{}) {
		return ""
	}
	return fmt.Sprintf("%s; enabled: %s", listed(c.Available), listed(c.Enabled))
}

func listed(c discovery.CapabilitySet) string {
	if c == 0 {
		return "none"
	}
	return strings.Join(c.Names(), ", ")
}

func linkAggregation(l *discovery.LinkAggregation) string {
	switch {
	case l == nil:
		return ""
	case l.Enabled:
		return fmt.Sprintf("member of aggregation %d", l.PortID)
	case l.Capable:
		return "capable, not aggregated"
	default:
		return "not capable"
	}
}

// applications are the applications of network policies (ANSI/TIA-1057, table 12).
var applications = [...]string{
	1: "voice", 2: "voice signalling", 3: "guest voice", 4: "guest voice signalling", 5: "softphone voice",
	6: "video conferencing", 7: "streaming video", 8: "video signalling",
}

func networkPolicy(p discovery.NetworkPolicy) string {
	application := fmt.Sprintf("application %d", p.Application)
	if i := int(p.Application); i > 0 && i < len(applications) {
		application = applications[i]
	}
	vlan := "untagged"
	switch {
	case p.Unknown:
		return application + ": not known"
	case p.Tagged && p.VID == 0:
		vlan = "priority tagged"
	case p.Tagged:
		vlan = fmt.Sprintf("VLAN %d tagged", p.VID)
	}
	return fmt.Sprintf("%s: %s, priority %d, DSCP %d", application, vlan, p.Priority, p.DSCP)
}

func unknownTLV(tlv discovery.TLV) string {
	kind := fmt.Sprintf("type %d", tlv.Type)
	if tlv.OUI != (discovery.OUI{}) {
		kind = fmt.Sprintf("%s subtype %d", tlv.OUI, tlv.Subtype)
		if name := lldp.DCBXName(&tlv); name != "" {
			kind += " (" + name + ")"
		}
	}
	return fmt.Sprintf("%s: %x", kind, []byte(tlv.Value))
}
