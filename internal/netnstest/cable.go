// SPDX-License-Identifier: Apache-2.0

//go:build linux

package netnstest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/discovery"
)

// A Socket is where the end of a cable goes: a Namespace or a Switch.
type Socket interface {
	fmt.Stringer
	namespace() *Namespace
	// plug readies a device, still down, for traffic.
	plug(ctx context.Context, device string) error
	// unplug forgets a device that is about to leave.
	unplug(device string) error
}

var (
	_ Socket = (*Namespace)(nil)
	_ Socket = (*Switch)(nil)
)

func (n *Namespace) namespace() *Namespace              { return n }
func (n *Namespace) plug(context.Context, string) error { return nil }
func (n *Namespace) unplug(string) error                { return nil }

// An Endpoint is one end of a cable.
type Endpoint struct {
	In   Socket
	Name string        // of the device there
	MAC  discovery.MAC // zero: the kernel's choice
}

// String returns the endpoint as place:device.
func (e Endpoint) String() string { return e.In.String() + ":" + e.Name }

func (e Endpoint) hardwareAddr() net.HardwareAddr {
	if e.MAC == (discovery.MAC{}) {
		return nil
	}
	return e.MAC[:]
}

// A Cable is a veth pair. Its near end stays where it is; the far end, usually
// in a switch, can be unplugged and moved.
type Cable struct{ near, far Endpoint }

// Connect lays a cable and returns when both ends are up. The near end comes up
// last, so it has no carrier before the far end is ready.
func Connect(ctx context.Context, near, far Endpoint) (*Cable, error) {
	c := &Cable{near: near, far: far}
	if err := c.lay(ctx); err != nil {
		return nil, fmt.Errorf("connect %s to %s: %w", near, far, err)
	}
	return c, nil
}

func (c *Cable) lay(ctx context.Context) error {
	attrs := attributes(c.near.Name)
	attrs.HardwareAddr = c.near.hardwareAddr()
	err := c.near.In.namespace().handle.LinkAdd(&netlink.Veth{
		LinkAttrs:        attrs,
		PeerName:         c.far.Name,
		PeerHardwareAddr: c.far.hardwareAddr(),
		PeerNamespace:    netlink.NsFd(c.far.In.namespace().net.Fd()),
	})
	if err != nil {
		return fmt.Errorf("add veth pair: %w", err)
	}
	for _, end := range []Endpoint{c.far, c.near} {
		if err := end.In.plug(ctx, end.Name); err != nil {
			return errors.Join(err, c.Close())
		}
		if err := end.In.namespace().SetUp(end.Name); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	return nil
}

// Unplug takes the carrier away from both ends.
func (c *Cable) Unplug() error { return c.far.In.namespace().setDown(c.far.Name) }

// Plug undoes Unplug.
func (c *Cable) Plug() error { return c.far.In.namespace().SetUp(c.far.Name) }

// Move re-plugs the far end elsewhere. The near end loses its carrier and gets
// it back (its count of carrier changes grows by two); its index and MAC
// address stay.
func (c *Cable) Move(ctx context.Context, to Endpoint) error {
	if err := c.move(ctx, to); err != nil {
		return fmt.Errorf("move %s to %s: %w", c.far, to, err)
	}
	return nil
}

func (c *Cable) move(ctx context.Context, to Endpoint) error {
	if err := c.Unplug(); err != nil {
		return err
	}
	if err := c.far.In.unplug(c.far.Name); err != nil {
		return err
	}
	here, there := c.far.In.namespace(), to.In.namespace()
	// On the way it has a name that is free at both places.
	transit := "mv" + rand.Text()[:8]
	if err := here.rename(c.far.Name, transit); err != nil {
		return err
	}
	c.far.Name = transit
	if err := here.Give(transit, there); err != nil {
		return err
	}
	c.far.In = to.In
	if err := there.rename(transit, to.Name); err != nil {
		return err
	}
	c.far = to
	if mac := to.hardwareAddr(); mac != nil {
		err := there.change("address", to.Name, func(l netlink.Link) error { return there.handle.LinkSetHardwareAddr(l, mac) })
		if err != nil {
			return err
		}
	}
	if err := to.In.plug(ctx, to.Name); err != nil {
		return err
	}
	return c.Plug()
}

// Close removes the cable.
func (c *Cable) Close() error {
	return errors.Join(c.far.In.unplug(c.far.Name), c.near.In.namespace().Remove(c.near.Name))
}
