// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/colvin-net/colvin/mapping"
)

// liveTimeout is how long a Step may take that a probe asks for. It takes milliseconds, and
// waits for no API server and no switch; what fails in it, as writing to a full disk does,
// fails at once.
const liveTimeout = 5 * time.Second

// Live says why the agent does no more what it is there for: observer, loop and sinks make
// no Step within liveTimeout of a clock that nobody sets. What is wrong around it, which a
// restart would not mend, makes conditions; it lives all the same.
func (l *Loop) Live(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	if err := l.Renew(ctx); err != nil {
		return fmt.Errorf("no step in %v: %w", liveTimeout, err)
	}
	return nil
}

// Unready says why others cannot rely on the agent yet. Once they could it is nil for good.
func (l *Loop) Unready() error {
	select {
	case <-l.Ready():
		return nil
	default:
	}
	s, err := l.State()
	if err != nil {
		return err
	}
	for _, c := range s.View.Conditions {
		if c.Type == mapping.FilesUnwritable {
			return fmt.Errorf("the first node file is not out yet: %s", strings.ReplaceAll(c.Message, "\n", "; "))
		}
	}
	return errors.New("the first node file is not out yet")
}
