{{/* The longest name and label that KServe makes of ours is <name>-retrieval-predictor-<namespace>, one DNS label of 63 characters. */}}
{{- define "recommender.fullname" -}}
{{- $chart := .Values.nameOverride | default .Chart.Name -}}
{{- $made := ternary .Release.Name (printf "%s-%s" .Release.Name $chart) (contains $chart .Release.Name) -}}
{{- $given := .Values.fullnameOverride | default $made -}}
{{- $name := $given | lower | replace "." "-" | trimSuffix "-" -}}
{{- if regexMatch "^[^a-z]" $name }}{{ $name = printf "r-%s" $name }}{{ end -}}
{{- $longest := max 12 (min 38 (sub 42 (len .Release.Namespace))) | int -}}
{{- if gt (len $name) $longest -}}
{{- printf "%s-%s" ($name | trunc (int (sub $longest 7)) | trimSuffix "-") ($given | sha256sum | trunc 6) -}}
{{- else -}}
{{- $name -}}
{{- end -}}
{{- end -}}

{{- define "recommender.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The InferenceService of a model: ranking is the predictor beside the transformer. */}}
{{- define "recommender.inferenceService" -}}
{{- include "recommender.fullname" .root }}{{ if eq .component "retrieval" }}-retrieval{{ end -}}
{{- end -}}

{{/* The Deployment and Service that KServe makes for a component. */}}
{{- define "recommender.deployment" -}}
{{- include "recommender.inferenceService" . }}-{{ ternary "transformer" "predictor" (eq .component "transformer") -}}
{{- end -}}

{{/* With a suffix of its own for either kind: a Service's clusterIP cannot be changed in place. */}}
{{- define "recommender.grpcService" -}}
{{- include "recommender.fullname" .root }}-{{ .component }}-{{ ternary "grpc" "grpc-ip" (eq .root.Values.grpcBalancing "headless") -}}
{{- end -}}

{{- define "recommender.serviceAccount" -}}
{{- .pod.serviceAccount.name | default (ternary (printf "%s-%s" (include "recommender.fullname" .root) .component) "default" .pod.serviceAccount.create) -}}
{{- end -}}

{{- define "recommender.redisPrefix" -}}
{{- .Values.redis.prefix | default .Release.Name -}}
{{- end -}}

{{- define "recommender.featureProject" -}}
{{- .Values.features.project | default (regexReplaceAll "[^A-Za-z0-9]" .Release.Name "_") -}}
{{- end -}}

{{- define "recommender.workspaceClaim" -}}
{{- .Values.refresh.workspace.existingClaim | default (printf "%s-workspace" (include "recommender.fullname" .)) -}}
{{- end -}}
