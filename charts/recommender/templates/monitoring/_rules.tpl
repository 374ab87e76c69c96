{{/*
Every group of files/rules, about this release alone, without the alerts that are disabled; links lead to where the runbook is
served. Takes root and interval.
*/}}
{{- define "recommender.rules" -}}
{{- $monitoring := .root.Values.monitoring -}}
{{- $interval := .interval -}}
{{- $release := .root.Release.Name -}}
{{- $groups := list -}}
{{- $alerts := list -}}
{{- range $path, $content := .root.Files.Glob "files/rules/*.yaml" -}}
{{- $text := toString $content | replace "release!=\"\"" (printf "release=%q" $release) -}}
{{- $text = $text | replace "docs/runbook.md" ($monitoring.runbookUrl | default "docs/runbook.md") -}}
{{- range (fromYaml $text).groups -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- $alerts = append $alerts (.alert | default "") -}}
{{- if not (has (.alert | default "") $monitoring.disabledAlerts) -}}{{- $rules = append $rules . -}}{{- end -}}
{{- end -}}
{{- $groups = append $groups (dict "name" .name "interval" $interval "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- range $monitoring.disabledAlerts -}}
{{- if not (has . $alerts) -}}{{- fail (printf "monitoring.disabledAlerts: no alert is named %q; docs/runbook.md lists them" .) -}}{{- end -}}
{{- end -}}
{{- toYaml (dict "groups" $groups) -}}
{{- end -}}
