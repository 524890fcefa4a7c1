// SPDX-License-Identifier: Apache-2.0

package altnames

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/discovery/link"
	"github.com/colvin-net/colvin/internal/agentlock"
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/safefile"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

const (
	// Names are given at once, but not more often than this in the long run: whoever
	// floods a port must not wear out the disk with their record.
	giveEvery = time.Second
	giveBurst = 10

	// stuckEvery is how often it is tried to take a name away.
	stuckEvery = time.Second
	// changedEvery is how soon names are given after the devices changed meanwhile.
	changedEvery = 100 * time.Millisecond
	// lookEvery is how often it is seen to what nobody notifies of.
	lookEvery = time.Minute
	// never is when there is no reason to do something again.
	never = 24 * time.Hour
)

// Kernel is what alternative names take of the kernel.
type Kernel interface {
	List() ([]discovery.Interface, error)
	AddAltName(index int, name string) error
	RemoveAltName(index int, name string) error
}

// hostKernel is the kernel itself.
type hostKernel struct{}

var _ Kernel = hostKernel{}

func (hostKernel) List() ([]discovery.Interface, error) { return link.List() }

func (hostKernel) AddAltName(index int, name string) error { return link.AddAltName(index, name) }

func (hostKernel) RemoveAltName(index int, name string) error {
	return link.RemoveAltName(index, name)
}

// A Sink gives each attachable device the names of its networks
// as alternative names, so that plugins which know nothing of Colvin take them for
// an interface's name. It takes away only what it gave: what that is stands in a file
// before it is given. Taking away never waits.
type Sink struct {
	on     bool
	strict bool // a name is only where the record has it
	bootID string
	kernel Kernel
	dir    statefile.Dir
	log    *slog.Logger
	limit  *rate.Limiter // of giving

	owned  []altName // also those of devices that are in a container now
	proven bool      // owned was compared with what is there
	saved  []altName // what the file lists
	wanted map[string]nodefile.Link

	// Why names are not as they should be.
	doubts, taken, failed, stuck []mapping.Condition
}

// New returns a Sink that knows what an earlier run gave, as its record in the state
// directory tells. While it is not on it gives no name. A kernel of nil stands for that
// of this machine. The Sink can be used although an error says that the record could not
// be read.
func New(on bool, bootID string, kernel Kernel, stateDirectory string, log *slog.Logger) (*Sink, error) {
	if kernel == nil {
		kernel = hostKernel{}
	}
	dir := statefile.Dir(stateDirectory)
	owned, err := readRecord(dir, bootID)
	return &Sink{
		on: on, bootID: bootID, kernel: kernel, dir: dir, log: log, owned: owned, saved: slices.Clone(owned),
		limit: rate.NewLimiter(rate.Every(giveEvery), giveBurst),
	}, err
}

// ClearUnlessRunning takes away the alternative names that an agent which was
// killed left, and keeps one from starting meanwhile. A lock file that is not there is
// left to the agent to make: it may have another user.
//
// The caller may be root, and believes a record of an agent that is not, where nobody else
// can have put it. That reaches no further than to names as networks have them, and to the
// devices that have them under the recorded index. What such an agent could still do is to
// have a name go that an admin gave, if it could be a network's: the kernel does not tell
// who gave it.
func ClearUnlessRunning(runDirectory, stateDirectory string) error {
	if !hasRecord(statefile.Dir(stateDirectory)) {
		return nil // no name was ever given, so nobody need be kept from anything
	}
	for _, dir := range []string{runDirectory, stateDirectory} {
		_, err := safefile.Private(dir, safefile.Trust{AnyOwner: true, Sticky: true})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove altnames: look at the agent's directories: %w", err)
		}
	}
	lock, err := lockUnlessMissing(filepath.Join(runDirectory, agentlock.Name))
	if errors.Is(err, agentlock.ErrLocked) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove altnames: %w", err)
	}
	if lock != nil {
		defer func() { _ = lock.Close() }() // nothing was written to it
	}
	boot, err := bootid.Read()
	if err != nil {
		return err
	}
	a, err := New(false, boot, nil, stateDirectory, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	a.strict = true
	return a.Clear()
}

// lockUnlessMissing returns nothing where there is no lock file.
func lockUnlessMissing(path string) (*os.File, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return agentlock.Take(path)
}

// Withdraw takes away every name that the view does not give its device any more,
// and returns when to do so again though nothing happens.
func (a *Sink) Withdraw(v *mapping.View, interfaces []discovery.Interface) time.Duration {
	if a.on {
		a.wanted, a.doubts = wantedNames(v)
	}
	a.follow(interfaces)
	a.stuck = nil
	devices := byIndex(interfaces)
	for _, n := range planNames(a.wanted, interfaces, a.owned).remove {
		if err := a.remove(n); err != nil {
			a.stuck = append(a.stuck, stuckName(n, devices[n.Index].Name, err))
		}
	}
	if err := a.save(); err != nil {
		a.stuck = append(a.stuck, mapping.Condition{Type: mapping.FilesUnwritable, Message: err.Error()})
	}
	switch {
	case len(a.stuck) > 0:
		return stuckEvery
	case len(a.owned) > 0:
		return lookEvery // whether the record is still there
	}
	return never
}

func (a *Sink) remove(n altName) error {
	err := a.kernel.RemoveAltName(n.Index, n.Name)
	if errors.Is(err, link.ErrNotFound) {
		return nil // it is in a container with its name, or gone for good
	}
	if err != nil {
		return err
	}
	a.log.Info("altname removed", "name", n.Name, "ifindex", n.Index)
	a.disown(n)
	return nil
}

