// SPDX-License-Identifier: Apache-2.0

package publish

import (
	"context"
	"errors"
	"sync"
	"time"
)

// A trouble is why the API server does not do what it is asked, since the first time:
// the first error, as each attempt may fail in other words, until an admin has to do
// something.
type trouble struct {
	changed func()

	mu    sync.Mutex
	err   error
	since time.Time
}

// note takes the error of an attempt, or that there was none. Whoever gave up the attempt
// knows nothing; one that took too long failed.
func (t *trouble) note(ctx context.Context, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	t.mu.Lock()
	changed := (t.err == nil) != (err == nil) || permanent(err) && t.err.Error() != err.Error()
	if changed {
		if t.err == nil {
			t.since = time.Now()
		}
		t.err = err
	}
	t.mu.Unlock()
	if changed {
		t.changed()
	}
}

// problem is what is wrong now, and since when.
func (t *trouble) problem() (since time.Time, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.since, t.err
}
