// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// Where radvd of a namespace has its files.
const (
	radvdConfig = "/run/radvd.conf"
	radvdLog    = "/run/radvd.log"
	radvdPID    = "/run/radvd.pid"
)

// A Radvd is a real radvd in a namespace, on one device.
type Radvd struct {
	ns     *Namespace
	device string
	cmd    *Cmd
}

// StartRadvd has radvd announce what is said of the device: what belongs between the braces
// of an interface in radvd.conf(5). It sends every three to four seconds.
func (n *Namespace) StartRadvd(ctx context.Context, device, said string) (*Radvd, error) {
	r := &Radvd{ns: n, device: device}
	if err := r.start(ctx, said); err != nil {
		return nil, fmt.Errorf("start radvd in %s: %w", n, err)
	}
	return r, nil
}

func (r *Radvd) start(ctx context.Context, said string) error {
	if err := r.configure(said); err != nil {
		return err
	}
	log, err := os.Create(r.ns.Path(radvdLog))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // radvd has its own descriptor
	r.cmd = r.ns.Command(context.WithoutCancel(ctx), "radvd", "-n", "-C", radvdConfig, "-p", radvdPID, "-m", "stderr", "-d", "1")
	r.cmd.Stdout, r.cmd.Stderr = log, log
	return r.cmd.Start()
}

func (r *Radvd) configure(said string) error {
	text := fmt.Sprintf("interface %s {\nAdvSendAdvert on;\nMinRtrAdvInterval 3;\nMaxRtrAdvInterval 4;\n%s\n};\n", r.device, said)
	return os.WriteFile(r.ns.Path(radvdConfig), []byte(text), 0o600)
}

// Say has it announce something else.
func (r *Radvd) Say(said string) error {
	if err := r.configure(said); err != nil {
		return fmt.Errorf("configure radvd in %s: %w", r.ns, err)
	}
	if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("reload radvd in %s: %w\n%s", r.ns, err, r.Log())
	}
	return nil
}

// Stop ends it, which it tells everybody.
func (r *Radvd) Stop() error {
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop radvd in %s: %w\n%s", r.ns, err, r.Log())
	}
	_ = r.cmd.Wait() // however it ends
	return nil
}

// Log returns what it has said.
func (r *Radvd) Log() string {
	b, _ := os.ReadFile(r.ns.Path(radvdLog)) // best effort
	return strings.TrimSpace(string(b))
}

func probeRadvd() error {
	if err := NetNS.Missing(); err != nil {
		return err
	}
	if _, err := exec.LookPath("radvd"); err != nil {
		return fmt.Errorf("%w (apt-get install radvd)", err)
	}
	if _, err := os.Stat("/proc/net/if_inet6"); err != nil {
		return errors.New("this kernel has no IPv6")
	}
	return nil
}
