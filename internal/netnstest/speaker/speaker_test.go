// SPDX-License-Identifier: Apache-2.0

package speaker_test

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/netnstest/speaker"
)

var (
	portMAC    = discovery.MAC{0x02, 0, 0, 0, 0, 0x01}
	chassisMAC = discovery.MAC{0x02, 0, 0, 0, 0, 0x10}
)

func full() speaker.Frame {
	return speaker.Frame{
		Source:              portMAC,
		Chassis:             speaker.MACChassis(chassisMAC),
		Port:                speaker.NamedPort("p1"),
		TTL:                 120 * time.Second,
		PortDescription:     "to rack",
		SystemName:          "leaf",
		ManagementAddresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")},
		PVID:                100,
		VLANs:               []discovery.VLANName{{ID: 200, Name: "blue"}},
	}
}

func TestFrameMarshal(t *testing.T) {
	tagged := full().Shutdown()
	tagged.Tag = 9
	for _, tt := range []struct {
		name  string
		frame speaker.Frame
		want  []string // hexadecimal, concatenated
	}{
		{"full", full(), []string{
			"0180c200000e", "020000000001", "88cc",
			"0207" + "04" + "020000000010",
			"0403" + "05" + "7031",
			"0602" + "0078",
			"0807" + "746f207261636b",
			"0a04" + "6c656166",
			"100c" + "0501c0000201" + "0100000000" + "00",
			"fe06" + "0080c201" + "0064",
			"fe0b" + "0080c203" + "00c8" + "04" + "626c7565",
			"0000",
		}},
		{"shutdown, padded", full().Shutdown(), []string{
			"0180c200000e", "020000000001", "88cc",
			"0207" + "04" + "020000000010",
			"0403" + "05" + "7031",
			"0602" + "0000",
			"0000", strings.Repeat("00", 26),
		}},
		{"tagged", tagged, []string{
			"0180c200000e", "020000000001", "81000009", "88cc",
			"0207" + "04" + "020000000010",
			"0403" + "05" + "7031",
			"0602" + "0000",
			"0000", strings.Repeat("00", 26),
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := tt.frame.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Join(tt.want, ""), hex.EncodeToString(b)); diff != "" {
				t.Errorf("unexpected frame (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFrameMarshalTooLong(t *testing.T) {
	f := full()
	f.SystemName = strings.Repeat("x", 512)
	if _, err := f.Marshal(); err == nil {
		t.Error("got no error for a TLV of 512 octets")
	}
}
