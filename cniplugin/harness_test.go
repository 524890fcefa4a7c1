// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/attach"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/leaktest"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The test binary is also the plugin and the delegate, depending on the name it
// is called by.
func TestMain(m *testing.M) {
	var err error
	switch filepath.Base(os.Args[0]) {
	case "colvin":
		err = pluginMain()
	case mortalName:
		err = mortalMain()
	case "macvlan", "ipvlan", "own", "bridge", "vlan", "host-device", "sriov", "host-local":
		err = delegateMain()
	default:
		// Else each delegate built with the race detector sleeps a second at exit.
		if err = os.Setenv("GORACE", "atexit_sleep_ms=0"); err == nil {
			os.Exit(leaktest.Run(m))
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// kernelVar names the file with the fake kernel of a plugin process.
const kernelVar = "COLVIN_TEST_KERNEL"

func pluginMain() error {
	data, err := os.ReadFile(os.Getenv(kernelVar))
	if err != nil {
		return err
	}
	k := &fakeKernel{}
	if err := json.Unmarshal(data, k); err != nil {
		return err
	}
	p := FromEnvironment(os.Getenv)
	p.kernel, p.sinceBoot = k, func() time.Duration { return 0 }
	if err := skel.PluginMainFuncsWithError(p.Funcs(), version.All, ""); err != nil {
		return errors.Join(err, err.Print())
	}
	return nil
}

// script tells the recording delegate what to do; it rides in the configuration.
type script struct {
	Log    string            `json:"log,omitempty"`
	Fail   map[string]string `json:"fail,omitempty"`   // by verb: what it prints before it exits with 1
	IPAM   map[string]string `json:"ipam"`             // the same of the IPAM plugin; nil for the same
	Hold   string            `json:"hold,omitempty"`   // FIFO that ADD reads to its end
	Result string            `json:"result,omitempty"` // of ADD
}

// laterSuffix is that of the file with what delegates fail at by now, whatever is recorded.
const laterSuffix = ".later"

// mortalName is the plugin of tests on a real kernel.
const mortalName = "mortal"

// ipamName is the IPAM plugin of the tests.
const ipamName = "host-local"

// call is what the recording delegate writes down.
type call struct {
	By          string         `json:"by,omitempty"` // the IPAM plugin; else the delegate
	Verb        string         `json:"verb"`
	ContainerID string         `json:"containerID"`
	Netns       string         `json:"netns"`
	IfName      string         `json:"ifName"`
	Args        string         `json:"args"`
	Locked      bool           `json:"locked"` // it inherited a file
	Conf        map[string]any `json:"conf"`
}

func delegateMain() error {
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var conf struct {
		Test script                `json:"test"`
		IPAM struct{ Test script } `json:"ipam"`
	}
	c := call{
		Verb: os.Getenv("CNI_COMMAND"), ContainerID: os.Getenv("CNI_CONTAINERID"), Netns: os.Getenv("CNI_NETNS"),
		IfName: os.Getenv("CNI_IFNAME"), Args: os.Getenv("CNI_ARGS"), Locked: syscall.Fstat(3, &syscall.Stat_t{}) == nil,
	}
	if name := filepath.Base(os.Args[0]); name == ipamName {
		c.By = name
	}
	if err := errors.Join(json.Unmarshal(stdin, &conf), json.Unmarshal(stdin, &c.Conf)); err != nil {
		return err
	}
	delete(c.Conf, "test")
	s := conf.Test
	if s.Log == "" {
		s = conf.IPAM.Test
	}
	if data, err := os.ReadFile(s.Log + laterSuffix); err == nil {
		s.Fail, s.IPAM = nil, nil
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
	}
	if err := s.write(c); err != nil {
		return err
	}
	if c.By != "" && s.IPAM != nil {
		s.Fail = s.IPAM
	}
	if ipam, _ := c.Conf["ipam"].(map[string]any); c.By != "" && ipam["refuses"] == c.Verb {
		s.Fail = map[string]string{c.Verb: `{"code":999,"msg":"I do not like this"}`}
	}
	if out, ok := s.Fail[c.Verb]; ok {
		_, _ = os.Stdout.WriteString(out)
		return errors.New("told to\nfail")
	}
	if c.Verb != "ADD" {
		return nil
	}
	if s.Hold != "" {
		if _, err := os.ReadFile(s.Hold); err != nil {
			return err
		}
		c.Verb = "ADD ends"
		if err := s.write(c); err != nil {
			return err
		}
	}
	if s.Result == "" {
		s.Result = fmt.Sprintf(`{"cniVersion":"1.0.0","interfaces":[{"name":%q,"mac":"02:00:00:00:00:99","sandbox":%q}],`+
			`"ips":[{"interface":0,"address":"10.10.0.2/24"}]}`, c.IfName, c.Netns)
	}
	_, err = os.Stdout.WriteString(s.Result)
	return err
}

func (s *script) write(c call) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(s.Log, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// fakeKernel is the node's kernel; once the delegate has run it can be another.
type fakeKernel struct {
	Now    []discovery.Interface
	Boot   string
	Inside map[string]discovery.Interface // of the container, by name
	Usage  map[int]link.Usage             // by ifindex
	PCI    map[string]link.PCIDevice
	// Made is what the delegate has left in the container, by name; where it says
	// nothing, that is what the delegate was told to make.
	Made map[string]link.Origin
	// VFVLANs are those of eth1's virtual functions, by number.
	VFVLANs map[int]uint16

	addErr, bootErr, listErr, deleteErr, usageErr, moveErr, configureErr, removeErr, renameErr error

	makeErrs map[string]error // of a container, by the name of what it is to make
	asked    []string         // of containers
	onMake   func()           // called when one is to make an interface
	// onConfigure is called when one was given its addresses.
	onConfigure func()
	altName     string // of an interface of the container, by which it has none
	// makesOver is the device that it makes it over, where that is another than it was told.
	makesOver int

	deleted  []string // by DeleteIn
	occupied bool     // what is Inside is there before any delegate has run

	mu    sync.Mutex
	later []discovery.Interface
	after func() // called when the kernel is asked after the delegate ran
	log   string
}

// becomes has the kernel be another from now on, for a plugin that is at work.
func (k *fakeKernel) becomes(later []discovery.Interface) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.later = later
}

func (k *fakeKernel) List() ([]discovery.Interface, error) {
	if k.listErr != nil {
		return nil, k.listErr
	}
	return k.all(), nil
}

func (k *fakeKernel) all() []discovery.Interface {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := os.Stat(k.log); err == nil {
		if k.after != nil {
			k.after()
		}
		if k.later != nil {
			return k.later
		}
	}
	return k.Now
}

func (k *fakeKernel) ByIndex(index int) (discovery.Interface, error) {
	for _, i := range k.all() {
		if i.Index == index {
			return i, nil
		}
	}
	if bridge, _, bridged := k.told(); bridged && index == fakeEnd {
		return discovery.Interface{Index: index, Name: "veth1", Kind: "veth", Master: bridge}, nil
	}
	return discovery.Interface{}, fmt.Errorf("read network device %d: %w", index, link.ErrNotFound)
}

// InNetns has every interface, as long as there is a namespace.
func (k *fakeKernel) InNetns(path, ifname string) (discovery.Interface, error) {
	if _, err := os.Stat(path); err != nil {
		return discovery.Interface{}, err
	}
	if _, err := os.Stat(k.log); err != nil && !k.occupied {
		return discovery.Interface{}, link.ErrNotFound // no delegate has run yet
	}
	if i, ok := k.inside()[ifname]; ok {
		return i, nil
	}
	return discovery.Interface{}, k.notFound(ifname)
}

func (k *fakeKernel) notFound(ifname string) error {
	if ifname != "" && ifname == k.altName {
		return link.ErrAltName
	}
	return link.ErrNotFound
}

func (k *fakeKernel) inside() map[string]discovery.Interface {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.Inside
}

// holds puts interfaces into every namespace, in the place of those there were.
func (k *fakeKernel) holds(inside map[string]discovery.Interface) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Inside = inside
}

// ListIn has what is inside.
func (k *fakeKernel) ListIn(path string) ([]discovery.Interface, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return slices.Collect(maps.Values(k.inside())), nil
}

// fakeEnd is the ifindex of the veth that a fake bridge plugin makes.
const fakeEnd = 999

// told is the device that the delegate was told last, and the VLAN.
func (k *fakeKernel) told() (index int, vid uint16, bridged bool) {
	data, _ := os.ReadFile(k.log)
	var last struct {
		Conf struct {
			Master, Bridge string
			VLANID         uint16
		}
	}
	for line := range strings.Lines(string(data)) {
		_ = json.Unmarshal([]byte(line), &last)
	}
	for _, i := range slices.Concat(k.Now, k.later) {
		if i.Name == last.Conf.Master+last.Conf.Bridge {
			return i.Index, last.Conf.VLANID, last.Conf.Bridge != ""
		}
	}
	return 0, 0, false
}

// OriginIn has what the delegate was told to make, where nothing else is said.
func (k *fakeKernel) OriginIn(path, ifname string) (link.Origin, error) {
	if o, ok := k.Made[ifname]; ok {
		return o, nil
	}
	i, err := k.InNetns(path, ifname)
	if !errors.Is(err, link.ErrNotFound) {
		return link.Origin{Interface: i}, err
	}
	lower, vid, bridged := k.told()
	switch {
	case lower == 0:
		return link.Origin{}, err
	case bridged:
		return link.Origin{Interface: discovery.Interface{Name: ifname, Kind: "veth"}, Lower: fakeEnd, Here: true}, nil
	}
	return link.Origin{Interface: discovery.Interface{Name: ifname, Kind: "macvlan", VLAN: vid}, Lower: lower, Here: true}, nil
}

// Enter has the container that every namespace is.
func (k *fakeKernel) Enter(path string) (container, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	return &fakeContainer{k: k, path: path}, nil
}

// fakeContainer is a container in which the plugin makes an interface itself: what is there
// is in the map Made of the kernel.
type fakeContainer struct {
	k    *fakeKernel
	path string
}

func (c *fakeContainer) Close() {}

func (c *fakeContainer) Inode() (uint64, error) { return inode(c.path) }

func (c *fakeContainer) Origin(name string) (link.Origin, error) {
	if o, ok := c.k.Made[name]; ok {
		o.Name = name
		return o, nil
	}
	return link.Origin{}, c.k.notFound(name)
}

// madeIndex is the ifindex of what is made in a fake container.
const madeIndex = 77

func (c *fakeContainer) Make(parent int, s *attach.Spec, name string, _ bool) error {
	c.k.asked = append(c.k.asked, fmt.Sprintf("make %s %s over %d", s.Kind, name, parent))
	if c.k.onMake != nil {
		c.k.onMake()
	}
	if err := c.k.makeErrs[name]; err != nil {
		return err
	}
	if _, ok := c.k.Made[name]; ok {
		return syscall.EEXIST
	}
	if c.k.makesOver != 0 {
		parent = c.k.makesOver
	}
	made := madeOver(parent, discovery.Kind(s.Kind))
	made.Index, made.MAC = madeIndex, discovery.MAC{2, 0, 0, 0, 0, 0x77}
	if c.k.Made == nil {
		c.k.Made = map[string]link.Origin{}
	}
	c.k.Made[name] = made
	return nil
}

func (c *fakeContainer) Rename(index int, name string) error {
	c.k.asked = append(c.k.asked, "rename to "+name)
	if c.k.renameErr != nil {
		return c.k.renameErr
	}
	for was, o := range c.k.Made {
		if o.Index == index {
			delete(c.k.Made, was)
			c.k.Made[name] = o
		}
	}
	return nil
}

func (c *fakeContainer) SetUp(int) error {
	c.k.asked = append(c.k.asked, "set up")
	return nil
}

func (c *fakeContainer) Configure(_ int, _ string, result *current.Result) error {
	c.k.asked = append(c.k.asked, fmt.Sprintf("configure %d addresses", len(result.IPs)))
	if c.k.onConfigure != nil {
		c.k.onConfigure()
	}
	return c.k.configureErr
}

func (c *fakeContainer) Check(name string, _ *attach.Config, _ *current.Result) error {
	_, err := c.Origin(name)
	return err
}

func (c *fakeContainer) Remove(index int) error {
	if c.k.removeErr != nil {
		return c.k.removeErr
	}
	for name, o := range c.k.Made {
		if o.Index == index {
			c.k.asked = append(c.k.asked, "remove "+name)
			delete(c.k.Made, name)
		}
	}
	return nil
}

func (k *fakeKernel) DeleteIn(_, ifname string) error {
	if _, ok := k.Made[ifname]; !ok {
		return link.ErrNotFound
	}
	k.deleted = append(k.deleted, ifname)
	if k.deleteErr == nil {
		delete(k.Made, ifname)
		delete(k.Inside, ifname)
	}
	return k.deleteErr
}

// MoveOut gives a device that is inside back, down.
func (k *fakeKernel) MoveOut(_, ifname, back string) error {
	i, ok := k.Inside[ifname]
	if !ok {
		return link.ErrNotFound
	}
	if k.moveErr != nil {
		return k.moveErr
	}
	delete(k.Inside, ifname)
	if back != "" {
		i.Name = back
	}
	i.Up = false
	k.Now = append(k.Now, i)
	return nil
}

func (k *fakeKernel) Restore(index int, name string) error {
	for i := range k.Now {
		if k.Now[i].Index == index {
			k.Now[i].Name, k.Now[i].Alias = name, ""
			return nil
		}
	}
	return link.ErrNotFound
}

func (k *fakeKernel) RemoveAltNamesIn(_, ifname string, altNames []string) error {
	inside := k.Inside[ifname]
	inside.AltNames = slices.DeleteFunc(inside.AltNames, func(n string) bool { return slices.Contains(altNames, n) })
	k.Inside[ifname] = inside
	return nil
}

// AddVLAN makes an Own VLAN device.
func (k *fakeKernel) AddVLAN(parent int, vid uint16, name, alias string) error {
	if k.addErr != nil {
		return k.addErr
	}
	made := discovery.Interface{
		Index: 1000 + int(vid), Name: name, MAC: discovery.MAC{2, 0, 0, 1, 0, byte(vid)}, Ethernet: true, Kind: "vlan", Up: true, Carrier: true,
		Parent: parent, VLAN: vid, Alias: alias,
	}
	k.Now = append(k.Now, made)
	return nil
}

func (k *fakeKernel) SetUp(index int) error {
	for i := range k.Now {
		if k.Now[i].Index == index {
			k.Now[i].Up = true
			return nil
		}
	}
	return link.ErrNotFound
}

func (k *fakeKernel) Delete(index int) error {
	if k.deleteErr != nil {
		return k.deleteErr
	}
	before := len(k.Now)
	k.Now = slices.DeleteFunc(k.Now, func(i discovery.Interface) bool { return i.Index == index })
	if len(k.Now) == before {
		return link.ErrNotFound
	}
	return nil
}

func (k *fakeKernel) UsageOf(index int) (link.Usage, error) { return k.Usage[index], k.usageErr }

func (k *fakeKernel) VFVLAN(_, number int) (uint16, error) { return k.VFVLANs[number], nil }

func (k *fakeKernel) FindPCI(address string) (link.PCIDevice, error) {
	if d, ok := k.PCI[address]; ok {
		return d, nil
	}
	return link.PCIDevice{}, link.ErrNotFound
}

// Sights tells by paths alone: a namespace is a file here.
func (k *fakeKernel) Sights(all []record.Netns) (sights []record.Sight) {
	for _, n := range all {
		ino, err := inode(n.Path)
		sights = append(sights, map[bool]record.Sight{true: record.Gone, false: record.Unseen}[errors.Is(err, os.ErrNotExist)])
		if err == nil && ino == n.Inode {
			sights[len(sights)-1] = record.There
		}
	}
	return sights
}

func (k *fakeKernel) BootID() (string, error) {
	if k.bootErr != nil {
		return "", k.bootErr
	}
	return k.Boot, nil
}

// bench is one node with its plugin.
type bench struct {
	t      *testing.T
	dir    string
	kernel *fakeKernel
	plugin *Plugin
	stdout bytes.Buffer
	stderr bytes.Buffer
	args   skel.CmdArgs
	conf   map[string]any
	script script
	node   nodefile.File
	booted time.Duration // ago
	itself bool          // the plugin may do without a delegate: it understands the configuration
}

// deadline is until when the node file counts, since boot.
const deadline = time.Hour

var since = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func eth(index int, name string) discovery.Interface {
	return discovery.Interface{
		Index: index, Name: name, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(index)}, Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2,
	}
}

func attached(i discovery.Interface, vlan int) nodefile.Uplink {
	return nodefile.Uplink{
		Identity: fmt.Sprintf("mac:00:1b:21:aa:bb:cc vlan %d", vlan), Device: linkOf(i), Ports: []nodefile.Port{portOf(i)},
		Certainty: nodefile.Fresh, Usable: true, Until: deadline, Since: since, Neighbor: "leaf-1 Ethernet" + fmt.Sprint(i.Index), Rule: "rules.yaml:3",
	}
}

// pin has nothing but a rule say where the uplink leads.
func pin(a *nodefile.Uplink) {
	a.Identity, a.Certainty, a.Neighbor, a.Rule = "pin:"+a.Device.MAC, nodefile.Pinned, "nobody", "ruleset/site spec.networks[0].match[1]"
}

func portOf(i discovery.Interface) nodefile.Port {
	return nodefile.Port{Link: linkOf(i), CarrierChanges: i.CarrierChanges}
}

// tagVID has the uplink bear a tag on its only port.
func tagVID(a *nodefile.Uplink, vid uint16) { a.VID, a.Ports[0].VID = vid, vid }

// patient is how long the plugin of a bench waits.
var patient = patience{lock: 10 * time.Second, delegateAdd: 30 * time.Second, delegate: 30 * time.Second, add: time.Hour, del: time.Hour}

// newBench makes a node on which eth1 is in green and eth2 in blue.
func newBench(t *testing.T) *bench {
	t.Helper()
	dir := privatedir.New(t)
	b := &bench{t: t, dir: dir}
	b.script.Log = filepath.Join(dir, "calls")
	b.kernel = &fakeKernel{Boot: "boot1", log: b.script.Log, Now: []discovery.Interface{eth(4, "eth1"), eth(5, "eth2")}}
	b.plugin = &Plugin{directories: directories{filepath.Join(dir, "run"), b.records()}, kernel: b.kernel, stdout: &b.stdout, stderr: &b.stderr, patience: patient}
	b.plugin.now = func() time.Time { return since.Add(5 * time.Minute) }
	b.plugin.sinceBoot = func() time.Duration { return b.booted }
	b.node = nodefile.File{
		Version: nodefile.Version, Node: "node1", BootID: "boot1", Written: since, Converged: true,
		Networks: []nodefile.Network{
			{Name: "blue", Uplinks: []nodefile.Uplink{attached(eth(5, "eth2"), 200)}},
			{Name: "green", Uplinks: []nodefile.Uplink{attached(eth(4, "eth1"), 100)}},
		},
		KnownNames: []string{"blue", "green", "storage"}, KnownPatterns: []string{"rail-*"},
	}
	b.conf = map[string]any{
		"cniVersion": "1.1.0", "name": "net", "type": "colvin", "network": "green",
	}
	netns := filepath.Join(dir, "netns")
	exe, err := os.Executable()
	err = errors.Join(err, os.Mkdir(filepath.Join(dir, "run"), 0o755), os.Mkdir(filepath.Join(dir, "bin"), 0o755), os.WriteFile(netns, nil, 0o600))
	for _, name := range []string{"macvlan", "ipvlan", "own", "bridge", "vlan", "host-device", "sriov", "colvin", "host-local"} {
		err = errors.Join(err, os.Symlink(exe, filepath.Join(dir, "bin", name)))
	}
	if err != nil {
		t.Fatal(err)
	}
	b.args = skel.CmdArgs{
		ContainerID: "c1", Netns: netns, IfName: "net1", Path: filepath.Join(dir, "none") + ":" + filepath.Join(dir, "bin"),
		Args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0;K8S_POD_UID=u1",
	}
	return b
}

func (b *bench) records() string  { return filepath.Join(b.dir, "records") }
func (b *bench) nodeFile() string { return filepath.Join(b.dir, "run", nodefile.FileName) }

// agent makes an agent hold the lock until the test ends.
func (b *bench) agent() {
	b.t.Helper()
	f, err := agentlock.Take(filepath.Join(b.dir, "run", agentlock.Name))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = f.Close() })
}

