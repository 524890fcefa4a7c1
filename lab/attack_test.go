// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/lldp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// attacksEnv asks for the rows that wait for what takes minutes, too.
const attacksEnv = "COLVIN_ATTACKS"

// attacksAtOnce is how many rows wait side by side.
const attacksAtOnce = 16

// TestAttack makes what can lead pods into the wrong network happen to the real agent and
// plugin, while pods are attached all the time: none gets there outside the bounds of
// docs/security.md, the operator is told, and the true network is usable again in time.
//
// Two rows are elsewhere: f, NICs that exchange names, in exchange_test.go, and s, tags
// from inside a pod, in isolation_test.go. The longest begin first.
func TestAttack(t *testing.T) {
	var g errgroup.Group // and not t.Parallel, which neither keeps an order nor wants to have so many on a small machine
	g.SetLimit(attacksAtOnce)
	for _, row := range []struct {
		name  string
		quick bool
		run   func(*attackRig)
	}{
		{name: "t: one forged CDP frame", run: (*attackRig).forgedCDP},
		{name: "a: to a CDP speaker", run: (*attackRig).movedToCDP},
		{name: "d: frozen agent", run: (*attackRig).vlanBehindFrozenAgent},
		{name: "q: LLDP beside CDP", run: (*attackRig).lldpBesideCDP},
		{name: "a: crowded", run: (*attackRig).movedToSilentBesideRival},
		{name: "b: to a quick one", run: (*attackRig).movedFromLongLived},
		{name: "n: 33 neighbours first", run: (*attackRig).crowdFirst},
		{name: "p: every 5 s", run: func(r *attackRig) { r.drownedOut(5*time.Second, evilMAC) }},
		{name: "n: many with one word", run: (*attackRig).manyWithOneWord},
		{name: "p: every 50 ms", run: func(r *attackRig) { r.drownedOut(50*time.Millisecond, greenMAC) }},
		{name: "a: to a silent one", run: (*attackRig).movedToSilent},
		{name: "e: 600 copies", run: (*attackRig).copies},
		{name: "r: flap", run: (*attackRig).flapWithTwoSpeakers},
		{name: "r: boot", run: (*attackRig).bootWithTwoSpeakers},
		{name: "j: dead agent", run: (*attackRig).deviceMadeAgainBehindDeadAgent},
		{name: "c: goodbye", run: (*attackRig).goodbyeThenVLAN},
		{name: "l: another port ID", run: (*attackRig).anotherPortID},
		{name: "d: living agent", run: (*attackRig).vlanBehindLivingAgent},
		{name: "a: to a speaker", run: (*attackRig).movedToSpeaker},
		{name: "o: another name", run: (*attackRig).anotherName},
		{name: "n: host-like", run: (*attackRig).hostLike},
		{name: "m: name from the wire", run: (*attackRig).nameFromTheWire},
		{name: "i: state and run full", run: func(r *attackRig) { r.diskFull("/run/colvin", "/var/lib/colvin/agent") }},
		{name: "i: state full", run: func(r *attackRig) { r.diskFull("/var/lib/colvin/agent") }},
		{name: "n: goodbye and 65535 s", run: (*attackRig).goodbyeInItsName},
		{name: "h: from the factory", run: (*attackRig).fromTheFactory},
		{name: "g: in pieces", run: (*attackRig).rulesInPieces, quick: true},
		{name: "k: shared chassis", run: (*attackRig).sharedChassis, quick: true},
		{name: "j: living agent", run: (*attackRig).deviceMadeAgain, quick: true},
		{name: "q: CDP beside LLDP", run: (*attackRig).cdpBesideLLDP, quick: true},
		{name: "g: full disk", run: (*attackRig).rulesOnFullDisk, quick: true},
		{name: "q: tagged LLDP", run: (*attackRig).taggedLLDP, quick: true},
		{name: "d: deadline", run: (*attackRig).deadlines, quick: true},
	} {
		g.Go(func() error {
			t.Run(row.name, func(t *testing.T) {
				if !row.quick && os.Getenv(attacksEnv) == "" {
					t.Skipf("needs minutes: %s=1 asks for it; make test-attacks runs it", attacksEnv)
				}
				row.run(newAttackRig(t))
			})
			return nil
		})
	}
	_ = g.Wait() // nothing fails but tests
	t.Logf("%d attachments tried: %d right, %d refused, %d wrong inside a bound, %d wrong outside, %d nowhere", attacked.tried,
		attacked.right, attacked.refused, attacked.within, attacked.wrong, attacked.nowhere)
}

