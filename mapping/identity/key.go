// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/colvin-net/colvin/discovery"
)

// A Key is an Identity in the text by which it is kept and compared:
//
//	SWITCH [" from " MAC [" as " WORDS]] [" port " PORT] [" vlan " VID]
//
// SWITCH is the chassis ID, or "group:" and the name of a group, or "pin:" and the MAC
// address of a port of the node's. In it, in WORDS and in
// PORT each octet that is not printable ASCII, and each blank and percent sign, is written
// %XX, so that a key has one reading, and an Identity one key. Keys are on disk on every
// node: what one means never changes.
type Key string

// groupPrefix begins the key of a group, and pinPrefix that of a pin. A chassis ID in
// canonical text begins with the short name of its subtype, which is another; one that does
// not is escaped.
const (
	groupPrefix = "group:"
	pinPrefix   = "pin:"
)

// Key returns the key.
func (i Identity) Key() Key {
	key := i.SwitchKey()
	if i.Port != "" {
		key += " port " + escape(string(i.Port))
	}
	if i.VLAN != 0 {
		key += " vlan " + strconv.Itoa(int(i.VLAN))
	}
	return Key(key)
}

// IsPin reports whether a SwitchKey is that of a pin.
func IsPin(switchKey string) bool { return strings.HasPrefix(switchKey, pinPrefix) }

// SwitchKey is the part of the key that says which switch it is.
func (i Identity) SwitchKey() string {
	name := escape(i.Switch)
	switch {
	case i.Kind == Group:
		return groupPrefix + name
	case i.Kind == Pin:
		return pinPrefix + name
	case strings.HasPrefix(name, groupPrefix), strings.HasPrefix(name, pinPrefix):
		name = escapeOctet(name[0]) + name[1:]
	}
	if i.Kind == Sender {
		name += " from " + i.Source.String()
		if i.Says != "" {
			name += " as " + escape(i.Says)
		}
	}
	return name
}

// Parse returns the Identity of a key. It takes only what Key writes.
func Parse(key Key) (Identity, error) {
	text := string(key)
	rest, vlan, err := cutVLAN(text)
	if err != nil {
		return Identity{}, fmt.Errorf("identity %q: %w", text, err)
	}
	rest, port, _ := strings.Cut(rest, " port ")
	id, err := readSwitch(rest)
	if err == nil {
		id.VLAN = vlan
		id.Port, err = unescapeID(port)
	}
	switch {
	case err != nil:
	case id.Switch == "":
		err = errors.New("it names no switch")
	case id.Key() != key:
		err = fmt.Errorf("want %q", id.Key())
	}
	if err != nil {
		return Identity{}, fmt.Errorf("identity %q: %w", text, err)
	}
	return id, nil
}

// ParseSwitch returns the Identity, without a VLAN, of what SwitchKey writes.
func ParseSwitch(text string) (Identity, error) {
	id, err := readSwitch(text)
	if err == nil && id.SwitchKey() != text {
		err = fmt.Errorf("want %q", id.SwitchKey())
	}
	if err != nil {
		return Identity{}, fmt.Errorf("switch %q: %w", text, err)
	}
	return id, nil
}

// Named returns the text of an identity for people where the key has one that can be
// printed, and otherwise the key as it is.
func (k Key) Named() string {
	id, err := Parse(k)
	if err != nil {
		return string(k)
	}
	text := id.String()
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return string(k)
	}
	return text
}

func cutVLAN(text string) (rest string, vlan uint16, err error) {
	at := strings.LastIndex(text, " vlan ")
	if at < 0 {
		return text, 0, nil
	}
	n, err := strconv.ParseUint(text[at+len(" vlan "):], 10, 16)
	if err != nil || n == 0 || n > discovery.MaxVID {
		return "", 0, fmt.Errorf("%q is no VLAN", text[at+len(" vlan "):])
	}
	return text[:at], uint16(n), nil
}

