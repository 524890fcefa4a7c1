// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
)

// The metrics, with the names of IEEE Std 802.1AB-2016, 9.2.6 in their help.
var (
	metricInfo       = desc("info", "Always 1; the version of the agent.", "version", "node")
	metricConverged  = desc("converged", "1 when every port was heard or waited for.")
	metricNeighbors  = desc("neighbors", "Neighbours heard within their time to live, by protocol.", "interface", "protocol")
	metricStaleEnds  = desc("stale_ends_timestamp_seconds", "When the networks of a port whose switch is silent will be refused; absent where that is not so.", "interface")
	metricUplinks    = desc("uplinks", "Ways from this node into networks, by certainty.", "certainty")
	metricPods       = desc("pod_attachments", "Attachments of containers, by status.", "status")
	metricOrphans    = desc("orphaned_records", "Attachments that are over, and that nobody ended.")
	metricConditions = desc("conditions", "Conditions that hold, by type.", "type")
	metricRulesBad   = desc("rules_invalid", "1 while the latest rules are not in force.")
	metricWrites     = desc("node_file_writes_total", "How often the node file was written.")

	metricFramesIn     = desc("lldp_frames_in_total", "LLDP frames received (statsFramesInTotal).", "interface")
	metricFramesOut    = desc("lldp_frames_out_total", "LLDP frames sent (statsFramesOutTotal).", "interface")
	metricDiscarded    = desc("lldp_frames_discarded_total", "LLDP frames discarded (statsFramesDiscardedTotal).", "interface")
	metricReasons      = desc("lldp_discards_total", "LLDP frames discarded (statsFramesDiscardedTotal), by reason.", "interface", "reason")
	metricErrors       = desc("lldp_frames_in_errors_total", "LLDP frames with errors (statsFramesInErrorsTotal).", "interface")
	metricTLVDiscarded = desc("lldp_tlvs_discarded_total", "TLVs discarded (statsTLVsDiscardedTotal).", "interface")
	metricTLVUnknown   = desc("lldp_tlvs_unrecognized_total", "TLVs not recognised (statsTLVsUnrecognizedTotal).", "interface")
	metricAgeouts      = desc("lldp_ageouts_total", "Neighbours aged out (statsAgeoutsTotal).", "interface")
	metricTooMany      = desc("lldp_too_many_neighbors_total", "Frames refused because the table was full (tooManyNeighbors).", "interface")
	metricLength       = desc("lldp_length_errors_total", "LLDP frames into which not everything fitted (lldpduLengthErrors).", "interface")

	metricRouters        = desc("routers", "Routers that announce themselves.", "interface")
	metricAdvertisements = desc("router_advertisements_in_total", "Router advertisements that were read.", "interface")
	metricUnread         = desc("router_advertisements_lost_total", "Router advertisements that came faster than they are read.", "interface")
	metricUnused         = desc("router_advertisement_discards_total", "Router advertisements discarded, by reason.", "interface", "reason")

	metricTransmit = desc("lldp_transmit", "1 for what the sending side of a port does, 0 for what it does not.", "interface", "state")
)

// The values of labels that are always there, so that an alert can rely on them.
var (
	protocols         = []discovery.Protocol{discovery.ProtocolLLDP, discovery.ProtocolCDP}
	containerStatuses = []agentapi.ContainerStatus{
		agentapi.ContainerOK, agentapi.ContainerStale, agentapi.ContainerPinned, agentapi.ContainerUnverified, agentapi.ContainerDown, agentapi.ContainerMoved,
		agentapi.ContainerAdding, agentapi.ContainerFailed, agentapi.ContainerDeleting, agentapi.ContainerStuck,
	}
	transmitStates = []discovery.TransmitState{discovery.Sending, discovery.Watching, discovery.Silent, discovery.Off}
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("colvin_"+name, help, labels, nil)
}

// A collector makes Prometheus metrics of the agent's State.
type collector struct {
	state func() (*agentapi.State, error)
}

var _ prometheus.Collector = (*collector)(nil)

// newCollector returns a collector of what state returns.
func newCollector(state func() (*agentapi.State, error)) *collector { return &collector{state: state} }

// Describe sends nothing: which metrics there are depends on the interfaces.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	s, err := c.state()
	if err != nil {
		return
	}
	gauge(ch, metricInfo, 1, s.Version, s.Node)
	gauge(ch, metricConverged, number(s.View.Converged))
	gauge(ch, metricRulesBad, number(s.Rules.Problem != "" && !s.Rules.Waiting))
	counter(ch, metricWrites, s.Writes)
	collectStale(ch, &s.View)
	certainties, conditions := map[string]int{}, map[string]int{}
	for _, a := range s.View.Uplinks {
		certainties[string(a.Certainty)]++
	}
	collectAttached(ch, s.Attachments)
	for _, k := range s.View.Conditions {
		conditions[string(k.Type)]++
	}
	for k, n := range certainties {
		gauge(ch, metricUplinks, float64(n), k)
	}
	for k, n := range conditions {
		gauge(ch, metricConditions, float64(n), k)
	}
	self := s.Snapshot.Self()
	for i := range s.Snapshot.Ports {
		collectPort(ch, self, &s.Snapshot.Ports[i])
	}
}

func collectStale(ch chan<- prometheus.Metric, v *mapping.View) {
	for port, at := range v.StaleEnds() {
		gauge(ch, metricStaleEnds, float64(at.Unix()), port)
	}
}

func collectAttached(ch chan<- prometheus.Metric, attached []agentapi.ContainerAttachment) {
	statuses, orphans := map[agentapi.ContainerStatus]int{}, 0
	for i := range attached {
		a := &attached[i]
		if a.Orphaned != "" {
			orphans++
		}
		if a.Orphaned == "" || !a.Attached() || a.Status == agentapi.ContainerMoved { // it may only seem gone
			statuses[a.Status]++
		}
	}
	for _, status := range containerStatuses {
		gauge(ch, metricPods, float64(statuses[status]), string(status))
	}
	gauge(ch, metricOrphans, float64(orphans))
}

func collectPort(ch chan<- prometheus.Metric, self *discovery.Self, p *discovery.Port) {
	heard, _ := self.CountNeighbors(p)
	for _, protocol := range protocols {
		gauge(ch, metricNeighbors, float64(heard[protocol]), p.Name, string(protocol))
	}
	gauge(ch, metricRouters, float64(len(p.Routers)), p.Name)
	for _, state := range transmitStates {
		gauge(ch, metricTransmit, number(p.Transmit.State == state), p.Name, string(state))
	}
	for d, n := range map[*prometheus.Desc]uint64{
		metricFramesIn:     p.Counters.FramesIn,
		metricFramesOut:    p.Counters.FramesOut,
		metricDiscarded:    p.Counters.FramesDiscarded,
		metricErrors:       p.Counters.FramesInErrors,
		metricTLVDiscarded: p.Counters.TLVsDiscarded,
		metricTLVUnknown:   p.Counters.TLVsUnrecognized,
		metricAgeouts:      p.Counters.Ageouts,
		metricTooMany:      p.Counters.TooManyNeighbors,
		metricLength:       p.Counters.LengthErrors,

		metricAdvertisements: p.RouterCounters.In,
		metricUnread:         p.RouterCounters.Lost,
	} {
		counter(ch, d, n, p.Name)
	}
	for reason, n := range p.Counters.Discards {
		counter(ch, metricReasons, n, p.Name, reason)
	}
	for reason, n := range p.RouterCounters.Discards {
		counter(ch, metricUnused, n, p.Name, reason)
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, v uint64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