// briefSilence has green count for a minute once its switch is silent, so 2.5 I at least.
const briefSilence = `networks:
  - name: green
    match: [{system: sw-green, vlan: 100}]
    silence: 1m
  - name: blue
    match: [{system: sw-green, vlan: 200}]
`

// onGreen has the switch of green speak every 5 s, and waits until pods attach to it.
func (r *attackRig) onGreen(f speaker.Frame) (stop func()) {
	r.t.Helper()
	r.begin()
	stop = r.speak("g0", 5*time.Second, r.octets(f))
	r.attaches("green", 0)
	return stop
}

// a: the uplink of a dumb switch moves to a silent switch.
func (r *attackRig) movedToSilent() {
	r.rules("networks:\n  - name: green\n    match: [{system: sw-green, vlan: 100}]\n    silence: 1m30s\n")
	stop := r.onGreen(greenSays)
	stop()
	const silence = 90 * time.Second
	r.move(silence)
	r.wait(lateAfter + slack)
	r.sees("StaleSoon", "the switch is silent")
	r.wait(silence - lateAfter)
	r.refuses(15*time.Second, "green")
	r.sees("nobody has been heard for longer than is accepted")
}

// a: the same where a second speaker was heard: silence is no proof there.
func (r *attackRig) movedToSilentBesideRival() {
	stop := r.onGreen(greenSays)
	rival := r.speak("aux", 10*time.Second, cdpFrame(evilMAC, "evil", 200, 20*time.Second))
	r.wait(40 * time.Second)
	rival()
	stop()
	r.move(lateAfter) // 4 I at most, and its time to live is less than 2.5 I
	r.wait(lateAfter)
	r.refuses(15*time.Second, "green")
	r.sees("Conflict", "contradicts it")
}

// a: to a switch that speaks CDP only.
func (r *attackRig) movedToCDP() {
	r.rules(`networks:
  - name: green
    match: [{system: sw-green, vlan: 100}]
  - name: blue
    cdp: true
    match: [{chassis: "cdp:sw-blue", vlan: 200}]
`)
	says := greenSays
	says.TTL = 2 * time.Minute
	stop := r.onGreen(says)
	r.wait(11 * time.Second) // its interval is known
	stop()
	start := time.Now()
	r.move(lateAfter)
	r.wait(10 * time.Second)
	r.speak("b0", time.Minute, cdpFrame(blueMAC, "sw-blue", 200, 3*time.Minute))
	r.reads([][]string{{"neighbors", "-o", "wide"}}, blueMAC.String())
	r.wait(time.Until(start.Add(lateAfter)))
	r.refuses(30*time.Second, "green")
	r.sees("Conflict", blueMAC.String())
	r.attaches("blue", time.Until(start.Add(2*time.Minute+5*time.Second+10*time.Second)))
}

// a: to a switch that speaks.
func (r *attackRig) movedToSpeaker() {
	stop := r.onGreen(greenSays)
	stop()
	r.move(lateAfter)
	r.speak("b0", 5*time.Second, r.octets(blueSays))
	r.sees("Conflict", blueMAC.String())
	r.attaches("blue", lateAfter)
}

// b: to a switch that speaks every 5 s, from one whose time to live is 18 h.
func (r *attackRig) movedFromLongLived() {
	says := greenSays
	says.TTL = 65535 * time.Second
	stop := r.onGreen(says)
	r.wait(11 * time.Second) // its interval is known
	stop()
	r.move(lateAfter)
	r.speak("b0", 5*time.Second, r.octets(blueSays))
	r.sees("Conflict", blueMAC.String())
	r.attaches("blue", goneAfter)
}

