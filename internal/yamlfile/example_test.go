// SPDX-License-Identifier: Apache-2.0

package yamlfile_test

import (
	"fmt"
	"time"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

func Example() {
	const file = `node: node-1
log:
  levle: debug
every: often
peers:
  - name: leaf-1
  - port: "179"
`
	doc := yamlfile.Parse("agent.yaml", []byte(file))
	m := doc.Mapping()
	fmt.Println(m.Get("node").Text("unnamed"))
	log := m.Get("log").Mapping()
	fmt.Println(log.Get("level").OneOf("info", "debug", "info", "warn"))
	fmt.Println(yamlfile.Parsed(m.Get("every"), time.Minute, time.ParseDuration))
	for _, v := range m.Get("peers").List() {
		peer := v.Mapping()
		fmt.Println(peer.Get("name").Required("give the peer's name").Text("?"), peer.Get("port").Text("any"))
	}
	fmt.Println(doc.Err())
	// Output:
	// node-1
	// info
	// 1m0s
	// leaf-1 any
	// ? 179
	// agent.yaml:3:3: log.levle: unknown key; did you mean "level"?
	// agent.yaml:4:8: every: time: invalid duration "often"
	// agent.yaml:7:5: peers[1].name: is missing; give the peer's name
}
