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
{{- if eq (include "colvin.account" (list $ $part)) "default" }}
{{- fail (printf "%s.serviceAccount.name is \"default\", the account of each pod in the namespace that names none: name another" $part) }}
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
{{- if and .Values.kubernetes.port (not .Values.kubernetes.host) }}
{{- fail "kubernetes.port is set, and kubernetes.host, whose port it is, is empty: set both; the cluster's own address has another port" }}
{{- end }}
{{- include "colvin.validateLabels" . }}
{{- include "colvin.validateDirectories" . }}
{{- if and .Values.controller.metrics.enabled (eq (int .Values.controller.healthPort) (int .Values.controller.metrics.port)) }}
{{- fail (printf "controller.healthPort and controller.metrics.port are both %d: choose two" (int .Values.controller.healthPort)) }}
{{- end }}
{{- $surge := dig "rollingUpdate" "maxSurge" 0 (default dict .Values.agent.updateStrategy) }}
{{- if not (has (toString $surge) (list "0" "0%")) }}
{{- fail (printf "agent.updateStrategy.rollingUpdate.maxSurge is %v: two agents cannot run on one node, so the new one would wait for the old one's end, and the old one for the new: set maxUnavailable instead" $surge) }}
{{- end }}
{{- if lookup "v1" "Namespace" "" "kube-system" }}
{{- include "colvin.validateCluster" . }}
{{- end }}
{{- end }}

{{/* Labels by which Deployment, DaemonSet, and others find pods are the chart's. */}}
{{- define "colvin.validateLabels" -}}
{{- $selector := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" }}
{{- $all := concat $selector (list "app.kubernetes.io/version" "app.kubernetes.io/part-of" "app.kubernetes.io/managed-by" "helm.sh/chart") }}
{{- range $of := list (list "commonLabels" .Values.commonLabels $all) (list "agent.podLabels" .Values.agent.podLabels $selector) (list "controller.podLabels" .Values.controller.podLabels $selector) }}
{{- range $key := index $of 2 }}
{{- if hasKey (default dict (index $of 1)) $key }}
{{- fail (printf "%s has %s, which the chart sets by itself: leave it out (nameOverride is for app.kubernetes.io/name)" (index $of 0) $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The agent writes into its directories, and is kept from others. */}}
{{- define "colvin.validateDirectories" -}}
{{- $others := dict "cni.binDir" .Values.cni.binDir "the pod's configuration" "/etc/colvin" "the pod's token" "/var/run/secrets/kubernetes.io/serviceaccount" }}
{{- with .Values.cli.dir }}{{ $_ := set $others "cli.dir" . }}{{ end }}
{{- range $key := list "recordDirectory" "runDirectory" "stateDirectory" }}
{{- $dir := index $.Values.agent.config $key | trimSuffix "/" }}
{{- range $other, $path := $others }}
{{- if or (hasPrefix (printf "%s/" $path) (printf "%s/" $dir)) (hasPrefix (printf "%s/" $dir) (printf "%s/" $path)) }}
{{- fail (printf "agent.config.%s is %s, and %s is %s: one is in the other, where the agent may write; choose a directory of its own" $key $dir $other $path) }}
{{- end }}
{{- end }}
{{- $_ := set $others (printf "agent.config.%s" $key) $dir }}
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
