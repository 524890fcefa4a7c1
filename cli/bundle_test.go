// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/rules"
)

// unpack returns the files of a bundle.
func unpack(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if h.Mode != 0o600 || h.Uname != "" || !h.ModTime.Equal(now.Truncate(time.Second)) {
			t.Errorf("%s: %+v", h.Name, h)
		}
		files[strings.TrimPrefix(h.Name, "colvin-bundle/")] = string(data)
	}
}

// A bundleRig is a node whose agent, plugin and admin left all that there can be.
type bundleRig struct {
	dir, file string
	args      []string
}

const bundledRules = `# The racks of ACME
switchGroups:
  acme-core: [{chassis: "mac:00:00:5e:00:53:01"}]
ignore:
  - system: "bmc-*"   # theirs
networks:
  - name: green
    match: [{system: "sw-green*", vlan: 100}]
  - name: storage
    match: [{system: 'attic-3560.example.net', vlan: 300}, {portDescription: "to ACME's cage"}]
  - name: parts
    match: [{chassis: "mac:00:00:5e:00:53:0?", vlan: 7}, {mac: "00:00:5e:*", interface: eth1}, {managementAddress: "10.99.*", vlan: 8}]
`

const bundledConfig = `node: node1
rules: DIR/rules.yaml
runDirectory: DIR
stateDirectory: DIR/state
recordDirectory: DIR/records
kubernetes: {enabled: true, kubeconfig: DIR/kubeconfig}
metrics: {address: "198.51.100.77:9469"}
`

const kubeconfigText = "users: [{user: {token: hunter2, client-key-data: aHVudGVyMg==}}]\ncurrent-context: acme\n"

// hiddenRecord is an attachment whose delegate's configuration holds what it should not.
func hiddenRecord() record.Record {
	return record.Record{
		Key:   record.Key{Name: "green", ContainerID: "3f2c9b0011aa22bb33cc44dd55ee66ff", IfName: "net1"},
		Phase: record.Added, Time: now, BootID: "3c9f0f2e-4a5b-4c6d-8e7f-001122334455",
		Netns: record.Netns{Path: "/var/run/netns/cni-0f0e0d0c", Inode: 4026532200},
		Args:  "IgnoreUnknown=1;K8S_POD_NAMESPACE=tenant-blue;K8S_POD_NAME=ledger-0;IP=10.99.0.7/24;OWNER=acme-billing",
		Pod:   record.Pod{Namespace: "tenant-blue", Name: "ledger-0", UID: "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, Network: "green",
		Identity: "mac:00:00:5e:00:53:01 vlan 100", Device: record.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"},
		Port: record.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}, DelegateType: "macvlan",
		DelegateConf: json.RawMessage(`{"cniVersion":"1.1.0","name":"green","type":"macvlan","master":"eth1","mac":"06-aa-bb-cc-dd-ee","password":"hunter2",
			"ipam":{"type":"whereabouts","range":"10.99.0.0/24","apiToken":{"value":"hunter2"},"contact":"ops@acme.example"}}`),
		Result: json.RawMessage(`{"cniVersion":"1.1.0","interfaces":[{"name":"net1","mac":"06:aa:bb:cc:dd:ee","sandbox":"/var/run/netns/cni-0f0e0d0c"}],
			"ips":[{"address":"10.99.0.7/24","gateway":"10.99.0.1","interface":0},{"address":"2001:db8:99::7/64"}],"dns":{"search":["corp.acme.example"],"nameservers":["10.99.0.53"]}}`),
	}
}

