// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
)

// An interface that is in the container already is another's: no delegate runs that would
// take it away when it fails.
func TestAddOccupied(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.kernel.occupied, b.kernel.Inside = true, map[string]discovery.Interface{"net1": eth(0x98, "net1")}
	b.wantError(b.do(b.plugin.Add), 4, `node1: network "green": container c1 already has an interface net1, which is not Colvin's; give the attachment another name`)
	b.wantVerbs()
	b.wantRecords(0)
}

// A name that is an alternative one of another's interface cannot be had, and a delegate
// would take that interface for its own.
func TestAddOccupiedByAltName(t *testing.T) {
	for name, itself := range map[string]bool{"itself": true, "delegate": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.itself = itself
			b.writeNode()
			b.kernel.occupied, b.kernel.altName = true, "net1"
			b.kernel.makeErrs = map[string]error{"net1": syscall.EEXIST}
			err := b.do(b.plugin.Add)
			b.wantCode(err, 4)
			if want := "container c1 has an interface with the alternative name net1, which is not Colvin's; give the attachment another name"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			b.wantVerbs()
			b.wantRecords(0)
		})
	}
}

// What only looks like the attachment's stays where it is.
func TestOthersStay(t *testing.T) {
	veth := func(index int, mac byte) link.Origin {
		i := eth(index, "net1")
		i.Kind, i.MAC[5] = "veth", mac
		return link.Origin{Interface: i, Lower: 30}
	}
	for name, tt := range map[string]struct {
		delegate string
		inside   link.Origin
	}{
		"host-device, and its ifindex":         {"host-device", veth(4, 77)},
		"host-device, and its MAC address":     {"host-device", veth(2, 4)},
		"a plugin of one's own, and a veth":    {"own", veth(2, 77)},
		"macvlan, and a veth":                  {"macvlan", veth(2, 77)},
		"macvlan, and one over another device": {"macvlan", madeOver(5, "macvlan")},
	} {
		t.Run(name, func(t *testing.T) {
			b := newUseBench(t, tt.delegate)
			if tt.delegate == "host-device" {
				b.kernel.later = b.kernel.Now[1:]
				b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
			}
			b.must(b.do(b.plugin.Add))
			b.kernel.Now, b.kernel.later = b.kernel.Now[1:], nil
			b.kernel.Made = map[string]link.Origin{"net1": tt.inside}
			b.kernel.Inside = map[string]discovery.Interface{"net1": tt.inside.Interface}
			b.failNow(map[string]string{"DEL": `{"code":999,"msg":"no"}`}, map[string]string{})
			b.must(errors.Join(b.do(b.plugin.Del), nil))
			if len(b.kernel.deleted) > 0 || len(b.kernel.Inside) != 1 || len(b.kernel.Now) != 1 {
				t.Errorf("deleted %v, inside is %v, on the node %v", b.kernel.deleted, b.kernel.Inside, b.names())
			}
			verbs := 0
			for _, c := range b.calls() {
				if c.Verb == "DEL" && c.By == "" {
					verbs++
				}
			}
			if verbs != 1 {
				t.Errorf("the delegate was asked %d times", verbs)
			}
		})
	}
}

