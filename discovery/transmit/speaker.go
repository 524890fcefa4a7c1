// SPDX-License-Identifier: Apache-2.0

package transmit

import (
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/lldp"
)

// A Speaker speaks for one port. It is not safe for concurrent use.
type Speaker struct {
	timers Timers
	watch  watch
	state  state
	status discovery.Transmit
	said   lldp.Announcement // what the last frame said

	framesOut    uint64 // statsFramesOutTotal
	lengthErrors uint64 // lldpduLengthErrors
	failure      error  // why the last frame could not be sent
}

// Config is what a Speaker can be tuned with; zero values mean the defaults.
type Config struct {
	Timers     Timers
	WatchTime  time.Duration
	WatchAgain time.Duration
}

// NewSpeaker returns the Speaker of a port that never spoke.
func NewSpeaker(c Config) *Speaker {
	s := &Speaker{timers: c.Timers, watch: watch{time: c.WatchTime, again: c.WatchAgain}}
	if s.timers == (Timers{}) {
		s.timers = defaultTimers()
	}
	if s.watch.time == 0 {
		s.watch.time = watchTime
	}
	if s.watch.again == 0 {
		s.watch.again = watchAgain
	}
	return s
}

// TTL is the time to live in seconds that the Speaker announces.
func (s *Speaker) TTL() uint16 { return s.timers.TTL() }

// An Input is all that the Speaker has to know at one moment.
type Input struct {
	Mode        Mode
	Up, Carrier bool
	Problem     string // why no frame can leave all the same
	NIC         discovery.NIC
	// Limit is the longest LLDPDU that the port can send.
	Limit int
	// Announcement is what there is to say. Its TTL is not looked at.
	Announcement lldp.Announcement
	// Neighbors are those of the port.
	Neighbors []discovery.Neighbor
	// NewNeighbor is set where one of them appeared since the last Advance.
	NewNeighbor bool
}

// enabled is portEnabled: frames can leave.
func (in *Input) enabled() bool { return in.Up && in.Carrier && in.Problem == "" }

// nic is what the driver says, unless LLDP is heard: its flag stays as it is where
// the agent in the firmware was stopped by other means, and what that takes nobody
// hears.
func (in *Input) nic() discovery.NIC {
	nic := in.NIC
	nic.FirmwareLLDP = nic.FirmwareLLDP && !slices.ContainsFunc(in.Neighbors, func(n discovery.Neighbor) bool {
		return n.Protocol == discovery.ProtocolLLDP
	})
	return nic
}

// Advance does what is to be done now. The write function sends a frame; what it
// cannot send is lost, as on any wire.
func (s *Speaker) Advance(now time.Time, in *Input, write func(frame []byte) error) {
	watching := s.look(now, in)
	s.status = decide(situation{
		Mode: in.Mode, Up: in.Up, Carrier: in.Carrier, Problem: in.Problem, NIC: in.nic(),
		Silence: s.watch.silence, Watching: watching && s.watch.first,
	})
	say := in.Announcement
	say.TTL = s.timers.TTL()
	for _, e := range s.events(in, &say) {
		s.step(e, now, &say, in.Limit, write)
	}
}

// look watches for a reason to be silent, where it matters.
func (s *Speaker) look(now time.Time, in *Input) bool {
	if in.Mode != Auto || !in.enabled() {
		s.watch.stop()
		return false
	}
	s.watch.advance(now)
	for i := range in.Neighbors {
		if n := &in.Neighbors[i]; s.watch.silence == "" && lldp.DCBX(n) {
			s.watch.find(now, dcbxReason(n))
		}
	}
	return s.watch.running()
}

