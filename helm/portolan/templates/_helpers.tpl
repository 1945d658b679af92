{{- define "portolan.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "portolan.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains (include "portolan.name" .) .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "portolan.name" .) | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "portolan.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* Cluster-wide objects of two releases must not meet. */}}
{{- define "portolan.clusterName" -}}
{{- printf "%s-%s" (include "portolan.namespace" .) (include "portolan.fullname" .) }}
{{- end }}

{{/* Arguments: root, component. Selectors never change: no version in them. */}}
{{- define "portolan.selector" -}}
app.kubernetes.io/name: {{ include "portolan.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "portolan.labels" -}}
{{ include "portolan.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: portolan
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Arguments: root, component, name; and annotations, labels, cluster (no namespace). */}}
{{- define "portolan.metadata" -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ include "portolan.namespace" .root }}
{{- end }}
labels:
  {{- include "portolan.labels" . | nindent 2 }}
  {{- with .labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (default dict .annotations) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Arguments: image, tag (the default). */}}
{{- define "portolan.image" -}}
{{- $name := printf "%s/%s" .image.registry .image.repository | trimPrefix "/" }}
{{- if .image.digest }}
{{- printf "%s@%s" $name .image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .tag .image.tag) }}
{{- end }}
{{- end }}

{{- define "portolan.ownImage" -}}
{{- include "portolan.image" (dict "image" .Values.image "tag" .Chart.AppVersion) }}
{{- end }}

{{- define "portolan.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "portolan.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "portolan.envoyServiceAccount" -}}
{{- if .Values.envoy.serviceAccount.create }}
{{- default (printf "%s-envoy" (include "portolan.fullname" .)) .Values.envoy.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.envoy.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "portolan.xdsHost" -}}
{{- printf "%s-xds.%s.svc" (include "portolan.fullname" .) (include "portolan.namespace" .) }}
{{- end }}

{{- define "portolan.caSecret" -}}
{{- printf "%s-xds-ca" (include "portolan.fullname" .) }}
{{- end }}

{{- define "portolan.serverSecret" -}}
{{- if eq .Values.xds.certificates "existing" }}
{{- required "xds.existing.serverSecret is wanted" .Values.xds.existing.serverSecret }}
{{- else }}
{{- printf "%s-xds-server" (include "portolan.fullname" .) }}
{{- end }}
{{- end }}

{{- define "portolan.envoySecret" -}}
{{- if eq .Values.xds.certificates "existing" }}
{{- required "xds.existing.envoySecret is wanted" .Values.xds.existing.envoySecret }}
{{- else }}
{{- printf "%s-xds-envoy" (include "portolan.fullname" .) }}
{{- end }}
{{- end }}

{{/* A Secret with certificate, key and authority. That each is named makes the kubelet wait until it is there. */}}
{{- define "portolan.tlsVolume" -}}
secret:
  secretName: {{ . }}
  defaultMode: 0440
  items:
    - {key: tls.crt, path: tls.crt}
    - {key: tls.key, path: tls.key}
    - {key: ca.crt, path: ca.crt}
{{- end }}

{{/* What a pod has by default, in a volume of its own: one container of several gets it. */}}
{{- define "portolan.tokenVolume" -}}
- name: token
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end }}

{{/* Whether portolan-passwords runs: "yes", or empty. */}}
{{- define "portolan.checksPasswords" -}}
{{- $nginx := default dict .Values.config.ingressNginx }}
{{- if and $nginx.enabled (ne (default "checker" $nginx.passwords) "envoy") (not .Values.contourConfigName) }}yes{{ end }}
{{- end }}

{{/* The configuration of the Envoy before portolan-passwords: it ends TLS as xds-server does, and passes bytes on. */}}
{{- define "portolan.passwordsDoor" -}}
node: {id: passwords, cluster: portolan}
static_resources:
  listeners:
    - name: passwords
      address: {socket_address: {address: 0.0.0.0, port_value: {{ .Values.passwords.port }}}}
      per_connection_buffer_limit_bytes: 65536
      filter_chains:
        - transport_socket_connect_timeout: 10s
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              require_client_certificate: true
              common_tls_context:
                tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}
                alpn_protocols: [http/1.1]
                tls_certificate_sds_secret_configs:
                  - {name: certificate, sds_config: {path_config_source: {path: /etc/portolan-door/certificate.yaml}, resource_api_version: V3}}
                combined_validation_context:
                  default_validation_context:
                    {{- if ne .Values.xds.certificates "existing" }}
                    # Not the Envoys of Gateways, whose certificates have other names.
                    match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: envoy}}]
                    {{- else }} {}
                    {{- end }}
                  validation_context_sds_secret_config:
                    name: ca
                    sds_config: {path_config_source: {path: /etc/portolan-door/ca.yaml}, resource_api_version: V3}
          filters:
            - name: envoy.filters.network.tcp_proxy
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
                stat_prefix: passwords
                cluster: passwords
                idle_timeout: 120s
  clusters:
    - name: passwords
      connect_timeout: 0.25s
      load_assignment:
        cluster_name: passwords
        endpoints: [{lb_endpoints: [{endpoint: {address: {pipe: {path: /run/portolan-check/check.sock}}}}]}]
