{{- define "tcpmon.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tcpmon.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "tcpmon.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tcpmon.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tcpmon.serviceAccountName" -}}
{{- default (include "tcpmon.fullname" .) .Values.serviceAccount.name -}}
{{- end -}}

{{- /* What pods are found by: it must not change between two versions of the chart. */ -}}
{{- define "tcpmon.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tcpmon.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tcpmon.podLabels" -}}
{{ include "tcpmon.selectorLabels" . }}
app.kubernetes.io/component: agent
{{- end -}}

{{- define "tcpmon.labels" -}}
{{ include "tcpmon.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "tcpmon.listenAddress" -}}
{{- if .Values.listenAddress -}}
{{ .Values.listenAddress }}
{{- else if .Values.hostNetwork -}}
$(NODE_ADDRESS)
{{- else -}}
0.0.0.0
{{- end -}}
{{- end -}}