func (b *bench) writeNode() {
	b.t.Helper()
	if err := nodefile.Write(b.nodeFile(), &b.node); err != nil {
		b.t.Fatal(err)
	}
}

// stdin is the configuration as the runtime passes it.
func (b *bench) stdin() []byte {
	b.t.Helper()
	conf := maps.Clone(b.conf)
	if !b.itself {
		conf["test"] = b.script
	} else if ipam, ok := conf["ipam"].(map[string]any); ok {
		ipam["test"] = b.script
	}
	data, err := json.Marshal(conf)
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

func (b *bench) do(verb func(*skel.CmdArgs) error) error {
	b.t.Helper()
	args := b.args
	args.StdinData = b.stdin()
	b.stdout.Reset()
	return verb(&args)
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// text replaces what differs from run to run.
func (b *bench) text(s string) string { return strings.ReplaceAll(s, b.dir, "DIR") }

func (b *bench) wantError(err error, code uint, want string) {
	b.t.Helper()
	e, ok := errors.AsType[*types.Error](err)
	if !ok {
		b.t.Fatalf("got %v, want a CNI error", err)
	}
	if diff := cmp.Diff(fmt.Sprintf("%d: %s", code, want), b.text(fmt.Sprintf("%d: %s", e.Code, e.Msg))); diff != "" {
		b.t.Errorf("error (-want +got):\n%s", diff)
	}
	if strings.ContainsAny(e.Msg, "\r\n") {
		b.t.Errorf("more than one line: %q", e.Msg)
	}
}

// wantCode is wantError for a message that differs from run to run.
func (b *bench) wantCode(err error, code uint) {
	b.t.Helper()
	if e, ok := errors.AsType[*types.Error](err); !ok || e.Code != code {
		b.t.Errorf("got %v, want code %d", err, code)
	}
}

// calls is what the delegate was told, with paths made stable.
func (b *bench) calls() []call {
	b.t.Helper()
	data, err := os.ReadFile(b.script.Log)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	b.must(err)
	var calls []call
	lines := bufio.NewScanner(strings.NewReader(b.text(string(data))))
	for lines.Scan() {
		var c call
		b.must(json.Unmarshal(lines.Bytes(), &c))
		calls = append(calls, c)
	}
	return calls
}

// failNow has the delegate and the IPAM plugin fail at these verbs from now on.
func (b *bench) failNow(delegate, ipam map[string]string) {
	b.t.Helper()
	data, err := json.Marshal(script{Fail: delegate, IPAM: ipam})
	b.must(errors.Join(err, os.WriteFile(b.script.Log+laterSuffix, data, 0o600)))
}

func (b *bench) wantVerbs(want ...string) {
	b.t.Helper()
	var got []string
	for _, c := range b.calls() {
		got = append(got, c.Verb)
	}
	if !slices.Equal(got, want) {
		b.t.Errorf("delegate was called with %q, want %q", got, want)
	}
}

// wantRecords counts records, and makes sure nothing else is left.
func (b *bench) wantRecords(want int) {
	b.t.Helper()
	entries, err := os.ReadDir(b.records())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".json" {
			b.t.Errorf("left over: %s", e.Name())
		}
	}
	if len(entries) != want {
		b.t.Errorf("%d files, want %d records: %v", len(entries), want, entries)
	}
}
