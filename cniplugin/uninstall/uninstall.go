// SPDX-License-Identifier: Apache-2.0

// Package uninstall removes the CNI plugin from a node, unless somebody needs it: without
// the plugin a runtime cannot detach a container. What agents have on a node stays out.
package uninstall

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/colvin-net/colvin/cniplugin/install"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/agentlock"
)

// Options say what is to be removed.
type Options struct {
	Dirs []string // the CNI directories
	Name string   // the plugin's in there
	// Records is the directory of the records, and AlsoRecords are others that are looked
	// into.
	Records     string
	AlsoRecords []string
	// AgentLock is the path of the agent's lock: while it is held the directory of the
	// records stays, which the agent watches.
	AgentLock string
	DryRun    bool          // only look
	Wait      time.Duration // how long plugins that are at work are waited for

	recognize func(path string) error // whether it is the plugin's program; by what it is built of where nil
}

// A Report is what was found, and what became of it.
type Report struct {
	Plugins     []Program
	Attachments []Attachment // what the plugin is needed for
	Unreadable  int          // further records, which may be of attachments
	Why         error        // of one of them
}

// ErrNeeded is returned where the plugin stays because there are attachments.
var ErrNeeded = errors.New("there are attachments, which nobody could end without the plugin")

// Needed reports whether there is anything to end.
func (r *Report) Needed() bool { return len(r.Attachments) > 0 || r.Unreadable > 0 }

// Run removes the plugin, or returns an error and leaves it where it is. A plugin is there
// or not, whenever Run is killed; of several some may be.
func Run(ctx context.Context, o *Options) (*Report, error) {
	r := &Report{}
	is := o.recognize
	if is == nil {
		is = recognizer(install.Plugin)
	}
	var err error
	r.Plugins, err = findPlugins(o.Dirs, o.Name, is)
	if err = cmp.Or(r.look(o), err); err == nil && r.Needed() {
		err = ErrNeeded
	}
	if err != nil || len(r.Plugins) == 0 || o.DryRun {
		return r, err
	}
	store, err := record.Open(o.Records)
	if err != nil {
		return r, err
	}
	release, err := store.Freeze(ctx)
	if err != nil {
		return r, err
	}
	err = r.removeFrozen(ctx, store, o)
	err = errors.Join(err, release())
	if err == nil && !agentlock.Held(o.AgentLock) {
		_ = os.Remove(o.Records) // where it is empty
	}
	return r, err
}

// look reads the records.
func (r *Report) look(o *Options) (err error) {
	r.Attachments, r.Unreadable, r.Why, err = attachments(append([]string{o.Records}, o.AlsoRecords...))
	return err
}

// removeFrozen removes the plugin while nothing new is recorded.
func (r *Report) removeFrozen(ctx context.Context, store *record.Store, o *Options) error {
	if err := awaitIdle(ctx, store, o.Wait); err != nil {
		return err
	}
	if err := r.look(o); err != nil { // what was at work has ended
		return err
	}
	if r.Needed() {
		return ErrNeeded
	}
	for i := range r.Plugins {
		if err := r.Plugins[i].Remove(); err != nil {
			return err
		}
	}
	return store.Sweep(time.Time{}) // what killed plugins left beside the records
}

// idlePause is how often locks are looked at.
const idlePause = 50 * time.Millisecond

// awaitIdle waits until nobody is at work on an attachment.
func awaitIdle(ctx context.Context, store *record.Store, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		busy, err := store.Busy()
		if err != nil || len(busy) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a plugin or its delegate is at work (it holds %s); try again when it has ended", strings.Join(busy, ", "))
		case <-time.After(idlePause):
		}
	}
}
