// SPDX-License-Identifier: Apache-2.0

// Package cniplugin is the CNI plugin "colvin": it turns a network name into the
// device that leads there on this node, and lets another plugin do the rest. It
// never talks to the API server, the controller or the running agent.
package cniplugin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/boottime"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// The plugin's own error codes; CNI leaves those from 100 on to plugins. With
// the codes of the CNI specification they are the table in docs/cni.md.
const (
	// errNotHere: the network is known, but cannot be reached from this node.
	errNotHere uint = 100
	// errAmbiguous: several devices lead to a network of that name.
	errAmbiguous uint = 101
	// errMoved: the device leads to another network now (CHECK).
	errMoved uint = 102
	// errUnsafe: the device must not be used as the delegate would.
	errUnsafe uint = 103
)

// A kubelet waits 4 minutes for a pod's sandbox and 2 for its end (twice and once its
// runtimeRequestTimeout). Within that a delegate has as long as the slowest IPAM plugin
// takes to say what is wrong, so that the user reads that: whereabouts answers 120 s after
// ADD and 60 s after DEL where there is no API server. What could not be undone in time
// the next DEL finds in the record.
var runtimesPatience = patience{
	lock: 30 * time.Second, delegateAdd: 130 * time.Second, delegate: 65 * time.Second, output: 5 * time.Second,
	add: 230 * time.Second, del: 110 * time.Second,
}

// patience is how long the plugin waits: for a lock, for a delegate's ADD and its other
// verbs, for the output that a delegate which has ended keeps open through a child, and in
// all for its own ADD and its other verbs.
type patience struct{ lock, delegateAdd, delegate, output, add, del time.Duration }

// An address that an ADD may have reserved keeps nobody any more some time after its delegate
// failed, and after it was killed.
const (
	failedAfter  = time.Minute
	abandonAfter = 5 * time.Minute
)

// Plugin answers the CNI verbs.
type Plugin struct {
	directories
	misplaced error // why the directories are not known; nil if they are

	kernel    kernel
	stdout    io.Writer
	stderr    io.Writer
	patience  patience
	now       func() time.Time
	sinceBoot func() time.Duration // the clock of the node file's deadlines
}

// New returns the plugin with the directories that are usual.
func New() *Plugin {
	return &Plugin{
		directories: defaultDirectories(),
		kernel:      hostKernel{}, stdout: os.Stdout, stderr: os.Stderr, patience: runtimesPatience, now: time.Now, sinceBoot: boottime.SinceBoot,
	}
}

// FromEnvironment returns the plugin as the CNI runtime calls it.
func FromEnvironment(getenv func(string) string) *Plugin {
	p := New()
	p.directories, p.misplaced = directoriesOf(getenv)
	return p
}

// Funcs are the five verbs that need a handler; VERSION needs none.
func (p *Plugin) Funcs() skel.CNIFuncs {
	if p.misplaced != nil {
		answer := func(*skel.CmdArgs) error { return p.misplaced }
		return skel.CNIFuncs{Add: answer, Del: answer, Check: answer, GC: answer, Status: answer}
	}
	return skel.CNIFuncs{Add: p.Add, Del: p.Del, Check: p.Check, GC: p.GC, Status: p.Status}
}

// fail makes a CNI error of one line.
func fail(code uint, format string, args ...any) *types.Error {
	return types.NewError(code, oneLine(fmt.Sprintf(format, args...)), "")
}

// prefixed says where an error happened, keeping its CNI code.
func prefixed(prefix string, err error) error {
	if e, ok := errors.AsType[*types.Error](err); ok {
		return types.NewError(e.Code, oneLine(prefix+": "+e.Msg), e.Details)
	}
	return fail(types.ErrInternal, "%s: %v", prefix, err)
}

// about is how the errors and remarks of a verb begin.
func (p *Plugin) about(c *conf) string {
	if c.network == "" { // which is the mistake
		return p.nodeName()
	}
	return fmt.Sprintf("%s: network %q", p.nodeName(), c.network)
}