// readSwitch reads what SwitchKey wrote, without looking whether it would do so again.
func readSwitch(text string) (id Identity, err error) {
	name, source, sender := strings.Cut(text, " from ")
	if sender {
		id.Kind = Sender
		source, says, _ := strings.Cut(source, " as ")
		if id.Source, err = discovery.ParseMAC(source); err != nil {
			return Identity{}, err
		}
		if id.Says, err = unescape(says); err != nil {
			return Identity{}, err
		}
	}
	if group, ok := strings.CutPrefix(name, groupPrefix); ok && !sender {
		id.Kind, name = Group, group
	} else if pin, ok := strings.CutPrefix(name, pinPrefix); ok && !sender {
		id.Kind, name = Pin, pin
	}
	id.Switch, err = unescape(name)
	return id, err
}

func unescapeID(s string) (discovery.ID, error) {
	id, err := unescape(s)
	return discovery.ID(id), err
}

func escape(s string) string {
	if !strings.ContainsFunc(s, mustEscape) {
		return s
	}
	var b strings.Builder
	for _, c := range []byte(s) {
		if mustEscape(rune(c)) {
			b.WriteString(escapeOctet(c))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func mustEscape(r rune) bool { return r <= ' ' || r > '~' || r == '%' }

func escapeOctet(c byte) string { return fmt.Sprintf("%%%02X", c) }

func unescape(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", fmt.Errorf("%q ends within %%XX", s)
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%q is not %%XX", s[i:i+3])
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}

// sentence is how identities were kept before there were keys: in the words for people
// of that version, with IDs as they are.
var sentence = late(`(?s)^(chassis|switch group) (.+?)(?: VLAN (\d{1,4})|(?: port (.+))?, VLAN not told)$`)

// tagged is a sentence that names a VLAN, which has one reading whatever is in the ID.
var tagged = late(`(?s)^(chassis|switch group) (.+) VLAN (\d{1,4})$`)

// senderText is the chassis ID of a Sender as it was kept then; only CDP makes one.
var senderText = late(`(?s)^(cdp:.+) from ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$`)

// UpgradeSentence returns the key for the sentence that stood in the place of one before
// there were keys. What is no sentence, or has two readings, stays as it is, and equals
// no identity.
func UpgradeSentence(kept string) Key {
	m := tagged().FindStringSubmatch(kept)
	if m == nil {
		m = sentence().FindStringSubmatch(kept)
	}
	if m == nil || len(m) > 4 && strings.Contains(m[4], " port ") {
		return Key(kept)
	}
	id := Identity{Kind: Group, Switch: m[2]}
	if m[1] == "chassis" {
		id = UpgradeChassis(m[2])
	}
	if len(m) > 4 {
		id.Port = discovery.ID(m[4])
	}
	if m[3] != "" {
		vlan, _ := strconv.ParseUint(m[3], 10, 16) // four digits
		id.VLAN = uint16(vlan)
	}
	return id.Key()
}

// UpgradeChassis returns the Identity, without a VLAN, of a switch as it was kept before
// there were keys: its chassis ID as it is, and for a Sender the address.
func UpgradeChassis(kept string) Identity {
	if m := senderText().FindStringSubmatch(kept); m != nil {
		if mac, err := discovery.ParseMAC(m[2]); err == nil {
			return Identity{Kind: Sender, Switch: m[1], Source: mac}
		}
	}
	return Identity{Switch: kept}
}

// UpgradeColour returns the key for the text by which a colour book knew a VLAN on a
// switch before there were keys.
func UpgradeColour(kept string) Key {
	rest, vlan, err := cutVLAN(kept)
	if err != nil || vlan == 0 {
		return Key(kept)
	}
	id := UpgradeChassis(rest)
	id.VLAN = vlan
	return id.Key()
}

// late compiles an expression when it is first needed: a plugin that is started for each
// container mostly needs none.
func late(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
