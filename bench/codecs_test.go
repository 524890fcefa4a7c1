// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/mdlayher/ethernet"
	ml "github.com/mdlayher/lldp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
	"github.com/colvin-net/colvin/discovery/neighbor"
)

// wantFaster is how many times faster than the fastest other decoder ours is.
const wantFaster = 3

// A codec decodes a whole frame, from its Ethernet header on.
type codec struct {
	name   string
	ours   bool
	decode func(frame []byte) error
}

var codecs = []codec{
	{"colvin", true, decodeColvin},
	{"gopacket", false, decodeGopacket(gopacket.Default)},
	{"gopacket, NoCopy", false, decodeGopacket(gopacket.NoCopy)},
	{"gopacket, Lazy and NoCopy", false, decodeGopacket(gopacket.DecodeOptions{Lazy: true, NoCopy: true})},
	{"mdlayher/lldp", false, decodeMdlayher},
}

func decodeColvin(frame []byte) error {
	if _, reason := lldp.Decode(frame); reason != lldp.Accepted {
		return fmt.Errorf("frame is discarded: %v", reason)
	}
	return nil
}

// decodeGopacket decodes every layer and the organizations that Colvin decodes
// too. IDs and addresses stay octets.
func decodeGopacket(options gopacket.DecodeOptions) func([]byte) error {
	return func(frame []byte) error {
		p := gopacket.NewPacket(frame, layers.LayerTypeEthernet, options)
		info, ok := p.Layer(layers.LayerTypeLinkLayerDiscoveryInfo).(*layers.LinkLayerDiscoveryInfo)
		if failed := p.ErrorLayer(); failed != nil {
			return failed.Error()
		}
		if !ok {
			return errors.New("no LLDP layer")
		}
		_, err1 := info.Decode8021()
		_, err2 := info.Decode8023()
		_, err3 := info.DecodeMedia()
		return errors.Join(err1, err2, err3)
	}
}

// decodeMdlayher splits a frame into TLVs. What is in the optional ones that
// package does not say.
func decodeMdlayher(frame []byte) error {
	var e ethernet.Frame
	if err := e.UnmarshalBinary(frame); err != nil {
		return err
	}
	var f ml.Frame
	return f.UnmarshalBinary(e.Payload)
}

// TestCodecs holds that our decoder is three times faster than the faster of the
// others. All decode all samples in rounds, one after the other, so that what
// slows the machine down slows all of them; the median round counts.
func TestCodecs(t *testing.T) {
	const rounds = 51
	all := samples(t)
	took := make([][]time.Duration, len(codecs))
	for round := range rounds {
		for i := range codecs {
			k := (i + round) % len(codecs)
			took[k] = append(took[k], pass(t, codecs[k], all))
		}
	}
	report(t, all, took)
	ours, others := median(took[0]), median(took[1])
	for _, d := range took[1:] {
		others = min(others, median(d))
	}
	if ours*wantFaster > others {
		t.Errorf("ours takes %v, the fastest of the others %v: %.1f times, want %d", ours, others, ratio(others, ours), wantFaster)
	}
}

// passes is how often a round decodes every sample.
const passes = 200

// pass returns what decoding one sample takes on average.
func pass(t *testing.T, c codec, all []sample) time.Duration {
	t.Helper()
	start := time.Now()
	for range passes {
		for i := range all {
			if err := c.decode(all[i].frame); err != nil {
				t.Fatalf("%s: %s: %v", c.name, all[i].name, err)
			}
		}
	}
	return time.Since(start) / time.Duration(passes*len(all))
}

func median(d []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(d))[len(d)/2]
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func report(t *testing.T, all []sample, took [][]time.Duration) {
	t.Helper()
	octets := 0
	for _, s := range all {
		octets += len(s.frame)
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "decoder\tper frame\tcolvin is faster\tallocations\n")
	for i, c := range codecs {
		allocs := testing.AllocsPerRun(10, func() { pass(t, c, all) }) / float64(passes*len(all))
		fmt.Fprintf(w, "%s\t%v\t%.1fx\t%.1f\n", c.name, median(took[i]), ratio(median(took[i]), median(took[0])), allocs)
	}
	_ = w.Flush()
	t.Logf("%d frames of %d octets on average, median of %d rounds\n%s", len(all), octets/len(all), len(took[0]), b.String())
}

// TestSamples holds that each decoder finds the same system names: the
// comparison is of decoders that do the work.
func TestSamples(t *testing.T) {
	for _, s := range samples(t) {
		f, _ := lldp.Decode(s.frame)
		p := gopacket.NewPacket(s.frame, layers.LayerTypeEthernet, gopacket.Default)
		info, _ := p.Layer(layers.LayerTypeLinkLayerDiscoveryInfo).(*layers.LinkLayerDiscoveryInfo)
		if name := f.Neighbor.SystemName; info == nil || name == "" || name != info.SysName {
			t.Errorf("%s: system name %q, gopacket finds %+v", s.name, name, info)
		}
	}
}

// BenchmarkDecode is the same by the usual means, frame by frame.
func BenchmarkDecode(b *testing.B) {
	for _, s := range samples(b) {
		for _, c := range codecs {
			b.Run(s.name+"/"+c.name, func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(s.frame)))
				for b.Loop() {
					if err := c.decode(s.frame); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkRefresh is what most frames cost: the same again.
func BenchmarkRefresh(b *testing.B) {
	table := neighbor.NewTable(neighbor.DefaultMax, discovery.PortCounters{})
	frame := slices.MaxFunc(samples(b), func(x, y sample) int { return cmp.Compare(len(x.frame), len(y.frame)) }).frame
	table.Receive(frame, 0, time.Now())
	b.ReportAllocs()
	for b.Loop() {
		if o := table.Receive(frame, 0, time.Now()); o != neighbor.Refreshed {
			b.Fatal(o)
		}
	}
}