// nodeName is what the agent calls the node, so that all messages call it the same. Where its
// file does not tell, the host name could be another's: whoever reads the message knows.
func (p *Plugin) nodeName() string {
	if node, err := nodefile.Read(p.nodeFile()); err == nil && node.Node != "" {
		return node.Node
	}
	return "this node"
}

// say tells the runtime's log something that is no error.
func (p *Plugin) say(c *conf, format string, args ...any) {
	_, _ = fmt.Fprintln(p.stderr, oneLine(fmt.Sprintf("colvin: %s: %s", p.about(c), fmt.Sprintf(format, args...))))
}

// attachable reads the configuration of a verb by which a container is attached, or may be.
func (p *Plugin) attachable(args *skel.CmdArgs) (*conf, error) {
	c, err := parseConf(args.StdinData)
	if err := c.refused(err); err != nil {
		return nil, fail(types.ErrInvalidNetworkConfig, "%s: %v", p.about(c), err)
	}
	return c, nil
}

// configuration reads the configuration of another verb that needs all of it.
func (p *Plugin) configuration(args *skel.CmdArgs) (*conf, error) {
	c, err := parseConf(args.StdinData)
	if err != nil {
		return nil, fail(types.ErrInvalidNetworkConfig, "%s: %v", p.about(c), err)
	}
	return c, nil
}

// oneLine keeps what would move the cursor of whoever reads an error out of it: a
// delegate, or the name of an interface, may hold anything.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// bootID reads which boot this is. Who does not know must not take a record for one of
// another boot: that would let go of what a running container uses.
func (p *Plugin) bootID() (string, error) {
	boot, err := p.kernel.BootID()
	if err != nil {
		return "", fail(types.ErrTryAgainLater, "%v; nothing was done, because nothing tells what is of this boot; make that file readable and try again", err)
	}
	return boot, nil
}

// session is what the work of one call stands on.
type session struct {
	*Plugin
	boot  string // the ID of this boot
	store *record.Store
	seen  fs.FileInfo // of the node file, from before it was read; nil where it was not
}

// isOfThisBoot reports whether what the record says of the kernel still means
// anything.
func (s *session) isOfThisBoot(r *record.Record) bool { return r.BootID == s.boot }

// readNode reads the node file and makes sure that it is of this boot: ifindexes
// and carrier counts of an earlier one mean nothing.
func (s *session) readNode(c *conf) (*nodefile.File, error) {
	read := func() (*nodefile.File, error) { return nodefile.ReadTrusted(s.nodeFile()) }
	if c.chosen == "" && (c.profile.use == over || c.profile.use == bridged) { // and nothing is said of others
		read = func() (*nodefile.File, error) { return nodefile.ReadTrustedFor(s.nodeFile(), c.network) }
	}
	s.seen, _ = os.Stat(s.nodeFile())
	node, err := read()
	if err != nil {
		return nil, fail(types.ErrTryAgainLater, "%s: %v", s.about(c), err)
	}
	if node.BootID != s.boot {
		return nil, fail(types.ErrTryAgainLater,
			"%s: network %q: %s is from before the last reboot, and a cable can have moved since; %s",
			node.Node, c.network, s.nodeFile(), s.agentAdvice())
	}
	return node, nil
}

// isUnread reports whether the node file is another than the one that was read. The agent
// never writes into it, but puts another into its place.
func (s *session) isUnread() bool {
	now, err := os.Stat(s.nodeFile())
	return err != nil || s.seen == nil || !os.SameFile(now, s.seen) || now.Size() != s.seen.Size() || !now.ModTime().Equal(s.seen.ModTime())
}

// onTime reports whether the agent's word on an uplink is still good. It is renewed while
// the agent lives, so nobody need tell whether one is dead or frozen.
func (p *Plugin) onTime(a *nodefile.Uplink) bool { return p.sinceBoot() < a.Until }

// ago says how long ago something was. The clock may have been set back since.
func (p *Plugin) ago(t time.Time) string { return fit.Span(max(0, p.now().Sub(t))) + " ago" }
