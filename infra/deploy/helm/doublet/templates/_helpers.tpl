{{/* Labels that say which part of which release a pod is; the part is the template's argument. */}}
{{- define "doublet.selector" -}}
app.kubernetes.io/name: doublet
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "doublet.labels" -}}
{{ include "doublet.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- define "doublet.name" -}}
{{ .root.Release.Name }}-{{ .part }}
{{- end }}

{{/* The variables of every part of ours. */}}
{{- define "doublet.settings" -}}
- {name: KAFKA_BOOTSTRAP_SERVERS, value: {{ .Values.kafka.bootstrapServers | quote }}}
- {name: PARTITIONS, value: {{ .Values.kafka.partitions | quote }}}
- {name: REPLICATION_FACTOR, value: {{ .Values.kafka.replicationFactor | quote }}}
- {name: MODEL_SERVER, value: "{{ .Release.Name }}-model-server:8500"}
- {name: DATABASE_URL_FILE, value: /run/secrets/doublet/database_url}
- {name: BLOB_STORE, value: {{ .Values.blobStore.url | quote }}}
- {name: AWS_REGION, value: {{ .Values.blobStore.region | quote }}}
{{- with .Values.blobStore.endpoint }}
- {name: AWS_ENDPOINT_URL, value: {{ . | quote }}}
- {name: AWS_ALLOW_HTTP, value: {{ hasPrefix "http:" . | quote }}}
{{- end }}
{{- with .Values.blobStore.accessKeyId }}
- {name: AWS_ACCESS_KEY_ID, value: {{ . | quote }}}
- {name: AWS_SECRET_ACCESS_KEY_FILE, value: /run/secrets/doublet/s3_secret_key}
{{- end }}
{{- range $name, $value := .Values.settings }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{/* Stops where an address has a port that the network policies would not let through. */}}
{{- define "doublet.reachable" -}}
{{- $usual := hasPrefix "https:" .address | ternary "443" (hasPrefix "http:" .address | ternary "80" "9092") -}}
{{- $host := regexReplaceAll "^(https?://)?([^/]*).*$" .address "${2}" -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" | default $usual -}}
{{- if not (has $port (splitList "," (join "," .ports))) -}}
{{- fail (printf "%s is reached at port %s, which is not among %s" .value $port .allowed) -}}
{{- end -}}
{{- end }}

{{/* What every pod has in common, and what its containers have. */}}
{{- define "doublet.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "doublet.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "doublet.image" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- end }}

{{- define "doublet.mounts" -}}
- {name: scratch, mountPath: /tmp}
- {name: secrets, mountPath: /run/secrets/doublet, readOnly: true}
{{- end }}

{{/* The room for scratch is the template's second argument. */}}
{{- define "doublet.volumes" -}}
- name: scratch
  emptyDir: {sizeLimit: {{ .scratch }}}
- name: secrets
  secret: {secretName: {{ .root.Values.existingSecret }}, defaultMode: 0440}
{{- end }}

{{/* Consumer and scheduler answer for themselves: /livez is 503 once they hang, /readyz while they
wait for another part, where a restart would not help. */}}
{{- define "doublet.probes" -}}
ports: [{name: health, containerPort: 8080}]
startupProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 5
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /livez, port: health}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: health}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}
