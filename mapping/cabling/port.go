// SPDX-License-Identifier: Apache-2.0

package cabling

import (
	"regexp"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
)

// A scheme is how ports of one kind are written: all its writings mean the same.
type scheme struct {
	name     string
	writings []string
	group    group
}

// group says what follows from two schemes that are not the same.
type group int

const (
	// alone: nothing, as where one switch counts lanes and the other sockets.
	alone group = iota
	// bySpeed: the name tells the speed of what is plugged in, and another one may name the
	// same socket, so that only other numbers are another port.
	bySpeed
	// bySocket: likewise, and the numbers are the socket's: what differs in the speed only is
	// one port (Junos: "type-fpc/pic/port").
	bySocket
	// bundle: link aggregations, into which no cable goes.
	bundle
)

// schemes are the names of ports, with what people and switches abbreviate them to. An
// abbreviation that means one thing on one system and another on the next ("Fi") is left out.
// The sources, of which the names are and nothing else:
//
//	cisco    Cisco IOS, IOS XE and NX-OS interface configuration guides: any unique beginning;
//	         what "show interfaces status" and CDP print is the two letters
//	iosxr    Cisco IOS XR interface and hardware component configuration guide
//	eos      Arista EOS user manual, "Ethernet ports": Et1, Et1/1
//	junos    Juniper, "Interface naming overview": ge-0/0/0, xe-, et-, ae0
//	vrp      Huawei VRP: GigabitEthernet (GE), XGigabitEthernet (XGE), 10GE, 25GE, 40GE, 100GE
//	comware  HPE Comware: Ten-GigabitEthernet (XGE), FortyGigE (FGE), Twenty-FiveGigE (WGE), HundredGigE (HGE)
//	os10     Dell OS9 and OS10: "TenGigabitEthernet 0/1", ethernet1/1/1
//	cumulus  NVIDIA Cumulus Linux: swp1, swp1s0
//	sonic    SONiC: Ethernet0, and etp1 as its alias
var schemes = []scheme{
	{"ethernet", []string{"ethernet", "eth", "et", "e"}, alone},                             // cisco (NX-OS), eos, os10, sonic
	{"etp", []string{"etp"}, alone},                                                         // sonic
	{"swp", []string{"swp"}, alone},                                                         // cumulus
	{"port", []string{"port"}, alone},                                                       // switches that only number them
	{"management", []string{"management", "mgmt", "ma"}, alone},                             // cisco (NX-OS), eos
	{"fast", []string{"fastethernet", "fast", "fas", "fa"}, bySpeed},                        // cisco
	{"1g", []string{"gigabitethernet", "gigabit", "gige", "gig", "gi", "ge"}, bySpeed},      // cisco, vrp, comware
	{"2.5g", []string{"twogigabitethernet", "tw"}, bySpeed},                                 // cisco
	{"5g", []string{"fivegigabitethernet", "fivegig"}, bySpeed},                             // cisco
	{"10g", []string{"tengigabitethernet", "tengige", "tengig", "ten", "te"}, bySpeed},      // cisco, iosxr, os10
	{"10g", []string{"ten-gigabitethernet", "xgigabitethernet", "xge", "10ge"}, bySpeed},    // comware, vrp
	{"25g", []string{"twentyfivegige", "twentyfivegigabitethernet", "twe", "tf"}, bySpeed},  // cisco, iosxr, os10
	{"25g", []string{"twenty-fivegige", "wge", "25ge"}, bySpeed},                            // comware, vrp
	{"40g", []string{"fortygigabitethernet", "fortygige", "fo", "fge", "40ge"}, bySpeed},    // cisco, iosxr, comware, vrp
	{"50g", []string{"fiftygige", "50ge"}, bySpeed},                                         // iosxr, vrp
	{"100g", []string{"hundredgige", "hundredgigabitethernet", "hu", "hge"}, bySpeed},       // cisco, iosxr, comware
	{"100g", []string{"100ge"}, bySpeed},                                                    // vrp
	{"200g", []string{"twohundredgige", "200ge"}, bySpeed},                                  // cisco, vrp
	{"400g", []string{"fourhundredgige", "fh", "400ge"}, bySpeed},                           // cisco, iosxr, vrp
	{"junos", []string{"fe-", "ge-", "mge-", "xe-", "et-"}, bySocket},                       // junos
	{"bundle", []string{"port-channel", "portchannel", "po", "bundle-ether", "be"}, bundle}, // cisco, iosxr
	{"bundle", []string{"ae", "eth-trunk", "bridge-aggregation", "bagg", "lag"}, bundle},    // junos, vrp, comware
}

var schemeOf = func() map[string]*scheme {
	all := map[string]*scheme{}
	for i := range schemes {
		for _, w := range schemes[i].writings {
			all[w] = &schemes[i]
		}
	}
	return all
}()

// speeds are the names that begin with digits: 100GE1/0/1.
var speeds = regexp.MustCompile(`^(\d+ge)(\d.*)$`)

// numbered is a name and the numbers behind it, with or without a blank between them.
var numbered = regexp.MustCompile(`^([a-z][a-z-]*)? ?(\d[0-9a-z/:._-]*)$`)

