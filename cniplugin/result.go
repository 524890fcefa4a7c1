// SPDX-License-Identifier: Apache-2.0

package cniplugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"

	"github.com/colvin-net/colvin/discovery"
)

func parseResult(out []byte, confVersion string) (*current.Result, error) {
	// The library's conversions panic on null elements.
	var shape struct {
		Version    string            `json:"cniVersion"`
		Interfaces []json.RawMessage `json:"interfaces"`
		IPs        []json.RawMessage `json:"ips"`
		Routes     []json.RawMessage `json:"routes"`
	}
	if err := json.Unmarshal(out, &shape); err != nil {
		return nil, fmt.Errorf("parse result: %w", inWords(err))
	}
	if slices.ContainsFunc(slices.Concat(shape.Interfaces, shape.IPs, shape.Routes), isNull) {
		return nil, errors.New("parse result: an element is null")
	}
	if shape.Version == "" { // then it is the configuration's
		var err error
		if out, err = setVersion(out, confVersion); err != nil {
			return nil, err
		}
		shape.Version = confVersion
	}
	result, err := create.Create(shape.Version, out)
	if err != nil {
		return nil, fmt.Errorf("parse result: %w", err)
	}
	return current.NewResultFromResult(result)
}

// inWords says of a value of the wrong kind which it is, rather than the Go type.
func inWords(err error) error {
	e, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	where := "it"
	if e.Field != "" {
		where = fmt.Sprintf("%q in it", e.Field)
	}
	return fmt.Errorf("%s is a JSON %s, which the CNI specification has otherwise", where, e.Value)
}

func setVersion(result []byte, version string) ([]byte, error) {
	o := object{}
	if err := json.Unmarshal(result, &o); err != nil {
		return nil, fmt.Errorf("parse result: %w", inWords(err))
	}
	if o == nil {
		return nil, errors.New("parse result: it is null")
	}
	value, err := json.Marshal(version)
	if err != nil {
		return nil, fmt.Errorf("encode version: %w", err)
	}
	o["cniVersion"] = value
	return json.Marshal(o)
}

// afterPrevious is the result of a plugin that has others before it in the list: what
// they reported, then what the delegate did. A delegate need not pass that on.
func afterPrevious(prev, result *current.Result) *current.Result {
	out := &current.Result{
		CNIVersion: result.CNIVersion, Interfaces: slices.Clone(prev.Interfaces), IPs: slices.Clone(prev.IPs),
		Routes: slices.Clone(prev.Routes), DNS: prev.DNS,
	}
	at := map[int]int{} // position in result -> position in out
	for i, ifi := range result.Interfaces {
		same := func(o *current.Interface) bool { return o.Name == ifi.Name && o.Sandbox == ifi.Sandbox }
		if at[i] = slices.IndexFunc(out.Interfaces, same); at[i] < 0 {
			at[i], out.Interfaces = len(out.Interfaces), append(out.Interfaces, ifi)
		} else {
			out.Interfaces[at[i]] = ifi
		}
	}
	for _, ip := range result.IPs {
		moved := *ip
		moved.Interface = nil
		if ip.Interface != nil && *ip.Interface >= 0 && *ip.Interface < len(result.Interfaces) {
			moved.Interface = new(at[*ip.Interface])
		}
		if !slices.ContainsFunc(out.IPs, func(o *current.IPConfig) bool { return reflect.DeepEqual(*o, moved) }) {
			out.IPs = append(out.IPs, &moved)
		}
	}
	for _, route := range result.Routes {
		if !slices.ContainsFunc(out.Routes, func(o *types.Route) bool { return reflect.DeepEqual(o, route) }) {
			out.Routes = append(out.Routes, route)
		}
	}
	if !result.DNS.IsEmpty() {
		out.DNS = result.DNS
	}
	return out
}

// addHostDevice appends the node's device. Addresses refer to interfaces by
// position, so it comes last.
func addHostDevice(result *current.Result, device discovery.Interface) {
	for _, i := range result.Interfaces {
		if i.Name == device.Name && i.Sandbox == "" {
			return
		}
	}
	result.Interfaces = append(result.Interfaces, &current.Interface{Name: device.Name, Mac: device.MAC.String()})
}

func encode(result *current.Result, asked string) ([]byte, error) {
	converted, err := result.GetAsVersion(asked)
	if err != nil {
		return nil, fmt.Errorf("convert result: %w", err)
	}
	var out bytes.Buffer
	if err := converted.PrintTo(&out); err != nil {
		return nil, fmt.Errorf("encode result: %w", err)
	}
	return out.Bytes(), nil
}
