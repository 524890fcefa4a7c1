{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* What values.schema.json cannot say. A lookup tells only where there is a cluster, which
has a namespace kube-system; it never changes what is rendered. */}}
{{- define "colvin.validate" -}}
{{- if not (or .Values.image.registry (.Values.global).imageRegistry) }}
{{- fail "image.registry is empty: say which registry has the images, such as --set image.registry=registry.example.com/infra; \"make images PUSH=registry.example.com/infra\" builds and pushes them" }}
{{- end }}
{{- range $part := list "agent" "controller" }}
{{- $account := (index $.Values $part).serviceAccount }}
{{- if and (not $account.create) (not $account.name) }}
{{- fail (printf "%s.serviceAccount.name is empty, and %s.serviceAccount.create is false: name the service account, or have it created; the namespace's default one is everybody's" $part $part) }}
{{- end }}
{{- end }}
{{- if eq (include "colvin.account" (list . "agent")) (include "colvin.account" (list . "controller")) }}
{{- fail (printf "agent.serviceAccount.name and controller.serviceAccount.name are both %q: agents run on every node and must not have the controller's rights; give them different ones" (include "colvin.account" (list . "agent"))) }}
{{- end }}
{{- if and (or .Values.policies.podsByName .Values.policies.podsByDefinition) (semverCompare "<1.36.0-0" .Capabilities.KubeVersion.Version) }}
{{- fail (printf "policies.podsByName and policies.podsByDefinition need Kubernetes 1.36, and this is %s: add --set policies.podsByName=false,policies.podsByDefinition=false; docs/scheduling.md says how pods are placed then" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if .Values.policies.moreDefinitions }}
{{- if not .Values.policies.definitions }}
{{- fail "policies.moreDefinitions is true, and policies.definitions, which it adds to, is false: set both" }}
{{- end }}
{{- end }}
{{- if and .Values.cli.dir (eq (clean .Values.cli.dir) (clean .Values.cni.binDir)) }}
{{- fail (printf "cli.dir is cni.binDir (%s), where the plugin is called colvin: choose another directory, or leave cli.dir empty" .Values.cli.dir) }}
{{- end }}
{{- if lookup "v1" "Namespace" "" "kube-system" }}
{{- include "colvin.validateCluster" . }}
{{- end }}
{{- end }}

{{- define "colvin.validateCluster" -}}
{{- with .Values.namespaceOverride }}
{{- if not (or $.Values.namespace.create (lookup "v1" "Namespace" "" .)) }}
{{- fail (printf "namespaceOverride: there is no namespace %s, so nothing could be there that the policies hold: create it first" .) }}
{{- end }}
{{- end }}
{{- with lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "colvin-agent" }}
{{- $annotations := default dict .metadata.annotations }}
{{- $name := get $annotations "meta.helm.sh/release-name" }}{{ $namespace := get $annotations "meta.helm.sh/release-namespace" }}
{{- if and $name (not (and (eq $name $.Release.Name) (eq $namespace $.Release.Namespace))) }}
{{- fail (printf "there is a release of Colvin in this cluster already, %s in namespace %s: two would take each other's labels away; upgrade that one, or uninstall it first" $name $namespace) }}
{{- end }}
{{- end }}
{{- end }}
