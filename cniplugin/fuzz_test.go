// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// obliging is a delegate, or an IPAM plugin, that does nothing.
const obliging = `#!/bin/sh
echo '{"cniVersion":"1.0.0","interfaces":[{"name":"net1","sandbox":"/netns"}],"ips":[{"interface":0,"address":"10.10.0.2/24"}]}'
`

// refusing is one that refuses every verb, in its own words.
const refusing = `#!/bin/sh
echo '{"cniVersion":"1.0.0","code":999,"msg":"'"$CNI_COMMAND"' is not for me"}'
exit 1
`

// A runtimeCall is one by a runtime, which may be hostile or broken.
type runtimeCall struct {
	command, containerID, netns, ifname, args, override string

	delegates byte // installed has them found, which costs a process, and so does unwilling
	recorded  byte // installed has the attachment of goodCall recorded
	node      byte // which of the node files
	stdin     []byte
}

// installed is one of many values, so that fuzzing does not start processes all
// the time.
const (
	installed = 1
	unwilling = 2 // found, but they refuse everything
)

// fuzzRig is where fuzzed calls happen.
type fuzzRig struct {
	dir           string
	stdin, stdout *os.File
	plugin        *Plugin
	funcs         skel.CNIFuncs
	answered      error    // by the handler, in the last call
	said          error    // by skel
	nodes         [][]byte // what the node file may be
	record        string   // the file of goodCall's record
	content       []byte
}

func newFuzzRig(f *testing.F) *fuzzRig {
	f.Helper()
	node := fuzzNode(f)
	r := &fuzzRig{dir: privatedir.New(f), nodes: [][]byte{
		node, node, nil, node[:len(node)/2], []byte("garbage\n\x1b[31m"), bytes.Replace(node, []byte("boot1"), []byte("boot0"), 1),
		[]byte(`{"version":2,"node":"node1","bootID":"boot1","networks":[{"name":"green","uplinks":[{}]}]}`),
	}}
	var err error
	for i := range r.nodes {
		dir := filepath.Join(r.dir, fmt.Sprint("run", i))
		err = errors.Join(err, os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, nodefile.FileName), r.nodes[i], 0o600))
	}
	agent, lockErr := agentlock.Take(filepath.Join(r.dir, "run0", agentlock.Name))
	f.Cleanup(func() { _ = agent.Close() })
	err = errors.Join(err, lockErr)
	for _, dir := range []string{"records", "none", "plugins", "unwilling"} {
		err = errors.Join(err, os.Mkdir(filepath.Join(r.dir, dir), 0o700))
	}
	for _, name := range []string{"macvlan", "host-local"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(r.dir, "plugins", name), []byte(obliging), 0o700),
			os.WriteFile(filepath.Join(r.dir, "unwilling", name), []byte(refusing), 0o700))
	}
	err = errors.Join(err, os.WriteFile(filepath.Join(r.dir, "netns"), nil, 0o600))
	for name, file := range map[string]**os.File{"stdin": &r.stdin, "stdout": &r.stdout} {
		fd, e := unix.MemfdCreate(name, unix.MFD_CLOEXEC) // a file, but no work for a disk
		*file, err = os.NewFile(uintptr(fd), name), errors.Join(err, e)
		f.Cleanup(func() { _ = (*file).Close() })
	}
	if err != nil {
		f.Fatal(err)
	}
	kernel := &fakeKernel{Boot: "boot1", log: filepath.Join(r.dir, "never"), Now: []discovery.Interface{eth(4, "eth1"), eth(5, "eth2")}}
	r.plugin = &Plugin{kernel: kernel, stdout: r.stdout, stderr: io.Discard, patience: patience{lock: time.Second, delegateAdd: 30 * time.Second, delegate: 30 * time.Second, add: time.Hour, del: time.Hour}}
	r.plugin.now, r.plugin.sinceBoot = time.Now, func() time.Duration { return 0 }
	r.funcs = r.plugin.Funcs()
	for _, verb := range []*func(*skel.CmdArgs) error{&r.funcs.Add, &r.funcs.Del, &r.funcs.Check, &r.funcs.GC, &r.funcs.Status} {
		handler := *verb
		*verb = func(args *skel.CmdArgs) error {
			r.answered = handler(args)
			return r.answered
		}
	}
	r.addRecord(f)
	return r
}

