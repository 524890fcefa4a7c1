// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

func TestReplaceChassis(t *testing.T) {
	for name, tt := range map[string]struct {
		data, want     string
		lines, pattern []int
	}{
		"ways to write it": {
			`ignore: [{chassis: "local:a*b"}, {chassis: 'local:a\*b'}, {chassis: "local:(a)*b"}, {chassis: "local:a\\*b"}]`,
			`ignore: [{chassis: "local:a*b"}, {chassis: 'local:x\\y'}, {chassis: "local:(a)*b"}, {chassis: "local:x\\\\y"}]`,
			[]int{1, 1},
			[]int{1, 1},
		},
		"beside mistakes": {
			"ignore:\n  - {chassis: nonsense}\n  - {chasis: 'local:a\\*b'}\n  - {chassis: 7}\n  - chassis: local:a\\*b\n",
			"ignore:\n  - {chassis: nonsense}\n  - {chasis: 'local:a\\*b'}\n  - {chassis: 7}\n  - chassis: 'local:x\\\\y'\n",
			[]int{5},
			nil,
		},
		"nowhere": {"networks: []\n", "networks: []\n", nil, nil},
	} {
		got, err := ReplaceChassis("r.yaml", []byte(tt.data), "local:a*b", `local:x\y`)
		if err != nil || string(got.Data) != tt.want || !slices.Equal(got.Lines, tt.lines) || !slices.Equal(got.Pattern, tt.pattern) {
			t.Errorf("%s: %s, lines %v, patterns %v, %v", name, got.Data, got.Lines, got.Pattern, err)
		}
	}
}

func TestParseChassisID(t *testing.T) {
	for text, want := range map[string]struct {
		id  discovery.ID
		err string
	}{
		"mac:00:1b:21:aa:bb:cc": {"mac:00:1b:21:aa:bb:cc", ""},
		"mac:001B.21AA.BBCC":    {"mac:00:1b:21:aa:bb:cc", ""},
		"ip:2001:DB8::1":        {"ip:2001:db8::1", ""},
		"local:a*(b)":           {"local:a*(b)", ""},
		"cdp:sw.example":        {"cdp:sw.example", ""},
		`subtype9:\x00`:         {`subtype9:\x00`, ""},
		"001B.21AA.BBCC":        {"", `"001B.21AA.BBCC" does not say what kind of chassis ID it is; write "mac:00:1b:21:aa:bb:cc"`},
		"sw-1":                  {"", `"sw-1" does not say what kind of chassis ID it is; begin it with one of mac, ip, ifname, ifalias, local, component, portcomponent, circuit, cdp and a colon, such as "mac:00:1b:21:aa:bb:cc"`},
		"mac:00:1b:21:*":        {"", `"00:1b:21:*" is not a MAC address; write six octets, such as mac:00:1b:21:aa:bb:cc`},
		"ip:192.0.2":            {"", `"192.0.2" is not an IP address; write one such as ip:192.0.2.7`},
		"local:":                {"", `"local:" is no chassis ID, but the kind of one; write the ID after the colon, as colvin neighbors -o wide shows it`},
		"local:\x00":            {"", `"local:\x00" holds what is no printable ASCII; write it as colvin neighbors -o wide shows it, such as \x00`},
	} {
		id, err := ParseChassisID(text)
		if got := errText(err); id != want.id || got != want.err {
			t.Errorf("%q: %q, %s; want %q, %s", text, id, got, want.id, want.err)
		}
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
