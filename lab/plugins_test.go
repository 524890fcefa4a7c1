// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// Where these tests have things on their node; all of it is the node's own.
const (
	confDir    = "/run/net.d"
	addressDir = "/run/addresses"
	recordDir  = "/var/lib/colvin/attachments"
	resultDir  = "/var/lib/cni/results" // of libcni
)

// switchAddress is what the pods of these tests ping.
var switchAddress = netip.MustParsePrefix("10.10.0.254/24")

// The IPAM configurations of these tests.
var (
	hostLocal = object{"type": "host-local", "dataDir": addressDir, "ranges": [][]object{{{"subnet": "10.10.0.0/24"}}}}
	static    = object{"type": "static", "addresses": []object{{"address": "10.10.0.7/24"}}}
)

// object is a CNI configuration or a part of one.
type object map[string]any

func (c object) String() string {
	b, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// with returns the configuration with another value.
func (c object) with(key string, value any) object {
	c = maps.Clone(c)
	c[key] = value
	return c
}

// A delegateCase is a delegate and what it needs of the node.
type delegateCase struct {
	conf    object
	needs   []*netnstest.Feature
	device  string                 // that leads to the network
	prepare func(*deviceRig) error // makes it of eth1; nil: it is eth1
	result  []string               // the interfaces of its result
}

// delegates are those that need nothing but what most kernels have.
var delegates = map[string]delegateCase{
	"macvlan": {
		conf: object{"type": "macvlan", "mode": "bridge"}, needs: []*netnstest.Feature{netnstest.MACVLAN}, device: "eth1",
		result: []string{"net1 in the pod", "eth1 on the node"},
	},
	"bridge": {
		conf: object{"type": "bridge"}, device: "br0",
		prepare: func(r *deviceRig) error { return r.AddDevice("bridge", "br0", "eth1") },
		result:  []string{"br0 on the node", "veth on the node", "net1 in the pod"},
	},
	"host-device": {
		conf: object{"type": "host-device"}, device: "eth1",
		result: []string{"net1 in the pod"},
	},
}

// A pluginRig is a node whose green network is behind the device of a delegate,
// and the runtime on it.
type pluginRig struct {
	*deviceRig
	delegateCase
	leaf  *netnstest.Switch
	links []string // before there were pods
	*counts
}

// counts are of one node.
type counts struct{ pods, ports int }

func newPluginRig(t *testing.T, d delegateCase) *pluginRig {
	t.Helper()
	r := &pluginRig{deviceRig: newDeviceRig(t, d.needs...), delegateCase: d, counts: &counts{}}
	r.begin()
	return r
}

// begin makes the switch and starts the agent.
func (r *pluginRig) begin() {
	r.t.Helper()
	r.leaf = netnstest.NewSwitchT(r.t, netnstest.SwitchConfig{
		Name: "leaf", Speaker: netnstest.Builtin, Interval: 100 * time.Millisecond, Hold: 1000,
	})
	port, err := r.leaf.Netlink().LinkByName("br0")
	r.ok(err)
	address, err := netlink.ParseAddr(switchAddress.String())
	r.ok(err)
	r.ok(r.leaf.Netlink().AddrAdd(port, address))
	r.ok(os.MkdirAll(r.Path(confDir), 0o755))
	r.startAgent()
	r.ready()
}

// sub is the rig for a subtest.
func (r *pluginRig) sub(t *testing.T) *pluginRig {
	t.Helper()
	s := *r
	s.deviceRig = &deviceRig{Node: r.Node, t: t}
	s.links = s.linkNames()
	return &s
}

// ready makes the device that leads to the network where it is missing.
func (r *pluginRig) ready() {
	r.t.Helper()
	port, err := r.Netlink().LinkByName("eth1")
	if err != nil {
		r.ports++ // what was in the last one may not be gone yet
		r.cable("eth1", r.leaf, fmt.Sprint("p", r.ports))
	} else if port.Attrs().Flags&net.FlagUp == 0 {
		r.t.Error("eth1 has come back down")
	}
	if _, err := r.Netlink().LinkByName(r.device); err != nil {
		r.ok(r.prepare(r.deviceRig))
	}
	r.leads(r.device)
	r.links = r.linkNames()
}

// linkNames lists the node's network devices.
func (r *pluginRig) linkNames() []string {
	r.t.Helper()
	links, err := r.Netlink().LinkList()
	r.ok(err)
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	slices.Sort(names)
	return names
}

// plugin is the configuration of the colvin plugin with an IPAM plugin.
func (r *pluginRig) plugin(ipam object) object {
	return object{"type": "colvin", "network": "green", "delegate": r.conf, "ipam": ipam}
}

// stdin is what a runtime makes of plugin for one call.
func (r *pluginRig) stdin(ipam object) object {
	return r.plugin(ipam).with("name", "green").with("cniVersion", "1.1.0")
}

// configure writes the configuration list that cnitool uses.
func (r *pluginRig) configure(version string, plugins ...object) {
	r.t.Helper()
	list := object{"cniVersion": version, "name": "green", "plugins": plugins}
	r.ok(r.WriteFile(filepath.Join(confDir, "green.conflist"), list.String()))
}

func (r *pluginRig) pod(c object) *lab.Pod {
	r.t.Helper()
	r.pods++
	p, err := r.NewPod(r.t.Context(), fmt.Sprint("pod", r.pods), c.String(), "")
	r.ok(err)
	r.t.Cleanup(func() { _ = p.Close() }) // some close it themselves
	return p
}

// tool runs a verb of cnitool for a pod.
func (r *pluginRig) tool(verb string, p *lab.Pod, env ...string) (string, error) {
	cmd := r.Command(r.t.Context(), binaries.CNITool, verb, "green", p.NetNS())
	cmd.Env = append(os.Environ(), "CNI_PATH="+binaries.CNI, "NETCONFPATH="+confDir, "CNI_IFNAME="+lab.PodInterface)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("cnitool %s: %w: %s", verb, err, exit.Stderr)
	}
	return string(out), err
}

