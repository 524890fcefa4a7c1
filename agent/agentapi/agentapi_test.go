// SPDX-License-Identifier: Apache-2.0

package agentapi_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/cniplugin/record"
	"github.com/colvin-net/colvin/internal/golden"
)

// fill gives every field that is in the JSON a value, so that a new one cannot be
// forgotten.
func fill(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
		return
	case *netip.Addr:
		*at = netip.MustParseAddr("2001:db8::1")
		return
	case *netip.Prefix:
		*at = netip.MustParsePrefix("2001:db8::1/64")
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("json") != "-" {
				fill(t, v.Field(i), f.Name)
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), name)
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i), name)
		}
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(t, key, name)
		fill(t, value, name)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString("a " + name)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(7)
	default:
		t.Fatalf("%s is of type %s, which this test cannot fill", name, v.Type())
	}
}

// TestContract holds what the agent answers with: programs of users read it.
func TestContract(t *testing.T) {
	for _, tt := range []struct {
		file       string
		sent, read any
	}{
		{"testdata/state.golden", &agentapi.State{}, &agentapi.State{}},
		{"testdata/basis.golden", &agentapi.Basis{}, &agentapi.Basis{}},
		{"testdata/changes.golden", &agentapi.Changes{}, &agentapi.Changes{}},
		{"testdata/forgotten.golden", &agentapi.Forgotten{}, &agentapi.Forgotten{}},
	} {
		fill(t, reflect.ValueOf(tt.sent).Elem(), "answer")
		text, err := json.MarshalIndent(tt.sent, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		golden.Compare(t, tt.file, string(text)+"\n")
		if err := json.Unmarshal(text, tt.read); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.sent, tt.read, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); diff != "" {
			t.Errorf("%s (-sent +read):\n%s", tt.file, diff)
		}
	}
}

func TestOwner(t *testing.T) {
	for _, tt := range []struct {
		container string
		pod       record.Pod
		want      string
	}{
		{"c1", record.Pod{}, "c1"},
		{"0123456789abc", record.Pod{}, "0123456789abc"},
		{"0123456789abcdef", record.Pod{Namespace: "default"}, "01234567…cdef"},
		{"c1", record.Pod{Name: "web-0"}, "web-0"},
		{"c1", record.Pod{Namespace: "default", Name: "web-0"}, "default/web-0"},
		{"c1", record.Pod{Namespace: "default", Name: "web-\x1b0"}, "default/web-\ufffd0"},
	} {
		a := agentapi.ContainerAttachment{Key: record.Key{ContainerID: tt.container}, Pod: tt.pod}
		if got := a.Owner(); got != tt.want {
			t.Errorf("%s of %+v: %s, want %s", tt.container, tt.pod, got, tt.want)
		}
	}
}

func TestLeadsTo(t *testing.T) {
	for network, want := range map[string]string{"": "chassis local:a VLAN 1", "blue": "blue (chassis local:a VLAN 1)"} {
		a := agentapi.ContainerAttachment{To: "local:a vlan 1", ToNetwork: network}
		if got := a.LeadsTo(); got != want {
			t.Errorf("%q leads to %s, want %s", network, got, want)
		}
	}
}

func TestUnfinished(t *testing.T) {
	for _, tt := range []struct {
		attachment agentapi.ContainerAttachment
		want       bool
	}{
		{agentapi.ContainerAttachment{}, false},
		{agentapi.ContainerAttachment{Gone: time.Unix(1, 0)}, false},
		{agentapi.ContainerAttachment{Orphaned: "its network namespace is gone", Gone: time.Unix(1, 0)}, false},
		{agentapi.ContainerAttachment{Orphaned: "its ADD was not completed"}, true},
	} {
		if got := tt.attachment.Unfinished(); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.attachment, got, tt.want)
		}
	}
}

func TestAttached(t *testing.T) {
	for status, want := range map[agentapi.ContainerStatus]bool{
		agentapi.ContainerOK: true, agentapi.ContainerStale: true, agentapi.ContainerPinned: true, agentapi.ContainerUnverified: true, agentapi.ContainerDown: true, agentapi.ContainerMoved: true,
		agentapi.ContainerMissing: true, agentapi.ContainerAltered: true,
		agentapi.ContainerAdding: false, agentapi.ContainerFailed: false, agentapi.ContainerDeleting: false, agentapi.ContainerStuck: false,
	} {
		if a := (agentapi.ContainerAttachment{Status: status}); a.Attached() != want {
			t.Errorf("%s: %v, want %v", status, !want, want)
		}
	}
}

func TestReturnedDevice(t *testing.T) {
	d := agentapi.ReturnedDevice{Link: record.Link{Name: "net\x1b1", Index: 7}}
	if got := d.String(); got != "net\ufffd1 (ifindex 7), down" {
		t.Error(got)
	}
	if d.Up = true; d.String() != "net\ufffd1 (ifindex 7), up" {
		t.Error(d.String())
	}
}

// serve answers on a socket until the test ends.
func serve(t *testing.T, path string, answer http.HandlerFunc) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: answer}}
	server.Start()
	t.Cleanup(server.Close)
}

