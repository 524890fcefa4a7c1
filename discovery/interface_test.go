// SPDX-License-Identifier: Apache-2.0

package discovery_test

import (
	"net/netip"
	"reflect"
	"testing"

	"github.com/colvin-net/colvin/discovery"
)

// TestSame holds that interfaces which differ in any field are not the same, and that copies
// are, which share nothing.
func TestSame(t *testing.T) {
	for f := range reflect.TypeFor[discovery.Interface]().Fields() {
		one, again, other := with(f, 1), with(f, 1), with(f, 2)
		if !one.Same(again) || one.Same(other) || one.Same(&discovery.Interface{}) || (&discovery.Interface{}).Same(one) {
			t.Errorf("%s: %+v and %+v", f.Name, one, other)
		}
	}
}

// with is an interface of which one field is set.
func with(f reflect.StructField, n int) *discovery.Interface {
	i := &discovery.Interface{}
	v := reflect.ValueOf(i).Elem().FieldByIndex(f.Index)
	switch v.Interface().(type) {
	case bool:
		v.SetBool(n == 1)
	case []string:
		v.Set(reflect.ValueOf([]string{string(rune('a' + n))}))
	case discovery.MAC:
		v.Set(reflect.ValueOf(discovery.MAC{byte(n)}))
	case *discovery.Bond:
		v.Set(reflect.ValueOf(&discovery.Bond{Active: n}))
	case *discovery.BondMember:
		v.Set(reflect.ValueOf(&discovery.BondMember{Aggregator: uint16(n)}))
	case []discovery.Address:
		v.Set(reflect.ValueOf([]discovery.Address{{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(n)}), 8)}}))
	default:
		switch {
		case v.CanInt():
			v.SetInt(int64(n))
		case v.CanUint():
			v.SetUint(uint64(n))
		default:
			v.SetString(string(rune('a' + n)))
		}
	}
	return i
}