var digits = regexp.MustCompile(`\d+`)

// A portName is the name of a port taken apart.
type portName struct {
	scheme string
	group  group
	shape  string // of the numbers: #/#/#
	count  int
	rest   string // the numbers, without leading zeros
}

func parsePort(text string) (p portName, ok bool) {
	m := speeds.FindStringSubmatch(text)
	if m == nil {
		m = numbered.FindStringSubmatch(text)
	}
	if m == nil {
		return p, false
	}
	p.scheme = m[1]
	if s := schemeOf[m[1]]; s != nil {
		p.scheme, p.group = s.name, s.group
	}
	p.rest = digits.ReplaceAllStringFunc(m[2], func(n string) string {
		p.count++
		if n = strings.TrimLeft(n, "0"); n == "" {
			return "0"
		}
		return n
	})
	p.shape = digits.ReplaceAllString(m[2], "#")
	return p, true
}

// A socket is a port of a device as a plan has it, in whichever of its ways it writes that.
type socket struct {
	device, port  string
	byDescription bool
}

func socketOf(e End, byDescription bool) socket {
	name := strings.ToLower(strings.TrimSpace(e.Port))
	if p, ok := parsePort(name); ok {
		name = p.scheme + " " + p.rest
	}
	return socket{fold(e.Device), name, byDescription}
}

// likeNames compares two names of ports. Those of different shapes are unclear: "swp1" and
// "swp1s0" are a socket and a lane of it, or a port that was split since.
func likeNames(a, b string) likeness {
	if a == b {
		return alike
	}
	p, ok := parsePort(a)
	q, also := parsePort(b)
	if !ok || !also || p.shape != q.shape {
		return unclear
	}
	same := p.rest == q.rest
	switch bare := p.scheme == "" || q.scheme == ""; {
	case p.scheme == q.scheme:
		return when(same, alike)
	case bare && p.count > 1: // "1/0/7" without a kind
		return when(same, alike)
	case bare || p.group != q.group || p.group == alone || p.group == bundle:
		return unclear
	case same:
		return unclear // a socket of another speed, or another socket
	}
	return unlike
}

func when(same bool, then likeness) likeness {
	if same {
		return then
	}
	return unlike
}

// likePort compares a plan's name of a port with the port that is heard: its ID, and its
// description, which may be the name or any text.
func (p *peer) likePort(name string, byDescription bool) likeness {
	text := strings.ToLower(strings.TrimSpace(name))
	described := fold(p.PortDescription)
	if byDescription {
		switch described {
		case "":
			return unclear
		case text:
			return alike
		}
		return likeNames(text, described)
	}
	if isID(text) {
		return sameID(text, p.Port)
	}
	id, desc := p.likeID(text), unclear
	if described != "" {
		desc = likeNames(text, described)
	}
	switch {
	case id == alike && p.maybeIndex(described):
		return unclear
	case id == alike || desc == alike && id == unclear:
		return alike
	case desc == alike:
		return unclear // the ID says otherwise
	case id == unclear && desc == unlike && !p.tellsDescription(text):
		return unclear
	}
	return either(id, desc)
}

// likeID compares a name with a port ID. One that is a MAC address or an index says nothing of
// a name.
func (p *peer) likeID(text string) likeness {
	kind, value, _ := strings.Cut(string(p.Port), ":")
	value = strings.ToLower(value)
	if mac, err := discovery.ParseMAC(text); err == nil {
		return sameID("mac:"+mac.String(), p.Port)
	}
	switch kind {
	case "ifname":
		return likeNames(text, value)
	case "local", "circuit":
		if value == text {
			return alike
		}
		if digits.ReplaceAllString(value, "") == "" || digits.ReplaceAllString(text, "") == "" {
			return unclear // an ifIndex
		}
		return likeNames(text, value)
	case "ifalias":
		if likeNames(text, value) == alike {
			return alike
		}
	}
	return unclear
}

// maybeIndex reports whether a port ID that is a number may be an ifIndex: the description is
// that of a port with another number, as "Port 3" is. Any other text may be of what is at the
// other end.
func (p *peer) maybeIndex(described string) bool {
	kind, number, _ := strings.Cut(string(p.Port), ":")
	name, ok := parsePort(described)
	if kind != "local" && kind != "circuit" || !ok || name.shape != "#" || digits.ReplaceAllString(number, "") != "" {
		return false
	}
	ofPort := name.scheme == "" || slices.ContainsFunc(schemes, func(s scheme) bool { return s.name == name.scheme })
	return ofPort && name.rest != strings.TrimLeft(number, "0")
}

// tellsDescription reports whether a description that names another port can be believed to be
// the name of the port: people write there what is at the other end. On a host it is the
// kernel's; on a switch it is where the numbers are those of no Linux device.
func (p *peer) tellsDescription(text string) bool {
	name, _ := parsePort(text)
	return discovery.SpeakerOf(&p.Neighbor) == discovery.SpeakerHost || strings.Contains(name.shape, "/")
}
