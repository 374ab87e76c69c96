{{/* One block of values on top of podDefaults, as YAML. Takes root and block (a map). */}}
{{- define "recommender.pod" -}}
{{- mergeOverwrite (deepCopy .root.Values.podDefaults) (deepCopy .block) | toYaml -}}
{{- end -}}

{{/* Takes root and image. */}}
{{- define "recommender.image" -}}
{{- with .image.registry | default .root.Values.global.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{- .image.repository -}}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end -}}
{{- end -}}

{{/* What every pod says of itself; the same keys in a pod and in a component of an InferenceService. Takes root, pod, component. */}}
{{- define "recommender.podSpec" -}}
serviceAccountName: {{ include "recommender.serviceAccount" . }}
automountServiceAccountToken: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  {{- with .pod.securityContext }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with .pod.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}

{{/* Of servers, which have several pods. Takes root, pod, component. */}}
{{- define "recommender.spread" -}}
{{- $labels := include "recommender.selector" . | fromYaml -}}
{{- if kindIs "slice" .pod.topologySpreadConstraints }}
{{- with .pod.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  - {{- merge (deepCopy .) (dict "labelSelector" (dict "matchLabels" $labels)) | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- else }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- toYaml $labels | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- end -}}

{{/* Not of KServe's storage initializer, which has its own of the cluster's ClusterStorageContainer: docs/install.md. */}}
{{- define "recommender.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* The memory limit is the request; there is no CPU limit unless somebody asks for one. Takes pod. */}}
{{- define "recommender.resources" -}}
{{- $limits := dict "memory" .pod.resources.requests.memory -}}
{{- toYaml (dict "requests" .pod.resources.requests "limits" (merge (deepCopy (.pod.resources.limits | default dict)) $limits)) -}}
{{- end -}}

{{/* Whole cores of the CPU request, at least one. Takes pod. */}}
{{- define "recommender.cores" -}}
{{- $cpu := .pod.resources.requests.cpu | toString -}}
{{- $cores := ternary (divf (float64 (trimSuffix "m" $cpu)) 1000) (float64 (trimSuffix "m" $cpu)) (hasSuffix "m" $cpu) -}}
{{- max 1 (ceil $cores | int) -}}
{{- end -}}
