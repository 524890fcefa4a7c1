// SPDX-License-Identifier: Apache-2.0

package buildcache

import (
	"bufio"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// interval is how often Run tells how far it came.
const interval = 10 * time.Second

// Run runs a go command with -v, which builds what, and tells now and then how far that
// came, and in the end how long it took. What the command says last is in the error.
func Run(cmd *exec.Cmd, what string, tell func(how string)) error {
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	begin := time.Now()
	lines := follow(said, what, tell)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w: %s", err, strings.Join(lines[max(0, len(lines)-10):], "; "))
	}
	tell(fmt.Sprintf("%s: built in %s", what, seconds(begin)))
	return nil
}

// follow reads to the end, a package a line, and tells how far that is though nothing
// comes, as during a download.
func follow(said io.Reader, what string, tell func(how string)) (all []string) {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(said); s.Scan(); {
			lines <- s.Text()
		}
	}()
	begin := time.Now()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for last := "nothing yet"; ; {
		select {
		case line, more := <-lines:
			if !more {
				return all
			}
			all, last = append(all, line), line
		case <-tick.C:
			tell(fmt.Sprintf("%s, after %s: %d packages fetched or built, %s", what, seconds(begin), len(all), last))
		}
	}
}

func seconds(since time.Time) string { return fmt.Sprintf("%.0f s", time.Since(since).Seconds()) }