// c: LLDP is switched off, then the port gets another VLAN.
func (r *attackRig) goodbyeThenVLAN() {
	r.rules(oneSwitch)
	stop := r.onGreen(greenSays)
	stop()
	r.change(time.Nanosecond, func() { r.send("g0", r.octets(greenSays.Shutdown())) })
	r.wait(slack)
	r.move(0)
	r.refuses(15*time.Second, "green", "blue")
	r.sees("said goodbye")
	r.speak("aux", 5*time.Second, r.octets(said(greenMAC, "sw-green", 200)))
	r.sees("VLANChanging")
	r.attaches("blue", aloneFor)
}

// d: the VLAN is changed: wrong until the next frame.
func (r *attackRig) vlanBehindLivingAgent() {
	r.rules(oneSwitch)
	stop := r.onGreen(greenSays)
	stop()
	const next = 5 * time.Second
	r.move(next)
	r.wait(next)
	r.speak("aux", next, r.octets(said(greenMAC, "sw-green", 200)))
	r.sees("VLANChanging")
	r.refuses(20*time.Second, "green", "blue")
	r.attaches("blue", aloneFor-20*time.Second)
}

// d: the same behind an agent that is frozen: wrong until the deadline in the node file.
func (r *attackRig) vlanBehindFrozenAgent() {
	r.rules(briefSilence)
	stop := r.onGreen(greenSays)
	stop()
	r.ok(r.SignalAgent(syscall.SIGSTOP))
	r.move(lateAfter)
	r.speak("aux", 5*time.Second, r.octets(said(greenMAC, "sw-green", 200)))
	r.wait(lateAfter)
	r.refuses(10*time.Second, "green")
	r.ok(r.SignalAgent(syscall.SIGCONT))
	r.attaches("blue", aloneFor)
}

// d: the bound itself: nothing that is usable outlives a dead agent by more than 15 min.
func (r *attackRig) deadlines() {
	r.onGreen(greenSays)
	r.ok(r.KillAgent())
	f, err := r.NodeFile()
	r.ok(err)
	var now unix.Timespec
	r.ok(unix.ClockGettime(unix.CLOCK_BOOTTIME, &now))
	checked := 0
	for _, n := range f.Networks {
		for _, u := range n.Uplinks {
			if u.Usable {
				checked++
				if left := u.Until - time.Duration(now.Nano()); left <= 0 || left > 15*time.Minute {
					r.t.Errorf("%s is usable for %v more, want 15m at most", n.Name, left)
				}
			}
		}
	}
	if checked == 0 {
		r.t.Error("nothing is usable")
	}
}

// e: a loop makes 600 copies of the switch's frame, then it announces another VLAN, once.
func (r *attackRig) copies() {
	r.rules(oneSwitch)
	was := r.octets(greenSays)
	says := said(greenMAC, "sw-green", 200)
	says.TTL = 2 * time.Minute
	is := r.octets(says)
	r.begin()
	for range 5 { // so that they are kept back by the kernel
		r.send("g0", was)
		r.wait(2 * time.Second)
	}
	r.attaches("green", 0)
	r.send("aux", slices.Repeat([][]byte{was}, 600)...)
	r.wait(2 * time.Second)
	r.move(time.Nanosecond)
	r.send("aux", is)
	r.refuses(25*time.Second, "green", "blue")
	r.sees("VLANChanging")
	r.speak("aux", 10*time.Second, is)
	r.attaches("blue", aloneFor)
}

// The rules of row g: the group names VLAN 100, and a rule that stands behind it in the
// file names it otherwise on one switch.
const (
	rulesBegin = "switchGroups:\n  dc1:\n    match: [{system: \"sw-*\"}]\n    vlans:\n      100: green\n"
	rulesEnd   = "networks:\n  - name: blue\n    match: [{system: sw-blue, vlan: 100}]\n"
)

