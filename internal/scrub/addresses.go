// SPDX-License-Identifier: Apache-2.0

package scrub

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

// What addresses look like: MAC addresses and longer ones of octets, MAC addresses as
// Cisco writes them, without separators, IPv4, IPv6.
var (
	octetsLike = regexp.MustCompile(`(?i)^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5,}$`)
	dotted     = regexp.MustCompile(`(?i)^[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}$`)
	bare       = regexp.MustCompile(`(?i)^[0-9a-f]{12}$`)
	addressy   = regexp.MustCompile(`(?i)\b[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5,}\b|\b[0-9a-f]{4}(?:\.[0-9a-f]{4}){2}\b|\b[0-9a-f]{12}\b|` +
		`\b\d{1,3}(?:\.\d{1,3}){3}\b|(?:\b[0-9a-f]{1,4}|:)(?::[0-9a-f]{0,4}){1,7}(?:\d{0,3}(?:\.\d{1,3}){3})?`)
)

// ofDevice is a MAC address in the name of a device, as udev gives it: enx02c01b000001.
var ofDevice = regexp.MustCompile(`(?i)\b(?:en|wl|ww|sl|ib)x[0-9a-f]{12}\b`)

const devicePrefix = len("enx")

// known are addresses of protocols, which tell nothing of anybody, in hexadecimal digits.
var known = regexp.MustCompile(`^(?:0{12}|f{12}|0180c20000[0-9a-f]{2}|01000ccccc..)$`)

// addresses are those that were seen, and what stands for them.
type addresses struct {
	seen        map[string]bool   // in the spellings in which they were seen, and canonical
	placeholder map[string]string // by canonical form: of a MAC address, its digits
	count       map[string]int
}

func newAddresses() *addresses {
	return &addresses{seen: map[string]bool{}, placeholder: map[string]string{}, count: map[string]int{}}
}

// learn notes the addresses of a text, so that none is taken for a placeholder, and a MAC
// address is known where it is written without separators.
func (a *addresses) learn(text string) {
	for _, spelled := range addressy.FindAllString(text, -1) {
		if canonical, ok := canonical(spelled); ok && !bare.MatchString(spelled) {
			a.seen[canonical], a.seen[strings.ToLower(spelled)] = true, true
		}
	}
	for _, name := range ofDevice.FindAllString(text, -1) {
		a.seen[strings.ToLower(name[devicePrefix:])] = true
	}
}

// canonical is the form that all spellings of an address share; false where it is none, or
// one that stays.
func canonical(spelled string) (string, bool) {
	if octetsLike.MatchString(spelled) || dotted.MatchString(spelled) || bare.MatchString(spelled) {
		digits := strings.ToLower(strings.NewReplacer(":", "", "-", "", ".", "").Replace(spelled))
		return digits, !known.MatchString(digits)
	}
	ip, err := netip.ParseAddr(spelled)
	if err != nil || ip.IsUnspecified() || ip.IsLoopback() || strings.HasPrefix(spelled, "255.") {
		return "", false
	}
	return ip.String(), true
}

// replace replaces the addresses in a text. What has no separators is one where it was seen
// with them, or in the name of a device.
func (a *addresses) replace(text string) string {
	text = ofDevice.ReplaceAllStringFunc(text, func(name string) string {
		digits := strings.ToLower(name[devicePrefix:])
		if !a.seen[digits] {
			return name
		}
		return name[:devicePrefix] + a.stands(digits, digits)
	})
	return addressy.ReplaceAllStringFunc(text, func(spelled string) string {
		canonical, ok := canonical(spelled)
		if !ok || bare.MatchString(spelled) && !a.seen[canonical] {
			return spelled
		}
		return a.stands(canonical, spelled)
	})
}

// stands returns what stands for an address, spelled like that.
func (a *addresses) stands(canonical, spelled string) string {
	now := a.placeholder[canonical]
	for now == "" {
		if next := a.next(canonical); !a.contains(next) {
			now = next
		}
	}
	a.placeholder[canonical] = now
	return respell(now, spelled)
}

// spans are where addresses are in a text.
func spans(text string) [][]int {
	return slices.DeleteFunc(addressy.FindAllStringIndex(text, -1), func(at []int) bool {
		_, ok := canonical(text[at[0]:at[1]])
		return !ok
	})
}

// contains reports whether a placeholder could be taken for an original.
func (a *addresses) contains(placeholder string) bool {
	for original := range a.seen {
		if strings.Contains(placeholder, original) {
			return true
		}
	}
	return false
}

// next is a placeholder for an address of the same kind: digits for one of octets.
func (a *addresses) next(canonical string) string {
	ip, err := netip.ParseAddr(canonical)
	switch {
	case err != nil: // locally administered
		a.count["octets"]++
		return fmt.Sprintf("02c01b%06x%s", a.count["octets"], strings.Repeat("0", len(canonical)-12))
	case ip.Is4() || ip.Is4In6():
		a.count["IPv4"]++
		n := a.count["IPv4"]
		if n < 255 { // for documentation (RFC 5737)
			return fmt.Sprintf("192.0.2.%d", n)
		}
		return fmt.Sprintf("240.%d.%d.%d", n>>16, n>>8&0xff, n&0xff)
	}
	a.count["IPv6"]++
	return fmt.Sprintf("2001:db8::%x", a.count["IPv6"]) // for documentation (RFC 3849)
}

// respell writes digits as the original was written.
func respell(digits, like string) string {
	if _, err := hex.DecodeString(digits); err != nil {
		return digits
	}
	every, between := 2, like[2:3]
	switch {
	case dotted.MatchString(like):
		every, between = 4, "."
	case !octetsLike.MatchString(like):
		return digits
	}
	var groups []string
	for ; digits != ""; digits = digits[every:] {
		groups = append(groups, digits[:every])
	}
	return strings.Join(groups, between)
}

// originals are the spellings that were replaced.
func (a *addresses) originals() (all []string) {
	for spelled := range a.seen {
		all = append(all, spelled)
	}
	return all
}
