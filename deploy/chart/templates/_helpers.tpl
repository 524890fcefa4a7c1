{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{/* Objects of the namespace are named by the release; those of the cluster always bear the
same names, so that there cannot be two releases that undo each other's work. */}}
{{- define "colvin.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 48 | trimSuffix "-" }}
{{- end }}

{{- define "colvin.fullname" -}}
{{- $name := include "colvin.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | replace "." "-" | trunc 48 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | replace "." "-" | trunc 48 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "colvin.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "colvin.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimAll "-._" }}
app.kubernetes.io/name: {{ include "colvin.name" . | toYaml }}
app.kubernetes.io/instance: {{ .Release.Name | toYaml }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: colvin
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What every object bears beside its name. */}}
{{- define "colvin.metadata" -}}
labels:
  {{- include "colvin.labels" . | nindent 2 }}
{{- with .Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* (list . "agent"): what tells its pods from others. It never changes. */}}
{{- define "colvin.selector" -}}
{{- $top := index . 0 -}}
app.kubernetes.io/name: {{ include "colvin.name" $top | toYaml }}
app.kubernetes.io/instance: {{ $top.Release.Name | toYaml }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* (list . "agent"): the service account. */}}
{{- define "colvin.account" -}}
{{- $top := index . 0 }}{{ $part := index . 1 -}}
{{- default (printf "%s-%s" (include "colvin.fullname" $top) $part) (index $top.Values $part).serviceAccount.name }}
{{- end }}

{{/* (list . "agent"): the user that the service account is, as admission policies know it. */}}
{{- define "colvin.user" -}}
system:serviceaccount:{{ include "colvin.namespace" (index . 0) }}:{{ include "colvin.account" . }}
{{- end }}

{{/* (list . "agent"): the image. */}}
{{- define "colvin.image" -}}
{{- $top := index . 0 }}{{ $image := (index $top.Values (index . 1)).image -}}
{{- $registry := default $top.Values.image.registry ($top.Values.global).imageRegistry | trimSuffix "/" -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $top.Chart.AppVersion $top.Values.image.tag }}{{ end }}
{{- end }}

{{- define "colvin.pullSecrets" -}}
{{- $names := list }}
{{- range concat (default list (.Values.global).imagePullSecrets) (default list .Values.imagePullSecrets) }}
{{- if kindIs "string" . }}{{ $names = append $names . }}{{ else }}{{ $names = append $names .name }}{{ end }}
{{- end }}
{{- with uniq $names }}
imagePullSecrets:
{{- range . }}
- {{ dict "name" . | toJson }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the API server is, for containers. */}}
{{- define "colvin.apiServer" -}}
{{- with .Values.kubernetes.host }}
- {name: KUBERNETES_SERVICE_HOST, value: {{ . | quote }}}
{{- end }}
{{- with .Values.kubernetes.port }}
- {name: KUBERNETES_SERVICE_PORT, value: {{ . | quote }}}
{{- end }}
{{- end }}

{{/* A service account's token and what goes with it, where client libraries look for it. It
is written out, so that only the containers that need it have it. */}}
{{- define "colvin.token" -}}
- name: token
  projected:
    sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3607}
    - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
    - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end }}

{{- define "colvin.tokenMount" -}}
- {name: token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}

{{/* The arguments that say where the command is. */}}
{{- define "colvin.command" -}}
{{- if not .Values.cli.install }}
{{- else if .Values.cli.dir }}, --command-directory={{ .Values.cli.dir }}
{{- else }}, --command-directory={{ .Values.cni.binDir }}, --command-name=colvin-cli
{{- end }}
{{- end }}