// addRecord keeps the record of a good ADD.
func (r *fuzzRig) addRecord(f *testing.F) {
	f.Helper()
	c := goodCall()
	c.command, c.delegates = "ADD", installed
	r.call(f, &c)
	files, err := filepath.Glob(filepath.Join(r.dir, "records", "*.json"))
	if err != nil || len(files) != 1 {
		f.Fatalf("ADD answers %v and leaves %v (%v)", r.said, files, err)
	}
	r.record = files[0]
	if r.content, err = os.ReadFile(r.record); err != nil {
		f.Fatal(err)
	}
}

// goodCall is a call with nothing wrong but that it has no command yet.
func goodCall() runtimeCall {
	return runtimeCall{
		containerID: "c1", netns: "netns", ifname: "net1", args: "IgnoreUnknown=1;K8S_POD_NAME=web-0", stdin: []byte(fuzzConfs()[0]),
	}
}

// reset forgets the call before.
func (r *fuzzRig) reset(recorded bool) error {
	r.answered, r.said = nil, nil
	kernel, ok := r.plugin.kernel.(*fakeKernel)
	if !ok {
		return fmt.Errorf("the kernel is a %T", r.plugin.kernel)
	}
	kernel.Made = map[string]link.Origin{}
	if recorded {
		kernel.Made["net1"] = madeOver(4, "macvlan")
	}
	entries, err := os.ReadDir(filepath.Join(r.dir, "records"))
	for _, e := range entries {
		err = errors.Join(err, os.Remove(filepath.Join(r.dir, "records", e.Name())))
	}
	for _, file := range []*os.File{r.stdin, r.stdout} {
		_, seek := file.Seek(0, io.SeekStart)
		err = errors.Join(err, file.Truncate(0), seek)
	}
	if recorded {
		err = errors.Join(err, os.WriteFile(r.record, r.content, 0o600))
	}
	return err
}

// environment is that of the call, in which no path leads out of the rig.
func (r *fuzzRig) environment(c *runtimeCall) map[string]string {
	path, netns := "none", ""
	switch c.delegates {
	case installed:
		path = "plugins"
	case unwilling:
		path = "unwilling"
	}
	if c.netns != "" {
		netns = filepath.Join(r.dir, filepath.Join("/", c.netns))
	}
	return map[string]string{
		"CNI_COMMAND": c.command, "CNI_CONTAINERID": c.containerID, "CNI_NETNS": netns, "CNI_IFNAME": c.ifname, "CNI_ARGS": c.args,
		"CNI_PATH": filepath.Join(r.dir, path), "CNI_NETNS_OVERRIDE": c.override,
	}
}

// call makes a call through skel, which knows the process's own files and
// environment only, and returns the standard output.
func (r *fuzzRig) call(tb testing.TB, c *runtimeCall) []byte {
	tb.Helper()
	r.plugin.directories = directories{filepath.Join(r.dir, fmt.Sprint("run", int(c.node)%len(r.nodes))), filepath.Join(r.dir, "records")}
	err := r.reset(c.recorded == installed)
	_, write := r.stdin.Write(c.stdin)
	_, seek := r.stdin.Seek(0, io.SeekStart)
	if err := errors.Join(err, write, seek); err != nil {
		tb.Fatal(err)
	}
	for key, value := range r.environment(c) {
		if os.Setenv(key, value) != nil { //nolint:usetesting // t.Setenv asks for more than it gives, a thousand times a second
			tb.Skip("no environment holds this")
		}
	}
	stdin, stdout := os.Stdin, os.Stdout
	defer func() { os.Stdin, os.Stdout = stdin, stdout }()
	os.Stdin, os.Stdout = r.stdin, r.stdout
	if err := skel.PluginMainFuncsWithError(r.funcs, version.All, ""); err != nil {
		r.said = err
		if err := err.Print(); err != nil {
			tb.Fatal(err)
		}
	}
	_, seek = r.stdout.Seek(0, io.SeekStart)
	out, err := io.ReadAll(r.stdout)
	if err := errors.Join(seek, err); err != nil {
		tb.Fatal(err)
	}
	return out
}

// printed makes sure that the standard output is what the CNI specification asks
// for: one result, one error, or nothing where there is nothing to say.
func (r *fuzzRig) printed(t *testing.T, command string, out []byte) {
	t.Helper()
	if r.said == nil && command != "ADD" && command != "VERSION" {
		if len(out) > 0 {
			t.Fatalf("%s succeeds and prints %q", command, out)
		}
		return
	}
	decoder := json.NewDecoder(bytes.NewReader(out))
	var document struct {
		CNIVersion string `json:"cniVersion"`
		Code       uint
		Msg        string
	}
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("%s prints %q: %v", command, out, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("%s prints more than one document: %q", command, out)
	}
	switch {
	case r.said == nil && document.CNIVersion == "" || r.said != nil && document.Code == 0:
		t.Fatalf("%s, which answers %v, prints %q", command, r.said, out)
	case r.answered != nil:
		e, ok := errors.AsType[*types.Error](r.answered)
		if !ok || strings.ContainsFunc(e.Msg+e.Details, unicode.IsControl) {
			t.Fatalf("%s: got error %q, want a CNI error of one line", command, r.answered)
		}
	}
}