// mustTool runs a verb of cnitool that succeeds.
func (r *pluginRig) mustTool(verb string, p *lab.Pod, env ...string) string {
	r.t.Helper()
	out, err := r.tool(verb, p, env...)
	r.ok(err)
	return out
}

// call runs a verb of the plugin as it is.
func (r *pluginRig) call(p *lab.Pod, verb string, stdin object, env ...string) (stdout string, err error) {
	cmd := p.Command(r.t.Context(), verb)
	cmd.Stdin = strings.NewReader(stdin.String())
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("%s: %w: %s%s", verb, err, out, exit.Stderr)
	}
	return string(out), err
}

// cniResult is what these tests read of a CNI result.
type cniResult struct {
	CNIVersion string `json:"cniVersion"`
	Interfaces []struct{ Name, Mac, Sandbox string }
	IPs        []struct {
		Address   string
		Interface *int
	}
}

func (r *pluginRig) result(out string) *cniResult {
	r.t.Helper()
	var result cniResult
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		r.t.Fatalf("parse result %q: %v", out, err)
	}
	return &result
}

// interfaces are the result's, but for random names and addresses.
func (c *cniResult) interfaces(p *lab.Pod) []string {
	var lines []string
	for _, i := range c.Interfaces {
		switch {
		case i.Sandbox == p.NetNS():
			lines = append(lines, i.Name+" in the pod")
		case i.Sandbox != "":
			lines = append(lines, i.Name+" in "+i.Sandbox)
		case strings.HasPrefix(i.Name, "veth"):
			lines = append(lines, "veth on the node")
		default:
			lines = append(lines, i.Name+" on the node")
		}
	}
	return lines
}

// pings expects the pod to reach the switch.
func (r *pluginRig) pings(p *lab.Pod) {
	r.t.Helper()
	_, err := p.Ping(r.t.Context(), switchAddress.Addr())
	r.ok(err)
}

