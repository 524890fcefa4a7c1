// SPDX-License-Identifier: Apache-2.0

//go:build linux

package lab_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/colvin-net/colvin/internal/netnstest"
	"github.com/colvin-net/colvin/lab"
)

var (
	sameSeed  = flag.Uint64("same.seed", 1, "which configurations TestDevicesSame makes up")
	sameCases = flag.Int("same.cases", 16, "how many configurations TestDevicesSame makes up of each kind")
)

// stubDir is where the IPAM plugin of these tests finds what it has to answer.
const stubDir = "/run/stub"

// stubIPAM answers ADD with what the test left, fails at the verbs for which there is a
// file, and notes for what it was called.
const stubIPAM = `#!/bin/sh
cat >/dev/null
echo $CNI_COMMAND >>` + stubDir + `/called
if [ -e ` + stubDir + `/fail-$CNI_COMMAND ]; then
	echo '{"cniVersion":"1.0.0","code":99,"msg":"told to fail"}'
	exit 1
fi
[ $CNI_COMMAND != ADD ] || exec cat ` + stubDir + `/result
`

// TestDevicesSame makes up configurations and what an IPAM plugin answers, attaches a
// container by the plugin itself and one by the reference plugin, and compares all that the
// kernel tells of them, and all that the runtime is told.
func TestDevicesSame(t *testing.T) {
	for kind, needs := range map[string]*netnstest.Feature{"macvlan": netnstest.MACVLAN, "ipvlan": netnstest.IPVLAN} {
		t.Run(kind, func(t *testing.T) {
			r := newPluginRig(t, delegateCase{conf: object{"type": kind}, needs: []*netnstest.Feature{needs}, device: "eth1"})
			r.ok(errors.Join(os.Mkdir(r.Path(stubDir), 0o755), os.WriteFile(r.Path(stubDir+"/stub"), []byte(stubIPAM), 0o755)))
			attached := 0
			for i := range *sameCases {
				c := makeUp(rand.New(rand.NewPCG(*sameSeed, uint64(i))), kind)
				if c.taken {
					r.ok(r.AddDevice("bridge", lab.PodInterface))
				}
				own, reference := r.lives(&c, false), r.lives(&c, true)
				if c.taken {
					r.ok(r.Remove(lab.PodInterface))
				}
				if own.steps[0].code == "" {
					attached++
				} else {
					t.Logf("case %d: %s", i, own.steps[0].said)
				}
				reference.forgive(&c, own)
				if diff := cmp.Diff(reference.text(), own.text()); diff != "" {
					t.Errorf("case %d, %s\n(-reference +own):\n%s", i, &c, diff)
				}
			}
			t.Logf("%d of %d containers were attached", attached, *sameCases)
			if attached < *sameCases/4 {
				t.Error("that is too few to mean anything")
			}
			r.clean()
		})
	}
}

// A sameCase is a configuration, and the world that it meets.
type sameCase struct {
	conf   object
	args   string
	result string   // of the IPAM plugin
	fails  []string // the verbs at which that fails
	noIPv6 bool     // the container has none
	taken  bool     // the node has a device of the interface's name
	dad    bool     // the kernel looks whether IPv6 addresses are free
}

func (c *sameCase) String() string {
	return fmt.Sprintf("%s with args %q, IPAM %s failing at %v, without IPv6 %v, name taken %v", c.conf, c.args, c.result, c.fails, c.noIPv6, c.taken)
}

// one returns one of some values.
func one[T any](random *rand.Rand, values ...T) T { return values[random.IntN(len(values))] }

// sameMAC is a MAC address that containers are given.
func sameMAC(last int) string { return fmt.Sprintf("02:00:5e:00:53:%02x", last) }