// stayed makes sure that files are only where they belong.
func (r *fuzzRig) stayed(t *testing.T) {
	t.Helper()
	want := []string{"netns", "none", "plugins", "plugins/host-local", "plugins/macvlan", "records", "run0", "run0/" + agentlock.Name, "unwilling", "unwilling/host-local", "unwilling/macvlan"}
	for i := range r.nodes {
		run := fmt.Sprint("run", i)
		if i > 0 { // the first has a running agent
			want = append(want, run)
		}
		want = append(want, filepath.Join(run, nodefile.FileName))
	}
	slices.Sort(want)
	var got []string
	err := filepath.WalkDir(r.dir, func(path string, _ fs.DirEntry, err error) error {
		path, _ = filepath.Rel(r.dir, path)
		if path != "." && filepath.Ext(path) != ".json" || strings.HasPrefix(path, "run") {
			got = append(got, path)
		}
		return err
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("there is %q (%v), want %q", got, err, want)
	}
	if _, err := os.Stat(filepath.Dir(record.DefaultDir)); err == nil != defaultDirExists {
		t.Fatalf("%s came or went", filepath.Dir(record.DefaultDir))
	}
}

// defaultDirExists is so on machines that use Colvin.
var defaultDirExists = func() bool {
	_, err := os.Stat(filepath.Dir(record.DefaultDir))
	return err == nil
}()

// undone makes sure that an ADD which all others refused has left no record, and that no
// DEL fails that has none.
func (r *fuzzRig) undone(t *testing.T, command string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(r.dir, "records", "*.json"))
	if err != nil || len(left) > 0 {
		t.Fatalf("%s left %v (%v)", command, left, err)
	}
	if command == "DEL" && r.answered != nil {
		t.Fatalf("DEL of nothing: %v", r.answered)
	}
}

// fuzzNode is a node file with something of everything.
func fuzzNode(f *testing.F) []byte {
	f.Helper()
	trunk := attached(eth(4, "eth1"), 300)
	trunk.Device, trunk.Parent = nodefile.Link{}, trunk.Device
	tagVID(&trunk, 300)
	bonded := attached(eth(4, "eth1"), 100)
	bonded.Ports = append(bonded.Ports, portOf(eth(5, "eth2")))
	bonded.Ports[1].Junctions = []nodefile.Junction{{Link: linkOf(eth(7, "bond0")), Members: []int{4, 5}}}
	doubtful := attached(eth(5, "eth2"), 200)
	doubtful.Usable, doubtful.Certainty, doubtful.Reason = false, nodefile.Unverified, "not heard since"
	b, err := json.Marshal(nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: "boot1", Written: since, Converged: true,
		Networks: []nodefile.Network{
			{Name: "blue", Uplinks: []nodefile.Uplink{doubtful}},
			{Name: "bonded", Uplinks: []nodefile.Uplink{bonded}},
			{Name: "both", Uplinks: []nodefile.Uplink{attached(eth(4, "eth1"), 100), attached(eth(5, "eth2"), 100)}},
			{Name: "green", Uplinks: []nodefile.Uplink{attached(eth(4, "eth1"), 100)}},
			{Name: "storage", Uplinks: []nodefile.Uplink{trunk}},
		},
		KnownNames: []string{"blue", "green", "red"}, KnownPatterns: []string{"rail-*", "["},
		Moved: []nodefile.Moved{{Key: nodefile.Key{Name: "net", ContainerID: "c2", IfName: "net1"}, Identity: "elsewhere", Since: since}},
	})
	if err != nil {
		f.Fatal(err)
	}
	return b
}

const fuzzHead = `{"cniVersion":"1.1.0","name":"net","type":"colvin",`

