// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

// Another container whose namespace has come to the path since the ADD began gets nothing.
func TestAddOtherNetns(t *testing.T) {
	exchange := func(b *bench) {
		b.must(errors.Join(os.Rename(b.args.Netns, b.args.Netns+".was"), os.WriteFile(b.args.Netns, nil, 0o600)))
	}
	for name, itself := range map[string]bool{"itself": true, "delegate": false} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.itself = itself
			b.writeNode()
			exchanged := false
			b.plugin.sinceBoot = func() time.Duration { // as it reads what leads to the network
				if !exchanged {
					exchange(b)
				}
				exchanged = true
				return b.booted
			}
			err := b.do(b.plugin.Add)
			b.wantCode(err, 8)
			if want := b.args.Netns + " leads to another network namespace than when this began"; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			b.wantAsked()
			b.wantVerbs()
			b.wantRecords(0)
		})
	}
}