// makeUp makes a case up.
func makeUp(random *rand.Rand, kind string) sameCase {
	c := sameCase{conf: object{
		"cniVersion": one(random, "0.2.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", "1.1.0", "1.1.0"), "name": "green", "type": "colvin", "network": "green",
	}}
	modes := map[string][]string{"macvlan": {"", "bridge", "private", "vepa", "passthru"}, "ipvlan": {"", "l2", "l3", "l3s"}}[kind]
	if mode := one(random, modes...); mode != "" {
		c.conf["mode"] = mode
	}
	if mtu := one(random, -2, -2, -2, -2, -2, 0, 1280, 1280, 1400, 1400, 1400, 1500, 1500, 1500, 1501); mtu != -2 {
		c.conf["mtu"] = mtu
	}
	c.args = one(random, "", "", "", "IgnoreUnknown=1;K8S_POD_NAME=web-0", "IgnoreUnknown=1;K8S_POD_NAME=web-0", "IgnoreUnknown=1", "", "", "", "K8S_POD_NAME=web-0")
	if kind == "macvlan" {
		c.makeUpMAC(random)
	}
	if random.IntN(3) == 0 {
		c.conf["dns"] = object{"nameservers": []string{"192.0.2.53"}, "search": []string{"example.org"}}
	}
	if kind == "ipvlan" || random.IntN(4) > 0 {
		c.conf["ipam"] = object{"type": "stub"}
		c.result = makeUpResult(random)
		if random.IntN(5) == 0 {
			c.fails = []string{one(random, "ADD", "CHECK", "DEL")}
		}
	}
	if random.IntN(4) == 0 {
		c.conf["prevResult"] = object{
			"cniVersion": c.conf["cniVersion"], "interfaces": []object{{"name": "eth0", "sandbox": "/elsewhere"}},
			"ips": []object{{"version": "4", "address": "192.0.2.7/24", "interface": 0}},
		}
	}
	if c.conf["cniVersion"] == "0.2.0" {
		delete(c.conf, "prevResult") // another form
	}
	c.noIPv6, c.dad, c.taken = random.IntN(6) == 0, random.IntN(8) == 0, random.IntN(3) == 0
	return c
}

// makeUpMAC gives a MAC address by none, one or several of three ways.
func (c *sameCase) makeUpMAC(random *rand.Rand) {
	if random.IntN(3) == 0 {
		c.conf["mac"] = one(random, sameMAC(1), sameMAC(1), sameMAC(1), sameMAC(1), sameMAC(1), sameMAC(1), sameMAC(1), sameMAC(1), "nonsense", "01:00:5e:00:53:01", "02:00:5e:00:53:01:02:03")
	}
	if random.IntN(3) == 0 {
		c.args = strings.TrimPrefix(c.args+";MAC="+sameMAC(2), ";")
	}
	if random.IntN(3) == 0 {
		c.conf["runtimeConfig"] = object{"mac": sameMAC(3)}
	}
	if random.IntN(6) == 0 {
		c.conf["bcqueuelen"] = one(random, 1, 2000)
	}
}

// makeUpResult is what an IPAM plugin answers: addresses of both families, and routes with
// every field.
func makeUpResult(random *rand.Rand) string {
	var ips, routes []object
	for i := range one(random, 0, 1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 3) {
		ip := object{"address": one(random, "10.10.0.%d/24", "10.11.0.%d/32", "10.12.0.%d/31", "2001:db8:a::%d/64", "2001:db8:b::%d/128")}
		address := fmt.Sprintf(fmt.Sprint(ip["address"]), 2+2*i)
		ip["address"] = address
		if random.IntN(2) == 0 {
			ip["gateway"] = "10.10.0.1"
			if strings.Contains(address, "::") {
				ip["gateway"] = "2001:db8:a::1"
			}
		}
		if random.IntN(4) == 0 {
			ip["interface"] = one(random, 0, 1, 7)
		}
		ips = append(ips, ip)
	}
	for range one(random, 0, 0, 0, 1, 1, 2, 3) {
		r := object{"dst": one(random, "0.0.0.0/0", "198.51.100.0/24", "198.51.100.7/24", "203.0.113.0/24", "::/0", "2001:db8:c::/48")}
		if random.IntN(5) == 0 {
			r["gw"] = one(random, "10.10.0.254", "2001:db8:a::fe", "10.10.0.1")
		}
		if random.IntN(3) == 0 {
			r["priority"] = one(random, 0, 50, 4000)
		}
		if random.IntN(4) == 0 {
			r["table"] = one(random, 0, 100, 254, 1000)
		}
		if random.IntN(6) == 0 {
			r["scope"] = one(random, 0, unix.RT_SCOPE_LINK, unix.RT_SCOPE_HOST)
		}
		if random.IntN(4) == 0 {
			r["mtu"], r["advmss"] = 1300, 1200
		}
		routes = append(routes, r)
	}
	result := object{"cniVersion": one(random, "0.3.1", "0.4.0", "1.0.0", "1.1.0"), "ips": ips, "routes": routes, "dns": object{"nameservers": []string{"192.0.2.1"}}}
	if result["cniVersion"] == "0.3.1" || result["cniVersion"] == "0.4.0" {
		for _, ip := range ips {
			ip["version"] = map[bool]string{true: "6", false: "4"}[strings.Contains(fmt.Sprint(ip["address"]), "::")]
		}
	}
	return result.String()
}

