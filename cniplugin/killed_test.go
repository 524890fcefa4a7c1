// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/colvin-net/colvin/cniplugin/attach"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/boottime"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/privatedir"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const (
	// killVar has a plugin process end itself as by kill -9 when so many things were asked of
	// the kernel that change something, counted before each and after; 0 for never.
	killVar = "COLVIN_TEST_KILL_AT"
	// olderVar has it believe that the kernel is an old one.
	olderVar = "COLVIN_TEST_OLDER"
)

// mortal is the kernel of a plugin process that is killed at some moment.
type mortal struct {
	hostKernel
	at    int
	older bool
	asked *int
}

func (k mortal) Enter(path string) (container, error) {
	c, err := attach.Open(path)
	if err != nil {
		return nil, err
	}
	c.Requested = func() {
		if *k.asked++; *k.asked == k.at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // until it arrives
		}
	}
	if k.older {
		return &olderContainer{c, os.Getenv("CNI_IFNAME")}, nil
	}
	return c, nil
}

// olderContainer is one of a kernel that takes the name of what is to be made in a container
// for that of a device of the node.
type olderContainer struct {
	*attach.Container
	taken string
}

func (c *olderContainer) Make(parent int, s *attach.Spec, name string, up bool) error {
	if name == c.taken {
		return fmt.Errorf("make it: %w", syscall.EEXIST)
	}
	return c.Container.Make(parent, s, name, up)
}

// mortalMain is the plugin on a real kernel.
func mortalMain() error {
	p := FromEnvironment(os.Getenv)
	at, err := strconv.Atoi(os.Getenv(killVar))
	if err != nil {
		return err
	}
	p.kernel = mortal{at: at, older: os.Getenv(olderVar) != "", asked: new(int)}
	if err := skel.PluginMainFuncsWithError(p.Funcs(), version.All, ""); err != nil {
		return errors.Join(err, err.Print())
	}
	return nil
}

// A mortalNode is a node with a real kernel, on which plugins are killed.
type mortalNode struct {
	*netnstest.Namespace
	t    *testing.T
	dir  string
	conf map[string]any
}

func newMortalNode(t *testing.T) *mortalNode {
	t.Helper()
	netnstest.Require(t, netnstest.NetNS, netnstest.MACVLAN)
	n := &mortalNode{Namespace: netnstest.NewT(t, "node"), t: t, dir: privatedir.New(t)}
	netnstest.ConnectT(t, netnstest.Endpoint{In: n.Namespace, Name: "eth1"}, netnstest.Endpoint{In: netnstest.NewT(t, "switch"), Name: "p1"})
	n.conf = map[string]any{
		"cniVersion": "1.1.0", "name": "net", "type": "colvin", "network": "green",
	}
	exe, err := os.Executable()
	n.must(err)
	for _, name := range []string{mortalName, ipamName} {
		n.must(os.Symlink(exe, filepath.Join(n.dir, name)))
	}
	n.writeNode()
	return n
}

func (n *mortalNode) must(err error) {
	n.t.Helper()
	if err != nil {
		n.t.Fatal(err)
	}
}

func (n *mortalNode) writeNode() {
	n.t.Helper()
	boot, err := bootid.Read()
	n.must(err)
	var all []discovery.Interface
	n.must(n.Do(func() (err error) {
		all, err = link.List()
		return err
	}))
	for _, i := range all {
		if i.Name != "eth1" {
			continue
		}
		u := attached(i, 100)
		u.Until = boottime.SinceBoot() + time.Hour
		n.must(nodefile.Write(filepath.Join(n.dir, nodefile.FileName), &nodefile.File{
			Version: nodefile.Version, Node: "node1", BootID: boot, Written: time.Now(), Converged: true,
			Networks: []nodefile.Network{{Name: "green", Uplinks: []nodefile.Uplink{u}}},
		}))
		return
	}
	n.t.Fatal("there is no eth1")
}

// call has a plugin process do a verb, and reports whether it was killed.
func (n *mortalNode) call(c *netnstest.Container, verb string, at int, older bool) (killed bool) {
	n.t.Helper()
	stdin, err := json.Marshal(n.conf)
	n.must(err)
	cmd := n.Command(n.t.Context(), filepath.Join(n.dir, mortalName))
	cmd.Env = append(os.Environ(), killVar+"="+strconv.Itoa(at), "CNI_COMMAND="+verb, "CNI_CONTAINERID=c1", "CNI_NETNS="+c.NetNS(),
		"CNI_IFNAME=net1", "CNI_PATH="+n.dir, "CNI_ARGS=", runDirVar+"="+n.dir, recordDirVar+"="+filepath.Join(n.dir, "records"))
	if older {
		cmd.Env = append(cmd.Env, olderVar+"=1")
	}
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return true
		}
	}
	if err != nil {
		n.t.Fatalf("%s: %v: %s", verb, err, out)
	}
	return false
}

// empty makes sure that nothing is left of any attachment.
func (n *mortalNode) empty(c *netnstest.Container, after string) {
	n.t.Helper()
	links, err := c.Netlink().LinkList()
	n.must(err)
	for _, l := range links {
		if l.Attrs().Name != "lo" {
			n.t.Errorf("%s: the container has %s", after, l.Attrs().Name)
		}
	}
	entries, err := os.ReadDir(filepath.Join(n.dir, "records"))
	n.must(err)
	for _, e := range entries {
		n.t.Errorf("%s: there is %s", after, e.Name())
	}
}

// TestKilledAtEachRequest kills the plugin before and after each request by which it changes
// something in the kernel: one DEL leaves nothing, neither of an ADD nor of a DEL.
func TestKilledAtEachRequest(t *testing.T) {
	addresses := `{"cniVersion":"1.0.0","ips":[{"address":"10.10.0.2/24","gateway":"10.10.0.1"},{"address":"2001:db8::2/64"}],` +
		`"routes":[{"dst":"0.0.0.0/0"},{"dst":"2001:db8:1::/48"}]}`
	for name, tt := range map[string]struct {
		ipam  bool
		older bool
		least int // requests
	}{
		"alone":                 {least: 1},
		"with addresses":        {ipam: true, least: 6},
		"older kernel":          {older: true, least: 3},
		"older, with addresses": {ipam: true, older: true, least: 7},
	} {
		t.Run(name, func(t *testing.T) {
			n := newMortalNode(t)
			if tt.ipam {
				n.conf["ipam"] = map[string]any{"type": ipamName, "test": script{Log: filepath.Join(n.dir, "calls"), Result: addresses}}
			}
			n.killsEach(t, "ADD", 2*tt.least, func(c *netnstest.Container, at int) bool { return n.call(c, "ADD", at, tt.older) })
			n.killsEach(t, "DEL", 2, func(c *netnstest.Container, at int) bool {
				n.call(c, "ADD", 0, tt.older)
				return n.call(c, "DEL", at, tt.older)
			})
		})
	}
}

// killsEach kills at each request until there is none any more.
func (n *mortalNode) killsEach(t *testing.T, verb string, least int, do func(c *netnstest.Container, at int) bool) {
	t.Helper()
	for at := 1; ; at++ {
		c, err := n.NewContainer(t.Context(), fmt.Sprint(verb, at))
		n.must(err)
		killed := do(c, at)
		n.call(c, "DEL", 0, false)
		n.empty(c, fmt.Sprintf("%s killed at %d, then DEL", verb, at))
		n.must(c.Close())
		if !killed {
			if at <= least {
				t.Errorf("%s was killed %d times, want %d at least", verb, at-1, least)
			}
			return
		}
	}
}
