// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// loopback is the only address that is served.
var loopback = net.IPv4(127, 0, 0, 1)

// A port is one of loopback's that nobody else gets while it is held, not even
// while the API server is stopped: bound without listening, to be shared.
type port struct{ fd, number int }

func holdPort() (*port, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("hold a port: %w", err)
	}
	p := &port{fd: fd}
	if err := p.bind(); err != nil {
		_ = p.close() // nothing was held
		return nil, fmt.Errorf("hold a port: %w", err)
	}
	return p, nil
}

func (p *port) bind() error {
	if err := unix.SetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
		return err
	}
	if err := unix.Bind(p.fd, &unix.SockaddrInet4{Addr: [4]byte(loopback.To4())}); err != nil {
		return err
	}
	bound, err := unix.Getsockname(p.fd)
	if err != nil {
		return err
	}
	address, ok := bound.(*unix.SockaddrInet4)
	if !ok {
		return fmt.Errorf("bound to a %T", bound)
	}
	p.number = address.Port
	return nil
}

func (p *port) address() *net.TCPAddr { return &net.TCPAddr{IP: loopback, Port: p.number} }

// listen serves the port, which stays held.
func (p *port) listen(ctx context.Context) (*net.TCPListener, error) {
	shared := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var set error
		err := c.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return errors.Join(err, set)
	}}
	l, err := shared.Listen(ctx, "tcp4", p.address().String())
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listening is a %T", l), l.Close())
	}
	return tcp, nil
}

func (p *port) close() error { return unix.Close(p.fd) }
