{{/* The name of all objects. That of a sidecar leaves the app its own name. */}}
{{- define "originwarden.fullname" -}}
{{- $name := eq .Values.mode "sidecar" | ternary (printf "%s-originwarden" .Release.Name) .Release.Name -}}
{{- .Values.fullnameOverride | default $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{/* What selects the pods. It never changes: a selector is immutable. */}}
{{- define "originwarden.selectorLabels" -}}
{{- if eq .Values.mode "sidecar" -}}
originwarden-sidecar: {{ .Release.Name | quote }}
{{- else -}}
app.kubernetes.io/name: originwarden
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}
{{- end -}}

{{- define "originwarden.labels" -}}
app.kubernetes.io/name: originwarden
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{/* The name and namespace of an object. */}}
{{- define "originwarden.identity" -}}
name: {{ include "originwarden.fullname" . }}
namespace: {{ .Release.Namespace }}
{{- end -}}

{{- define "originwarden.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "originwarden.fullname" .) -}}
{{- else -}}
{{- .Values.serviceAccount.name | default "default" -}}
{{- end -}}
{{- end -}}

{{- define "originwarden.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Names the Prometheus job; the alerts select originwarden and originwarden-…. */}}
{{- define "originwarden.job" -}}
{{- $name := include "originwarden.fullname" . -}}
{{- if .Values.monitoring.job -}}
{{- .Values.monitoring.job -}}
{{- else if eq .Values.mode "sidecar" -}}
originwarden
{{- else if regexMatch "^originwarden(-.+)?$" $name -}}
{{- $name -}}
{{- else -}}
{{- printf "originwarden-%s" $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "originwarden.isTLS" -}}
{{- if .Values.tls.secretNames }}true{{ end -}}
{{- end -}}

{{/* The ports of the gateway, which have other names in the pod of an app. */}}
{{- define "originwarden.port" -}}
{{- if eq .Values.mode "sidecar" }}{{ .Values.sidecar.port }}{{ else if include "originwarden.isTLS" . }}8443{{ else }}8080{{ end -}}
{{- end -}}

{{- define "originwarden.portName" -}}
{{- if eq .Values.mode "sidecar" }}gateway{{ else if include "originwarden.isTLS" . }}https{{ else }}http{{ end -}}
{{- end -}}

{{- define "originwarden.adminPort" -}}
{{- if eq .Values.mode "sidecar" }}{{ .Values.sidecar.adminPort }}{{ else }}9090{{ end -}}
{{- end -}}

{{- define "originwarden.adminPortName" -}}
{{- if eq .Values.mode "sidecar" }}gateway-admin{{ else }}admin{{ end -}}
{{- end -}}

{{- define "originwarden.servicePort" -}}
{{- if .Values.service.port }}{{ .Values.service.port }}{{ else if include "originwarden.isTLS" . }}443{{ else }}80{{ end -}}
{{- end -}}

{{- define "originwarden.usesEtcd" -}}
{{- if ne .Values.mode "single" }}true{{ end -}}
{{- end -}}

{{/* Whether the Secret of the etcd user is mounted. */}}
{{- define "originwarden.usesEtcdSecret" -}}
{{- if include "originwarden.usesEtcd" . -}}
{{- with .Values.etcd }}{{ if or .passwordKey .caKey .certKey .keyKey }}true{{ end }}{{ end -}}
{{- end -}}
{{- end -}}
