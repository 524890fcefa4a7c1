// SPDX-License-Identifier: Apache-2.0

//go:build linux

package difftest

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	codec "github.com/mdlayher/lldp"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/internal/netnstest"
)

// TestLLDPD compares what lldpd sends, by itself and as it is told to.
func TestLLDPD(t *testing.T) {
	netnstest.Require(t, netnstest.TShark, netnstest.RealLLDPD)
	node := netnstest.NewT(t, "node")
	sw := netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "leaf-1", Speaker: netnstest.LLDPD, Interval: 100 * time.Millisecond})
	must(t, sw.SetPVID(t.Context(), "p1", 100))
	must(t, sw.SetVLANNames(t.Context(), "p1", discovery.VLANName{ID: 200, Name: "blue"}, discovery.VLANName{ID: 300, Name: "back up"}))
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: sw, Name: "p1"})
	r := record(t, node, "eth1")
	r.until(func(n *discovery.Neighbor) bool { return n.PVID == 100 && len(n.VLANs) == 2 })
	for _, tlv := range [][]string{
		{"00,80,c2", "6", "00,05"},          // management VID
		{"00,80,c2", "7", "03,00,00,00,64"}, // link aggregation
		{"00,12,0f", "4", "24,00"},          // maximum frame size
		{"00,12,bb", "2", "01,40,15,6e"},    // network policy
		{"00,80,c2", "9", "03,00,01,00,22,32,32,00,00,00,00,00,00,02,02,00,00,00,00,00,00"}, // ETS configuration
		{"00,80,c2", "10", "00,00,01,00,22,3c,28,00,00,00,00,00,00,02,02,00,00,00,00,00,00"},
		{"00,80,c2", "11", "08,08"},                              // PFC
		{"00,80,c2", "12", "00,63,12,b7,61,89,06"},               // application priorities
		{"00,1b,21", "2", "02,0a,00,00,00,00,00,01,00,00,00,01"}, // CEE
		{"00,00,5e", "9", "01,02,03"},
	} {
		out, err := sw.Command(t.Context(), "lldpcli", "-u", "/run/lldpd.socket", "configure", "ports", "p1", "lldp",
			"custom-tlv", "add", "oui", tlv[0], "subtype", tlv[1], "oui-info", tlv[2]).CombinedOutput()
		if err != nil {
			t.Fatalf("configure lldpd: %v: %s", err, out)
		}
	}
	r.until(func(n *discovery.Neighbor) bool {
		return n.ManagementVID != 0 && n.LinkAggregation != nil && n.MaxFrameSize != 0 && n.MED != nil && n.DCBX != nil && len(n.UnknownTLVs) > 0
	})
	must(t, sw.StopSpeaker())
	r.until(func(n *discovery.Neighbor) bool { return n.TTL == 0 })
	compare(t, r.file())
}

// TestLADVD compares what ladvd sends for the port of a bridge.
func TestLADVD(t *testing.T) {
	netnstest.Require(t, netnstest.TShark, netnstest.LADVD)
	node := netnstest.NewT(t, "node")
	sw := netnstest.NewSwitchT(t, netnstest.SwitchConfig{Name: "leaf-2", Speaker: netnstest.None})
	netnstest.ConnectT(t, netnstest.Endpoint{In: node, Name: "eth1"}, netnstest.Endpoint{In: sw, Name: "p1"})
	bridge, err := sw.Netlink().LinkByName("br0")
	must(t, err)
	must(t, sw.Netlink().AddrAdd(bridge, &netlink.Addr{IPNet: &net.IPNet{IP: net.IPv4(192, 0, 2, 1), Mask: net.CIDRMask(24, 32)}}))
	must(t, os.Mkdir(sw.Path("/run/ladvd"), 0o755)) // it changes its root to there
	r := record(t, node, "eth1")
	// Once (-o), in the foreground (-f), LLDP (-L), on what it takes for a tap (-t).
	out, err := sw.Command(t.Context(), "ladvd", "-o", "-f", "-L", "-t", "-m", "br0", "-n", "p1").CombinedOutput()
	if err != nil {
		t.Fatalf("run ladvd: %v: %s", err, out)
	}
	r.until(func(n *discovery.Neighbor) bool { return slices.Contains(n.ManagementAddresses, "192.0.2.1") })
	compare(t, r.file())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A recorder hears LLDP on a device.
type recorder struct {
	t      *testing.T
	conn   *packet.Conn
	frames [][]byte
}

func record(t *testing.T, ns *netnstest.Namespace, device string) *recorder {
	t.Helper()
	r := &recorder{t: t}
	must(t, ns.Do(func() error {
		ifi, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		r.conn, err = packet.Listen(ifi, packet.Raw, int(codec.EtherType), nil)
		return err
	}))
	t.Cleanup(func() { _ = r.conn.Close() })
	return r
}

// until records frames up to one that says what is wanted.
func (r *recorder) until(want func(*discovery.Neighbor) bool) {
	r.t.Helper()
	must(r.t, r.conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	buffer := make([]byte, 2048)
	for {
		n, _, err := r.conn.ReadFrom(buffer)
		if err != nil {
			r.t.Fatalf("%v; heard %x", err, r.frames)
		}
		r.frames = append(r.frames, bytes.Clone(buffer[:n]))
		if f, reason := lldp.Decode(buffer[:n]); reason == lldp.Accepted && want(&f.Neighbor) {
			return
		}
	}
}

// file writes the frames into a pcap file.
func (r *recorder) file() string {
	r.t.Helper()
	return pcapFile(r.t, r.frames)
}

// pcapFile writes frames into a pcap file and returns its name.
func pcapFile(t *testing.T, frames [][]byte) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapgo.NewWriter(&b)
	must(t, w.WriteFileHeader(2048, layers.LinkTypeEthernet))
	for _, f := range frames {
		must(t, w.WritePacket(gopacket.CaptureInfo{Timestamp: time.Now(), CaptureLength: len(f), Length: len(f)}, f))
	}
	name := filepath.Join(t.TempDir(), "frames.pcap")
	must(t, os.WriteFile(name, b.Bytes(), 0o644))
	return name
}
