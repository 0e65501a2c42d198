{{/* For the chart of an app that has this one as a dependency, with mode: sidecar. Each
template takes .Subcharts.originwarden; ../../example uses all of them. */}}

{{/* Labels of the app's pods, which the NetworkPolicy and the PodMonitor select. */}}
{{- define "originwarden.sidecarLabels" -}}
{{ include "originwarden.selectorLabels" . }}
{{- end -}}

{{/* Annotations of the app's pods: a changed configuration rolls them. */}}
{{- define "originwarden.sidecarAnnotations" -}}
checksum/originwarden: {{ include "originwarden.checksum" . }}
{{- end -}}

{{/* An entry of initContainers. The gateway stops after the app. An app that stops at
once needs a preStop of some seconds, so that load balancers remove the pod first. */}}
{{- define "originwarden.sidecarContainer" -}}
- name: originwarden
  restartPolicy: Always
  {{- include "originwarden.containerBody" . | nindent 2 }}
{{- end -}}

{{/* Entries of volumes. */}}
{{- define "originwarden.sidecarVolumes" -}}
{{ include "originwarden.volumes" . }}
{{ include "originwarden.stateVolume" . }}
{{- end -}}