// g: the rules are written in place, in pieces, and the writer is killed in between.
func (r *attackRig) rulesInPieces() {
	r.rules(rulesBegin + rulesEnd)
	r.move(0)
	r.speak("b0", time.Second, r.octets(said(blueMAC, "sw-blue", 100)))
	r.begin()
	r.attaches("blue", 0)
	for _, ends := range []bool{true, false} {
		f, err := os.Create(r.Path("/etc/colvin/rules.yaml"))
		r.ok(err)
		for _, c := range []byte(rulesBegin) {
			_, err := f.Write([]byte{c})
			r.ok(err)
		}
		r.refuses(4*time.Second, "green")
		if ends {
			_, err = f.WriteString(rulesEnd)
			r.ok(err)
		}
		r.ok(f.Close())
		r.refuses(2*time.Second, "green")
	}
	r.sees("RulesInvalid")
	r.attaches("blue", 0) // by the rules that are in force
	r.rules(rulesBegin + rulesEnd)
	r.await(patience, func() string {
		if status, err := r.Colvin(r.t.Context(), "status"); err != nil || containsAny(status, "RulesInvalid") {
			return fmt.Sprintf("the whole file does not count: %v\n%s", err, status)
		}
		return ""
	})
}

// g: they are copied onto a full disk.
func (r *attackRig) rulesOnFullDisk() {
	const dir = "/run/rules"
	r.ok(os.MkdirAll(r.Path(dir), 0o755))
	r.ok(r.Command(r.t.Context(), "mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", dir).Run())
	r.ok(os.WriteFile(r.Path(dir+"/rules.yaml"), []byte("# old\n"+rulesBegin+rulesEnd), 0o644))
	r.config("rules: " + dir + "/rules.yaml\n")
	r.move(0)
	r.speak("b0", time.Second, r.octets(said(blueMAC, "sw-blue", 100)))
	r.begin()
	r.attaches("blue", 0)
	r.ok(os.WriteFile(r.Path(dir+"/fill"), make([]byte, 4096), 0o644))
	page := rulesBegin + "#"
	for len(page) < 4095 {
		page += "x"
	}
	if err := os.WriteFile(r.Path(dir+"/rules.yaml"), []byte(page+"\n"+rulesEnd), 0o644); err == nil {
		r.t.Fatal("the disk is not full")
	}
	r.refuses(4*time.Second, "green")
	r.sees("RulesInvalid")
	r.attaches("blue", 0)
}

// h: the cable moves to a switch that is as the factory made it, like the one before.
func (r *attackRig) fromTheFactory() {
	r.rules(fmt.Sprintf("networks:\n  - name: green\n    match: [{chassis: \"mac:%s\", vlan: 100}]\n"+
		"  - name: blue\n    match: [{chassis: \"mac:%s\", vlan: 100}]\n", greenMAC, blueMAC))
	was, is := said(greenMAC, "TL-SG3428", 100), said(blueMAC, "TL-SG3428", 100)
	stop := r.onGreen(was)
	stop()
	r.flap(func() { r.move(0) })
	r.speak("b0", 2*time.Second, r.octets(is))
	r.refuses(15*time.Second, "green")
	r.sees("SwitchReplaced", "colvin rules replace mac:"+greenMAC.String())
	r.attaches("blue", 15*time.Second)
}

