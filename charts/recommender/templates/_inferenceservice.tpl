{{/* KServe would route every path of transformer and predictor to the outside, and scrape the wrong port, unless told not to. */}}
{{- define "recommender.inferenceServiceMetadata" -}}
labels:
  {{- include "recommender.labels" (dict "root" .) | nindent 2 }}
  networking.kserve.io/visibility: cluster-local
annotations:
  serving.kserve.io/deploymentMode: Standard
  serving.kserve.io/autoscalerClass: {{ .Values.autoscaling.class }}
  serving.kserve.io/enable-prometheus-scraping: "false"
  serving.kserve.io/enable-metric-aggregation: "false"
{{- end -}}

{{/* Replicas and how they are replaced. Takes root, pod, component. */}}
{{- define "recommender.scaling" -}}
{{- $keda := .root.Values.autoscaling.keda -}}
{{- if lt (int .pod.maxReplicas) (int .pod.minReplicas) -}}
{{- fail (printf "%s.maxReplicas: expected at least minReplicas (%d), got %d" .component (int .pod.minReplicas) (int .pod.maxReplicas)) -}}
{{- end -}}
minReplicas: {{ .pod.minReplicas }}
maxReplicas: {{ .pod.maxReplicas }}
{{- if eq .root.Values.autoscaling.class "hpa" }}
scaleMetric: cpu
scaleTarget: {{ .pod.targetCPU }}
{{- else if eq .root.Values.autoscaling.class "keda" }}
autoScaling:
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ .pod.targetCPU }}}}
    {{- if and (eq .component "transformer") $keda.serverAddress }}
    - type: External
      external:
        metric:
          backend: prometheus
          serverAddress: {{ $keda.serverAddress }}
          query: sum(rate(recommender_requests_total{namespace={{ .root.Release.Namespace | quote }},release={{ .root.Release.Name | quote }}}[1m]))
        target: {type: Value, value: {{ $keda.requestsPerReplica | quote }}}
    {{- end }}
{{- end }}
deploymentStrategy:
  type: RollingUpdate
  rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
{{- end -}}

{{/* Takes root, pod, component. */}}
{{- define "recommender.predictor" -}}
{{- $ours := eq .pod.server "model-server" -}}
{{- $cores := include "recommender.cores" . -}}
{{ include "recommender.scaling" . }}
labels: {{- include "recommender.podLabels" . | nindent 2 }}
{{- with .pod.podAnnotations }}
annotations: {{- toYaml . | nindent 2 }}
{{- end }}
{{ include "recommender.podSpec" . }}
{{- include "recommender.spread" . }}
terminationGracePeriodSeconds: 45
{{- with .pod.extraVolumes }}
volumes: {{- toYaml . | nindent 2 }}
{{- end }}
model:
  modelFormat: {name: tensorflow, version: "2"}
  runtime: {{ include "recommender.fullname" .root }}-tf-serving
  protocolVersion: v1
  storageUri: {{ .pod.storageUri }}
  image: {{ include "recommender.image" (dict "root" .root "image" .pod.image) }}
  imagePullPolicy: {{ .pod.image.pullPolicy }}
  command: [{{ ternary "model-server" "tensorflow_model_server" $ours }}]
  # KServe appends these to the runtime's.
  args:
    - --model_name={{ .component }}
    - --tensorflow_intra_op_parallelism={{ $cores }}
    - --tensorflow_inter_op_parallelism={{ $cores }}
    {{- if $ours }}
    - --host=0.0.0.0
    {{- end }}
    {{- range .pod.extraArgs }}
    - {{ . | quote }}
    {{- end }}
  {{- with .pod.extraEnv }}
  env: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .pod.extraEnvFrom }}
  envFrom: {{- toYaml . | nindent 4 }}
  {{- end }}
  resources: {{- include "recommender.resources" . | nindent 4 }}
  # The ports open only once the model is loaded and warm.
  startupProbe:
    httpGet: {path: /v1/models/{{ .component }}, port: 8080}
    periodSeconds: 2
    failureThreshold: 300
  readinessProbe:
    httpGet: {path: /v1/models/{{ .component }}, port: 8080}
    periodSeconds: 5
    timeoutSeconds: 2
  livenessProbe:
    tcpSocket: {port: 9000}
    periodSeconds: 10
    timeoutSeconds: 5
  {{- with .pod.extraVolumeMounts }}
  volumeMounts: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