// clean expects that nothing is left of any attachment. The kernel takes its time
// for what was in a namespace that has ended.
func (r *pluginRig) clean() {
	r.t.Helper()
	var left []string
	for range 100 {
		if left = r.leftOver(); len(left) == 0 {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	r.t.Errorf("left over: %s", strings.Join(left, ", "))
}

// leftOver lists what attachments have left on the node.
func (r *pluginRig) leftOver() []string {
	r.t.Helper()
	left := slices.Concat(r.files(recordDir), r.addresses(), r.files(resultDir))
	for _, name := range r.linkNames() {
		if !slices.Contains(r.links, name) {
			left = append(left, "link "+name)
		}
	}
	return left
}

// addresses lists what host-local has given away.
func (r *pluginRig) addresses() []string {
	return slices.DeleteFunc(r.files(filepath.Join(addressDir, "green")), func(path string) bool {
		name := filepath.Base(path)
		return name == "lock" || strings.HasPrefix(name, "last_reserved_ip.") // its book-keeping
	})
}

// files lists a directory of the node, which need not exist.
func (r *pluginRig) files(dir string) []string {
	r.t.Helper()
	entries, err := os.ReadDir(r.Path(dir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	var files []string
	for _, e := range entries {
		files = append(files, filepath.Join(dir, e.Name()))
	}
	return files
}

// empty expects nothing but loopback in the pod.
func (r *pluginRig) empty(p *lab.Pod) {
	r.t.Helper()
	links, err := p.Netlink().LinkList()
	r.ok(err)
	for _, l := range links {
		if l.Attrs().Name != "lo" {
			r.t.Errorf("%s still has %s", p, l.Attrs().Name)
		}
	}
}

// TestPluginsVerbs has libcni, in the form of cnitool, call every verb with each
// delegate, IPAM plugin and version.
func TestPluginsVerbs(t *testing.T) {
	for name, d := range delegates {
		t.Run(name, func(t *testing.T) {
			r := newPluginRig(t, d)
			for ipam, c := range map[string]object{"host-local": hostLocal, "static": static} {
				for _, version := range []string{"0.4.0", "1.0.0", "1.1.0"} {
					t.Run(ipam+" "+version, func(t *testing.T) {
						r := r.sub(t)
						r.ready()
						r.configure(version, r.plugin(c))
						r.verbs(version)
					})
				}
			}
		})
	}
}

func (r *pluginRig) verbs(version string) {
	r.t.Helper()
	p := r.pod(nil)
	r.mustTool("status", p)
	result := r.result(r.mustTool("add", p))
	if diff := cmp.Diff(r.delegateCase.result, result.interfaces(p)); diff != "" {
		r.t.Errorf("interfaces of the result (-want +got):\n%s", diff)
	}
	if result.CNIVersion != version || len(result.IPs) != 1 {
		r.t.Errorf("unexpected result: %+v", result)
	}
	r.pings(p)
	r.mustTool("check", p)
	r.mustTool("del", p)
	r.empty(p)
	r.clean()
	r.mustTool("del", p)
	r.clean()
}

// TestPluginsGC collects what the runtime does not want any more and leaves what
// it does.
func TestPluginsGC(t *testing.T) {
	for name, d := range delegates {
		t.Run(name, func(t *testing.T) {
			r := newPluginRig(t, d)
			stdin := r.stdin(hostLocal)
			p := r.pod(stdin)
			_, err := r.call(p, "ADD", stdin)
			r.ok(err)
			r.gc(p, stdin, p)
			r.pings(p)
			other := stdin.with("name", "other").with("ipam", hostLocal.with("dataDir", "/run/others"))
			r.gc(p, other) // a network of another name has nothing to do with it
			r.pings(p)
			r.gc(p, stdin)
			r.empty(p)
			r.clean()
		})
	}
}

// gc collects garbage, with valid attachments as libcni passes them.
func (r *pluginRig) gc(caller *lab.Pod, stdin object, valid ...*lab.Pod) {
	r.t.Helper()
	list := []object{}
	for _, p := range valid {
		list = append(list, object{"containerID": p.String(), "ifname": lab.PodInterface})
	}
	stdin = stdin.with("cni.dev/valid-attachments", list).with("cni.dev/attachments", list)
	_, err := r.call(caller, "GC", stdin, "CNI_CONTAINERID=", "CNI_NETNS=", "CNI_IFNAME=", "CNI_ARGS=")
	r.ok(err)
}

// TestPluginsGCByTool shows why docs/cni.md warns of cnitool gc: libcni deletes what it
// has cached, though it lives, and only then calls GC, without a list of valid attachments.
// That leaves alone what lives, which is here what libcni does not know.
func TestPluginsGCByTool(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	r.configure("1.1.0", r.plugin(hostLocal))
	cached, unknown := r.pod(nil), r.pod(r.stdin(hostLocal))
	r.mustTool("add", cached)
	_, err := unknown.Add(t.Context())
	r.ok(err)
	r.pings(cached)
	r.mustTool("gc", cached)
	r.empty(cached)
	r.pings(unknown)
	r.ok(unknown.Del(t.Context()))
	r.clean()
}

// TestPluginsGCCommand has the colvin command collect what is gone, for a runtime that
// never calls GC. What is there stays.
func TestPluginsGCCommand(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	kept, gone := r.pod(r.stdin(hostLocal)), r.pod(r.stdin(hostLocal))
	_, err := kept.Add(t.Context())
	r.ok(err)
	unpin := pin(t, r.Node, gone)
	_, err = r.call(gone, "ADD", r.stdin(hostLocal), "CNI_NETNS="+pinned)
	r.ok(err)
	unpin()
	r.ok(gone.Close())
	for _, want := range []string{"1 would be detached", "1 detached", "Nothing is left over"} {
		args := []string{"gc"}
		if strings.Contains(want, "would") {
			args = append(args, "--dry-run")
		}
		said, err := r.Colvin(t.Context(), args...)
		r.ok(err)
		if !strings.Contains(said, want) {
			t.Errorf("colvin %q says %q, want %q", args, said, want)
		}
	}
	r.pings(kept)
	r.ok(kept.Del(t.Context()))
	r.clean()
}

// TestPluginsCheck notices what somebody did to the container.
func TestPluginsCheck(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	r.configure("1.1.0", r.plugin(hostLocal))
	p := r.pod(nil)
	if out, err := r.tool("check", p); err == nil {
		t.Errorf("CHECK before ADD succeeds: %s", out)
	}
	r.mustTool("add", p)
	link, err := p.Netlink().LinkByName(lab.PodInterface)
	r.ok(err)
	r.ok(p.Netlink().LinkDel(link))
	if out, err := r.tool("check", p); err == nil {
		t.Errorf("CHECK of an interface that is gone succeeds: %s", out)
	}
	r.mustTool("del", p)
	r.clean()
}

// TestPluginsChained has the reference plugin tuning work on what colvin made.
func TestPluginsChained(t *testing.T) {
	const mtu = 1400
	r := newPluginRig(t, delegates["macvlan"])
	r.configure("1.1.0", r.plugin(hostLocal), object{"type": "tuning", "mtu": mtu})
	p := r.pod(nil)
	result := r.result(r.mustTool("add", p))
	if diff := cmp.Diff(r.delegateCase.result, result.interfaces(p)); diff != "" {
		t.Errorf("interfaces of the result (-want +got):\n%s", diff)
	}
	link, err := p.Netlink().LinkByName(lab.PodInterface)
	r.ok(err)
	if link.Attrs().MTU != mtu {
		t.Errorf("the interface has MTU %d, want %d", link.Attrs().MTU, mtu)
	}
	r.pings(p)
	r.mustTool("check", p)
	r.mustTool("del", p)
	r.clean()
}

// TestPluginsAfterOthers is not the first in a list: what is there already stays in
// the result.
func TestPluginsAfterOthers(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	stdin := r.stdin(hostLocal)
	p := r.pod(stdin)
	out, err := r.call(p, "ADD", stdin.with("prevResult", object{
		"cniVersion": "1.1.0", "interfaces": []object{{"name": "eth0", "sandbox": p.NetNS()}},
		"ips": []object{{"interface": 0, "address": "192.0.2.1/24"}},
	}))
	r.ok(err)
	result := r.result(out)
	want := []string{"eth0 in the pod", "net1 in the pod", "eth1 on the node", "192.0.2.1/24 on 0", "10.10.0.2/24 on 1"}
	got := result.interfaces(p)
	for _, ip := range result.IPs {
		got = append(got, fmt.Sprintf("%s on %d", ip.Address, *ip.Interface))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	_, err = r.call(p, "DEL", stdin.with("prevResult", json.RawMessage(out)))
	r.ok(err)
	r.clean()
}

// TestPluginsUnsafe has delegates whose use of the device would do harm.
func TestPluginsUnsafe(t *testing.T) {
	const codeUnsafe = 103
	hostDevice, bridge := object{"type": "host-device"}, object{"type": "bridge"}
	addAddress := func(r *deviceRig) error {
		link, err := r.Netlink().LinkByName("eth1")
		if err != nil {
			return err
		}
		return r.Netlink().AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}})
	}
	addUpper := func(r *deviceRig) error { return r.AddUpper("macvlan", "upper0", "eth1") }
	for name, tt := range map[string]struct {
		conf    object
		prepare func(*deviceRig) error
		says    string
	}{
		"host-device with an address": {hostDevice, addAddress, "eth1: it has address 192.0.2.1"},
		"host-device with an upper":   {hostDevice, addUpper, "upper0 is on top of it"},
		"bridge without a bridge":     {bridge, func(*deviceRig) error { return nil }, "eth1 is no bridge"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newPluginRig(t, delegateCase{conf: tt.conf, device: "eth1", needs: []*netnstest.Feature{netnstest.MACVLAN}})
			r.ok(tt.prepare(r.deviceRig))
			r.links = r.linkNames()
			p := r.pod(r.stdin(hostLocal))
			_, err := p.Add(t.Context())
			if code, msg := r.refusal(err); code != codeUnsafe || !strings.Contains(msg, tt.says) {
				t.Errorf("got error %d %q, want %d with %q", code, msg, codeUnsafe, tt.says)
			}
			r.clean()
		})
	}
}

// refusal is what the plugin answered to a call that must fail.
func (r *pluginRig) refusal(err error) (code uint, msg string) {
	r.t.Helper()
	said, ok := errors.AsType[*lab.CNIError](err)
	if !ok {
		r.t.Fatalf("got %v, want a CNI error", err)
	}
	var e struct {
		Code uint
		Msg  string
	}
	r.ok(json.Unmarshal([]byte(said.Output), &e))
	return e.Code, e.Msg
}

// TestPluginsArguments passes what a runtime may ask of an attachment, in each
// of the ways that CNI knows.
func TestPluginsArguments(t *testing.T) {
	const mac, address, other = "02:00:00:00:00:42", "10.10.0.42/24", "10.10.0.7/24"
	const capArgs = `CAP_ARGS={"mac":"` + mac + `","ips":["` + address + `"]}`
	bare := object{"type": "static"}
	r := newPluginRig(t, delegates["macvlan"])
	for name, tt := range map[string]struct {
		ipam, extra object
		env         string
		want        []string // addresses
	}{
		"runtimeConfig":               {bare, object{"capabilities": object{"ips": true, "mac": true}}, capArgs, []string{mac, address}},
		"runtimeConfig, host-local":   {hostLocal, object{"capabilities": object{"ips": true, "mac": true}}, capArgs, []string{mac, address}},
		"runtimeConfig, not declared": {static, object{"capabilities": object{"mac": true}}, capArgs, []string{mac, other}},
		"args":                        {bare, object{"mac": mac, "args": object{"cni": object{"ips": []string{address}}}}, "", []string{mac, address}},
		"CNI_ARGS":                    {bare, nil, "CNI_ARGS=IgnoreUnknown=1;MAC=" + mac + ";IP=" + address, []string{mac, address}},
	} {
		t.Run(name, func(t *testing.T) {
			r := r.sub(t)
			plugin := r.plugin(tt.ipam)
			maps.Copy(plugin, tt.extra)
			r.configure("1.1.0", plugin)
			p := r.pod(nil)
			result := r.result(r.mustTool("add", p, tt.env))
			got := []string{result.Interfaces[0].Mac}
			for _, ip := range result.IPs {
				got = append(got, ip.Address)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("attachment (-want +got):\n%s", diff)
			}
			r.pings(p)
			r.mustTool("check", p, tt.env)
			r.mustTool("del", p, tt.env)
			r.empty(p)
			r.clean()
		})
	}
}

// A calamity is what has become of an attachment when DEL is called.
type calamity struct {
	deviceGone, netnsGone, recordGone bool
	repeated, noNetns                 bool // DEL is called twice; CNI_NETNS is empty
}

// TestPluginsDetach calls DEL whatever has happened: it always succeeds and leaves
// nothing behind.
func TestPluginsDetach(t *testing.T) {
	for name, d := range delegates {
		t.Run(name, func(t *testing.T) {
			r := newPluginRig(t, d)
			for name, c := range map[string]calamity{
				"nothing":                {},
				"device gone":            {deviceGone: true},
				"netns gone":             {netnsGone: true},
				"record gone":            {recordGone: true},
				"repeated":               {repeated: true},
				"no netns":               {noNetns: true},
				"device and netns gone":  {deviceGone: true, netnsGone: true},
				"record and netns gone":  {netnsGone: true, recordGone: true},
				"record and device gone": {deviceGone: true, recordGone: true},
				"all":                    {true, true, true, true, true},
			} {
				t.Run(name, func(t *testing.T) {
					r := r.sub(t)
					r.ready()
					r.detach(c)
				})
			}
		})
	}
}

func (r *pluginRig) detach(c calamity) {
	r.t.Helper()
	stdin := r.stdin(hostLocal)
	p := r.pod(stdin)
	out, err := r.call(p, "ADD", stdin)
	r.ok(err)
	r.pings(p)
	if c.deviceGone {
		r.removeDevice(p)
	}
	if c.netnsGone {
		r.ok(p.Close())
	}
	if c.recordGone {
		for _, record := range r.files(recordDir) {
			r.ok(os.Remove(r.Path(record)))
		}
	}
	var env []string
	if c.noNetns {
		env = []string{"CNI_NETNS="}
	}
	stdin = stdin.with("prevResult", json.RawMessage(out))
	_, err = r.call(p, "DEL", stdin, env...)
	r.ok(err)
	if c.repeated {
		_, err = r.call(p, "DEL", stdin, env...)
		r.ok(err)
	}
	if !c.netnsGone {
		r.ok(p.Close()) // with what only a DEL that knows the namespace can remove
	}
	r.clean()
}

// removeDevice removes the device that leads to the network, wherever it is.
func (r *pluginRig) removeDevice(p *lab.Pod) {
	r.t.Helper()
	if _, err := r.Netlink().LinkByName(r.device); err == nil {
		r.ok(r.Remove(r.device))
		return
	}
	link, err := p.Netlink().LinkByName(lab.PodInterface)
	r.ok(err)
	r.ok(p.Netlink().LinkDel(link))
}

// TestPluginsWithoutAgent kills the agent: what it left is good enough for ADD,
// which says how old it is, and STATUS says what is wrong.
func TestPluginsWithoutAgent(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	r.configure("1.1.0", r.plugin(hostLocal))
	r.ok(r.KillAgent())
	p := r.pod(r.stdin(hostLocal))
	if _, err := r.tool("status", p); err == nil || !strings.Contains(err.Error(), "colvind does not run on this node") {
		t.Errorf("STATUS: got %v, want that colvind does not run", err)
	}
	add := p.Command(t.Context(), "ADD")
	var stderr strings.Builder
	add.Stderr = &stderr
	if out, err := add.Output(); err != nil {
		t.Fatalf("ADD: %v: %s%s", err, out, &stderr)
	}
	if want := regexp.MustCompile(`^.*colvind does not run.*\n$`); !want.MatchString(stderr.String()) {
		t.Errorf("ADD says %q on stderr, want a line that matches %s", &stderr, want)
	}
	r.pings(p)
	r.ok(p.Del(t.Context()))
	r.clean()
}

// TestPluginsNodeFile has something else where the node file should be.
func TestPluginsNodeFile(t *testing.T) {
	r := newPluginRig(t, delegates["macvlan"])
	r.ok(r.KillAgent())
	file := r.Path(nodefile.DefaultDir + "/" + nodefile.FileName)
	good, err := os.ReadFile(file)
	r.ok(err)
	write := func(b []byte) func() error { return func() error { return os.WriteFile(file, b, 0o644) } }
	for name, spoil := range map[string]func() error{
		"missing":         func() error { return nil },
		"empty":           write(nil),
		"truncated":       write(good[:len(good)/2]),
		"last byte cut":   write(good[:len(good)-2]),
		"garbage":         write([]byte("\x00\xff\xfe garbage \x1b[31m\n{")),
		"nulls":           write([]byte(`{"version":4,"node":"n","bootID":"b","networks":[null,{"name":"green","uplinks":[null]}]}`)),
		"another version": write([]byte(`{"version":99}`)),
		"directory":       func() error { return os.Mkdir(file, 0o755) },
		"FIFO":            func() error { return unix.Mkfifo(file, 0o644) },
		"link in a ring":  func() error { return os.Symlink(nodefile.FileName, file) },
	} {
		t.Run(name, func(t *testing.T) {
			r := r.sub(t)
			r.ok(os.RemoveAll(file))
			r.ok(spoil())
			p := r.pod(r.stdin(hostLocal))
			_, err := p.Add(t.Context())
			code, msg := r.refusal(err)
			if code != codeTryAgain || !strings.Contains(msg, "/run/colvin/networks.json") || strings.ContainsFunc(msg, unicode.IsControl) {
				t.Errorf("got error %d %q, want %d, one line with the path of the file", code, msg, codeTryAgain)
			}
			r.ok(p.Del(t.Context()))
			r.clean()
		})
	}
}