// The path of a container that is gone can lead into another: DEL that comes late, and has
// no record any more, frees the address and touches nothing else.
func TestDelOfReusedPath(t *testing.T) {
	b := newBench(t)
	b.conf["ipam"] = map[string]any{"type": ipamName}
	b.writeNode()
	b.args.ContainerID = "second"
	b.must(b.do(b.plugin.Add))
	b.must(os.Remove(b.script.Log))
	b.args.ContainerID = "first"
	b.must(b.do(b.plugin.Del))
	if diff := cmp.Diff([]string{"host-local DEL "}, b.calledWith()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	b.wantRecords(1)
}

// calledWith is who was called with which verb and namespace.
func (b *bench) calledWith() (list []string) {
	for _, c := range b.calls() {
		list = append(list, fmt.Sprintf("%s %s %s", c.By, c.Verb, c.Netns))
	}
	return list
}

// What waits for an address only neither keeps the device from others nor touches it again.
func TestWaitingForAnAddressOnly(t *testing.T) {
	b := newUseBench(t, "host-device")
	b.kernel.later = b.kernel.Now[1:]
	b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
	b.script.Fail = map[string]string{"DEL": `{"code":999,"msg":"forgotten"}`}
	b.must(b.do(b.plugin.Add))
	b.kernel.Now, b.kernel.later = b.kernel.Now[1:], nil
	b.wantCode(b.do(b.plugin.Del), 999)
	if i := b.kernel.Now[1]; i.Name != "eth1" || !i.Up || !b.theRecord().Detached {
		t.Fatalf("there is %+v, detached %v", i, b.theRecord().Detached)
	}
	b.kernel.Now[1].Up = false // by an admin
	b.wantCode(b.do(b.plugin.Del), 999)
	if b.kernel.Now[1].Up {
		t.Error("it was set up again")
	}
	b.kernel.Now[1].Up = true
	b.wantError(b.do(b.plugin.Add), 999, `node1: network "green": detach net1 of container c1: host-local DEL: forgotten; it was there before: "colvin gc" ends what cannot be undone`)
	b.args.ContainerID = "another"
	b.kernel.after = func() {
		b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
		b.kernel.Now = b.kernel.Now[:1]
		b.kernel.after = nil
	}
	b.must(os.Remove(b.script.Log))
	b.must(b.do(b.plugin.Add))
}

// An address that was given is not given up at once where the delegate failed later, and
// its IPAM plugin is away for a moment.
func TestFailedAfterIPAM(t *testing.T) {
	b := newBench(t)
	b.conf["ipam"] = map[string]any{"type": ipamName}
	b.script.Fail = map[string]string{"ADD": `{"code":999,"msg":"route is unreachable"}`, "DEL": `{"code":11,"msg":"connection refused"}`}
	b.writeNode()
	b.plugin.now = time.Now
	b.wantError(b.do(b.plugin.Add), 999, `node1: network "green" on eth1: macvlan ADD: route is unreachable; undoing it: host-local DEL: connection refused`)
	b.wantCode(b.do(b.plugin.Del), 11)
	if r := b.theRecord(); r.Failed != "macvlan ADD: route is unreachable" || r.Refused {
		t.Errorf("failed for %q, refused %v", r.Failed, r.Refused)
	}
	b.failNow(nil, map[string]string{})
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
	b.failNow(b.script.Fail, b.script.Fail)
	b.wantCode(b.do(b.plugin.Add), 999)
	b.plugin.now = func() time.Time { return time.Now().Add(failedAfter + time.Second) }
	b.must(b.do(b.plugin.Del))
	b.wantRecords(0)
}

// NICs that a container renamed are found in it.
func TestRenamedInside(t *testing.T) {
	b := newUseBench(t, "host-device")
	b.kernel.later = b.kernel.Now[1:]
	b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
	b.must(b.do(b.plugin.Add))
	inside := eth(4, "lan")
	inside.Alias = "eth1"
	b.kernel.Now, b.kernel.later, b.kernel.Inside = b.kernel.Now[1:], nil, map[string]discovery.Interface{"lan": inside}
	b.must(b.do(b.plugin.Del))
	if diff := cmp.Diff([]string{"eth2", "eth1"}, b.names()); diff != "" || !b.kernel.Now[1].Up {
		t.Errorf("up %v, devices (-want +got):\n%s", b.kernel.Now[1].Up, diff)
	}
}

// A NIC that is nowhere is told, and one that is in use by another name left alone, which is
// told, too.
func TestNotBack(t *testing.T) {
	used := eth(4, "lan0")
	for want, now := range map[string][]discovery.Interface{
		"eth1 (ifindex 4), which container c1 had, is not on the node: it is in another namespace, or was taken out of the machine": nil,
		"lan0, which was eth1, is in use by that name, and left as it is":                                                           {used},
	} {
		b := newUseBench(t, "host-device")
		b.kernel.later = b.kernel.Now[1:]
		b.kernel.Inside = map[string]discovery.Interface{"net1": eth(4, "net1")}
		b.must(b.do(b.plugin.Add))
		b.must(os.Remove(b.args.Netns))
		b.kernel.Now, b.kernel.later = now, nil
		b.must(b.do(b.plugin.Del))
		if said := b.stderr.String(); !strings.Contains(said, want) {
			t.Errorf("said %q, want %q", said, want)
		}
	}
}

// behaves replaces the delegate by a script.
func (b *bench) behaves(name, script string) {
	b.t.Helper()
	path := filepath.Join(b.dir, "bin", name)
	b.must(errors.Join(os.Remove(path), os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700)))
}

