{{/* The configuration: the values of `config`, and what the chart knows itself. */}}
{{- define "originwarden.config" -}}
{{- include "originwarden.checkDecide" . -}}
{{- $own := dict "listen" (printf "0.0.0.0:%s" (include "originwarden.port" .)) -}}
{{- $_ := set $own "admin" (dict "listen" (printf "0.0.0.0:%s" (include "originwarden.adminPort" .))) -}}
{{- with .Values.tls.secretNames -}}
{{- $_ := set $own "tls" (include "originwarden.certificates" . | fromYaml) -}}
{{- end -}}
{{- if .Values.decide.secretName -}}
{{- $_ := set $own "decide" (dict "tls" (include "originwarden.decideCertificates" .Values.decide | fromYaml)) -}}
{{- end -}}
{{- if include "originwarden.usesEtcd" . -}}
{{- $_ := set $own "store" (dict "etcd" (include "originwarden.etcdUser" . | fromYaml)) -}}
{{- $_ := set $own "cache" (dict "snapshot_dir" "/var/lib/originwarden/lists") -}}
{{- else -}}
{{- $_ := set $own "store" (dict "url" "sqlite:/var/lib/originwarden/lists.db") -}}
{{- end -}}
{{- mergeOverwrite (deepCopy .Values.config) $own | toYaml -}}
{{- end -}}

{{/* The key `tls`, of the names of Secrets. */}}
{{- define "originwarden.certificates" -}}
{{- range $i, $name := . }}
{{- if eq $i 0 }}
cert: /run/secrets/originwarden/tls/{{ $name }}/tls.crt
key: /run/secrets/originwarden/tls/{{ $name }}/tls.key
{{- else }}
{{- if eq $i 1 }}
certs:
{{- end }}
  - cert: /run/secrets/originwarden/tls/{{ $name }}/tls.crt
    key: /run/secrets/originwarden/tls/{{ $name }}/tls.key
{{- end }}
{{- end }}
{{- end -}}

{{/* The key `store.etcd`. */}}
{{- define "originwarden.etcdUser" -}}
{{- with .Values.etcd -}}
{{- if .passwordKey }}
username: {{ .username | quote }}
password_file: /run/secrets/originwarden/etcd/{{ .passwordKey }}
{{- end }}
{{- if .caKey }}
ca: /run/secrets/originwarden/etcd/{{ .caKey }}
{{- end }}
{{- if .certKey }}
cert: /run/secrets/originwarden/etcd/{{ .certKey }}
key: /run/secrets/originwarden/etcd/{{ .keyKey }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* The ports of the members in the URL of the store, as a list. */}}
{{- define "originwarden.etcdPorts" -}}
{{- $ports := list -}}
{{- range regexFind "^etcd://[^/]+" .Values.config.store.url | splitList "," -}}
{{- $ports = append $ports (regexFind "[0-9]+$" .) -}}
{{- end -}}
{{- range uniq $ports }}
- {port: {{ . }}}
{{- end }}
{{- end -}}

{{/* timeouts.drain in seconds. The schema allows whole hours, minutes and seconds. */}}
{{- define "originwarden.drainSeconds" -}}
{{- $sum := 0 -}}
{{- $drain := dig "timeouts" "drain" "10s" .Values.config -}}
{{- range regexFindAll "[0-9]+[hms]" (toString $drain) -1 -}}
{{- $unit := get (dict "h" 3600 "m" 60 "s" 1) (regexFind "[hms]" .) -}}
{{- $sum = add $sum (mul (regexFind "[0-9]+" . | int) $unit) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}
