// SPDX-License-Identifier: Apache-2.0

//go:build linux

package chart

import (
	"fmt"
	"net/http"
	"strings"

	batch "k8s.io/api/batch/v1"
)

// cables runs the job of deploy/examples/plan-check.yaml as it stands there: with the plan that
// docs/cabling.md has somebody save, and with one in which two cables are exchanged.
func cables(c *cluster) {
	kubectl(c.t, c.ControlPlane, "apply", "--server-side", "--validate=strict", "--filename=../../deploy/examples/plan-check.yaml")
	plan, code := c.planJob("save", "plan", "save")
	if code != 0 {
		c.t.Fatalf("plan save ends with %d: %s", code, plan)
	}
	c.planIs(plan)
	if said, code := c.planJob("as-saved"); code != 0 || !strings.HasPrefix(said, "Cables of /plan/cabling.yaml on 3 nodes: 6 ok.") {
		c.t.Errorf("with the plan of what is there the job ends with %d: %s", code, said)
	}
	const mine, other = `{device: "sw-green"`, `{device: "sw-blue"`
	first, rest, _ := strings.Cut(plan, `"node2":`)
	c.planIs(strings.NewReplacer(mine, other, other, mine).Replace(first) + `"node2":` + rest)
	if said, code := c.planJob("exchanged"); code != 1 || !strings.Contains(said, "2 swapped") || strings.Contains(said, "error:") {
		c.t.Errorf("with two cables exchanged the job ends with %d: %s", code, said)
	}
	kubectl(c.t, c.ControlPlane, "delete", "--filename=../../deploy/examples/plan-check.yaml")
	kubectl(c.t, c.ControlPlane, "delete", "--namespace="+c.namespace, "configmap/cabling-plan")
	for _, name := range []string{"save", "as-saved", "exchanged"} {
		c.DoT(c.t, http.MethodDelete, "/api/v1/namespaces/"+c.namespace+"/pods/colvin-plan-check-"+name, object{"gracePeriodSeconds": 0}, nil)
	}
}

// planIs makes the ConfigMap of the plan, or puts another plan in.
func (c *cluster) planIs(plan string) {
	c.t.Helper()
	path := "/api/v1/namespaces/" + c.namespace + "/configmaps"
	_ = c.Do(c.t.Context(), http.MethodDelete, path+"/cabling-plan", nil, nil) // of the step before
	c.DoT(c.t, http.MethodPost, path, object{"metadata": object{"name": "cabling-plan"}, "data": object{"cabling.yaml": plan}}, nil)
}

// planJob runs a pod of the CronJob to its end, with other arguments where there are any. There
// is no network of pods here, so it shares the node's.
func (c *cluster) planJob(name string, args ...string) (said string, code int) {
	c.t.Helper()
	var job batch.CronJob
	c.DoT(c.t, http.MethodGet, "/apis/batch/v1/namespaces/"+c.namespace+"/cronjobs/colvin-plan-check", nil, &job)
	template := job.Spec.JobTemplate.Spec.Template
	template.Spec.HostNetwork = true
	container := &template.Spec.Containers[0]
	if len(args) > 0 { // before there is a plan
		container.Args, container.VolumeMounts, template.Spec.Volumes = args, nil, nil
	}
	p := c.pod(template, fmt.Sprint("colvin-plan-check-", name), c.nodes[0])
	run, err := p.Start(c.t.Context(), container.Name)
	c.ok(err)
	code, err = run.Wait(c.t.Context())
	c.ok(err)
	c.t.Logf("%s ends with %d:\n%s", name, code, run.Log())
	return run.Log(), code
}