// Delegates that do not keep to the specification leave nothing either.
func TestOddDelegates(t *testing.T) {
	const good = `echo '{"cniVersion":"1.0.0","interfaces":[{"name":"net1","sandbox":"/x"}]}'`
	for name, tt := range map[string]struct {
		script string
		code   uint
		want   string
	}{
		"prints an array":   {`echo '[]'`, 999, `macvlan ADD: parse result: it is a JSON array, which the CNI specification has otherwise`},
		"prints a number":   {`echo '{"cniVersion":7}'`, 999, `macvlan ADD: parse result: "cniVersion" in it is a JSON number, which the CNI specification has otherwise`},
		"prints too much":   {`[ $CNI_COMMAND = DEL ] || head -c 9000000 /dev/zero`, 999, `macvlan ADD: printed more than 8388608 octets`},
		"says nothing":      {`[ $CNI_COMMAND = DEL ] || exit 3`, 999, `macvlan ADD: exit status 3`},
		"is killed":         {`[ $CNI_COMMAND = DEL ] || kill -9 $$`, 999, `macvlan ADD: signal: killed`},
		"leaves a daemon":   {good + "\nsleep 5 &", 0, ""},
		"leaves net1 there": {`[ $CNI_COMMAND = DEL ] || echo '{'`, 999, `macvlan ADD: parse result: unexpected end of JSON input`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.writeNode()
			b.conf["ipam"] = map[string]any{"type": ipamName}
			b.behaves(ipamName, "echo $CNI_COMMAND >> "+b.dir+"/ipam")
			b.behaves("macvlan", "echo >> "+b.script.Log+"\n"+tt.script)
			b.plugin.patience.output = 50 * time.Millisecond
			b.kernel.Made = map[string]link.Origin{"net1": madeOver(4, "macvlan")}
			b.kernel.Inside = map[string]discovery.Interface{"net1": b.kernel.Made["net1"].Interface}
			err := b.do(b.plugin.Add)
			if tt.code == 0 {
				b.must(err)
				return
			}
			b.wantError(err, tt.code, `node1: network "green" on eth1: `+tt.want)
			b.wantRecords(0)
			if len(b.kernel.Made) > 0 {
				t.Error("net1 is left in the container")
			}
			understood := strings.Contains(tt.want, "exit") || strings.Contains(tt.want, "signal") || strings.Contains(tt.want, "printed")
			if freed, _ := os.ReadFile(b.dir + "/ipam"); string(freed) != "DEL\n" && !understood {
				t.Errorf("the IPAM plugin was called with %q", freed)
			}
		})
	}
}

// What is refused since an upgrade only keeps containers from being attached.
func TestRefusalsAreForAdd(t *testing.T) {
	b := newBench(t)
	b.writeNode()
	b.agent()
	b.must(b.do(b.plugin.Add))
	b.conf["vlan"] = 7
	const why = `node1: network "green": "vlan" is set, and macvlan passes over it: the VLAN comes from "network"; remove it`
	b.must(b.do(b.plugin.Check))
	b.wantError(b.do(b.plugin.Status), 7, why)
	b.conf[validAttachmentsKey] = []any{}
	b.must(b.do(b.plugin.GC))
	b.wantRecords(0)
	b.wantError(b.do(b.plugin.Add), 7, why)
}

// Words that look like those of an IPAM plugin without CHECK are an error of one that has it.
func TestCheckComplains(t *testing.T) {
	for _, said := range []string{
		`{"code":999,"msg":"operation not supported"}`, `{"code":999,"msg":"list is not implemented by the API server"}`,
		`{"code":3,"msg":"CHECK: the reservation is not supported any more"}`,
	} {
		b := newUseBench(t, "macvlan")
		b.must(b.do(b.plugin.Add))
		b.failNow(map[string]string{"CHECK": said}, map[string]string{"CHECK": said})
		if err := b.do(b.plugin.Check); err == nil {
			t.Errorf("CHECK succeeds though %s", said)
		}
	}
}
