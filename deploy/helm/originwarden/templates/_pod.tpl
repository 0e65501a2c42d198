{{/* What a pod runs and mounts, for the workloads and for sidecars. */}}

{{- define "originwarden.checksum" -}}
{{ include "originwarden.config" . | sha256sum }}
{{- end -}}

{{/* The start of the container: all but lifecycle, and what differs for sidecars. */}}
{{- define "originwarden.containerBody" -}}
image: {{ include "originwarden.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve, --config, /etc/originwarden/originwarden.yaml]
env:
  # Makes the garbage collector run more often before memory reaches the limit. Go
  # sets GOMAXPROCS from the CPU limit by itself.
  - name: GOMEMLIMIT
    valueFrom: {resourceFieldRef: {resource: requests.memory}}
  {{- with .Values.env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - {name: {{ include "originwarden.portName" . }}, containerPort: {{ include "originwarden.port" . }}}
  - {name: {{ include "originwarden.adminPortName" . }}, containerPort: {{ include "originwarden.adminPort" . }}}
  {{- with include "originwarden.decideServicePort" . }}
  - {name: decide, containerPort: {{ . }}}
  {{- end }}
startupProbe:
  httpGet: {path: /healthz, port: {{ include "originwarden.adminPortName" . }}}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: {{ include "originwarden.adminPortName" . }}}
  periodSeconds: 10
  timeoutSeconds: 3
readinessProbe:
  httpGet: {path: /readyz, port: {{ include "originwarden.adminPortName" . }}}
  periodSeconds: 2
  timeoutSeconds: 3
resources:
  {{- include "originwarden.resources" . | nindent 2 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  {{- include "originwarden.volumeMounts" . | nindent 2 }}
{{- end -}}

{{- define "originwarden.resources" -}}
{{- $resources := .Values.resources -}}
{{- if eq .Values.mode "sidecar" }}{{ $resources = .Values.sidecar.resources }}{{ end -}}
{{- if eq (toString $resources.requests.memory) (toString $resources.limits.memory) -}}
{{- fail "resources: the requested memory is GOMEMLIMIT, and must be less than the limit" -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{- define "originwarden.volumeMounts" -}}
- {name: originwarden-config, mountPath: /etc/originwarden, readOnly: true}
- {name: originwarden-state, mountPath: /var/lib/originwarden}
{{- range .Values.tls.secretNames }}
- {name: tls-{{ . }}, mountPath: /run/secrets/originwarden/tls/{{ . }}, readOnly: true}
{{- end }}
{{- if .Values.decide.secretName }}
- {name: originwarden-decide, mountPath: /run/secrets/originwarden/decide/tls, readOnly: true}
{{- end }}
{{- if .Values.decide.clientCASecretName }}
- {name: originwarden-decide-ca, mountPath: /run/secrets/originwarden/decide/ca, readOnly: true}
{{- end }}
{{- if include "originwarden.usesEtcdSecret" . }}
- {name: originwarden-etcd, mountPath: /run/secrets/originwarden/etcd, readOnly: true}
{{- end }}
{{- range .Values.extraSecretNames }}
- {name: secret-{{ . }}, mountPath: /run/secrets/originwarden/extra/{{ . }}, readOnly: true}
{{- end }}
{{- range .Values.extraConfigMapNames }}
- {name: config-{{ . }}, mountPath: /etc/originwarden-extra/{{ . }}, readOnly: true}
{{- end }}
{{- end -}}

{{/* All volumes but the state. Without an fsGroup, which would also apply to the app of
a sidecar, secrets are readable by every user of the pod; no other container mounts them. */}}
{{- define "originwarden.volumes" -}}
{{- $mode := eq .Values.mode "sidecar" | ternary "0444" "0440" -}}
- name: originwarden-config
  configMap: {name: {{ include "originwarden.fullname" . }}}
{{- range .Values.tls.secretNames }}
- name: tls-{{ . }}
  secret: {secretName: {{ . }}, defaultMode: {{ $mode }}}
{{- end }}
{{- with .Values.decide.secretName }}
- name: originwarden-decide
  secret: {secretName: {{ . }}, defaultMode: {{ $mode }}}
{{- end }}
{{- with .Values.decide.clientCASecretName }}
- name: originwarden-decide-ca
  secret: {secretName: {{ . }}, defaultMode: {{ $mode }}}
{{- end }}
{{- if include "originwarden.usesEtcdSecret" . }}
- name: originwarden-etcd
  secret: {secretName: {{ .Values.etcd.secretName }}, defaultMode: {{ $mode }}}
{{- end }}
{{- range .Values.extraSecretNames }}
- name: secret-{{ . }}
  secret: {secretName: {{ . }}, defaultMode: {{ $mode }}}
{{- end }}
{{- range .Values.extraConfigMapNames }}
- name: config-{{ . }}
  configMap: {name: {{ . }}}
{{- end }}
{{- end -}}

{{/* The template of the pods of a fleet or a single gateway. */}}
{{- define "originwarden.podTemplate" -}}
metadata:
  labels:
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "originwarden.selectorLabels" . | nindent 4 }}
  annotations:
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    # A changed configuration rolls the pods.
    checksum/config: {{ include "originwarden.checksum" . }}
spec:
  serviceAccountName: {{ include "originwarden.serviceAccountName" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # Longer than preStop and timeouts.drain together.
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds (include "originwarden.drainSeconds" .) 15 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    # A volume that has the group already is not walked again.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- include "originwarden.scheduling" . | nindent 2 }}
  containers:
    - name: originwarden
      {{- include "originwarden.containerBody" . | nindent 6 }}
      {{- if .Values.preStopSeconds }}
      lifecycle:
        # The gateway stops listening on SIGTERM. The delay lets load balancers remove
        # the pod first.
        preStop: {sleep: {seconds: {{ .Values.preStopSeconds }}}}
      {{- end }}
  volumes:
    {{- include "originwarden.volumes" . | nindent 4 }}
    {{- include "originwarden.stateVolume" . | nindent 4 }}
{{- end -}}

{{- define "originwarden.stateVolume" -}}
- name: originwarden-state
{{- if eq .Values.mode "single" }}
  persistentVolumeClaim: {claimName: {{ .Values.persistence.existingClaim | default (include "originwarden.fullname" .) }}}
{{- else }}
  # The last good lists. They survive a restart of the container, but not the pod: a
  # volume per pod would tie the pod to a zone or a node, and the pod could not start
  # without it. A rollout does not need them: a new pod is ready when it has loaded the
  # lists from etcd, and with maxUnavailable: 0 the old pods serve until then. While
  # etcd is unavailable, rollouts wait.
  emptyDir: {sizeLimit: 1Gi}
{{- end }}
{{- end -}}

{{- define "originwarden.scheduling" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if eq .Values.mode "fleet" }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "originwarden.selectorLabels" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}
