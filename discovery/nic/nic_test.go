// SPDX-License-Identifier: Apache-2.0

package nic_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/nic"
	"github.com/colvin-net/colvin/internal/paste/pastetest"
)

// records are recorded driver facts, as "ethtool -i" and "ethtool
// --show-priv-flags" print them. A record without a firmware version has a source
// without one. Where the source is a driver's table of flags, the values are its
// defaults but for the one in question.
var records = map[string]struct {
	driver, firmware string
	flags            string // as ethtool prints them
	want             discovery.NIC
}{
	// Patch "i40e: Fix handling changed priv flags" on intel-wired-lan, 30 October 2024.
	"i40e, agent on": {
		driver: "i40e",
		flags: `
			MFP                   : off
			total-port-shutdown   : off
			LinkPolling           : off
			flow-director-atr     : on
			veb-stats             : off
			hw-atr-eviction       : off
			link-down-on-close    : off
			legacy-rx             : off
			disable-source-pruning: on
			disable-fw-lldp       : off
			rs-fec                : off
			base-r-fec            : off
			vf-vlan-pruning       : off`,
		want: discovery.NIC{Driver: "i40e", FirmwareLLDP: true, Remedy: "ethtool --set-priv-flags eth0 disable-fw-lldp on"},
	},
	// The table of Linux 6.1; the first function of a card has one flag more.
	"i40e, agent off": {
		driver: "i40e",
		flags: `
			MFP                    : off
			total-port-shutdown    : off
			LinkPolling            : off
			flow-director-atr      : on
			veb-stats              : off
			hw-atr-eviction        : off
			link-down-on-close     : off
			legacy-rx              : off
			disable-source-pruning : off
			disable-fw-lldp        : on
			rs-fec                 : off
			base-r-fec             : off
			vf-vlan-pruning        : off
			vf-true-promisc-support: off`,
		want: discovery.NIC{Driver: "i40e"},
	},
	// A driver from before the flag came with commit c61c8fe1d592 (Linux 4.16): it
	// cannot say whether the agent is on.
	"i40e without the flag": {
		driver: "i40e",
		flags: `
			MFP                    : off
			LinkPolling            : off
			flow-director-atr      : on
			veb-stats              : off
			hw-atr-eviction        : off
			legacy-rx              : off
			vf-true-promisc-support: off`,
		want: discovery.NIC{Driver: "i40e"},
	},
	// Unit tests of Intel's mfd-network-adapter: an E810 (8086:159b) with Intel's
	// own ice driver.
	"ice, agent on": {
		driver: "ice",
		flags: `
			link-down-on-close           : off
			fw-lldp-agent                : on
			channel-inline-fd-mark       : off
			channel-pkt-inspect-optimize : on
			channel-pkt-clean-bp-stop    : off
			channel-pkt-clean-bp-stop-cfg: off
			vf-true-promisc-support      : off
			mdd-auto-reset-vf            : off
			vf-vlan-pruning              : off
			legacy-rx                    : off
			cgu_fast_lock                : off
			dpll_monitor                 : off
			extts_filter                 : off
			itu_g8262_filter_used        : off
			allow-no-fec-modules-in-auto : off`,
		want: discovery.NIC{Driver: "ice", FirmwareLLDP: true, Remedy: "ethtool --set-priv-flags eth0 fw-lldp-agent off"},
	},
	// Intel's guide to the clocks of the E810-XXVDA4T, with Intel's own driver.
	"ice, agent off": {
		driver: "ice",
		flags: `
			link-down-on-close : off
			fw-lldp-agent : off
			channel-inline-flow-director : off
			channel-inline-fd-mark : off
			channel-pkt-inspect-optimize : on
			channel-pkt-clean-bp-stop : off
			channel-pkt-clean-bp-stop-cfg: off
			vf-true-promisc-support : off
			mdd-auto-reset-vf : off
			vf-vlan-pruning : off
			legacy-rx : off
			dpll_monitor : on
			extts_filter : off`,
		want: discovery.NIC{Driver: "ice"},
	},
	// The table of Linux 5.3 (commit 31eafa403b99 "ice: Implement LLDP persistence").
	"ice of Linux 5.3": {
		driver: "ice",
		flags: `
			link-down-on-close: off
			enable-fw-lldp    : on`,
		want: discovery.NIC{Driver: "ice", FirmwareLLDP: true, Remedy: "ethtool --set-priv-flags eth0 enable-fw-lldp off"},
	},
	// The table of Linux 6.1, in which no flag is about LLDP.
	"ixgbe": {driver: "ixgbe", flags: `
			legacy-rx: off
			vf-ipsec : off`, want: discovery.NIC{Driver: "ixgbe"}},
	// The table of Linux 6.1; a virtual function.
	"iavf": {driver: "iavf", firmware: "N/A", flags: "legacy-rx: off", want: discovery.NIC{Driver: "iavf"}},
	// An e1000e (82574L), as this package read it on Linux 6.1.
	"e1000e": {driver: "e1000e", firmware: "2.1-0", flags: "s0ix-enabled: off", want: discovery.NIC{Driver: "e1000e"}},
	// A ConnectX in public notes: no flag is about LLDP.
	"mlx5_core": {
		driver: "mlx5_core",
		flags: `
			rx_cqe_moder     : on
			tx_cqe_moder     : off
			rx_cqe_compress  : off
			sniffer          : off
			dropless_rq      : off
			per_channel_stats: on`,
		want: discovery.NIC{Driver: "mlx5_core"},
	},
	// Drivers without private flags.
	"virtio_net": {driver: "virtio_net", want: discovery.NIC{Driver: "virtio_net"}},
	"veth":       {driver: "veth", want: discovery.NIC{Driver: "veth"}},
	"no driver":  {},
}

func TestDescribe(t *testing.T) {
	for name, r := range records {
		t.Run(name, func(t *testing.T) {
			facts := nic.Facts{Driver: r.driver, Firmware: r.firmware, Flags: parseFlags(t, r.flags)}
			if diff := cmp.Diff(r.want, nic.Describe("eth0", facts)); diff != "" {
				t.Errorf("NIC (-want +got):\n%s", diff)
			}
		})
	}
}

// parseFlags reads private flags as ethtool prints them.
func parseFlags(t *testing.T, s string) map[string]bool {
	t.Helper()
	flags := map[string]bool{}
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || (value != "on" && value != "off") {
			t.Fatalf("line %q is no flag", line)
		}
		flags[strings.TrimSpace(name)] = value == "on"
	}
	return flags
}

// TestRemedyPasted pastes the command for an interface of any name.
func TestRemedyPasted(t *testing.T) {
	for _, name := range pastetest.Texts {
		if strings.ContainsRune(name, 0) {
			continue
		}
		n := nic.Describe(name, nic.Facts{Flags: map[string]bool{"fw-lldp-agent": true}})
		if got, want := pastetest.Shell(t, n.Remedy), []string{"ethtool", "--set-priv-flags", name, "fw-lldp-agent", "off"}; !slices.Equal(got, want) {
			t.Errorf("%q: %s is pasted as %q", name, n.Remedy, got)
		}
	}
}
