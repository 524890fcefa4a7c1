// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

const (
	// systemDescription is what switches of this package say of themselves.
	systemDescription = "A switch made for a test"

	// chassisDevice exists for lldpd to take the chassis ID from; it never
	// has carrier.
	chassisDevice = "chassis0"

	lldpdSocket  = "/run/lldpd.socket"
	lldpdConfig  = "/run/lldpd.conf"   // read once, by the _lldpd user, before the first frame
	lldpdChanges = "/run/lldpcli.conf" // a batch for lldpcli, which runs as _lldpd
	lldpdLog     = "/run/lldpd.log"
)

// lldpd runs a real lldpd in a namespace.
type lldpd struct {
	ns     *Namespace
	cfg    SwitchConfig
	ports  map[string]portTLVs
	cmd    *Cmd
	exited chan struct{} // closed once cmd was waited for
}

func (l *lldpd) start(ctx context.Context, ports map[string]portTLVs) error {
	l.ports = ports
	if err := l.addChassisDevice(); err != nil {
		return err
	}
	if err := os.WriteFile(l.ns.Path(lldpdConfig), l.configuration(ports), 0o644); err != nil {
		return err
	}
	log, err := os.Create(l.ns.Path(lldpdLog))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // lldpd has its own descriptor
	l.cmd = l.ns.Command(context.WithoutCancel(ctx), "lldpd", "-d", "-u", lldpdSocket, "-O", lldpdConfig,
		"-I", "*,!"+BridgeName, "-C", chassisDevice)
	l.cmd.Stdout, l.cmd.Stderr = log, log
	l.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it is two processes
	if err := l.cmd.Start(); err != nil {
		return err
	}
	l.exited = make(chan struct{})
	go func() {
		defer close(l.exited)
		_ = l.cmd.Wait() // a premature end shows in await
	}()
	// The system name is the last thing lldpd reads before it begins to speak.
	err = l.await(ctx, "chassis.name="+l.cfg.Name+"\n", "show", "chassis")
	if err != nil {
		return errors.Join(err, l.stop(false))
	}
	return nil
}

func (l *lldpd) addChassisDevice() error {
	if _, err := l.ns.handle.LinkByName(chassisDevice); err == nil {
		return nil
	}
	attrs := attributes(chassisDevice)
	attrs.HardwareAddr = l.cfg.ChassisMAC[:]
	if err := l.ns.handle.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: chassisDevice + "p"}); err != nil {
		return fmt.Errorf("add %s: %w", chassisDevice, err)
	}
	return nil
}

func (l *lldpd) configuration(ports map[string]portTLVs) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "configure system description %q\n", systemDescription)
	fmt.Fprintf(&b, "configure system ip management pattern !*\n") // no addresses of the namespace
	fmt.Fprintf(&b, "configure lldp portidsubtype ifname\n")
	fmt.Fprintf(&b, "configure lldp tx-interval %dms\n", l.cfg.Interval.Milliseconds())
	fmt.Fprintf(&b, "configure lldp tx-hold %d\n", l.cfg.Hold)
	for port, tlvs := range ports {
		b.WriteString(tlvs.commands(port))
	}
	fmt.Fprintf(&b, "configure system hostname %q\n", l.cfg.Name)
	return b.Bytes()
}

// commands are what lldpcli makes a port say with; lldpd itself takes VLANs from
// VLAN devices and from bridges that filter them.
func (t portTLVs) commands(port string) string {
	var b strings.Builder
	add := func(subtype int, info []byte) {
		fmt.Fprintf(&b, "configure ports %s lldp custom-tlv add oui 00,80,c2 subtype %d oui-info %s\n",
			port, subtype, strings.ReplaceAll(fmt.Sprintf("% x", info), " ", ","))
	}
	fmt.Fprintf(&b, "unconfigure ports %s lldp custom-tlv\n", port)
	if t.pvid != 0 {
		add(1, speaker.PVIDInfo(t.pvid)) // IEEE Std 802.1Q-2018, D.2.1
	}
	for _, v := range t.vlans {
		add(3, speaker.VLANNameInfo(v)) // IEEE Std 802.1Q-2018, D.2.3
	}
	return b.String()
}

// attach starts lldpd afresh. A running one looks for new ports about two
// seconds later, and what it is told about a port before that is lost without a
// word. The other neighbours hear their frame once more and no goodbye.
func (l *lldpd) attach(ctx context.Context, port string, tlvs portTLVs) error {
	if err := l.stop(false); err != nil {
		return err
	}
	l.ports[port] = tlvs
	return l.start(ctx, l.ports)
}

func (l *lldpd) detach(port string) error {
	delete(l.ports, port) // lldpd sees it go
	return nil
}

// configure changes all TLVs of a port between two frames.
func (l *lldpd) configure(ctx context.Context, port string, tlvs portTLVs) error {
	batch := "pause\n" + tlvs.commands(port) + "resume\n"
	if err := os.WriteFile(l.ns.Path(lldpdChanges), []byte(batch), 0o644); err != nil {
		return err
	}
	if _, err := l.cli(ctx, "-c", lldpdChanges); err != nil {
		return err
	}
	l.ports[port] = tlvs
	return nil
}

func (l *lldpd) stop(shutdown bool) error {
	if shutdown {
		// lldpd says goodbye and ends both its processes.
		if err := l.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		select {
		case <-l.exited:
			return nil
		case <-time.After(patience):
		}
	}
	select {
	case <-l.exited:
		return nil // its group may be another's by now
	default:
	}
	if err := syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		return err
	}
	<-l.exited
	return l.awaitGone()
}

// awaitGone waits for lldpd's second process, which lives a moment longer than
// the first: while it does lldpd refuses to start again.
func (l *lldpd) awaitGone() error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(pollInterval) {
		if errors.Is(syscall.Kill(-l.cmd.Process.Pid, 0), syscall.ESRCH) {
			return nil
		}
	}
	return errors.New("lldpd does not end")
}

func (l *lldpd) pause(ctx context.Context) error  { _, err := l.cli(ctx, "pause"); return err }
func (l *lldpd) resume(ctx context.Context) error { _, err := l.cli(ctx, "resume"); return err }

// await polls lldpcli until it says want.
func (l *lldpd) await(ctx context.Context, want string, args ...string) error {
	err := poll(ctx, func() (done bool, err error) {
		select {
		case <-l.exited:
			return true, errors.New("lldpd ended")
		default:
		}
		out, err := l.cli(ctx, append([]string{"-f", "keyvalue"}, args...)...)
		if err == nil && !strings.Contains(out, want) {
			err = fmt.Errorf("lldpcli %s says no %q", strings.Join(args, " "), want)
		}
		return err == nil, err
	})
	if err != nil {
		said, _ := os.ReadFile(l.ns.Path(lldpdLog)) // best effort
		return fmt.Errorf("%w; lldpd says: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

func (l *lldpd) cli(ctx context.Context, args ...string) (string, error) {
	out, err := l.ns.Command(ctx, "lldpcli", append([]string{"-u", lldpdSocket}, args...)...).CombinedOutput()
	if err == nil && bytes.Contains(out, []byte("[WARN")) {
		err = errors.New("it warns") // and exits with 0
	}
	if err != nil {
		return "", fmt.Errorf("run lldpcli %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}
