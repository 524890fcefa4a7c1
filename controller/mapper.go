// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"net/http"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/rest"

	"github.com/colvin-net/colvin/api/v1alpha1"
)

// newMapper says under which path each kind is. Usually the API server is asked for
// that, which costs seconds just after its start, and they are known.
func newMapper(*rest.Config, *http.Client) (meta.RESTMapper, error) {
	m := meta.NewDefaultRESTMapper(nil)
	for _, kind := range []string{"RuleSet", "Colour", "NodeTopology", "Network"} {
		m.Add(v1alpha1.GroupVersion.WithKind(kind), meta.RESTScopeRoot)
	}
	m.Add(corev1.SchemeGroupVersion.WithKind("Node"), meta.RESTScopeRoot)
	m.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	m.Add(corev1.SchemeGroupVersion.WithKind("Pod"), meta.RESTScopeNamespace)
	definitions := definitionKind.GroupVersion()
	m.AddSpecific(definitionKind, definitions.WithResource("network-attachment-definitions"),
		definitions.WithResource("network-attachment-definition"), meta.RESTScopeNamespace)
	return m, nil
}