func newBundleRig(t *testing.T, state func() *agentapi.State) *bundleRig {
	t.Helper()
	dir := t.TempDir()
	r := &bundleRig{dir: dir, file: filepath.Join(dir, "bundle.tar.gz")}
	r.args = []string{"bundle", r.file, "--config", filepath.Join(dir, "colvind.yaml")}
	for name, text := range map[string]string{"rules.yaml": bundledRules, "colvind.yaml": bundledConfig, "kubeconfig": kubeconfigText} {
		r.write(t, name, strings.ReplaceAll(text, "DIR", dir))
	}
	rec := hiddenRecord()
	text, err := json.Marshal(struct {
		Version int `json:"version"`
		record.Record
	}{1, rec})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "records"), 0o700); err != nil {
		t.Fatal(err)
	}
	id := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", rec.Name, rec.ContainerID, rec.IfName))
	r.write(t, "records/"+hex.EncodeToString(id[:16])+".json", string(text))
	if err := nodefile.Write(filepath.Join(dir, nodefile.FileName), &nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: "boot-1", Written: now.UTC(), KnownPatterns: []string{"sw-green*"},
		Networks: []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{{
			Identity: "local:Vault 7 vlan 100", Certainty: nodefile.Stale, Device: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"},
			Ports:    []nodefile.Port{{Link: nodefile.Link{Name: "eth1", Index: 2, MAC: "02:00:00:00:00:02"}}},
			Neighbor: "ex-vault-7 local:Vault 7 port ifname:Ethernet1/7", Reason: `"ex-vault-7" is silent`,
		}}}},
	}); err != nil {
		t.Fatal(err)
	}
	if state != nil {
		serveState(t, dir, func() (*agentapi.State, error) { return state(), nil }, func(time.Time) (agentapi.Changes, error) {
			return agentapi.Changes{Changes: []agentapi.Change{
				{Time: now, What: agentapi.ChangeNeighbor, Interface: "eth2", From: "gone-switch.acme.example mac:00:00:5e:00:53:f1 port ifname:x", To: "mac:00:00:5e:00:53:02 port ifname:Ethernet1/8"},
				{Time: now, What: agentapi.ChangeCondition, Interface: "eth2", From: "SwitchReplaced", Reason: "older-switch was here"},
				{Time: now, What: agentapi.ChangePod, Network: "green", Pod: "tenant-blue/ledger-0", From: "green (chassis local:Vault 7 VLAN 100)", To: "blue (mac:00:00:5e:00:53:02 VLAN 200)"},
			}}, nil
		})
	}
	return r
}

func (r *bundleRig) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hostileState has names that are hard to find again.
func hostileState(t *testing.T) *agentapi.State {
	t.Helper()
	s := agentState(t)
	s.Snapshot.Chassis = discovery.MAC{2, 0, 0, 0, 0, 2}
	n := &s.Snapshot.Ports[1].Neighbors[0]
	n.SystemName, n.PortDescription, n.SystemDescription = "caf\u00e9 \"nord\"\\1\u202e", "to ACME's cage", "Serial <FX-0815> & Söhne"
	n.UnknownTLVs = append(n.UnknownTLVs, s.Snapshot.Ports[0].Neighbors[0].UnknownTLVs...)
	s.View.Conditions = append(s.View.Conditions,
		mappingCondition(fmt.Sprintf("%q is silent; %s too; and café \"nor…", n.SystemName, n.SystemName)),
		mappingCondition("0000.5e00.5302 was heard as 00-00-5E-00-53-02, 00005e005302 and fe80::200:5eff:fe00:5302; see tenant-blue/ledger-0 in 3f2c9b00…66ff"))
	for i := range s.Snapshot.Interfaces {
		if f := &s.Snapshot.Interfaces[i]; f.Name == "eth1" {
			f.AltNames = append(f.AltNames, "enx020000000002", "enx00005e0053aa") // as udev gives them
		}
	}
	s.View.Conditions = append(s.View.Conditions,
		mappingCondition(`Get "https://api-7.acme.example:6443/apis": dial tcp: lookup api-7.acme.example on 10.99.0.53:53: no such host`))
	s.Basis = &agentapi.Basis{Sources: []rules.Source{
		{Name: "/etc/colvin/rules.yaml", Data: []byte(ruleText)},
		{Name: "RuleSet site", Root: "spec", Data: []byte(`{"networks":[{"name":"blue","match":[{"system":"ex-vault-*","chassis":"local:Vault 7"}]}]}`)},
	}}
	s.Attachments = append(s.Attachments, agentapi.ContainerAttachment{
		Key: hiddenRecord().Key, Pod: hiddenRecord().Pod, Network: "green", Identity: hiddenRecord().Identity, Device: hiddenRecord().Device, Port: hiddenRecord().Port,
		Status: agentapi.ContainerOK, Since: now,
	})
	return s
}