// Overhear takes an LLDP frame that this node sent on the port, but not the
// Speaker: the wire would have two speakers.
//
// Only an agent of the node itself counts, which sends from an address of the
// node. What comes from elsewhere passes through this node only: a pod on a
// macvlan or a virtual machine is a station of its own, and must not be able to
// silence the node by accident.
func (s *Speaker) Overhear(now time.Time, frame []byte, own func(discovery.MAC) bool) {
	f, reason := lldp.Decode(frame)
	if reason != lldp.Accepted || f.Shutdown() || !s.watch.running() || !ofNode(f.Neighbor.Source, own) {
		return
	}
	s.watch.find(now, otherAgentReason(f.Neighbor.Source, f.Neighbor.SystemName))
}

// locallyAdministered is the bit of an address that no vendor sets (IEEE Std
// 802-2014, 8.2.2).
const locallyAdministered = 0x02

// ofNode reports whether an agent of this node sends from the address. On a member
// of a bond agents do not send from the member's address (see Source).
func ofNode(source discovery.MAC, own func(discovery.MAC) bool) bool {
	universal := source
	universal[0] &^= locallyAdministered
	return own(source) || own(universal) || source == discovery.MemberSourceLLDPD || source == (discovery.MAC{})
}

// Source returns the address that frames of a port are sent from, which may be a
// member of a bond or team.
func Source(port discovery.MAC, member bool) discovery.MAC {
	if member {
		return discovery.MemberSource(port)
	}
	return port
}

// events are what has happened since the last Advance.
func (s *Speaker) events(in *Input, say *lldp.Announcement) []event {
	switch {
	case !in.enabled():
		return []event{portDown}
	case s.status.State != discovery.Sending:
		return []event{disable}
	case s.state.said && !s.said.SameMSAP(say):
		return []event{disable, enable} // another remote agent takes the place of the one that goes
	case !s.state.enabled:
		return []event{enable}
	case in.NewNeighbor:
		return []event{newNeighbor}
	case s.state.said && s.said != *say:
		return []event{localChange}
	default:
		return []event{tick}
	}
}

func (s *Speaker) step(e event, now time.Time, say *lldp.Announcement, limit int, write func([]byte) error) {
	var action action
	s.state, action = s.timers.step(s.state, e, now)
	switch action {
	case noEvent:
	case sendShutdown:
		goodbye := s.said
		goodbye.TTL = 0
		s.send(&goodbye, limit, write)
	case sendFrame:
		s.said = *say
		s.send(say, limit, write)
	}
}

func (s *Speaker) send(a *lldp.Announcement, limit int, write func([]byte) error) {
	frame, dropped := lldp.Encode(a, limit)
	if dropped > 0 {
		s.lengthErrors++
	}
	if s.failure = write(frame); s.failure == nil {
		s.framesOut++
	}
}

// Down is for a link that went away, also where nobody saw it: what was found out
// on it is forgotten. Nothing is sent.
func (s *Speaker) Down(now time.Time) {
	s.watch.stop()
	s.state, _ = s.timers.step(s.state, portDown, now)
}

// Goodbye ends the Speaker's work with a shutdown frame, if there is anybody to
// be told.
func (s *Speaker) Goodbye(now time.Time, limit int, write func(frame []byte) error) {
	s.step(disable, now, &s.said, limit, write)
}

// Listening reports whether the Speaker wants to Overhear now.
func (s *Speaker) Listening() bool { return s.watch.running() }

// Wake is when Advance has something to do, unless there is news before.
func (s *Speaker) Wake() (time.Time, bool) {
	at, ok := s.timers.Wake(s.state)
	if !s.watch.begun {
		return at, ok
	}
	if w := s.watch.wake(); !ok || w.Before(at) {
		at = w
	}
	return at, true
}

// Status is what the Speaker does, and why.
func (s *Speaker) Status() discovery.Transmit {
	status := s.status
	if s.failure != nil && status.State == discovery.Sending {
		status.Reason = "the last frame could not be sent: " + s.failure.Error()
	}
	return status
}

// Fill writes what the Speaker does and did into a port of a snapshot.
func (s *Speaker) Fill(p *discovery.Port) {
	p.Transmit = s.Status()
	p.Counters.FramesOut, p.Counters.LengthErrors = s.framesOut, s.lengthErrors
}
