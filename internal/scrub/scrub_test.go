// SPDX-License-Identifier: Apache-2.0

package scrub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/fit"
)

// knowing returns a Scrubber that learned a document with these system names.
func knowing(t *testing.T, systems ...string) *Scrubber {
	t.Helper()
	type neighbor struct {
		SystemName string `json:"systemName"`
	}
	var all []neighbor
	for _, name := range systems {
		all = append(all, neighbor{name})
	}
	data, err := json.Marshal(map[string]any{"neighbors": all, "port": "ifname:e1"})
	if err != nil {
		t.Fatal(err)
	}
	s := New()
	if err := s.Learn(data); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNames(t *testing.T) {
	for _, tt := range []struct {
		name, text, want string
		systems          []string
	}{
		{"as it is", "The switch is sw-green.", "The switch is system-1.", []string{"sw-green"}},
		{"the longest first", "sw-1, sw-10, sw-1.example.net", "system-1, system-2, system-3", []string{"sw-1", "sw-10", "sw-1.example.net"}},
		{"in other letters", "SW-GREEN and sw-green", "system-1 and system-1", []string{"sw-green"}},
		{"two that differ in letters", "SW-Green", "system-1", []string{"sw-green", "SW-Green"}},
		{"quoted", `"a\"b\\c" a\u0022b`, `"system-1" a\u0022b`, []string{`a"b\c`}},
		{"not printable", `"\x1b[31m" ` + "\ufffd[31m", `"system-1" system-1`, []string{"\x1b[31m"}},
		{"in ASCII", `caf\u00e9 café`, "system-1 system-1", []string{"café"}},
		{"short, as a word", "e is one; the rest", "system-1 is one; the rest", []string{"e"}},
		{"one of our words", "port eth1", "port eth1", []string{"port"}},
		{"a placeholder", "system-1 and sw-green", "system-2 and system-3", []string{"system-1", "sw-green"}},
		{"cut off", "sw-green-row4-rac… is silent", "system-1… is silent", []string{"sw-green-row4-rack12"}},
		{"cut in the middle", "sw-green-row4…net is", "system-1… is", []string{"sw-green-row4-rack12.example.net"}},
		{"blank", "   ", "   ", []string{" "}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := knowing(t, tt.systems...).Text(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"one address in all spellings", "00:00:5e:00:53:01 00-00-5E-00-53-01 0000.5e00.5301 00005e005301", "02:c0:1b:00:00:01 02-c0-1b-00-00-01 02c0.1b00.0001 02c01b000001"},
		{"two addresses", "mac:00:00:5e:00:53:01 mac:00:00:5e:00:53:02", "mac:02:c0:1b:00:00:01 mac:02:c0:1b:00:00:02"},
		{"more octets", "00:00:5e:00:53:01:02:03", "02:c0:1b:00:00:01:00:00"},
		{"in the name of a device", "00:00:5e:00:53:01 enx00005e005301 wlx00005E005301, enx00005e005301.100", "02:c0:1b:00:00:01 enx02c01b000001 wlx02c01b000001, enx02c01b000001.100"},
		{"of protocols", "01:80:c2:00:00:0e 01:00:0c:cc:cc:cc ff:ff:ff:ff:ff:ff", "01:80:c2:00:00:0e 01:00:0c:cc:cc:cc ff:ff:ff:ff:ff:ff"},
		{"twelve digits that are none", "0123456789ab", "0123456789ab"},
		{"IPv4", "10.1.2.3/24, 10.1.2.3:9469, 10.1.2.4", "192.0.2.1/24, 192.0.2.1:9469, 192.0.2.2"},
		{"of nobody", "0.0.0.0 127.0.0.1 255.255.255.0 ::1", "0.0.0.0 127.0.0.1 255.255.255.0 ::1"},
		{"a placeholder", "10.1.2.3 192.0.2.1", "192.0.2.2 192.0.2.3"},
		{"IPv6", "fe80::200:5eff:fe00:5301%eth1 [2001:DB8:1::7]:80 2001:db8:1:0:0:0:0:7/64", "2001:db8::1%eth1 [2001:db8::2]:80 2001:db8::2/64"},
		{"mapped", "::ffff:10.1.2.3", "192.0.2.1"},
		{"times and versions", "2026-01-02T10:00:00Z 10:00:00 1.1.0 6.1.0-57 9.2.7.7", "2026-01-02T10:00:00Z 10:00:00 1.1.0 6.1.0-57 192.0.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := New()
			s.LearnText(tt.text)
			got := s.Text(tt.text)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if left := s.Left(got); len(left) > 0 && tt.name != "of protocols" {
				t.Errorf("%q has %q", got, left)
			}
		})
	}
}

func TestJSON(t *testing.T) {
	const text = `{"node":"n1","new":"who knows","what":"port","neighbors":[{"chassis":"local:core","port":"ifname:e1","systemName":"core-1","unknownTLVs":[{"value":"c0ffee"}]}],
		"args":"IgnoreUnknown=1;K8S_POD_NAME=web;X=y;Z","identity":{"switch":"racks"},"message":"core-1 at racks","snapshot":{"chassis":"00:00:5e:00:53:01"},"time":"2026-01-02T10:00:00Z","n":12345678901234567890}`
	s := New()
	if err := s.Learn([]byte(text)); err != nil {
		t.Fatal(err)
	}
	got, err := s.JSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "args": "IgnoreUnknown=1;K8S_POD_NAME=pod-1;X=hidden-1;Z",
  "identity": {
    "switch": "chassis-1"
  },
  "message": "system-1 at chassis-1",
  "n": 12345678901234567890,
  "neighbors": [
    {
      "chassis": "local:chassis-2",
      "port": "ifname:e1",
      "systemName": "system-1",
      "unknownTLVs": [
        {
          "value": "000000"
        }
      ]
    }
  ],
  "new": "hidden-2",
  "node": "node-1",
  "snapshot": {
    "chassis": "02:c0:1b:00:00:01"
  },
  "time": "2026-01-02T10:00:00Z",
  "what": "port"
}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("unexpected document (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"", "{"} {
		if _, err := s.JSON([]byte(bad)); err == nil {
			t.Errorf("%q is taken for JSON", bad)
		}
	}
}

// TestKeys has the keys of a delegate's configuration, which may be names too.
func TestKeys(t *testing.T) {
	const text = `{"delegateConf":{"type":"x","macspoofchk":true,"ipam":{"nodes":{"w7":{"range":"10.1.2.0/24"},"ledger-0":1}},"kind":"acme","mode":"db-0","acme.example/rack":"r","00:00:5e:00:53:01":2},
		"node":"w7","pod":{"name":"ledger-0"},"args":"K8S_POD_NAME=db-0","message":"db-0, w7 and ledger-0 at 00:00:5e:00:53:01"}`
	s := New()
	if err := s.Learn([]byte(text)); err != nil {
		t.Fatal(err)
	}
	got, err := s.JSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var flat bytes.Buffer
	if err := json.Compact(&flat, got); err != nil {
		t.Fatal(err)
	}
	const want = `{"args":"K8S_POD_NAME=pod-1","delegateConf":{"hidden-1":2,"hidden-2":"hidden-3","ipam":{"nodes":{"node-1":{"range":"192.0.2.1/24"},"pod-2":1}},"kind":"hidden-4","macspoofchk":true,"mode":"db-0","type":"x"},` +
		`"message":"pod-1, node-1 and pod-2 at 02:c0:1b:00:00:01","node":"node-1","pod":{"name":"pod-2"}}`
	if diff := cmp.Diff(want, flat.String()); diff != "" {
		t.Errorf("unexpected document (-want +got):\n%s", diff)
	}
}

func TestYAML(t *testing.T) {
	s := knowing(t, "sw-green")
	const text = "# of ACME\nswitchGroups:\n  racks: [{system: \"sw-green\"}]\nnetworks:\n- name: green # ours\n  match: [{system: 'sw-*', chassis: \"mac:00:00:5e:00:53:01\"}, {switch: racks}]\n"
	s.LearnYAML([]byte(text))
	got, err := s.YAML([]byte(text))
	const want = "\nswitchGroups:\n  chassis-1: [{system: \"system-1\"}]\nnetworks:\n- name: green\n  match: [{system: 'system-2*', chassis: \"mac:02:c0:1b:00:00:01\"}, {switch: chassis-1}]\n"
	if diff := cmp.Diff(want, strings.ReplaceAll(string(got), " \n", "\n")); err != nil || diff != "" {
		t.Errorf("%v, unexpected document (-want +got):\n%s", err, diff)
	}
	for _, bad := range []string{"a: [", "name: \"x #y\"\n"} {
		if got, err := s.YAML([]byte(bad)); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
}

// TestNamesWithinAddresses holds that a name which could be a part of an address neither
// spares the rest of it, nor spoils what stands for it.
func TestNamesWithinAddresses(t *testing.T) {
	s := knowing(t, "5e", "1b", "dead", "10", "db", "at 10.1.2.3")
	const text = "5e at mac:00:00:5e:00:53:01, 0000.5e00.5301 and 2001:db8:dead:beef::1, 10.5.6.7; dead db; at 10.1.2.3"
	s.LearnText(text)
	const want = "system-1 at mac:02:c0:1b:00:00:01, 02c0.1b00.0001 and 2001:db8::1, 192.0.2.1; system-3 system-5; system-6"
	got := s.Text(text)
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if again := s.Names(got); again != want {
		t.Errorf("got %q, then %q", got, again)
	}
}

// TestHosts has what errors of the API server's client say of machines.
func TestHosts(t *testing.T) {
	for text, want := range map[string]string{
		`Get "https://api.acme.example:6443/apis": dial tcp: lookup api.acme.example on 10.0.0.53:53: no such host`:                          `Get "https://host-1:6443/apis": dial tcp: lookup host-1 on 192.0.2.1:53: no such host`,
		`Post "https://10.0.0.1:6443/x": tls: x509: certificate is valid for node7.acme.example, kubernetes, 10.0.0.7, not api.acme.example`: `Post "https://192.0.2.1:6443/x": tls: x509: certificate is valid for host-1, kubernetes, 192.0.2.2, not host-2`,
		"the token belongs to node acme-w7, but this agent is called n1; write node: \"acme-w7\" into colvind.yaml":                          "the token belongs to node node-2, but this agent is called node-1; write node: \"node-2\" into colvind.yaml",
		"the token of system:serviceaccount:acme:colvin belongs to no node":                                                                  "the token of system:serviceaccount:namespace-1:account-1 belongs to no node",
		"https://docs.example/x is not asked, and lookup is a word":                                                                          "https://host-1/x is not asked, and lookup is a word",
	} {
		s := New()
		s.LearnName(Node, "n1")
		doc, err := json.Marshal(map[string]string{"message": text})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Learn(doc); err != nil {
			t.Fatal(err)
		}
		if got := s.Text(text); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// TestPatterns has patterns of addresses, of which a part is as good as a name.
func TestPatterns(t *testing.T) {
	s := New()
	const text = `networks:
- match: [{chassis: "mac:00:00:5e:00:53:0?", mac: "00:00:5e:*"}, {chassis: "mac:00-00-5E-*", port: "mac:*:53:01"}]
- match: [{managementAddress: "10.9.*", system: "(rack)*1"}, {address: "10.9.8.0/24", mac: "00:00:5e:00:53:01"}, {node: "n?", interface: "eth*", port: "ifname:Ethernet1/*"}]
`
	const want = `networks:
- match: [{chassis: "mac:octets-1?", mac: "octets-2*"}, {chassis: "mac:octets-3*", port: "mac:*octets-4"}]
- match: [{managementAddress: "text-1*", system: "(system-1)*system-2"}, {address: "192.0.2.1/24", mac: "02:c0:1b:00:00:01"}, {node: "node-1?", interface: "eth*", port: "ifname:Ethernet1/*"}]
`
	s.LearnYAML([]byte(text))
	got, err := s.YAML([]byte(text))
	if diff := cmp.Diff(want, string(got)); err != nil || diff != "" {
		t.Errorf("%v, unexpected document (-want +got):\n%s", err, diff)
	}
	if got := s.Text("rule mac:00:00:5e:00:53:0? against mac:00:00:5e:00:53:01, VLAN 1"); got != "rule mac:octets-1? against mac:02:c0:1b:00:00:01, VLAN 1" {
		t.Error(got)
	}
}

// TestNothingIsLeft has names of all sorts in all the ways in which Colvin writes them.
func TestNothingIsLeft(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcXYZ019-_. \"'\\<>&#:{}*\x1b\u00e9\u202e日")
	for range 300 {
		var names []string
		var sentence strings.Builder
		for range 1 + random.IntN(6) {
			name := make([]rune, 4+random.IntN(24))
			for i := range name {
				name[i] = letters[random.IntN(len(letters))]
			}
			n := string(name)
			names = append(names, n)
			fmt.Fprintf(&sentence, "%s %q %+q %s %s; ", n, n, n, fit.Printable(n), fit.Cut(fit.Printable(n), 9))
		}
		s := knowing(t, names...)
		doc, err := json.Marshal(map[string]any{"message": sentence.String()})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.JSON(doc)
		if err != nil {
			t.Fatal(err)
		}
		if left := s.Left(string(got)); len(left) > 0 {
			t.Errorf("of %q is left %q in %s", names, left, got)
		}
		for _, name := range names {
			if head := []rune(fit.Cut(fit.Printable(name), 9)); len(head) == 9 && strings.Contains(string(got), string(head)) {
				t.Errorf("of %q is left %q in %s", names, string(head), got)
			}
		}
	}
}