// i: the VLAN is changed while nothing can be written, and the agent starts anew.
func (r *attackRig) diskFull(dirs ...string) {
	r.rules(oneSwitch)
	for _, dir := range dirs {
		r.ok(os.MkdirAll(r.Path(dir), 0o755))
		r.ok(r.Command(r.t.Context(), "mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "tmpfs", dir).Run())
	}
	stop := r.onGreen(greenSays)
	r.wait(2 * time.Second)
	stop()
	release := r.fill(dirs...)
	r.move(time.Nanosecond)
	r.send("aux", r.octets(said(greenMAC, "sw-green", 200)))
	r.refuses(5*time.Second, "green", "blue")
	r.sees("VLANChanging")
	if slices.Contains(dirs, "/run/colvin") { // else there is nothing to write
		r.sees("FilesUnwritable")
	}
	r.ok(r.KillAgent())
	r.start()
	r.refuses(15*time.Second, "green", "blue")
	release()
	r.speak("aux", 5*time.Second, r.octets(said(greenMAC, "sw-green", 200)))
	r.attaches("blue", aloneFor)
}

// fill takes all room in directories, and what becomes free there, until it is released.
func (r *attackRig) fill(dirs ...string) (release func()) {
	r.t.Helper()
	var files []*os.File
	for _, dir := range dirs {
		f, err := os.Create(r.Path(dir + "/fill"))
		r.ok(err)
		files = append(files, f)
	}
	take := func() {
		for _, f := range files {
			for page := make([]byte, 4096); ; {
				if _, err := f.Write(page); err != nil {
					break
				}
			}
		}
	}
	take()
	stop := r.repeat(20*time.Millisecond, take)
	return func() {
		stop()
		for i, f := range files {
			r.ok(errors.Join(f.Close(), os.Remove(r.Path(dirs[i]+"/fill"))))
		}
	}
}

// remake deletes eth1 and makes it again, the same by ifindex, MAC address and count.
func (r *attackRig) remake() {
	r.t.Helper()
	h := r.Netlink()
	was, err := h.LinkByName("eth1")
	r.ok(err)
	var count uint32
	r.ok(r.Do(func() (err error) { count, err = carrierChanges("eth1"); return err }))
	r.ok(h.LinkDel(was))
	wire, err := os.Open(r.wire.NetNS())
	r.ok(err)
	defer wire.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Index, attrs.HardwareAddr = "eth1", was.Attrs().Index, was.Attrs().HardwareAddr
	r.ok(h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "d1", PeerNamespace: netlink.NsFd(wire.Fd())}))
	r.bridge("d1", true)
	r.ok(r.wire.SetUp("d1"))
	r.ok(r.SetUp("eth1"))
	r.await(patience, func() string {
		var now uint32
		r.ok(r.Do(func() (err error) { now, err = carrierChanges("eth1"); return err }))
		if now != count {
			return fmt.Sprintf("the new device has counted %d changes of the carrier, want %d", now, count)
		}
		return ""
	})
}

// j: the device is deleted and made again; before anything is heard nothing attaches.
func (r *attackRig) deviceMadeAgain() {
	stop := r.onGreen(greenSays)
	stop()
	r.change(time.Nanosecond, func() {
		r.toBlue()
		r.remake()
	})
	r.refuses(10*time.Second, "green", "blue")
	r.sees("replaced")
	r.speak("b0", 5*time.Second, r.octets(blueSays))
	r.attaches("blue", aloneFor)
}

// j: the same while no agent runs that could see the device go: rtnetlink shows the one that
// was there before, so it is as if the switch had fallen silent.
func (r *attackRig) deviceMadeAgainBehindDeadAgent() {
	r.rules(briefSilence)
	stop := r.onGreen(greenSays)
	stop()
	r.ok(r.KillAgent())
	r.change(lateAfter, func() {
		r.toBlue()
		r.remake()
		r.start()
	})
	r.wait(lateAfter)
	r.refuses(10*time.Second, "green", "blue")
	r.sees("nobody has been heard for longer than is accepted")
}

