// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// TestRetain holds that what is kept was there before, and that nothing is kept by halves.
func TestRetain(t *testing.T) {
	have, keep := cap.NewSet(), cap.NewSet()
	if err := retain(keep, have, cap.NET_RAW, "it is missing"); err == nil || err.Error() != "it is missing" || keep.String() != "=" {
		t.Errorf("what is missing: %v, kept %s", err, keep)
	}
	if err := have.SetFlag(cap.Permitted, true, cap.NET_RAW); err != nil {
		t.Fatal(err)
	}
	if err := retain(keep, have, cap.NET_RAW, "it is missing"); err != nil || keep.String() != "cap_net_raw=ep" {
		t.Errorf("what is there: %v, kept %s", err, keep)
	}
	if err := retain(keep, have, 1<<20, "it is missing"); !errors.Is(err, cap.ErrBadValue) || !strings.HasPrefix(err.Error(), "read capabilities: ") {
		t.Errorf("a capability that the kernel lacks: %v", err)
	}
	if err := retain(nil, have, cap.NET_RAW, "it is missing"); !errors.Is(err, cap.ErrBadSet) || !strings.HasPrefix(err.Error(), "drop capabilities: ") {
		t.Errorf("nothing to keep it in: %v", err)
	}
}

// dropsVariable is set where this program is to drop privileges, step by step.
const dropsVariable = "COLVIN_TEST_DROP_PRIVILEGES"

// dropPrivileges says what is left after each step, or what is wrong.
func dropPrivileges(steps []string) {
	for _, step := range steps {
		var err error
		if step == "nothing" {
			err = cap.NewSet().SetProc()
		} else {
			err = DropPrivileges(step == "on")
		}
		said := cap.GetProc().String()
		if err != nil {
			said = err.Error()
		}
		for line := range strings.Lines(said) {
			fmt.Println("LEFT", strings.TrimSpace(line))
		}
	}
}

// TestDropPrivileges holds what an agent has left with altnames on and off, and that it cannot
// get more. A process of its own drops them: who has none any more can test little.
func TestDropPrivileges(t *testing.T) {
	if steps := os.Getenv(dropsVariable); steps != "" {
		dropPrivileges(strings.Fields(steps))
		return
	}
	for _, c := range []cap.Value{cap.NET_RAW, cap.NET_ADMIN} {
		if ok, err := cap.GetProc().GetFlag(cap.Permitted, c); !ok || err != nil {
			t.Skip("needs ", c, ": ", err)
		}
	}
	const noRaw, noAdmin = "CAP_NET_RAW is missing: run colvind as root", "CAP_NET_ADMIN is missing, which altnames: on takes: run colvind as root"
	for steps, want := range map[string][]string{
		"on off on":   {"cap_net_admin,cap_net_raw=ep", "cap_net_raw=ep", noAdmin},
		"nothing off": {"=", noRaw},
		"nothing on":  {"=", noRaw, noAdmin},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDropPrivileges$")
		cmd.Env = append(os.Environ(), dropsVariable+"="+steps)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v", steps, err)
		}
		var got []string
		for line := range strings.Lines(string(out)) {
			if _, said, ok := strings.Cut(line, "LEFT "); ok {
				got = append(got, strings.TrimSpace(said))
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s: %q, want %q\n%s", steps, got, want, out)
			continue
		}
		for i := range want {
			if !strings.HasPrefix(got[i], want[i]) {
				t.Errorf("%s: %q, want %q", steps, got[i], want[i])
			}
		}
	}
}
