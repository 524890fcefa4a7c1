// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// A site is a node with two NICs and a bridge, and containers on it.
type site struct {
	t               *testing.T
	node, pod, over *netnstest.Namespace
	boot            string
}

func newSite(t *testing.T) *site {
	t.Helper()
	netnstest.Require(t, netnstest.MACVLAN)
	boot, err := bootid.Read()
	if err != nil {
		t.Skip("needs /proc:", err)
	}
	s := &site{t: t, node: netnstest.NewT(t, "node"), pod: netnstest.NewT(t, "pod"), over: netnstest.NewT(t, "other"), boot: boot}
	for _, eth := range []string{"eth1", "eth2", "eth3"} {
		netnstest.ConnectT(t, netnstest.Endpoint{In: s.node, Name: eth}, netnstest.Endpoint{In: s.over, Name: "p-" + eth})
	}
	s.must(s.node.AddDevice("bridge", "br0", "eth3"), s.node.AddDevice("bridge", "br1"))
	return s
}

func (s *site) must(errs ...error) {
	s.t.Helper()
	if err := errors.Join(errs...); err != nil {
		s.t.Fatal(err)
	}
}

// link is a device of a namespace, as a record has it.
func (s *site) link(in *netnstest.Namespace, name string) record.Link {
	s.t.Helper()
	l, err := in.Netlink().LinkByName(name)
	s.must(err)
	return record.Link{Name: name, Index: l.Attrs().Index, MAC: l.Attrs().HardwareAddr.String()}
}

// attach makes ifname in the pod as a delegate would, and its record.
func (s *site) attach(delegate, device, ifname string) *record.Record {
	s.t.Helper()
	ino, err := inode(s.pod.NetNS())
	s.must(err)
	r := &record.Record{
		Key: record.Key{Name: "green", ContainerID: "c1", IfName: ifname}, Phase: record.Added, BootID: s.boot, Netns: record.Netns{Path: s.pod.NetNS(), Inode: ino},
		Device: s.link(s.node, device), DelegateType: delegate, DelegateConf: []byte("{}"),
	}
	tmp := "tmp-" + ifname
	switch delegate {
	case "host-device":
		r.Taken, tmp = true, device
	case "bridge":
		netnstest.ConnectT(s.t, netnstest.Endpoint{In: s.node, Name: "v-" + ifname}, netnstest.Endpoint{In: s.pod, Name: ifname})
		l, err := s.node.Netlink().LinkByName("v-" + ifname)
		s.must(err)
		s.must(s.node.Netlink().LinkSetMasterByIndex(l, r.Device.Index))
		return s.reported(r)
	default:
		s.must(s.node.AddUpper("macvlan", tmp, device))
	}
	s.must(s.node.Give(tmp, s.pod), s.pod.Rename(tmp, ifname), s.pod.SetUp(ifname))
	return s.reported(r)
}

// reported gives a record what the delegate tells of the interface.
func (s *site) reported(r *record.Record) *record.Record {
	r.Result = fmt.Appendf(nil, `{"interfaces":[{"name":%q,"mac":%q,"sandbox":%q},{"name":"eth1","mac":%q}]}`,
		r.IfName, s.link(s.pod, r.IfName).MAC, r.Netns.Path, r.Device.MAC)
	return r
}

// inspect looks from a namespace.
func (s *site) inspect(from *netnstest.Namespace, records ...*record.Record) (out []Finding) {
	s.t.Helper()
	all := make([]record.Record, len(records))
	for i := range records {
		all[i] = *records[i]
	}
	s.must(from.Do(func() error {
		out = Inspect(s.t.Context(), all)
		return nil
	}))
	return out
}

