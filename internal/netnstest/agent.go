// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

// SpeakerKind is who speaks LLDP for a switch.
type SpeakerKind uint8

// The kinds of speaker.
const (
	Auto    SpeakerKind = iota // LLDPD where it works, else Builtin
	LLDPD                      // a real lldpd
	Builtin                    // the speaker of this package
	None                       // nobody
)

var speakerNames = [...]string{Auto: "lldpd or the built-in speaker", LLDPD: "lldpd", Builtin: "the built-in speaker", None: "no speaker"}

// String names the speaker for people.
func (k SpeakerKind) String() string { return speakerNames[k] }

// resolve turns Auto into what works here.
func (k SpeakerKind) resolve() (SpeakerKind, error) {
	switch k {
	case LLDPD:
		return k, RealLLDPD.Missing()
	case Auto:
		if RealLLDPD.Missing() != nil {
			return Builtin, nil
		}
		return LLDPD, nil
	case Builtin, None:
	}
	return k, nil
}

func newAgent(ns *Namespace, cfg SwitchConfig) agent {
	switch cfg.Speaker {
	case LLDPD:
		return &lldpd{ns: ns, cfg: cfg}
	case Builtin:
		return &builtin{ns: ns, cfg: cfg}
	case Auto, None:
	}
	return silent{}
}

// silent is the agent of a switch that has none.
type silent struct{}

func (silent) start(context.Context, map[string]portTLVs) error  { return nil }
func (silent) attach(context.Context, string, portTLVs) error    { return nil }
func (silent) detach(string) error                               { return nil }
func (silent) configure(context.Context, string, portTLVs) error { return nil }
func (silent) stop(bool) error                                   { return nil }
func (silent) pause(context.Context) error                       { return nil }
func (silent) resume(context.Context) error                      { return nil }

// builtin speaks with package speaker.
type builtin struct {
	ns    *Namespace
	cfg   SwitchConfig
	ports map[string]*builtinPort
}

// A builtinPort speaks on one port until it is closed.
type builtinPort struct {
	speaker *speaker.Speaker
	again   chan struct{} // asks for a frame at once
	cancel  context.CancelFunc
	running sync.WaitGroup
	err     error // of running

	mu    sync.Mutex
	frame speaker.Frame
}

func (b *builtin) start(ctx context.Context, ports map[string]portTLVs) error {
	b.ports = map[string]*builtinPort{}
	for port, tlvs := range ports {
		if err := b.attach(ctx, port, tlvs); err != nil {
			return errors.Join(err, b.stop(false))
		}
	}
	return nil
}

func (b *builtin) attach(ctx context.Context, port string, tlvs portTLVs) error {
	p := &builtinPort{again: make(chan struct{}, 1), frame: b.frame(port, tlvs)}
	err := b.ns.Do(func() (err error) {
		p.speaker, err = speaker.Open(port)
		return err
	})
	if err != nil {
		return err
	}
	b.ports[port] = p
	p.run(ctx, b.cfg.Interval)
	return nil
}

func (b *builtin) detach(port string) error {
	p := b.ports[port]
	delete(b.ports, port)
	return p.close()
}

func (b *builtin) configure(_ context.Context, port string, tlvs portTLVs) error {
	p := b.ports[port]
	p.mu.Lock()
	p.frame = b.frame(port, tlvs)
	p.mu.Unlock()
	select {
	case p.again <- struct{}{}:
	default: // asked already
	}
	return nil
}

func (b *builtin) stop(shutdown bool) error {
	var errs []error
	for _, p := range b.ports {
		p.halt()
		if shutdown {
			errs = append(errs, p.speaker.Send(p.frame.Shutdown()))
		}
		errs = append(errs, p.close())
	}
	b.ports = nil
	return errors.Join(errs...)
}

func (b *builtin) pause(context.Context) error {
	for _, p := range b.ports {
		p.halt()
	}
	return nil
}

func (b *builtin) resume(ctx context.Context) error {
	for _, p := range b.ports {
		p.run(ctx, b.cfg.Interval)
	}
	return nil
}

func (b *builtin) frame(port string, tlvs portTLVs) speaker.Frame {
	return speaker.Frame{
		Chassis:           speaker.MACChassis(b.cfg.ChassisMAC),
		Port:              speaker.NamedPort(port),
		TTL:               b.cfg.ttl(),
		PortDescription:   port,
		SystemName:        b.cfg.Name,
		SystemDescription: systemDescription,
		PVID:              tlvs.pvid,
		VLANs:             tlvs.vlans,
	}
}

// ttl is the time to live in whole seconds, rounded up.
func (c SwitchConfig) ttl() time.Duration {
	ttl := c.Interval * time.Duration(c.Hold)
	return (ttl + time.Second - 1).Truncate(time.Second)
}

// run speaks until halt, also when the context of its caller ends.
func (p *builtinPort) run(ctx context.Context, interval time.Duration) {
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.running.Go(func() {
		p.err = p.speaker.Run(ctx, interval, p.again, func() speaker.Frame {
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.frame
		})
	})
}

func (p *builtinPort) halt() {
	p.cancel()
	p.running.Wait()
}

func (p *builtinPort) close() error {
	p.halt()
	return errors.Join(p.err, p.speaker.Close())
}
