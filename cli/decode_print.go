// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/colvin-net/colvin/cli/view"
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
	f := []fact{{"Frame", d.ID}, {"Verdict", verdict}, {"Protocol", strings.ToUpper(string(d.Protocol))}, {"From", view.MACText(d.SourceMAC)}, {"To", view.MACText(d.DestinationMAC)}}
	if d.Verdict == verdictDiscarded {
		return f
	}
	if d.Router != nil {
		return append(f, d.routerFacts()...)
	}
	f = append(f, ownFacts(view.SaidFacts(d.neighbor))...)
	if d.DiscardedTLVs != 0 {
		f = append(f, fact{"Discarded TLVs", strconv.Itoa(d.DiscardedTLVs)})
	}
	return f
}

// routerFacts are what a router says.
func (d *decodedFrame) routerFacts() []fact {
	r := d.Router
	f := []fact{{"VLAN", view.RouterVLAN(r.Tag)}, {"Router", r.Address.String()}, {"Default for", view.DefaultFor(r)}, {"DHCPv6", view.ByDHCP(r)}}
	for i := range r.Prefixes {
		f = append(f, fact{"Prefix", view.PrefixSays(&r.Prefixes[i])})
	}
	if d.DiscardedPrefixes != 0 {
		f = append(f, fact{"Discarded prefixes", strconv.Itoa(d.DiscardedPrefixes)})
	}
	return f
}