// A life is all that is told of a container and its attachment, from ADD to the second DEL.
type life struct{ steps []step }

// A step is a call, what it answers, and what is in the container then.
// What it says of an error is not compared.
type step struct{ verb, code, said, out, inside string }

func (l *life) text() string {
	var b strings.Builder
	for _, s := range l.steps {
		fmt.Fprintf(&b, "%s: code %q\n%s\n%s\n", s.verb, s.code, s.out, s.inside)
	}
	return b.String()
}

// forgive has CHECK succeed where only the reference plugin misses something that is not to
// be there: the network route of an address that has none, routes in the main table that
// are in another, and addresses of other interfaces, which a plugin before it reported.
func (l *life) forgive(c *sameCase, own *life) {
	s := &l.steps[1]
	known := c.conf["prevResult"] != nil || strings.Contains(c.result, "/32") || strings.Contains(c.result, `"table"`)
	if s.verb == "CHECK" && s.code == "999" && own.steps[1].code == "" && known {
		s.code = ""
	}
}

// lives has a container live with a case, attached by the delegate or by the plugin itself.
func (r *pluginRig) lives(c *sameCase, exec bool) *life {
	r.t.Helper()
	for _, file := range r.files(stubDir) {
		if filepath.Base(file) != "stub" {
			r.ok(os.Remove(r.Path(file)))
		}
	}
	r.ok(os.WriteFile(r.Path(stubDir+"/result"), []byte(c.result), 0o600))
	for _, verb := range c.fails {
		r.ok(os.WriteFile(r.Path(stubDir+"/fail-"+verb), nil, 0o600))
	}
	stdin := c.conf.with("delegate", object{"type": r.conf["type"], "exec": exec})
	p := r.pod(stdin)
	defer func() { r.ok(p.Close()) }()
	r.ok(p.Do(func() error { return c.prepare() }))
	var l life
	out := l.take(r, p, c, "ADD", stdin)
	r.wayOf(exec, l.steps[0].code == "")
	if l.steps[0].code == "" {
		stdin = stdin.with("prevResult", json.RawMessage(out))
		l.take(r, p, c, "CHECK", stdin)
	}
	l.take(r, p, c, "DEL", stdin)
	_ = os.Remove(r.Path(stubDir + "/fail-DEL"))
	l.take(r, p, c, "DEL", stdin)
	l.take(r, p, c, "DEL", stdin)
	called, _ := os.ReadFile(r.Path(stubDir + "/called"))
	if verbs := strings.Fields(string(called)); len(verbs) > 0 && verbs[len(verbs)-1] != "DEL" {
		r.t.Errorf("the IPAM plugin was called for %q, want DEL in the end", verbs)
	}
	l.steps = append(l.steps, step{verb: "records", out: fmt.Sprint(r.files(recordDir))})
	return &l
}