func (a *Sink) disown(n altName) {
	a.owned = slices.DeleteFunc(a.owned, func(o altName) bool { return o.key() == n.key() })
}

// Give gives the names that Withdraw found to be wanted, and returns when to do so
// again though nothing happens.
func (a *Sink) Give(seen []discovery.Interface) time.Duration {
	todo := planNames(a.wanted, seen, a.owned)
	if len(todo.add) == 0 && !slices.ContainsFunc(todo.taken, a.unheardOf) {
		a.taken, a.failed = todo.taken, nil
		return never
	}
	if r := a.limit.Reserve(); r.Delay() > 0 {
		delay := r.Delay()
		r.Cancel()
		return delay
	}
	// The snapshot may be older than what was just done here.
	interfaces, err := a.kernel.List()
	if err != nil {
		a.failed = []mapping.Condition{{Type: mapping.AltNameFailed, Message: "altnames cannot be given: " + err.Error()}}
		return giveEvery
	}
	todo = planNames(a.wanted, interfaces, a.owned)
	a.taken = todo.taken
	if len(todo.add) > 0 && !maps.Equal(wiringOf(seen), wiringOf(interfaces)) {
		return changedEvery // what is wanted may no longer hold
	}
	if a.failed = a.add(todo.add, interfaces); len(a.failed) > 0 {
		return lookEvery
	}
	return never
}

func (a *Sink) unheardOf(c mapping.Condition) bool { return !slices.Contains(a.taken, c) }

// add records names as its own, and then gives them.
func (a *Sink) add(names []altName, interfaces []discovery.Interface) (failed []mapping.Condition) {
	for _, n := range names {
		a.disown(n) // where somebody took it away
		a.owned = append(a.owned, n)
	}
	if err := a.save(); err != nil {
		for _, n := range names {
			a.disown(n)
		}
		return []mapping.Condition{{Type: mapping.FilesUnwritable, Message: err.Error() + "; no altname is given that cannot be recorded"}}
	}
	devices := byIndex(interfaces)
	for _, n := range names {
		err := a.kernel.AddAltName(n.Index, n.Name)
		if err == nil {
			a.log.Info("altname given", "name", n.Name, "ifindex", n.Index)
			continue
		}
		a.disown(n) // where it exists it is another's
		if !errors.Is(err, link.ErrNotFound) {
			failed = append(failed, failedName(n, devices[n.Index].Name, err))
		}
	}
	if err := a.save(); err != nil {
		failed = append(failed, mapping.Condition{Type: mapping.FilesUnwritable, Message: err.Error()})
	}
	return failed
}

// Clear takes every name away.
func (a *Sink) Clear() error {
	if len(a.owned) == 0 {
		return nil
	}
	interfaces, err := a.kernel.List()
	if err != nil {
		return fmt.Errorf("remove altnames: %w", err)
	}
	a.follow(interfaces)
	var errs []error
	for _, n := range planNames(nil, interfaces, a.owned).remove {
		errs = append(errs, a.remove(n))
	}
	if len(a.owned) == 0 { // what is left need not be written by whoever calls this
		errs = append(errs, a.save())
	}
	return errors.Join(errs...)
}

// follow compares what is owned with the interfaces there are. At first a record of
// an earlier run is believed only where the device has the name. Its MAC address may
// have changed: a bridge has the lowest of its ports', and a bond changes that of its
// members. A device that is not there can be in a container, and comes back with its
// name, maybe under another index.
func (a *Sink) follow(interfaces []discovery.Interface) {
	var owned []altName
	devices, known := byIndex(interfaces), map[nameKey]bool{}
	for _, n := range a.owned {
		i := devices[n.Index]
		if i == nil && !a.strict {
			i = findReturned(interfaces, n)
		}
		switch {
		case i == nil:
		case slices.Contains(i.AltNames, n.Name):
			n.Index, n.MAC = i.Index, i.MAC
		case !a.proven:
			continue
		}
		if !known[n.key()] {
			known[n.key()] = true
			owned = append(owned, n)
		}
	}
	a.owned, a.proven = forgetOldest(owned, devices), true
}

// maxAway bounds the names that are remembered of devices that are not there.
const maxAway = 256

// forgetOldest drops the oldest names of devices that are not there.
func forgetOldest(owned []altName, devices map[int]*discovery.Interface) []altName {
	away := 0
	for _, n := range owned {
		if devices[n.Index] == nil {
			away++
		}
	}
	return slices.DeleteFunc(owned, func(n altName) bool {
		drop := devices[n.Index] == nil && away > maxAway
		if drop {
			away--
		}
		return drop
	})
}

// findReturned finds a device that came back from a container, by its MAC address: there was
// none under its index.
func findReturned(interfaces []discovery.Interface, n altName) *discovery.Interface {
	for i := range interfaces {
		if interfaces[i].MAC == n.MAC && slices.Contains(interfaces[i].AltNames, n.Name) {
			return &interfaces[i]
		}
	}
	return nil
}

// save writes the record where it has changed, or a cleaner has removed it. An empty
// one goes.
func (a *Sink) save() error {
	if slices.Equal(a.owned, a.saved) && (len(a.owned) == 0 || hasRecord(a.dir)) {
		return nil
	}
	if err := saveRecord(a.dir, a.bootID, a.owned); err != nil {
		return err
	}
	a.saved = slices.Clone(a.owned)
	return nil
}

// Conditions say which names are not as they should be, and why.
func (a *Sink) Conditions() []mapping.Condition {
	return slices.Concat(a.stuck, a.doubts, a.taken, a.failed)
}
