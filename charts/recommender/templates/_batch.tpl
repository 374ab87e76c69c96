{{/* The spec of a RayJob: the command runs on the head, which has no workers; what it has done when it fails is kept, and it is tried again. */}}
{{- define "recommender.batchJob" -}}
{{- $batch := .Values.batch -}}
{{- $pod := include "recommender.pod" (dict "root" . "block" $batch) | fromYaml -}}
{{- $self := dict "root" . "pod" $pod "component" "batch" -}}
# run {{ $batch.run }}
entrypoint: inference-graph batch --workers={{ $batch.workers }} --out={{ $batch.out }}{{ range $batch.args }} {{ . }}{{ end }}
submissionMode: SidecarMode
backoffLimit: 3
shutdownAfterJobFinishes: true
ttlSecondsAfterFinished: 600
rayClusterSpec:
  rayVersion: 2.60.0
  headGroupSpec:
    rayStartParams: {num-cpus: "0", object-store-memory: "134217728"}
    template: {{- include "recommender.batchPod" (merge (dict "head" true) $self) | nindent 6 }}
  workerGroupSpecs:
    - groupName: workers
      replicas: {{ $batch.workers }}
      minReplicas: {{ $batch.workers }}
      maxReplicas: {{ $batch.workers }}
      rayStartParams: {num-cpus: "1", object-store-memory: "134217728"}
      template: {{- include "recommender.batchPod" (merge (dict "head" false) $self) | nindent 8 }}
{{- end -}}

{{/* Takes root, pod, component and head. */}}
{{- define "recommender.batchPod" -}}
{{- $root := .root -}}
metadata:
  labels: {{- include "recommender.podLabels" . | nindent 4 }}
  {{- with .pod.podAnnotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: Never
  {{- include "recommender.podSpec" . | nindent 2 }}
  containers:
    - name: ray
      image: {{ include "recommender.image" (dict "root" .root "image" .pod.image) }}
      imagePullPolicy: {{ .pod.image.pullPolicy }}
      env:
        - {name: HOME, value: /tmp}
        - {name: INFERENCE_GRAPH_HOME, value: /workspace}
        # Who may reach these pods, the network policies say; a token would have to be known to the operator.
        - {name: RAY_AUTH_MODE, value: disabled}
        - {name: RAY_USAGE_STATS_ENABLED, value: "0"}
        - {name: GRAPH, value: /etc/recommender/graph.yaml}
        {{- range list "ranking" "retrieval" }}
        - name: {{ upper . }}_TARGET
          value: dns:///{{ include "recommender.grpcService" (dict "root" $root "component" .) }}:9000
        {{- end }}
        - {name: SNAPSHOT_CACHE, value: /tmp/snapshots}
        - name: OFFLINE_STORE
          value: {{ .root.Values.features.offlineStore | quote }}
        {{- include "recommender.redisEnvironment" .root | nindent 8 }}
        {{- include "recommender.storeEnvironment" .root | nindent 8 }}
        - {name: SNAPSHOT_PIN, value: {{ .root.Values.snapshot.pin | quote }}}
        {{- with .pod.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .pod.extraEnvFrom }}
      envFrom: {{- toYaml . | nindent 8 }}
      {{- end }}
      resources: {{- include "recommender.resources" . | nindent 8 }}
      securityContext: {{- include "recommender.containerSecurity" . | nindent 8 }}
      # In place of those that KubeRay adds, which call a program that the image has not.
      {{- range $probe := list "readinessProbe" "livenessProbe" }}
      {{ $probe }}:
        httpGet: {path: /api/local_raylet_healthz, port: 52365}
        initialDelaySeconds: 10
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: {{ ternary 10 120 (eq $probe "readinessProbe") }}
      {{- end }}
      volumeMounts:
        - {name: graph, mountPath: /etc/recommender, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- if .head }}
        - {name: workspace, mountPath: /workspace}
        {{- end }}
        {{- include "recommender.storeMounts" (dict "root" .root "readOnly" (not (hasPrefix "/" .root.Values.batch.out))) | nindent 8 }}
        {{- with .pod.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: graph
      configMap: {name: {{ include "recommender.fullname" .root }}-graph}
    - name: tmp
      emptyDir: {sizeLimit: {{ .root.Values.snapshot.cacheSize }}}
    {{- if .head }}
    # Of refresh: the data set's users stand there.
    - name: workspace
      persistentVolumeClaim: {claimName: {{ include "recommender.workspaceClaim" .root }}}
    {{- end }}
    {{- include "recommender.storeVolumes" .root | nindent 4 }}
    {{- with .pod.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