// wayOf makes sure that the container was attached by the way that was asked for.
func (r *pluginRig) wayOf(exec, attached bool) {
	r.t.Helper()
	for _, file := range r.files(recordDir) {
		record, err := os.ReadFile(r.Path(file))
		r.ok(err)
		if attached && bytes.Contains(record, []byte(`"itself":true`)) == exec {
			r.t.Fatalf("with exec %v the record is %s", exec, record)
		}
	}
}

// prepare makes the container's IPv6 as the case has it.
func (c *sameCase) prepare() error {
	var err error
	for _, of := range []string{"default", "lo", "all"} {
		dir := "/proc/sys/net/ipv6/conf/" + of
		if c.noIPv6 {
			err = errors.Join(err, os.WriteFile(dir+"/disable_ipv6", []byte("1"), 0))
		}
		if !c.dad {
			err = errors.Join(err, os.WriteFile(dir+"/dad_transmits", []byte("0"), 0), os.WriteFile(dir+"/accept_dad", []byte("0"), 0))
		}
		err = errors.Join(err, os.WriteFile(dir+"/router_solicitations", []byte("0"), 0))
	}
	return err
}

// take makes a call, and notes what it answers and what is in the container then.
func (l *life) take(r *pluginRig, p *lab.Pod, c *sameCase, verb string, stdin object) string {
	r.t.Helper()
	cmd := p.Command(r.t.Context(), verb)
	cmd.Stdin = strings.NewReader(stdin.String())
	cmd.Env = append(cmd.Env, "CNI_ARGS="+c.args, "CNI_PATH="+stubDir+":"+binaries.CNI)
	out, err := cmd.Output()
	s := step{verb: verb}
	if _, failed := errors.AsType[*exec.ExitError](err); failed {
		var e struct {
			Code int
			Msg  string
		}
		r.ok(json.Unmarshal(out, &e))
		s.code, s.said = strconv.Itoa(e.Code), e.Msg
	} else {
		r.ok(err)
		s.out = string(out)
	}
	look := &looker{pod: p, random: c.conf["mac"] == nil}
	if s.inside, err = look.all(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	s.out = look.same(s.out)
	l.steps = append(l.steps, s)
	return string(out)
}

// A looker writes down what is in a container, without what differs each time.
type looker struct {
	pod    *lab.Pod
	random bool // the MAC address is
	differ []string
}

// all is everything that the kernel tells, once it has come to rest.
func (l *looker) all(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, devicePatience)
	defer cancel()
	for tick := time.Tick(10 * time.Millisecond); ; {
		out, restless, err := l.once()
		if err != nil || !restless {
			return out, err
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%s does not come to rest:\n%s", l.pod, out)
		case <-tick:
		}
	}
}

