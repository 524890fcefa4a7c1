// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/colvin-net/colvin/internal/netnstest"
)

// relays carry connections to the API server from other namespaces.
type relays struct {
	listeners []*net.TCPListener
	running   sync.WaitGroup
}

// Reach makes Host work inside a namespace too, whose loopback is its own, as long
// as the control plane runs. While the API server is stopped, connections from
// there are reset.
func (c *ControlPlane) Reach(ns *netnstest.Namespace) error {
	var l *net.TCPListener
	err := ns.Do(func() (err error) {
		l, err = net.ListenTCP("tcp4", c.port.address())
		return err
	})
	if err != nil {
		return fmt.Errorf("reach the API server from another namespace: %w", err)
	}
	c.relays.start(l, func() (*net.TCPConn, error) { return net.DialTCP("tcp4", nil, c.port.address()) })
	return nil
}

// reachNetwork makes Host work here, where the API server is in a network of its own.
func (c *ControlPlane) reachNetwork(ctx context.Context) error {
	n := c.options.Network
	if n == nil {
		return nil
	}
	l, err := c.port.listen(ctx)
	if err != nil {
		return fmt.Errorf("reach the API server in its network: %w", err)
	}
	server := &net.TCPAddr{IP: n.Addresses[0], Port: ServicePort}
	c.relays.start(l, func() (conn *net.TCPConn, err error) {
		err = n.Do(func() (err error) {
			conn, err = net.DialTCP("tcp4", nil, server)
			return err
		})
		return conn, err
	})
	return nil
}

func (r *relays) start(l *net.TCPListener, dial func() (*net.TCPConn, error)) {
	r.listeners = append(r.listeners, l)
	r.running.Go(func() { r.serve(l, dial) })
}

func (r *relays) serve(l *net.TCPListener, dial func() (*net.TCPConn, error)) {
	for {
		near, err := l.AcceptTCP()
		if err != nil {
			return // closed
		}
		far, err := dial()
		if err != nil {
			_ = near.SetLinger(0) // a reset is the nearest to a refusal
			_ = near.Close()
			continue
		}
		r.running.Go(func() { pass(near, far) })
		r.running.Go(func() { pass(far, near) })
	}
}

// pass passes on what is said in one direction. The end of either is that of both.
func pass(to, from net.Conn) {
	_, _ = io.Copy(struct{ io.Writer }{to}, from) // without splice, whose pipes are kept
	_, _ = to.Close(), from.Close()
}

// close waits for the end of all connections, which the API server's end is.
func (r *relays) close() {
	for _, l := range r.listeners {
		_ = l.Close()
	}
	r.running.Wait()
}
