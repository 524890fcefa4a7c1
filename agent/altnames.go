// SPDX-License-Identifier: Apache-2.0

package agent

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
	"github.com/colvin-net/colvin/internal/bootid"
	"github.com/colvin-net/colvin/internal/statefile"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// AltNameKernel is what alternative names take of the kernel.
type AltNameKernel interface {
	List() ([]discovery.Interface, error)
	AddAltName(index int, name string) error
	RemoveAltName(index int, name string) error
}

// altNameKernel is the kernel itself.
type altNameKernel struct{}

var _ AltNameKernel = altNameKernel{}

func (altNameKernel) List() ([]discovery.Interface, error) { return link.List() }

func (altNameKernel) AddAltName(index int, name string) error { return link.AddAltName(index, name) }

func (altNameKernel) RemoveAltName(index int, name string) error {
	return link.RemoveAltName(index, name)
}

// altNames is the sink that gives each attachable device the names of its networks
// as alternative names, so that plugins which know nothing of Colvin take them for
// an interface's name. It takes away only what it gave: what that is stands in a file
// before it is given. Taking away never waits.
type altNames struct {
	on     bool
	strict bool // a name is only where the record has it
	bootID string
	kernel AltNameKernel
	store  store
	log    *slog.Logger
	limit  *rate.Limiter // of giving

	owned  []altName // also those of devices that are in a container now
	proven bool      // owned was compared with what is there
	saved  []altName // what the file lists
	wanted map[string]nodefile.Link

	// Why names are not as they should be.
	doubts, taken, failed, stuck []mapping.Condition
}

func newAltNames(on bool, bootID string, kernel AltNameKernel, s store, log *slog.Logger) (*altNames, error) {
	if kernel == nil {
		kernel = altNameKernel{}
	}
	owned, err := s.altNames(bootID)
	return &altNames{
		on: on, bootID: bootID, kernel: kernel, store: s, log: log, owned: owned, saved: slices.Clone(owned),
		limit: rate.NewLimiter(rate.Every(writeEvery), writeBurst),
	}, err
}

// ClearAltNamesUnlessRunning takes away the alternative names that an agent which was
// killed left, and keeps one from starting meanwhile. A lock file that is not there is
// left to the agent to make: it may have another user.
//
// The caller may be root, and believes a record of an agent that is not. That reaches
// no further than to names as networks have them, and to the devices that have them
// under the recorded index. What such an agent could still do is to have a name go that
// an admin gave, if it could be a network's: the kernel does not tell who gave it.
func ClearAltNamesUnlessRunning(runDirectory, stateDirectory string) (err error) {
	lock, err := lockUnlessMissing(filepath.Join(runDirectory, nodefile.LockName))
	if errors.Is(err, nodefile.ErrLocked) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove altnames: %w", err)
	}
	if lock != nil {
		defer func() { err = errors.Join(err, lock.Close()) }()
	}
	boot, err := bootid.Read()
	if err != nil {
		return err
	}
	a, err := newAltNames(false, boot, nil, store{statefile.Dir(stateDirectory)}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	a.strict = true
	return a.clear()
}

// lockUnlessMissing returns nothing where there is no lock file.
func lockUnlessMissing(path string) (*os.File, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return nodefile.Lock(path)
}

// withdraw takes away every name that the view does not give its device any more,
// and returns when to do so again though nothing happens.
func (a *altNames) withdraw(v *mapping.View, interfaces []discovery.Interface) time.Duration {
	a.wanted, a.doubts = nil, nil
	if a.on {
		a.wanted, a.doubts = wantedAltNames(v)
	}
	a.follow(interfaces)
	a.stuck = nil
	devices := byIndex(interfaces)
	for _, n := range planAltNames(a.wanted, interfaces, a.owned).remove {
		if err := a.remove(n); err != nil {
			a.stuck = append(a.stuck, stuckAltName(n, devices[n.Index].Name, err))
		}
	}
	if err := a.save(); err != nil {
		a.stuck = append(a.stuck, mapping.Condition{Type: mapping.FilesUnwritable, Message: err.Error()})
	}
	switch {
	case len(a.stuck) > 0:
		return writeEvery
	case len(a.owned) > 0:
		return lookEvery // whether the record is still there
	}
	return never
}

func (a *altNames) remove(n altName) error {
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

func (a *altNames) disown(n altName) {
	a.owned = slices.DeleteFunc(a.owned, func(o altName) bool { return o.key() == n.key() })
}

// give gives the names that withdraw found to be wanted, and returns when to do so
// again though nothing happens.
func (a *altNames) give(seen []discovery.Interface) time.Duration {
	plan := planAltNames(a.wanted, seen, a.owned)
	if len(plan.add) == 0 && !slices.ContainsFunc(plan.taken, a.unheardOf) {
		a.taken, a.failed = plan.taken, nil
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
		return writeEvery
	}
	plan = planAltNames(a.wanted, interfaces, a.owned)
	a.taken = plan.taken
	if len(plan.add) > 0 && !maps.Equal(wiringOf(seen), wiringOf(interfaces)) {
		return urgentEvery // what is wanted may no longer hold
	}
	if a.failed = a.add(plan.add, interfaces); len(a.failed) > 0 {
		return lookEvery
	}
	return never
}

func (a *altNames) unheardOf(c mapping.Condition) bool { return !slices.Contains(a.taken, c) }

// add records names as its own, and then gives them.
func (a *altNames) add(names []altName, interfaces []discovery.Interface) (failed []mapping.Condition) {
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
			failed = append(failed, failedAltName(n, devices[n.Index].Name, err))
		}
	}
	if err := a.save(); err != nil {
		failed = append(failed, mapping.Condition{Type: mapping.FilesUnwritable, Message: err.Error()})
	}
	return failed
}

// clear takes every name away.
func (a *altNames) clear() error {
	if len(a.owned) == 0 {
		return nil
	}
	interfaces, err := a.kernel.List()
	if err != nil {
		return fmt.Errorf("remove altnames: %w", err)
	}
	a.follow(interfaces)
	var errs []error
	for _, n := range planAltNames(nil, interfaces, a.owned).remove {
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
func (a *altNames) follow(interfaces []discovery.Interface) {
	if len(a.owned) == 0 {
		a.proven = true
		return
	}
	var owned []altName
	devices, known := byIndex(interfaces), map[altNameKey]bool{}
	for _, n := range a.owned {
		i := devices[n.Index]
		if i == nil && !a.strict {
			i = back(interfaces, n)
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
	a.owned, a.proven = forget(owned, devices), true
}

// maxAway bounds the names that are remembered of devices that are not there.
const maxAway = 256

// forget drops the oldest names of devices that are not there.
func forget(owned []altName, devices map[int]*discovery.Interface) []altName {
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

// back finds a device that came back from a container, by its MAC address: there was
// none under its index.
func back(interfaces []discovery.Interface, n altName) *discovery.Interface {
	for i := range interfaces {
		if interfaces[i].MAC == n.MAC && slices.Contains(interfaces[i].AltNames, n.Name) {
			return &interfaces[i]
		}
	}
	return nil
}

// save writes the record where it has changed, or a cleaner has removed it. An empty
// one goes.
func (a *altNames) save() error {
	if slices.Equal(a.owned, a.saved) && (len(a.owned) == 0 || a.store.hasAltNames()) {
		return nil
	}
	if err := a.store.saveAltNames(a.bootID, a.owned); err != nil {
		return err
	}
	a.saved = slices.Clone(a.owned)
	return nil
}

func (a *altNames) conditions() []mapping.Condition {
	return slices.Concat(a.stuck, a.doubts, a.taken, a.failed)
}
