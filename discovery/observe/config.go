// SPDX-License-Identifier: Apache-2.0

package observe

import (
	"cmp"
	"log/slog"
	"path"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/ether"
	"github.com/colvin-net/colvin/discovery/transmit"
)

// A Config says what an Observer observes and what it is connected to. Only Links
// and Listen are needed; without more it listens on no port.
type Config struct {
	Links  Links
	Listen ether.ListenFunc
	// NIC returns what the driver of an interface says of it.
	NIC func(ifname string) discovery.NIC
	// Addresses returns the node's IP addresses by ifindex.
	Addresses func() (map[int]discovery.Addresses, error)
	// AddressHints delivers when one of them, or a lifetime, may have changed. Without it
	// they are listed every five minutes.
	AddressHints <-chan struct{}
	Log          *slog.Logger
	// Now is the clock of Snapshots, by which Listen must tell when frames arrived; nil:
	// time.Now.
	Now func() time.Time

	ListenOn  Patterns
	Protocols ether.FrameSet // LLDP, CDP or both; zero: both
	// RouterAdvertisements has the ports be listened to for these too.
	RouterAdvertisements bool
	Settings             // of ports without exception; zero: auto capture, and nothing is sent
	// Exceptions are settings of some ports. Where several match, the last that
	// says something decides.
	Exceptions []Exception

	SystemName        string // what the node says of itself
	SystemDescription string
	ShutdownOnExit    bool // say goodbye when Run ends
	Speaker           transmit.Config
}

// Settings are what can be set for each port.
type Settings struct {
	Transmit transmit.Mode
	Capture  ether.Capture
}

// An Exception has other settings for the ports whose name a glob matches; empty
// ones are as for other ports.
type Exception struct {
	Match string
	Settings
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NIC == nil {
		c.NIC = func(string) discovery.NIC { return discovery.NIC{} }
	}
	if c.Addresses == nil {
		c.Addresses = func() (map[int]discovery.Addresses, error) { return nil, nil }
	}
	c.Protocols = cmp.Or(c.Protocols, ether.LLDP|ether.CDP)
	c.Transmit = cmp.Or(c.Transmit, transmit.Off)
	c.Capture = cmp.Or(c.Capture, ether.CaptureAuto)
	return c
}

// settings are those of a port.
func (c *Config) settings(ifname string) Settings {
	s := c.Settings
	for _, e := range c.Exceptions {
		if ok, _ := path.Match(e.Match, ifname); ok {
			s = Settings{Transmit: cmp.Or(e.Transmit, s.Transmit), Capture: cmp.Or(e.Capture, s.Capture)}
		}
	}
	return s
}
