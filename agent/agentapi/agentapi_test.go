// SPDX-License-Identifier: Apache-2.0

package agentapi_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/agent/agentapi"
	"github.com/colvin-net/colvin/internal/golden"
)

// fill gives every field that is in the JSON a value, so that a new one cannot be
// forgotten.
func fill(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
		*at = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
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
		{"testdata/changes.golden", &agentapi.Changes{}, &agentapi.Changes{}},
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
		if diff := cmp.Diff(tt.sent, tt.read); diff != "" {
			t.Errorf("%s (-sent +read):\n%s", tt.file, diff)
		}
	}
}