// TestInspect holds what is seen of a container's interface on a kernel, whatever somebody
// has done to it.
func TestInspect(t *testing.T) {
	const gone = "net1 is no longer in the container"
	for name, tt := range map[string]struct {
		delegate, device string
		then             func(s *site, r *record.Record) error
		want             Finding
	}{
		"whole":            {"macvlan", "eth1", nil, Finding{Whole, ""}},
		"set down":         {"macvlan", "eth1", func(s *site, _ *record.Record) error { return setDown(s.pod, "net1") }, Finding{Down, "net1 in the container is administratively down"}},
		"deleted":          {"macvlan", "eth1", func(s *site, _ *record.Record) error { return s.pod.Remove("net1") }, Finding{Missing, gone}},
		"renamed":          {"macvlan", "eth1", func(s *site, _ *record.Record) error { return s.pod.Rename("net1", "lan0") }, Finding{Altered, "net1 is called lan0 in the container by now"}},
		"given to another": {"macvlan", "eth1", func(s *site, _ *record.Record) error { return s.pod.Give("net1", s.over) }, Finding{Missing, gone}},
		"given to the node": {"macvlan", "eth1", func(s *site, _ *record.Record) error {
			return errors.Join(s.pod.Rename("net1", "stray0"), s.pod.Give("stray0", s.node))
		}, Finding{Missing, gone + "; it is stray0 (ifindex IFINDEX) on the node"}},
		"its device was deleted": {"macvlan", "br1", func(s *site, _ *record.Record) error { return s.node.Remove("br1") }, Finding{Missing, gone}},
		"made anew over another": {"macvlan", "eth1", func(s *site, _ *record.Record) error {
			return errors.Join(s.pod.Remove("net1"), s.node.AddUpper("macvlan", "m0", "eth2"), s.node.Give("m0", s.pod), s.pod.Rename("m0", "net1"))
		}, Finding{Altered, "net1 in the container is over eth2 (ifindex ETH2), not over eth1 (ifindex ETH1)"}},
		"another took its name": {"macvlan", "eth1", func(s *site, _ *record.Record) error {
			return errors.Join(s.pod.Rename("net1", "lan0"), s.pod.AddDevice("bridge", "net1"))
		}, Finding{Altered, "net1 in the container is a bridge, and not over eth1 (ifindex ETH1)"}},
		"own plugin, deleted": {
			"own", "eth1", func(s *site, _ *record.Record) error { return s.pod.Remove("net1") },
			Finding{Unseen, "the container has no interface net1, as where a driver for user space took it"},
		},
		"own plugin, whole": {"own", "eth1", nil, Finding{Whole, ""}},

		"bridge":               {"bridge", "br0", nil, Finding{Whole, ""}},
		"bridge, renamed":      {"bridge", "br0", func(s *site, _ *record.Record) error { return s.pod.Rename("net1", "lan0") }, Finding{Altered, "net1 is called lan0 in the container by now"}},
		"bridge, in another":   {"bridge", "br0", func(s *site, _ *record.Record) error { return setMaster(s.node, "v-net1", "br1") }, Finding{Altered, "net1 in the container is in br1 (ifindex BR1), not in br0 (ifindex BR0)"}},
		"bridge, in none":      {"bridge", "br0", func(s *site, _ *record.Record) error { return setMaster(s.node, "v-net1", "") }, Finding{Altered, "net1 in the container is in no device, not in br0 (ifindex BR0)"}},
		"bridge, its end gone": {"bridge", "br0", func(s *site, _ *record.Record) error { return s.node.Remove("v-net1") }, Finding{Missing, gone}},

		"taken":          {"host-device", "eth2", nil, Finding{Whole, ""}},
		"taken, down":    {"host-device", "eth2", func(s *site, _ *record.Record) error { return setDown(s.pod, "net1") }, Finding{Down, "net1 in the container is administratively down"}},
		"taken, renamed": {"host-device", "eth2", func(s *site, _ *record.Record) error { return s.pod.Rename("net1", "lan0") }, Finding{Altered, "net1 is called lan0 in the container by now"}},
		"taken, came back": {
			"host-device", "eth2", func(s *site, _ *record.Record) error { return s.pod.Give("net1", s.node) },
			Finding{Missing, gone + "; it is net1 (ifindex IFINDEX) on the node"},
		},

		"another boot":      {"macvlan", "eth1", func(_ *site, r *record.Record) error { r.BootID = "boot-0"; return nil }, Finding{Unseen, "it was attached before the node rebooted"}},
		"path is another's": {"macvlan", "eth1", func(s *site, r *record.Record) error { r.Netns.Path = s.over.NetNS(); return nil }, Finding{Unseen, "PATH does not lead to its network namespace any more"}},
		"path is of another kind": {"macvlan", "eth1", func(s *site, r *record.Record) (err error) {
			r.Netns.Path = strings.TrimSuffix(s.pod.NetNS(), "net") + "mnt"
			r.Netns.Inode, err = inode(r.Netns.Path)
			return err
		}, Finding{Unseen, "read network device net1 in PATH: enter network namespace: invalid argument"}},
		"path is a file": {"macvlan", "eth1", func(s *site, r *record.Record) (err error) {
			r.Netns.Path = filepath.Join(s.t.TempDir(), "file")
			err = os.WriteFile(r.Netns.Path, nil, 0o600)
			if err == nil {
				r.Netns.Inode, err = inode(r.Netns.Path)
			}
			return err
		}, Finding{Unseen, "PATH does not lead to its network namespace any more"}},
		"path leads nowhere": {"macvlan", "eth1", func(_ *site, r *record.Record) error { r.Netns.Path += "/gone"; return nil }, Finding{Unseen, "open PATH: not a directory"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			r := s.attach(tt.delegate, tt.device, "net1")
			places := []string{"PATH", "", "IFINDEX", fmt.Sprint(s.link(s.pod, "net1").Index)}
			for _, device := range []string{"eth1", "br0", "br1"} {
				places = append(places, strings.ToUpper(device), fmt.Sprint(s.link(s.node, device).Index))
			}
			if tt.delegate != "host-device" {
				places = append(places, "ETH2", fmt.Sprint(s.link(s.node, "eth2").Index))
			}
			if tt.then != nil {
				s.must(tt.then(s, r))
			}
			places[1] = oneLine(r.Netns.Path)
			if strings.Contains(tt.want.Why, "IFINDEX") {
				places[3] = fmt.Sprint(s.strayIndex())
			}
			tt.want.Why = strings.NewReplacer(places...).Replace(tt.want.Why)
			if diff := cmp.Diff([]Finding{tt.want}, s.inspect(s.node, r)); diff != "" {
				t.Errorf("finding (-want +got):\n%s", diff)
			}
		})
	}
}