// TestQuery holds that an answer which is none is an error, and that errors are about the
// socket: of the URL nobody knows.
func TestQuery(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	if _, err := agentapi.Query(t.Context(), path); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "ask agent: ") || strings.Contains(err.Error(), "http:") {
		t.Errorf("no socket: %v", err)
	}
	var asked string
	var answer http.HandlerFunc
	serve(t, path, func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.String()
		answer(w, r)
	})
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		node   string
		err    string
	}{
		"answer":     {say(`{"node":"node1"}`), "node1", ""},
		"no JSON":    {say("hello"), "", "ask agent at " + path + ": invalid character"},
		"no success": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not yet", http.StatusServiceUnavailable) }, "", "ask agent at " + path + ": not yet"},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"node":"node1"}`)
		}, "", "ask agent at " + path + ": unexpected EOF"},
	} {
		answer = tt.answer
		s, err := agentapi.Query(t.Context(), path)
		switch {
		case tt.err == "" && (err != nil || s.Node != tt.node):
			t.Errorf("%s: %+v, %v", name, s, err)
		case tt.err != "" && (s != nil || err == nil || !strings.HasPrefix(err.Error(), tt.err) || strings.HasSuffix(err.Error(), "\n")):
			t.Errorf("%s: %+v, %v; want %s", name, s, err, tt.err)
		}
		if asked != "GET "+agentapi.StatePath {
			t.Errorf("%s: asked %s", name, asked)
		}
		if g, err := agentapi.QueryGround(t.Context(), path); (err == nil) != (tt.err == "") || (g == nil) != (tt.err != "") || asked != "GET "+agentapi.GroundPath {
			t.Errorf("%s: ground: %+v, %v; asked %s", name, g, err, asked)
		}
		if _, err := agentapi.QueryChanges(t.Context(), path, time.Date(2026, 5, 1, 12, 0, 0, 0, time.FixedZone("", 3600))); (err == nil) != (tt.err == "") {
			t.Errorf("%s: changes: %v", name, err)
		}
		if want := "GET " + agentapi.ChangesPath + "?since=2026-05-01T12%3A00%3A00%2B01%3A00"; asked != want {
			t.Errorf("%s: asked %s, want %s", name, asked, want)
		}
	}
}

// TestForget tells a reason of the agent's from what went wrong on the way to it.
func TestForget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	var status int
	serve(t, path, func(w http.ResponseWriter, r *http.Request) {
		if asked := r.Method + " " + r.URL.String(); asked != "POST "+agentapi.ForgetPath+"?interface=eth1%260" {
			t.Errorf("asked %s", asked)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"interface":"eth1&0"}`+"\n")
	})
	for code, refused := range map[int]bool{
		http.StatusOK: false, http.StatusForbidden: true, http.StatusConflict: true, http.StatusNotFound: false, http.StatusServiceUnavailable: false,
	} {
		status = code
		got, err := agentapi.Forget(t.Context(), path, "eth1&0")
		var want agentapi.Forgotten
		if code == http.StatusOK {
			want.Interface = "eth1&0"
		}
		refusal, is := errors.AsType[agentapi.Refusal](err)
		if got != want || is != refused || (err == nil) != (code == http.StatusOK) || refused && refusal.Why != `{"interface":"eth1&0"}` {
			t.Errorf("%d: %+v, %v; want a Refusal: %t", code, got, err, refused)
		}
	}
}

// TestEndlessAnswer holds that a client reads no more than it can use, and hangs up then.
func TestEndlessAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "agent.sock")
	hungUp := make(chan struct{})
	serve(t, path, func(w http.ResponseWriter, _ *http.Request) {
		defer close(hungUp)
		for blanks := make([]byte, 1<<20); ; {
			if _, err := w.Write(blanks); err != nil {
				return
			}
		}
	})
	if s, err := agentapi.Query(t.Context(), path); s != nil || err == nil {
		t.Errorf("%+v, %v; want an error", s, err)
	}
	select {
	case <-hungUp:
	case <-time.After(5 * time.Second): // half of what the client would wait for the rest
		t.Error("the client reads no more, and does not hang up")
	}
}

// TestAway holds that a container which was found in another network is away until its device
// is known to lead to its own again.
func TestAway(t *testing.T) {
	for status, want := range map[agentapi.ContainerStatus][2]bool{ // without and with a network to which it moved
		agentapi.ContainerOK: {}, agentapi.ContainerStale: {}, agentapi.ContainerPinned: {}, agentapi.ContainerDeleting: {}, agentapi.ContainerFailed: {},
		agentapi.ContainerMoved: {true, true}, agentapi.ContainerUnverified: {false, true}, agentapi.ContainerDown: {false, true},
	} {
		for i, to := range []string{"", "mac:00:00:5e:00:53:02 vlan 200"} {
			if a := (agentapi.ContainerAttachment{Status: status, To: to}); a.Away() != want[i] {
				t.Errorf("%s, to %q: away %t, want %t", status, to, a.Away(), want[i])
			}
		}
	}
}
