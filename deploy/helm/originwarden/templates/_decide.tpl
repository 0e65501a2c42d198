{{/* Where other proxies ask for decisions: config.decide.listen. */}}

{{/* Its port; empty if there is none. */}}
{{- define "originwarden.decidePort" -}}
{{- regexFind "[0-9]+$" (dig "decide" "listen" "" .Values.config) -}}
{{- end -}}

{{/* Its port if other pods can ask. A sidecar is asked in its own pod. */}}
{{- define "originwarden.decideServicePort" -}}
{{- if ne .Values.mode "sidecar" }}{{ include "originwarden.decidePort" . }}{{ end -}}
{{- end -}}

{{- define "originwarden.decideName" -}}
{{ include "originwarden.fullname" . }}-decide
{{- end -}}

{{/* Fails if nobody could ask at the address, or others than should. */}}
{{- define "originwarden.checkDecide" -}}
{{- with dig "decide" "listen" "" .Values.config -}}
{{- $port := include "originwarden.decidePort" $ -}}
{{- $host := trimSuffix (printf ":%s" $port) . -}}
{{- if eq $port (include "originwarden.port" $) -}}
{{- fail (printf "config.decide.listen: %s is the port of the tenants" $port) -}}
{{- else if eq $port (include "originwarden.adminPort" $) -}}
{{- fail (printf "config.decide.listen: %s is the port of the admin address" $port) -}}
{{- else if eq $.Values.mode "sidecar" -}}
{{- if not (regexMatch "^(127(\\.[0-9]{1,3}){3}|\\[::1\\]|localhost)$" $host) -}}
{{- fail (printf "config.decide.listen: a sidecar is asked in its own pod: %s is not a loopback address" .) -}}
{{- end -}}
{{- else if not (has $host (list "" "0.0.0.0" "[::]")) -}}
{{- fail (printf "config.decide.listen: the Service does not reach %s in the pods: use 0.0.0.0:%s" . $port) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The key `decide.tls`. */}}
{{- define "originwarden.decideCertificates" -}}
cert: /run/secrets/originwarden/decide/tls/tls.crt
key: /run/secrets/originwarden/decide/tls/tls.key
{{- if .clientCASecretName }}
client_ca: /run/secrets/originwarden/decide/ca/{{ .clientCAKey }}
{{- end }}
{{- end -}}
