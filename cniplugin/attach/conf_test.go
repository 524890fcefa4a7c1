// SPDX-License-Identifier: Apache-2.0

package attach

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestRead holds which configurations are understood: no key beside the list, none in
// another spelling, no value that a plugin would read otherwise.
func TestRead(t *testing.T) {
	for _, tt := range []struct {
		kind, keys string
		understood bool
	}{
		{MACVLAN, ``, true},
		{MACVLAN, `"mode":"private","mtu":1400,"mac":"02:00:00:00:00:01","bcqueuelen":5`, true},
		{MACVLAN, `"ipam":{"type":"static","anything":[1]},"dns":{"search":["a"]},"args":{"cni":{}},"capabilities":{"mac":true}`, true},
		{MACVLAN, `"runtimeConfig":{"mac":"02:00:00:00:00:01","ips":["10.0.0.1/8"]},"prevResult":{"cniVersion":"1.1.0"}`, true},
		{MACVLAN, `"mode":""`, true},
		{MACVLAN, `"mode":null,"mtu":null,"ipam":null,"runtimeConfig":null`, true},
		{IPVLAN, `"mode":"l3s","mtu":1400`, true},
		{MACVLAN, `"Mode":"private"`, false},
		{MACVLAN, `"MTU":1400`, false},
		{MACVLAN, `"mode":"source"`, false},
		{MACVLAN, `"mode":"l2"`, false},
		{MACVLAN, `"mtu":"1400"`, false},
		{MACVLAN, `"mtu":1e3`, false},
		{MACVLAN, `"bcqueuelen":-1`, false},
		{MACVLAN, `"linkInContainer":false`, false},
		{MACVLAN, `"vendorKey":1`, false},
		{MACVLAN, `"runtimeConfig":{"Mac":"02:00:00:00:00:01"}`, false},
		{MACVLAN, `"runtimeConfig":{"vendorKey":1}`, false},
		{MACVLAN, `"runtimeConfig":[]`, false},
		{MACVLAN, `"dns":[]`, false},
		{MACVLAN, `"capabilities":{"mac":"yes"}`, false},
		{IPVLAN, `"mac":"02:00:00:00:00:01"`, false},
		{IPVLAN, `"bcqueuelen":1`, false},
		{IPVLAN, `"mode":"bridge"`, false},
		{"bridge", ``, false},
	} {
		conf := `{"cniVersion":"1.1.0","name":"net","type":"x","master":"eth1"` + strings.TrimSuffix(","+tt.keys, ",") + `}`
		if !json.Valid([]byte(conf)) {
			t.Fatalf("%s is no JSON", conf)
		}
		if got := Read(tt.kind, []byte(conf)) != nil; got != tt.understood {
			t.Errorf("%s with %s: understood %v, want %v", tt.kind, tt.keys, got, tt.understood)
		}
	}
	if Read(MACVLAN, []byte("[")) != nil {
		t.Error("what is no JSON is understood")
	}
}

// TestSpec holds who decides of a MAC address, and what the plugins refuse.
func TestSpec(t *testing.T) {
	const mac = "02:00:00:00:00:0"
	for _, tt := range []struct {
		kind, keys, args string
		mac              string // its last digit
		bad              bool
	}{
		{kind: MACVLAN},
		{kind: MACVLAN, keys: `"mac":"` + mac + `1"`, mac: "1"},
		{kind: MACVLAN, keys: `"mac":"` + mac + `1"`, args: "MAC=" + mac + "2", mac: "2"},
		{kind: MACVLAN, keys: `"runtimeConfig":{"mac":"` + mac + `3"},"mac":"` + mac + `1"`, args: "MAC=" + mac + "2", mac: "3"},
		{kind: MACVLAN, args: "K8S_POD_NAME=web", bad: true},
		{kind: MACVLAN, args: "IgnoreUnknown=1;K8S_POD_NAME=web"},
		{kind: MACVLAN, args: "MAC", bad: true},
		{kind: MACVLAN, keys: `"mac":"nonsense"`, bad: true},
		{kind: MACVLAN, keys: `"mtu":1500`},
		{kind: MACVLAN, keys: `"mtu":1501`, bad: true},
		{kind: MACVLAN, keys: `"mtu":-1`, bad: true},
		{kind: IPVLAN, args: "K8S_POD_NAME=web;MAC=nonsense"},
	} {
		conf := Read(tt.kind, fmt.Appendf(nil, `{%s}`, tt.keys))
		if conf == nil {
			t.Fatalf("%s is not understood", tt.keys)
		}
		s, err := conf.Spec(tt.args, 1500)
		if (err != nil) != tt.bad {
			t.Errorf("%s %s %s: error %v, want one: %v", tt.kind, tt.keys, tt.args, err, tt.bad)
		}
		want := ""
		if tt.mac != "" {
			want = mac + tt.mac
		}
		if err == nil && s.mac.String() != want {
			t.Errorf("%s %s: MAC address %q, want %q", tt.keys, tt.args, s.mac, want)
		}
	}
}

// FuzzRead holds that no configuration is understood that has a key in another spelling.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{`{}`, `{"mode":"l2"}`, `{"Mode":"l2"}`, `{"runtimeConfig":{"mac":"x"}}`, `{"mtu":1}`, `null`} {
		f.Add(MACVLAN, seed)
		f.Add(IPVLAN, seed)
	}
	f.Fuzz(func(t *testing.T, kind, conf string) {
		read := Read(kind, []byte(conf))
		if read == nil {
			return
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal([]byte(conf), &keys); err != nil {
			t.Fatalf("%q is understood: %v", conf, err)
		}
		for key := range keys {
			if key != "cniVersion" && key != "runtimeConfig" && key != "prevResult" && key != strings.ToLower(key) {
				t.Errorf("key %q is understood", key)
			}
		}
		if s, err := read.Spec("", 1500); err == nil && s.mtu > 1500 && kind == MACVLAN {
			t.Errorf("an MTU of %d over a device with 1500", s.mtu)
		}
	})
}