// strayIndex is the ifindex of what came to the node from the pod.
func (s *site) strayIndex() int {
	for _, name := range []string{"stray0", "net1"} {
		if l, err := s.node.Netlink().LinkByName(name); err == nil {
			return l.Attrs().Index
		}
	}
	return 0
}

func setDown(in *netnstest.Namespace, name string) error {
	l, err := in.Netlink().LinkByName(name)
	if err == nil {
		err = in.Netlink().LinkSetDown(l)
	}
	return err
}

// setMaster puts a device into a bridge, or into none.
func setMaster(in *netnstest.Namespace, name, master string) error {
	l, err := in.Netlink().LinkByName(name)
	if err != nil || master == "" {
		return errors.Join(err, in.Netlink().LinkSetNoMaster(l))
	}
	m, err := in.Netlink().LinkByName(master)
	if err == nil {
		err = in.Netlink().LinkSetMasterByIndex(l, m.Attrs().Index)
	}
	return err
}

// TestInspectSeveral holds that an interface of another record is not taken for one that
// was renamed, and that each finding is of its own record.
func TestInspectSeveral(t *testing.T) {
	s := newSite(t)
	net1, net2 := s.attach("macvlan", "eth1", "net1"), s.attach("macvlan", "eth2", "net2")
	s.must(s.pod.Remove("net1"), s.pod.Rename("net2", "net1"))
	got := s.inspect(s.node, net2, net1)
	eth1, eth2 := s.link(s.node, "eth1"), s.link(s.node, "eth2")
	want := []Finding{
		{Missing, "net2 is no longer in the container"},
		{Altered, fmt.Sprintf("net1 in the container is over eth2 (ifindex %d), not over eth1 (ifindex %d)", eth2.Index, eth1.Index)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestInspectFromElsewhere holds that ifindexes are not compared in another network
// namespace than the node's: what is there may be well.
func TestInspectFromElsewhere(t *testing.T) {
	s := newSite(t)
	whole, gone := s.attach("macvlan", "eth1", "net1"), s.attach("macvlan", "eth1", "net2")
	s.must(s.pod.Remove("net2"))
	got := s.inspect(s.over, whole, gone)
	if got[0].Sight != Unseen || got[1] != (Finding{Missing, "net2 is no longer in the container"}) {
		t.Errorf("from another namespace: %+v", got)
	}
}

// TestInspectEnds holds that looking ends with its context, and that what was not looked at
// is not said to be well.
func TestInspectEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, f := range Inspect(ctx, make([]record.Record, 3)) {
		if f.Sight != Unseen || f.Why == "" {
			t.Errorf("%+v", f)
		}
	}
}

// TestInspectMany holds that a full directory of records takes no longer than anybody
// waits.
func TestInspectMany(t *testing.T) {
	s := newSite(t)
	const most = 4096 // that a listing has
	r := s.attach("macvlan", "eth1", "net1")
	records := make([]*record.Record, most)
	for i := range records {
		records[i] = r
	}
	start := time.Now()
	got := s.inspect(s.node, records...)
	took := time.Since(start)
	t.Logf("%d containers in %v", most, took)
	if got[most-1] != (Finding{Whole, ""}) || took > 10*time.Second {
		t.Errorf("the last is %+v, after %v", got[most-1], took)
	}
}
