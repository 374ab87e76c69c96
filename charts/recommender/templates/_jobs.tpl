{{/* The end of the Job's name, and the run that publishes one snapshot, however often a rollback brings it back. */}}
{{- define "recommender.refreshRun" -}}
{{- include "recommender.refreshJob" (dict "root" . "once" "") | sha256sum | trunc 8 -}}
{{- end -}}

{{/* What the refresh Job and CronJob do: the spec of a Job. Takes root and once (empty for the CronJob). */}}
{{- define "recommender.refreshJob" -}}
{{- $refresh := .root.Values.refresh -}}
{{- $pod := include "recommender.pod" (dict "root" .root "block" $refresh) | fromYaml -}}
{{- $self := dict "root" .root "pod" $pod "component" "refresh" -}}
{{- $prepares := or $refresh.data.existingClaim $refresh.data.synthetic -}}
backoffLimit: 3
activeDeadlineSeconds: {{ $refresh.deadlineSeconds }}
template:
  metadata:
    labels: {{- include "recommender.podLabels" $self | nindent 6 }}
    {{- with $pod.podAnnotations }}
    annotations: {{- toYaml . | nindent 6 }}
    {{- end }}
  spec:
    restartPolicy: Never
    {{- include "recommender.podSpec" $self | nindent 4 }}
    {{- if $prepares }}
    initContainers:
      - name: prepare
        {{- include "recommender.refreshContainer" $self | nindent 8 }}
        command: [inference-graph, data, prepare{{ if $refresh.data.existingClaim }}, /data{{ end }}]
    {{- end }}
    containers:
      - name: refresh
        {{- include "recommender.refreshContainer" $self | nindent 8 }}
        command:
          - inference-graph
          - refresh
          - --wait-seconds={{ $refresh.redisWaitSeconds }}
          {{- with .once }}
          - --once={{ . }}
          {{- end }}
          {{- range $refresh.onlineViews }}
          - --online={{ . }}
          {{- end }}
    volumes:
      - name: workspace
        persistentVolumeClaim: {claimName: {{ include "recommender.workspaceClaim" .root }}}
      - name: tmp
        emptyDir: {sizeLimit: 2Gi}
      {{- with $refresh.data.existingClaim }}
      - name: data
        persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
      {{- end }}
      {{- include "recommender.storeVolumes" .root | nindent 6 }}
      {{- with $pod.extraVolumes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
{{- end -}}

{{- define "recommender.refreshContainer" -}}
{{- $embeddings := .root.Values.embeddings -}}
{{- $data := .root.Values.refresh.data -}}
image: {{ include "recommender.image" (dict "root" .root "image" .pod.image) }}
imagePullPolicy: {{ .pod.image.pullPolicy }}
env:
  - {name: HOME, value: /tmp}
  - {name: INFERENCE_GRAPH_HOME, value: /workspace}
  - name: OFFLINE_STORE
    value: {{ .root.Values.features.offlineStore | quote }}
  {{- include "recommender.redisEnvironment" .root | nindent 2 }}
  {{- include "recommender.storeEnvironment" .root | nindent 2 }}
  # The snapshot that must be kept, by reference: another pin is no other spec, and runs no Job.
  - name: SNAPSHOT_PIN
    valueFrom: {configMapKeyRef: {name: {{ include "recommender.fullname" .root }}-snapshot, key: pin}}
  {{- if $embeddings.url }}
  - {name: EMBEDDINGS_URL, value: {{ $embeddings.url | quote }}}
  - {name: EMBEDDINGS_MODEL, value: {{ $embeddings.model | quote }}}
  - {name: EMBEDDINGS_PRICE, value: {{ $embeddings.price | quote }}}
  # Whoever names an endpoint in the values has agreed to what it costs.
  - {name: EMBEDDINGS_YES, value: "1"}
  {{- with $embeddings.existingSecret }}
  - name: OPENAI_API_KEY
    valueFrom: {secretKeyRef: {name: {{ . }}, key: OPENAI_API_KEY}}
  {{- end }}
  {{- end }}
  {{- with .pod.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .pod.extraEnvFrom }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
resources: {{- include "recommender.resources" . | nindent 2 }}
securityContext: {{- include "recommender.containerSecurity" . | nindent 2 }}
volumeMounts:
  - {name: workspace, mountPath: /workspace}
  - {name: tmp, mountPath: /tmp}
  {{- if $data.existingClaim }}
  - {name: data, mountPath: /data, readOnly: true, subPath: {{ $data.subPath | quote }}}
  {{- end }}
  {{- include "recommender.storeMounts" (dict "root" .root "readOnly" false) | nindent 2 }}
  {{- with .pod.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
