{{- define "hookwicket.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "hookwicket.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hookwicket.labels" -}}
{{ include "hookwicket.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "hookwicket.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{/* Lines of the Caddyfile, further to the right. */}}
{{- define "hookwicket.lines" -}}
{{- regexReplaceAll "(?m)^(.)" (index . 1 | trimSuffix "\n") (printf "%s${1}" (index . 0)) -}}
{{- end -}}

{{/* Port 8080 is for senders, 8081 for probes and metrics. */}}
{{- define "hookwicket.caddyfile" -}}
{
	admin localhost:2019
	persist_config off
	auto_https off
	metrics
	# Kubernetes goes on sending requests for a moment after it has asked for the exit.
	shutdown_delay 5s
	grace_period 20s
{{- with .Values.trustedProxies }}
	servers {
		trusted_proxies static {{ join " " . }}
	}
{{- end }}
{{- with .Values.globalOptions }}
{{ include "hookwicket.lines" (list "\t" .) }}
{{- end }}
	webhook_gateway {
{{- if eq .Values.store.type "postgres" }}
		store postgres {file./run/secrets/postgres/dsn} {
			node {env.NODE}
			lease {{ .Values.store.postgres.lease }}
		}
{{- else }}
		store pebble /data/webhook_gateway
{{- end }}
{{- if .Values.encryption.keys }}
		encrypt{{ range .Values.encryption.keys }} {file./run/secrets/{{ $.Values.encryption.secret }}/{{ . }}}{{ end }}
{{- end }}
{{- with .Values.gatewayOptions }}
{{ include "hookwicket.lines" (list "\t\t" .) }}
{{- end }}
	}
}

:8080 {
{{ include "hookwicket.lines" (list "\t" (required "endpoints: give at least one webhook_gateway block" .Values.endpoints)) }}
	respond 404
}

:8081 {
	webhook_gateway_health /livez live
	webhook_gateway_health /readyz
	handle /metrics {
		metrics
	}
	respond 404
}
{{- end -}}

{{/* The pod, the same in both kinds of store. */}}
{{- define "hookwicket.pod" -}}
metadata:
  labels:
    {{- include "hookwicket.selector" . | nindent 4 }}
    {{- with .Values.podLabels }}{{ toYaml . | nindent 4 }}{{ end }}
  annotations:
    checksum/config: {{ include "hookwicket.caddyfile" . | sha256sum }}
    {{- with .Values.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  automountServiceAccountToken: false
  {{- with .Values.serviceAccountName }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets: {{ toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 65532
    runAsGroup: 65532
    fsGroup: 65532
    # The store closes its folder to other users; Kubernetes must not open it at each start.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: gateway
      image: {{ include "hookwicket.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run, --config, /etc/caddy/Caddyfile, --adapter, caddyfile]
      env:
        - name: NODE
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        {{- with .Values.env }}{{ toYaml . | nindent 8 }}{{ end }}
      ports:
        - name: http
          containerPort: 8080
        - name: internal
          containerPort: 8081
      # Reading the store after a crash takes as long as it has events; nobody may end that.
      startupProbe:
        httpGet:
          path: /livez
          port: internal
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 300
      livenessProbe:
        httpGet:
          path: /livez
          port: internal
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /readyz
          port: internal
        periodSeconds: 5
        timeoutSeconds: 5
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      {{- with .Values.resources }}
      resources: {{ toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: caddyfile
          mountPath: /etc/caddy
          readOnly: true
        - name: data
          mountPath: /data
        - name: config
          mountPath: /config
        {{- range .Values.secrets }}
        - name: secret-{{ . }}
          mountPath: /run/secrets/{{ . }}
          readOnly: true
        {{- end }}
        {{- if eq .Values.store.type "postgres" }}
        - name: dsn
          mountPath: /run/secrets/postgres
          readOnly: true
        {{- end }}
  volumes:
    - name: caddyfile
      configMap:
        name: {{ include "hookwicket.fullname" . }}
    - name: config
      emptyDir: {}
    {{- range .Values.secrets }}
    - name: secret-{{ . }}
      secret:
        secretName: {{ . }}
    {{- end }}
    {{- if eq .Values.store.type "postgres" }}
    - name: data
      emptyDir: {}
    - name: dsn
      secret:
        secretName: {{ required "store.postgres.secret: name the Secret that has the DSN" .Values.store.postgres.secret }}
        items:
          - key: {{ .Values.store.postgres.key }}
            path: dsn
    {{- else if .Values.store.pebble.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.store.pebble.existingClaim }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{ toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints: {{ toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