// k: two switches with one chassis ID on two ports are no one network.
func (r *attackRig) sharedChassis() {
	zero := speaker.MACChassis(discovery.MAC{})
	one, other := said(greenMAC, "sw-one", 100), said(blueMAC, "sw-other", 100)
	one.Chassis, other.Chassis = zero, zero
	r.rules("networks:\n  - name: green\n    match: [{system: sw-one, vlan: 100}]\n  - name: blue\n    match: [{system: sw-other, vlan: 100}]\n")
	netnstest.ConnectT(r.t, netnstest.Endpoint{In: r.Namespace, Name: "eth2"}, netnstest.Endpoint{In: r.wire, Name: "d2", MAC: blueEnd})
	r.answer("d2")
	r.speak("d2", 2*time.Second, r.octets(other))
	r.speak("g0", 2*time.Second, r.octets(one))
	r.begin()
	r.attaches("green", 0)
	r.attaches("blue", 0)
	r.sees("ChassisAmbiguous")
	r.rules("networks:\n  - name: green\n    match: [{chassis: \"mac:00:00:00:00:00:00\", vlan: 100}]\n")
	r.change(time.Nanosecond, func() {})
	r.refuses(5*time.Second, "green", "blue")
	p, err := r.NewPod(r.t.Context(), "first", object{
		"cniVersion": "1.1.0", "name": "green", "type": "colvin", "network": "green", "select": "first", "delegate": macvlan, "ipam": static,
	}.String(), "")
	r.ok(err)
	r.t.Cleanup(func() { _ = p.Close() })
	out, err := p.Add(r.t.Context())
	if err == nil || containsAny(err.Error(), `"select": "first"`, "select: first") {
		r.t.Errorf("ADD with select first: %q, %v; want an error that does not recommend it", out, err)
	}
}

// l: a switch changes its port ID and VLAN on one cable; its old words live for an hour.
func (r *attackRig) anotherPortID() {
	r.rules(oneSwitch)
	says := greenSays
	says.TTL = 3601 * time.Second
	stop := r.onGreen(says)
	r.wait(11 * time.Second) // its interval is known
	stop()
	is := said(greenMAC, "sw-green", 200)
	is.Port = speaker.NamedPort("p2")
	r.move(time.Nanosecond)
	r.speak("aux", 5*time.Second, r.octets(is))
	r.sees("VLANChanging")
	r.refuses(20*time.Second, "green", "blue")
	r.attaches("blue", aloneFor-20*time.Second)
}

// m: a switch calls a VLAN "Green!" beside a literal rule for green.
func (r *attackRig) nameFromTheWire() {
	const literal = "networks:\n  - name: green\n    match: [{system: sw-green, vlan: 100}]\n"
	r.rules(literal)
	r.move(0)
	says := blueSays
	says.VLANs = []discovery.VLANName{{ID: 200, Name: "Green!"}}
	stop := r.speak("b0", 2*time.Second, r.octets(says))
	r.begin()
	r.rules(literal + "  - name: \"{vlanName}\"\n    match: [{system: \"sw-*\", vlanName: \"*\"}]\n")
	r.sees("RulesInvalid", "wireNames")
	r.rules(literal + "  - name: \"{vlanName}\"\n    wireNames: true\n    match: [{system: \"sw-*\", vlanName: \"*\"}]\n")
	r.refuses(8*time.Second, "green")
	r.sees("sw-blue", `{vlanName} is "green" here, which rules give as a name themselves`)
	stop()
	says.VLANs[0].Name = "Blue!"
	r.speak("b0", 2*time.Second, r.octets(says))
	r.attaches("blue", aloneFor)
}

// n: a goodbye in the switch's name, and one announcement that lives for 18 h.
func (r *attackRig) goodbyeInItsName() {
	r.onGreen(greenSays)
	bye := greenSays.Shutdown()
	bye.Source = evilMAC
	lives := said(evilMAC, "sw-blue", 200)
	lives.TTL = 65535 * time.Second
	r.send("aux", r.octets(bye), r.octets(lives))
	r.refuses(45*time.Second, "blue")
	r.sees("Conflict", evilMAC.String())
}

