{{/* Where the transformer and the jobs find Redis; the password never is in the address. */}}
{{- define "recommender.redisEnvironment" -}}
{{- $redis := .Values.redis -}}
{{- $host := ternary (printf "%s-redis" (include "recommender.fullname" .)) $redis.host .Values.trial.redis.enabled -}}
- name: REDIS_URL
  value: {{ printf "%s://%s:%d/%d" (ternary "rediss" "redis" $redis.tls.enabled) $host (int $redis.port) (int $redis.database) }}
- name: REDIS_PREFIX
  value: {{ include "recommender.redisPrefix" . | quote }}
{{- with $redis.existingSecret }}
- name: REDIS_USERNAME
  valueFrom: {secretKeyRef: {name: {{ . }}, key: username, optional: true}}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ . }}, key: password}}
{{- end }}
{{- if $redis.tls.ca }}
- name: REDIS_CA
  value: /etc/redis-ca/ca.crt
{{- end }}
{{- end -}}

{{/* Snapshots, registry and offline files. */}}
{{- define "recommender.storeEnvironment" -}}
- name: SNAPSHOT_STORE
  value: {{ .Values.snapshot.store | quote }}
- name: FEATURE_REGISTRY
  value: {{ .Values.features.registry | quote }}
- name: FEATURE_PROJECT
  value: {{ include "recommender.featureProject" . | quote }}
- name: AWS_REGION
  value: {{ .Values.s3.region | quote }}
- name: AWS_DEFAULT_REGION
  value: {{ .Values.s3.region | quote }}
{{- with .Values.s3.endpoint }}
- name: AWS_ENDPOINT_URL
  value: {{ . | quote }}
{{- end }}
{{- with .Values.s3.existingSecret }}
{{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" }}
- name: {{ . }}
  valueFrom: {secretKeyRef: {name: {{ $.Values.s3.existingSecret }}, key: {{ . }}}}
{{- end }}
{{- end }}
{{- end -}}

{{- define "recommender.storeVolumes" -}}
{{- if .Values.redis.tls.ca }}
- name: redis-ca
  secret: {secretName: {{ .Values.redis.existingSecret }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- with .Values.snapshot.claim }}
- name: store
  persistentVolumeClaim: {claimName: {{ . }}}
{{- end }}
{{- end -}}

{{/* Takes root and readOnly. */}}
{{- define "recommender.storeMounts" -}}
{{- if .root.Values.redis.tls.ca }}
- {name: redis-ca, mountPath: /etc/redis-ca, readOnly: true}
{{- end }}
{{- if .root.Values.snapshot.claim }}
- {name: store, mountPath: /var/lib/recommender, readOnly: {{ .readOnly }}}
{{- end }}
{{- end -}}