// fuzzConfs are configurations, good and bad.
func fuzzConfs() []string {
	var confs []string
	for _, v := range version.All.SupportedVersions() {
		confs = append(confs, fmt.Sprintf(`{"cniVersion":%q,"name":"net","type":"colvin","network":"green","ipam":{"type":"host-local"}}`, v))
	}
	return append(confs,
		fuzzHead+`"network":"both","select":"first","delegate":{"type":"macvlan","mode":"private"},"runtimeConfig":{"mac":"02:00:00:00:00:01"}}`,
		fuzzHead+`"network":"bonded"}`,
		fuzzHead+`"network":"green","delegate":{"type":"macvlan","exec":true}}`,
		fuzzHead+`"network":"green","delegate":{"type":"ipvlan","mode":"l3"},"ipam":{"type":"host-local"},"mac":"02:00:00:00:00:01"}`,
		fuzzHead+`"network":"green","delegate":{"type":"ipvlan","mtu":1400},"ipam":{"type":"host-local"},"prevResult":{"cniVersion":"1.1.0","ips":[{"address":"10.0.0.1/8"}]}}`,
		fuzzHead+`"network":"storage","delegate":{"type":"vlan"},"deviceID":"0000:03:00.1"}`,
		fuzzHead+`"network":"blue","delegate":{"type":"host-device"},"prevResult":{"cniVersion":"1.1.0","interfaces":[null],"ips":[null]}}`,
		fuzzHead+`"network":"green","delegate":{"type":"own"},"deviceKey":"uplink"}`,
		fuzzHead+`"network":"green","delegate":{"type":"../macvlan"}}`,
		fuzzHead+`"network":"green","delegate":null,"ipam":null,"args":null,"prevResult":null}`,
		fuzzHead+`"network":"rail-7\n\u001b[31m","master":"eth0","MASTER":"eth0","linkInContainer":true}`,
		fuzzHead+`"network":"green","network":"blue","runDirectory":"/","recordDirectory":"."}`,
		`{"cniVersion":"1.1.0","name":"../../net","network":"green"}`,
		`{"cniVersion":"9.9.9","name":"net","network":"green"}`,
		`{"name":"net"}`, `{}`, `null`, `[]`, `"`, ``, "\x00",
	)
}

// FuzzPlugin has a runtime call every verb, through skel, with any configuration,
// environment and node file.
func FuzzPlugin(f *testing.F) {
	r := newFuzzRig(f)
	seed := func(c runtimeCall) {
		f.Add(c.command, c.containerID, c.netns, c.ifname, c.args, c.override, c.delegates, c.recorded, c.node, c.stdin)
	}
	good := goodCall()
	for _, command := range []string{"ADD", "DEL", "CHECK", "STATUS", "GC", "VERSION", "", "add", "\n"} {
		for _, conf := range fuzzConfs() {
			c := good
			c.command, c.stdin = command, []byte(conf)
			seed(c)
		}
	}
	for _, c := range []runtimeCall{
		{containerID: "../../c1", netns: "netns", ifname: "net1"},
		{containerID: strings.Repeat("c", 300), netns: "gone", ifname: "../net1"},
		{containerID: "c 1\n", netns: "../../etc/passwd", ifname: strings.Repeat("n", 16)},
		{containerID: "c1", netns: "netns", ifname: "net1", args: ";;=;a==b;K8S_POD_NAME", override: "TRUE"},
		{containerID: "c1", ifname: "net1", args: "K8S_POD_NAME=\x1b[31m\n"},
		{containerID: "c1", netns: "netns\x1b[31m", ifname: "n\at1"},
	} {
		c.stdin = []byte(fuzzConfs()[0])
		for _, c.command = range []string{"ADD", "DEL", "CHECK"} {
			seed(c)
		}
	}
	for _, command := range []string{"ADD", "DEL", "CHECK", "STATUS", "GC"} {
		for _, valid := range []string{`[]`, `[{"containerID":"c1","ifname":"net1"}]`} {
			c := good
			c.command, c.delegates, c.recorded = command, installed, installed
			c.stdin = []byte(fuzzHead + `"network":"green","ipam":{"type":"host-local"},"cni.dev/valid-attachments":` + valid + `}`)
			seed(c)
			c.netns = ""
			seed(c)
			c.delegates = unwilling
			seed(c)
			c.recorded = 0
			seed(c)
		}
	}
	for i := range r.nodes {
		c := good
		c.command, c.node = "ADD", byte(i)
		seed(c)
	}
	f.Fuzz(func(t *testing.T, command, containerID, netns, ifname, args, override string, delegates, recorded, node byte, stdin []byte) {
		out := r.call(t, &runtimeCall{command, containerID, netns, ifname, args, override, delegates, recorded, node, stdin})
		r.printed(t, command, out)
		r.stayed(t)
		if delegates == unwilling && recorded != installed {
			r.undone(t, command)
		}
	})
}