// n: three frames that make the switch look like a host, and one announcement.
func (r *attackRig) hostLike() {
	r.onGreen(greenSays)
	host := greenSays
	const station = 0x80
	host.Extra = append(host.Extra, lldp.TLV{Type: lldp.TLVTypeSystemCapabilities, Length: 4, Value: []byte{0, station, 0, station}})
	for _, source := range []discovery.MAC{evilMAC, greenMAC} {
		host.Source = source
		for range 3 {
			r.send("aux", r.octets(host))
		}
	}
	r.send("aux", r.octets(said(evilMAC, "sw-blue", 200)))
	r.refuses(15*time.Second, "blue")
	r.sees("Conflict", evilMAC.String())
	r.attaches("green", lateAfter)
}

// n: 33 neighbours are there before the switch speaks. The first holds the port until then.
func (r *attackRig) crowdFirst() {
	var crowd [][]byte
	for i := range byte(40) {
		f := said(discovery.MAC{2, 0xee, 0, 0, 1, i}, "sw-blue", 200)
		f.Port = speaker.NamedPort(fmt.Sprint("x", i))
		crowd = append(crowd, r.octets(f))
	}
	r.begin()
	r.change(time.Minute, func() {}) // the first frame of a fresh port is believed at once
	r.send("aux", crowd...)
	r.sees("TooManyNeighbors")
	r.change(time.Nanosecond, func() {})
	r.speak("g0", 5*time.Second, r.octets(greenSays))
	r.sees("TooManyNeighbors", "Conflict")
	r.refuses(20*time.Second, "blue")
	r.attaches("green", goneAfter)
}

// n: many who say one word are there first, and ever others come, while the switch speaks.
func (r *attackRig) manyWithOneWord() {
	r.begin()
	r.change(time.Minute, func() {}) // the first frame of a fresh port is believed at once
	for i := range byte(17) {
		r.speak("aux", 5*time.Second, r.octets(said(discovery.MAC{2, 0xee, 0, 0, 2, i}, "sw-blue", 200)))
	}
	s, passing := openSpeaker(r.t, r.wire, "aux"), byte(0)
	r.repeat(time.Second, func() {
		passing++
		f := said(discovery.MAC{2, 0xee, 0, 0, 3, passing}, "sw-blue", 200)
		f.TTL = time.Second
		if err := s.Send(f); err != nil {
			r.t.Error(err)
		}
	})
	r.wait(slack)
	says := greenSays
	says.TTL = 2 * time.Minute
	r.speak("g0", 5*time.Second, r.octets(says))
	r.change(time.Nanosecond, func() {})
	r.refuses(aloneFor+30*time.Second, "blue")
	r.sees("Conflict")
}

// o: one frame with the switch's own IDs and VLAN and another system name.
func (r *attackRig) anotherName() {
	r.rules("networks:\n  - name: green\n    match: [{system: sw-green, vlan: 100}]\n  - name: blue\n    match: [{system: sw-blue, vlan: 100}]\n")
	r.onGreen(greenSays)
	says := greenSays
	says.SystemName, says.Source = "sw-blue", evilMAC
	r.send("aux", r.octets(says))
	r.sees("Conflict", evilMAC.String())
	says.Source = greenMAC
	r.send("aux", r.octets(says))
	r.sees("VLANChanging")
	r.refuses(20*time.Second, "blue")
	r.attaches("green", lateAfter)
}

// p: the switch's own IDs with another VLAN, far more often than it speaks.
func (r *attackRig) drownedOut(every time.Duration, source discovery.MAC) {
	r.rules(oneSwitch)
	says := greenSays
	says.TTL = 2 * time.Minute
	r.begin()
	r.speak("g0", 30*time.Second, r.octets(says))
	r.attaches("green", 0)
	forged := says
	forged.PVID, forged.Source, forged.TTL = 200, source, 20*time.Second
	stop := r.speak("aux", every, r.octets(forged))
	r.refuses(35*time.Second, "blue")
	if source == greenMAC {
		r.sees("VLANChanging")
	} else {
		r.sees("Conflict", source.String())
	}
	stop()
	r.attaches("green", lateAfter+30*time.Second)
}

