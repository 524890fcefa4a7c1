// SPDX-License-Identifier: Apache-2.0

package link

import (
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// FuzzRoute shows that the messages about routes and next hops are read, whatever
// a kernel sends.
func FuzzRoute(f *testing.F) {
	message := make([]byte, unix.SizeofRtMsg)
	message[0], message[1], message[4] = unix.AF_INET, 8, unix.RT_TABLE_MAIN
	hop := append(nl.Uint16Attr(unix.SizeofRtNexthop), 0, 0, 2, 0, 0, 0)
	for _, a := range []*nl.RtAttr{
		nl.NewRtAttr(unix.RTA_DST, []byte{10, 0, 0, 0}),
		nl.NewRtAttr(unix.RTA_GATEWAY, []byte{192, 0, 2, 1}),
		nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(100)),
		nl.NewRtAttr(unix.RTA_MULTIPATH, hop),
	} {
		message = append(message, a.Serialize()...)
	}
	if got, ok := route(message, 2); !ok || got != "10.0.0.0/8 via 192.0.2.1 table 100" {
		f.Fatalf("route %q, %t", got, ok)
	}
	f.Add(message)
	message[0], message[1] = unix.AF_MPLS, 20
	f.Add(message)
	f.Add(message[:unix.SizeofRtMsg+5])
	f.Fuzz(func(t *testing.T, msg []byte) {
		for index := range 3 {
			if got, ok := route(msg, index); ok && got == "" {
				t.Error("a route without a text")
			}
			nextHop(msg, index)
		}
	})
}
