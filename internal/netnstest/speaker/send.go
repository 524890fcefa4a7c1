// SPDX-License-Identifier: Apache-2.0

package speaker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"

	"github.com/mdlayher/packet"

	"github.com/colvin-net/colvin/discovery"
)

// A Speaker sends frames on one interface.
type Speaker struct {
	conn *packet.Conn
	mac  discovery.MAC
}

// Open opens a speaker on an interface of the calling thread's network
// namespace. It needs CAP_NET_RAW.
func Open(ifname string) (*Speaker, error) {
	ifi, err := net.InterfaceByName(ifname)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", ifname, err)
	}
	if len(ifi.HardwareAddr) != len(discovery.MAC{}) {
		return nil, fmt.Errorf("speak on %s: not an Ethernet interface", ifname)
	}
	// Protocol 0: the socket receives nothing.
	conn, err := packet.Listen(ifi, packet.Raw, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("speak on %s: %w", ifname, err)
	}
	return &Speaker{conn: conn, mac: discovery.MAC(ifi.HardwareAddr)}, nil
}

// Close closes the socket. The neighbour is not told: send a Shutdown frame for
// that.
func (s *Speaker) Close() error { return s.conn.Close() }

// Send sends one frame, from the interface's own MAC address where the frame
// has no source.
func (s *Speaker) Send(f Frame) error {
	if f.Source == (discovery.MAC{}) {
		f.Source = s.mac
	}
	b, err := f.Marshal()
	if err != nil {
		return err
	}
	return s.SendRaw(b)
}

// SendRaw sends octets as they are.
func (s *Speaker) SendRaw(b []byte) error {
	if _, err := s.conn.WriteTo(b, &packet.Addr{HardwareAddr: discovery.NearestBridge[:]}); err != nil {
		return fmt.Errorf("send LLDP frame: %w", err)
	}
	return nil
}

// Run sends what frame returns, at once and then at every interval, until the
// context ends. A frame that the link does not take is lost. Each value received
// from again makes it send at once; again may be nil.
func (s *Speaker) Run(ctx context.Context, interval time.Duration, again <-chan struct{}, frame func() Frame) error {
	tick := time.Tick(interval)
	for {
		if err := s.Send(frame()); err != nil && !lost(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		case <-again:
		}
	}
}

// lost reports whether the link is down, gone or not quite up yet.
func lost(err error) bool {
	return errors.Is(err, syscall.ENETDOWN) || errors.Is(err, syscall.ENXIO) || errors.Is(err, syscall.ENOBUFS)
}