const cdpRules = `networks:
  - name: green
    cdp: true
    match: [{chassis: "cdp:sw-green", vlan: 100}]
  - name: blue
    cdp: true
    match: [{system: sw-blue, vlan: 200}, {chassis: "cdp:sw-blue", vlan: 200}]
`

// q: one LLDP frame beside a switch that speaks CDP.
func (r *attackRig) lldpBesideCDP() {
	r.rules(cdpRules)
	r.begin()
	r.speak("g0", time.Minute, cdpFrame(greenMAC, "sw-green", 100, 3*time.Minute))
	r.attaches("green", 125*time.Second)
	r.send("aux", r.octets(said(evilMAC, "sw-blue", 200)))
	r.refuses(15*time.Second, "blue")
	r.sees("Conflict", evilMAC.String())
}

// q: LLDP tagged with a VLAN ID is shown, and believed neither alone nor beside the switch.
func (r *attackRig) taggedLLDP() {
	tagged := said(evilMAC, "sw-blue", 200)
	tagged.Tag = 200
	r.speak("aux", time.Second, r.octets(tagged))
	r.begin()
	r.refuses(5*time.Second, "blue")
	r.speak("g0", 5*time.Second, r.octets(greenSays))
	r.attaches("green", 0)
	r.refuses(5*time.Second, "blue")
	r.reads([][]string{{"neighbors", "-o", "wide"}}, evilMAC.String())
}

// q: CDP of another beside a switch that speaks LLDP.
func (r *attackRig) cdpBesideLLDP() {
	r.rules("networks:\n  - name: green\n    match: [{system: sw-green, vlan: 100}]\n" +
		"  - name: blue\n    cdp: true\n    match: [{chassis: \"cdp:sw-blue\", vlan: 200}]\n")
	r.onGreen(greenSays)
	r.speak("aux", time.Second, cdpFrame(evilMAC, "sw-blue", 200, 3*time.Minute))
	r.refuses(10*time.Second, "blue")
	r.reads([][]string{{"neighbors", "-o", "wide"}}, evilMAC.String())
	r.attaches("green", 0)
}

// r: the link flaps, and another speaks first.
func (r *attackRig) flapWithTwoSpeakers() {
	stop := r.onGreen(greenSays)
	stop()
	r.flap(func() {})
	evil := r.speak("aux", 5*time.Second, r.octets(said(evilMAC, "sw-blue", 200)))
	r.refuses(5*time.Second, "blue", "green")
	r.speak("g0", 5*time.Second, r.octets(greenSays))
	r.refuses(10*time.Second, "blue")
	r.sees("Conflict", evilMAC.String())
	evil()
	r.attaches("green", lateAfter)
}

// r: the node boots, and another speaks first.
func (r *attackRig) bootWithTwoSpeakers() {
	stop := r.onGreen(greenSays)
	r.wait(2 * time.Second)
	stop()
	r.ok(r.StopAgent())
	r.ok(r.SetBootID("00000000-0000-4000-8000-000000000002"))
	r.start()
	evil := r.speak("aux", 5*time.Second, r.octets(said(evilMAC, "sw-blue", 200)))
	r.refuses(5*time.Second, "blue", "green")
	r.speak("g0", 5*time.Second, r.octets(greenSays))
	r.refuses(10*time.Second, "blue")
	r.sees("Conflict", evilMAC.String())
	evil()
	r.attaches("green", lateAfter)
}

// t: one forged CDP frame on a port that lives by CDP delays it, and no more.
func (r *attackRig) forgedCDP() {
	r.rules(cdpRules)
	r.begin()
	r.speak("g0", time.Minute, cdpFrame(greenMAC, "sw-green", 100, 3*time.Minute))
	r.wait(5 * time.Second)
	forged := cdpFrame(evilMAC, "sw-blue", 200, 10*time.Second)
	r.send("aux", forged)
	r.attaches("green", 155*time.Second) // the forged word is gone after 2.5 of CDP's intervals
	r.send("aux", forged)
	r.refuses(5*time.Second, "blue")
	r.sees("Conflict", evilMAC.String())
}
