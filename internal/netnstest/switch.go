// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/colvin-net/colvin/discovery"
)

// BridgeName is the device that joins the ports of a switch.
const BridgeName = "br0"

// SwitchConfig says what a switch is. Only the name is needed.
type SwitchConfig struct {
	Name       string        // the system name it announces
	ChassisMAC discovery.MAC // zero: derived from the name
	Speaker    SpeakerKind
	Interval   time.Duration // between LLDP frames; zero: one second
	Hold       int           // time to live in intervals; zero: 4 (msgTxHold; IEEE Std 802.1AB-2016, 9.2.5.6)
}

// A Switch is a namespace whose ports are joined by a bridge and which speaks
// LLDP on each of them. Like a real one it does not forward LLDP frames. All
// ports are one broadcast domain: the VLANs it tells are words only.
type Switch struct {
	*Namespace
	cfg   SwitchConfig
	agent agent

	mu    sync.Mutex // held over every change, so that the agent sees them in order
	said  map[string]portTLVs
	ports map[string]bool // plugged in
	mute  bool            // the speaker is stopped

	paused bool // it runs and keeps silent
}

// portTLVs are the 802.1 TLVs of one port.
type portTLVs struct {
	pvid  uint16 // 0: not advertised
	vlans []discovery.VLANName
}

// An agent speaks LLDP for a switch. A Switch calls it one call at a time.
type agent interface {
	// start begins to speak on the ports. The first frame already has their TLVs.
	start(ctx context.Context, ports map[string]portTLVs) error
	// attach begins to speak on one more port, which is down; detach ends it.
	attach(ctx context.Context, port string, tlvs portTLVs) error
	detach(port string) error
	// configure changes what a port says, with its next frame or at once.
	configure(ctx context.Context, port string, tlvs portTLVs) error
	// stop ends; the neighbours are told if shutdown is set.
	stop(shutdown bool) error
	// pause keeps silent without ending, until resume.
	pause(ctx context.Context) error
	resume(ctx context.Context) error
}

// NewSwitch makes a switch and returns when its speaker is ready.
func NewSwitch(ctx context.Context, cfg SwitchConfig) (*Switch, error) {
	if cfg.ChassisMAC == (discovery.MAC{}) {
		cfg.ChassisMAC = macOf(cfg.Name)
	}
	if cfg.Interval == 0 {
		cfg.Interval = time.Second
	}
	if cfg.Hold == 0 {
		cfg.Hold = 4
	}
	kind, err := cfg.Speaker.resolve()
	if err != nil {
		return nil, fmt.Errorf("make switch %s: %w", cfg.Name, err)
	}
	cfg.Speaker = kind
	ns, err := New(ctx, cfg.Name)
	if err != nil {
		return nil, err
	}
	s := &Switch{Namespace: ns, cfg: cfg, mute: true, said: map[string]portTLVs{}, ports: map[string]bool{}}
	s.agent = newAgent(ns, cfg)
	err = errors.Join(ns.inside(disableIPv6), s.AddDevice("bridge", BridgeName))
	if err == nil {
		err = s.StartSpeaker(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make switch %s: %w", cfg.Name, err), s.Close())
	}
	return s, nil
}

// disableIPv6 keeps ports from having addresses of their own: no switch port has
// any, and each address found would keep lldpd waiting a second longer.
func disableIPv6() error {
	for _, which := range []string{"all", "default"} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+which+"/disable_ipv6", []byte("1"), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
			return fmt.Errorf("disable IPv6: %w", err)
		}
	}
	return nil
}

// macOf derives a locally administered unicast MAC address from a name.
func macOf(name string) discovery.MAC {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	mac := discovery.MAC(h.Sum(nil)[:6])
	mac[0] = mac[0]&^0x01 | 0x02
	return mac
}

// Speaker says who speaks LLDP for this switch.
func (s *Switch) Speaker() SpeakerKind { return s.cfg.Speaker }

// ChassisMAC is the chassis ID it announces.
func (s *Switch) ChassisMAC() discovery.MAC { return s.cfg.ChassisMAC }

// plug joins a device to the bridge and lets the speaker know it.
func (s *Switch) plug(ctx context.Context, port string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.setMaster(port, BridgeName); err != nil {
		return err
	}
	if !s.mute {
		if err := s.agent.attach(ctx, port, s.said[port]); err != nil {
			return fmt.Errorf("speak on %s:%s: %w", s, port, err)
		}
		if s.paused {
			if err := s.agent.pause(ctx); err != nil {
				return err
			}
		}
	}
	s.ports[port] = true
	return nil
}

func (s *Switch) unplug(port string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ports[port] {
		return nil
	}
	delete(s.ports, port)
	if s.mute {
		return nil
	}
	return s.agent.detach(port)
}

// SetPVID makes a port tell its port VLAN ID; 0 tells none. It may be called
// before the port is plugged in, and then the port's first frame has it.
func (s *Switch) SetPVID(ctx context.Context, port string, vid uint16) error {
	return s.say(ctx, port, func(t *portTLVs) { t.pvid = vid })
}

// SetVLANNames makes a port tell the names of these VLANs.
func (s *Switch) SetVLANNames(ctx context.Context, port string, vlans ...discovery.VLANName) error {
	return s.say(ctx, port, func(t *portTLVs) { t.vlans = slices.Clone(vlans) })
}

func (s *Switch) say(ctx context.Context, port string, change func(*portTLVs)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	tlvs := s.said[port]
	change(&tlvs)
	s.said[port] = tlvs
	if s.mute || !s.ports[port] {
		return nil
	}
	if err := s.agent.configure(ctx, port, tlvs); err != nil {
		return fmt.Errorf("configure %s:%s: %w", s, port, err)
	}
	return nil
}

// StartSpeaker starts the speaker after StopSpeaker or KillSpeaker.
func (s *Switch) StartSpeaker(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mute {
		return nil
	}
	ports := map[string]portTLVs{}
	for port := range s.ports {
		ports[port] = s.said[port]
	}
	if err := s.agent.start(ctx, ports); err != nil {
		return fmt.Errorf("start %s of %s: %w", s.cfg.Speaker, s, err)
	}
	s.mute, s.paused = false, false
	return nil
}

// StopSpeaker ends the speaker, which says goodbye on every port.
func (s *Switch) StopSpeaker() error { return s.endSpeaker(true) }

// KillSpeaker ends the speaker without a word, as a crash would.
func (s *Switch) KillSpeaker() error { return s.endSpeaker(false) }

func (s *Switch) endSpeaker(shutdown bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mute {
		return nil
	}
	s.mute, s.paused = true, false
	if err := s.agent.stop(shutdown); err != nil {
		return fmt.Errorf("stop %s of %s: %w", s.cfg.Speaker, s, err)
	}
	return nil
}

// Pause keeps the running speaker silent until Resume.
func (s *Switch) Pause(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mute {
		return nil
	}
	s.paused = true
	return s.agent.pause(ctx)
}

// Resume undoes Pause.
func (s *Switch) Resume(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.paused {
		return nil
	}
	s.paused = false
	return s.agent.resume(ctx)
}

// Close ends the speaker without a word and drops the namespace.
func (s *Switch) Close() error { return errors.Join(s.KillSpeaker(), s.Namespace.Close()) }