overload_manager:
  resource_monitors:
    - name: envoy.resource_monitors.global_downstream_max_connections
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig
        max_active_downstream_connections: 4096
{{- end }}

{{/* The configuration file: ours, so that Envoy listens and answers probes where the pod says it does, below the user's. */}}
{{- define "portolan.config" -}}
{{- $ports := .Values.envoy.ports }}
{{- $ours := dict "portolan" (dict
  "http" (dict "port" $ports.http) "https" (dict "port" $ports.https)
  "health" (dict "address" "0.0.0.0" "port" $ports.metrics))
  "metrics" (dict "envoy" (dict "address" "0.0.0.0" "port" $ports.metrics)) }}
{{- if ne .Values.ingressClass.name "portolan" }}
{{- $_ := set $ours.portolan "ingress-class-names" (list .Values.ingressClass.name) }}
{{- end }}
{{- if and .Values.config.ingressNginx (not (include "portolan.checksPasswords" .)) }}
{{- $_ := set $ours "ingressNginx" (dict "passwords" "envoy") }}
{{- end }}
{{- if .Values.envoy.http3 }}
{{- $_ := set $ours.portolan "http3" (dict "enabled" true "port" (default 443 .Values.envoy.service.ports.https)) }}
{{- end }}
{{- if .Values.gatewayProvisioning.enabled }}
{{- $_ := set $ours.portolan "gateway" (dict
  "provisioning" true
  "xds-address" (printf "%s:%v" (include "portolan.xdsHost" .) .Values.xds.port)
  "xds-authority" (default (include "portolan.caSecret" .) .Values.gatewayProvisioning.authority)
  "envoy-image" (include "portolan.image" (dict "image" .Values.envoy.image "tag" ""))
  "image" (include "portolan.ownImage" .)
  "envoy-upgrades" .Values.gatewayProvisioning.upgrades) }}
{{- end }}
{{- toYaml (mergeOverwrite $ours (deepCopy .Values.config)) }}
{{- end }}

{{/* A container a stage. Arguments: root, stage, program, args, values (the key in resources), mounts. */}}
{{- define "portolan.stage" -}}
{{- $v := .root.Values.controlPlane }}
{{- $program := printf "/usr/libexec/portolan/portolan-%s" .stage }}
- name: {{ .stage }}
  image: {{ include "portolan.ownImage" .root }}
  imagePullPolicy: {{ .root.Values.image.pullPolicy }}
  {{- $vital := not (has .stage (list "recorder" "passwords")) }}
  {{- if and $v.fastRestart (ne .stage "recorder") }}
  command:
    - /usr/libexec/portolan/portolan-supervisor
    - --runtime-dir=/run/portolan/supervisor-{{ .stage }}
    - --log-level=warning
    - --log-format={{ $v.logFormat }}
    - --
    - {{ .stage }}
    - {{ $program }}
    - --runtime-dir=/run/portolan
  {{- else }}
  command:
    - {{ $program }}
  {{- end }}
  args:
    - --log-level={{ $v.logLevel }}
    - --log-format={{ $v.logFormat }}
    {{- range .args }}
    - {{ . | quote }}
    {{- end }}
  env:
    - name: RUNTIME_DIRECTORY
      value: /run/portolan
    - name: POD_NAME
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
    - name: POD_NAMESPACE
      valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
    {{- with $v.extraEnv }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .ports }}
  ports:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- toYaml $v.containerSecurityContext | nindent 4 }}
  resources:
    {{- toYaml (index $v.resources .values) | nindent 4 }}
  {{- if ne .stage "recorder" }}
  startupProbe:
    exec: {command: [/usr/bin/portolan, health, {{ .stage }}]}
    {{- toYaml $v.startupProbe | nindent 4 }}
  livenessProbe:
    exec: {command: [/usr/bin/portolan, health, {{ .stage }}]}
    {{- toYaml $v.livenessProbe | nindent 4 }}
  {{- if $vital }}
  readinessProbe:
    exec: {command: [/usr/bin/portolan, health, --ready, {{ .stage }}]}
    {{- toYaml $v.readinessProbe | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- if and $v.preStopSeconds (ne .stage "recorder") }}
  lifecycle:
    preStop: {sleep: {seconds: {{ $v.preStopSeconds }}}}
  {{- end }}
  volumeMounts:
    - {name: run, mountPath: /run/portolan}
    {{- with .mounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with $v.extraVolumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* Arguments: root, component, values (of a workload). */}}
{{- define "portolan.placement" -}}
{{- $selector := include "portolan.selector" . }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
affinity:
{{- if .values.affinity }}
  {{- toYaml .values.affinity | nindent 2 }}
{{- else }}
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- $selector | nindent 14 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{- toYaml . | nindent 4 }}
    labelSelector:
      matchLabels:
        {{- $selector | nindent 8 }}
  {{- end }}
{{- end }}
{{- end }}