// originals are what no scrubbed bundle may hold, in any case of letters.
var originals = []string{
	"sw-green-row4", "fra2.datacentre", "bmc-node1", "bmc-", "attic-3560", "mlag-", "Example NOS", "to node1 eth1", "node1",
	"café", "caf\\u00e9", "caf\\xe9", "\"nord", "nord", "ACME", "cage", "FX-0815", "Söhne", "S\\u00f6hne",
	"00:00:5e", "020000000002", "0053aa", "api-7", "acme.example", "00:00:5e:00:53", "00-00-5e-00-53", "0000.5e00.53", "00005e0053", "02:00:00:00:00:02", "06:aa:bb:cc:dd:ee", "06-aa-bb-cc-dd-ee",
	"fe80::200", "2001:db8::1\"", "2001:db8:99", "10.99.0", "198.51.100.77", "192.0.2.1\"",
	"tenant-blue", "ledger-0", "3f2c9b00", "66ff", "f81d4fae", "cni-0f0e0d0c", "3c9f0f2e",
	"gone-switch", "older-switch", "ex-vault", "vault 7", "hunter2", "aHVudGVy", "corp.acme",
}

func TestBundle(t *testing.T) {
	r := newBundleRig(t, func() *agentapi.State { return hostileState(t) })
	said := run(t, r.dir, r.args...)
	files := unpack(t, r.file)
	expect(t, "bundle", said+"\n"+strings.Join(slices.Sorted(maps.Keys(files)), "\n")+"\n")
	for name, want := range map[string]string{
		"status.txt": "colvind v0.1.0 on node1", "networks.txt": "green", "explain/eth1.txt": "eth1 is attached to network green", "neighbors.txt": "sw-green-row4",
		"changes.txt": "gone-switch", "attachments.txt": "ledger-0", "records/001.json": "10.99.0.7/24", "rulesets/002.yaml": "ex-vault-*", "rules.yaml": "# The racks of ACME", "colvind.yaml": "kubeconfig: ",
		"networks.json": "ex-vault-7", "versions.txt": "colvin: v0.1.0\n", "missing.txt": "Nothing is missing.\n", "state.json": `"bootID"`,
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("no %q in %s:\n%s", want, name, files[name])
		}
	}
	for name, text := range files {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "aHVudGVyMg") {
			t.Errorf("a secret is in %s:\n%s", name, text)
		}
	}
	if again := run(t, r.dir, r.args...); !strings.HasSuffix(again, "bundle.tar.gz is there already; remove it, or give another name\n") {
		t.Errorf("a second time: %s", again)
	}
	for _, dir := range []string{r.dir, r.dir + "/"} {
		if got, want := run(t, r.dir, "bundle", dir), strings.Replace("write bundle: "+dir+" is a directory; name a file in it\n", r.dir, "RUN", 1); !strings.HasSuffix(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBundleScrubbed(t *testing.T) {
	r := newBundleRig(t, func() *agentapi.State { return hostileState(t) })
	plain := filepath.Join(r.dir, "plain.tar.gz")
	run(t, r.dir, append(slices.Clone(r.args[2:]), "bundle", plain)...)
	said := run(t, r.dir, append(r.args, "--scrub")...)
	files := unpack(t, r.file)
	expect(t, "bundle-scrubbed", said+"\n"+strings.Join(slices.Sorted(maps.Keys(files)), "\n")+"\n")
	for _, name := range []string{"neighbors.txt", "rules.yaml", "rulesets/002.yaml", "records/001.json", "changes.txt", "explain/eth1.txt", "status.txt"} {
		expect(t, "bundle-scrubbed-"+strings.ReplaceAll(filepath.Base(name), ".", "-"), strings.ReplaceAll(files[name], r.dir, "RUN"))
	}
	checkScrubbed(t, files)
	was := unpack(t, plain)
	for name := range was {
		if strings.HasSuffix(name, ".json") && shape(t, was[name]) != shape(t, files[name]) {
			t.Errorf("%s has another shape:\n%s\n%s", name, shape(t, was[name]), shape(t, files[name]))
		}
	}
}

// checkScrubbed holds that nothing of the originals is left.
func checkScrubbed(t *testing.T, files map[string]string) {
	t.Helper()
	for name, text := range files {
		for _, original := range originals {
			if i := strings.Index(strings.ToLower(name+"\n"+text), strings.ToLower(original)); i >= 0 {
				t.Errorf("%q is in %s: %s", original, name, (name + "\n" + text)[max(0, i-60):min(len(text), i+60)])
			}
		}
	}
}

// shape is the keys and kinds of a document.
func shape(t *testing.T, text string) string {
	t.Helper()
	var doc any
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Errorf("%v in %s", err, text)
	}
	var of func(v any) any
	of = func(v any) any {
		switch v := v.(type) {
		case []any:
			for i := range v {
				v[i] = of(v[i])
			}
			return v
		case map[string]any:
			for key := range v {
				v[key] = of(v[key])
			}
			return v
		}
		return fmt.Sprintf("%T", v)
	}
	out, err := json.Marshal(of(doc))
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestBundleWithoutAgent packs what is there, and says what is not.
func TestBundleWithoutAgent(t *testing.T) {
	for name, args := range map[string][]string{"bundle-no-agent": nil, "bundle-no-agent-scrubbed": {"--scrub"}} {
		r := newBundleRig(t, nil)
		said := run(t, r.dir, append(r.args, args...)...)
		files := unpack(t, r.file)
		expect(t, name, strings.ReplaceAll(said+"\n"+strings.Join(slices.Sorted(maps.Keys(files)), "\n")+"\n\n"+files["networks.txt"], r.dir, "RUN"))
		if args != nil {
			checkScrubbed(t, files)
		}
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "b.tar.gz")
	said := run(t, dir, "bundle", file, "--config", filepath.Join(dir, "none.yaml"), "--record-directory", filepath.Join(dir, "records"))
	expect(t, "bundle-nothing", said+"\n"+strings.Join(slices.Sorted(maps.Keys(unpack(t, file))), "\n")+"\n")
}

// TestBundleLeavesOut holds what is no part of a bundle, and its bounds.
func TestBundleLeavesOut(t *testing.T) {
	r := newBundleRig(t, nil)
	r.write(t, "rules.yaml", kubeconfigText)
	run(t, r.dir, r.args...)
	files := unpack(t, r.file)
	for _, want := range []string{"rules.yaml: " + r.dir + "/rules.yaml is a kubeconfig\n", "changes: "} {
		if !strings.Contains(files[missingFile], want) {
			t.Errorf("no %q in %s", want, files[missingFile])
		}
	}
	b := &bundled{app: &app{now: func() time.Time { return now }}}
	b.add("large", make([]byte, maxBundled+1))
	for i := range 5 {
		b.add(fmt.Sprint(i), make([]byte, maxBundled))
	}
	if len(b.files) != 4 || len(b.missing) != 2 || b.size > maxBundle {
		t.Errorf("%d files, %d octets, missing %q", len(b.files), b.size, b.missing)
	}
}

func TestWithoutSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"a: b\n":                            "a: b\n",
		"# a token\na: b\n":                 "# a token\na: b\n",
		"token: hunter2\n":                  "token: '(taken out)'\n",
		"x: {apiKey: 'hunter2', b: c}\n":    "x: {apiKey: '(taken out)', b: c}\n",
		"db_password: \"hunter2\" # note\n": "db_password: \"(taken out)\" # note\n",
		"secret: |\n  hunter2\n":            "error",
		"credentials:\n  value: hunter2\n":  "error",
		"token: [hunter2\n":                 "error",
	} {
		got, err := withoutSecretTexts("f.yaml", []byte(text))
		if err != nil {
			got = []byte("error")
		}
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	b := &bundled{app: &app{}}
	b.add("f", []byte("https://me:hunter2@example.net/ eyJhbGciOiJIUzI1.eyJzdWIiOiIx.hunter2 -----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"))
	if got, want := string(b.files[0].data), "https://(taken out)@example.net/ (taken out) (taken out)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func mappingCondition(message string) mapping.Condition {
	return mapping.Condition{Type: mapping.Conflict, Interface: "eth2", Message: message}
}
