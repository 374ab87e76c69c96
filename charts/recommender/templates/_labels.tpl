{{- define "recommender.selector" -}}
app.kubernetes.io/name: {{ include "recommender.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* Of objects; a component is named where an object belongs to one. */}}
{{- define "recommender.labels" -}}
app.kubernetes.io/name: {{ include "recommender.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Of pods: without versions, so that only what changes a pod replaces it. `release` is for scrapers that make a pod's labels its metrics'. */}}
{{- define "recommender.podLabels" -}}
{{ include "recommender.selector" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
recommender.io/release: {{ .root.Release.Name }}
release: {{ .root.Release.Name }}
{{- with .pod.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}