func (l *looker) once() (out string, restless bool, err error) {
	l.differ = []string{l.pod.NetNS(), "NETNS"}
	var lines []string
	links, err := l.pod.Netlink().LinkList()
	if errors.Is(err, nl.ErrDumpInterrupted) {
		return "", true, nil
	}
	if err != nil {
		return "", false, err
	}
	for _, link := range links {
		a := link.Attrs()
		if a.Name == "lo" {
			continue
		}
		l.differ = append(l.differ, a.HardwareAddr.String(), "MAC", linkLocal(a.HardwareAddr).String(), "LINKLOCAL")
		restless = restless || a.Flags&net.FlagUp != 0 && a.OperState != netlink.OperUp && a.OperState != netlink.OperUnknown
	}
	err = l.pod.Do(func() error {
		for _, dump := range []struct {
			what     string
			kind     int
			fixed    int
			leaveOut []uint16
		}{
			// IFLA_OPERSTATE follows a device that is up at leisure.
			{"link", unix.RTM_GETLINK, unix.SizeofIfInfomsg, []uint16{
				unix.IFLA_OPERSTATE, unix.IFLA_STATS, unix.IFLA_STATS64, unix.IFLA_CARRIER_CHANGES, unix.IFLA_CARRIER_UP_COUNT, unix.IFLA_CARRIER_DOWN_COUNT, unix.IFLA_AF_SPEC,
			}},
			{"address", unix.RTM_GETADDR, unix.SizeofIfAddrmsg, []uint16{unix.IFA_CACHEINFO}},
			{"route", unix.RTM_GETROUTE, unix.SizeofRtMsg, []uint16{unix.RTA_OIF, unix.RTA_CACHEINFO}},
			{"rule", unix.RTM_GETRULE, unix.SizeofRtMsg, nil},
			{"qdisc", unix.RTM_GETQDISC, 20, []uint16{unix.TCA_STATS, unix.TCA_STATS2}},
		} {
			req := nl.NewNetlinkRequest(dump.kind, unix.NLM_F_DUMP)
			req.AddRawData(make([]byte, dump.fixed))
			msgs, err := req.Execute(unix.NETLINK_ROUTE, 0)
			if errors.Is(err, nl.ErrDumpInterrupted) {
				restless = true // something changed meanwhile
				return nil
			}
			if err != nil {
				return fmt.Errorf("dump %s: %w", dump.what, err)
			}
			for _, m := range msgs {
				restless = restless || dump.kind == unix.RTM_GETADDR && m[2]&unix.IFA_F_TENTATIVE != 0
				lines = append(lines, dump.what+" "+l.message(dump.kind, m, dump.fixed, dump.leaveOut))
			}
		}
		settings, err := sysctls()
		lines = append(lines, settings...)
		return err
	})
	slices.Sort(lines)
	return l.same(strings.Join(lines, "\n")), restless, err
}

// same replaces what differs each time.
func (l *looker) same(text string) string { return strings.NewReplacer(l.differ...).Replace(text) }

// linkLocal is the IPv6 address that the kernel makes of a MAC address (RFC 4291, 2.5.6).
func linkLocal(mac net.HardwareAddr) net.IP {
	if len(mac) != 6 {
		return nil
	}
	return net.IP{0xfe, 0x80, 0, 0, 0, 0, 0, 0, mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]}
}

// message is a message as text: its fixed part without an ifindex, and its attributes.
func (l *looker) message(kind int, m []byte, fixed int, leaveOut []uint16) string {
	head := slices.Clone(m[:fixed])
	switch kind {
	case unix.RTM_GETLINK, unix.RTM_GETADDR, unix.RTM_GETQDISC:
		copy(head[4:8], make([]byte, 4)) // the ifindex
	}
	if kind == unix.RTM_GETQDISC {
		copy(head[8:12], make([]byte, 4)) // the handle
	}
	out := []string{hex.EncodeToString(head)}
	attrs, err := nl.ParseRouteAttr(m[fixed:])
	if err != nil {
		return err.Error()
	}
	for _, a := range attrs {
		if !slices.Contains(leaveOut, a.Attr.Type) {
			out = append(out, fmt.Sprintf("%d=%s", a.Attr.Type, l.value(a)))
		}
	}
	return strings.Join(out, " ")
}

// value is the value of an attribute; addresses as people write them, so that they can be
// told from others.
func (l *looker) value(a syscall.NetlinkRouteAttr) string {
	switch len(a.Value) {
	case 6:
		return net.HardwareAddr(a.Value).String()
	case 4:
		return fmt.Sprintf("%d", binary.NativeEndian.Uint32(a.Value))
	case 16:
		return net.IP(a.Value).String()
	default:
		return hex.EncodeToString(a.Value)
	}
}

// sysctls are all settings of the interface, and what concerns it elsewhere.
func sysctls() (lines []string, err error) {
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, of := range []string{"conf/" + lab.PodInterface, "neigh/" + lab.PodInterface, "conf/lo", "conf/all"} {
			dir := filepath.Join("/proc/sys/net", family, of)
			entries, err := os.ReadDir(dir)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				value, err := os.ReadFile(filepath.Join(dir, e.Name()))
				lines = append(lines, fmt.Sprintf("sysctl %s/%s/%s %q %v", family, of, e.Name(), value, err))
			}
		}
	}
	return lines, nil
}
