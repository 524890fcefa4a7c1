// SPDX-License-Identifier: Apache-2.0

//go:build linux

package controlplane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// loopback is the only address that is served.
var loopback = net.IPv4(127, 0, 0, 1)

// newIdentity makes the API server's certificate, which vouches for itself, and
// its key, which also signs the tokens of service accounts.
func newIdentity() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "kube-apiserver of a test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:           []net.IP{loopback},
	}
	cert, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return nil, nil, err
	}
	if key, err = x509.MarshalPKCS8PrivateKey(private); err != nil {
		return nil, nil, err
	}
	encode := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	return encode("CERTIFICATE", cert), encode("PRIVATE KEY", key), nil
}

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

func (p *port) close() error { return unix.Close(p.fd) }
