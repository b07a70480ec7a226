package deploy

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/yaml"
)

const chartDir = "helm/hookwicket"

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.LoadDir(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// manifests are the objects of a release by kind and name.
type manifests struct {
	t       *testing.T
	objects map[string]any
	notes   string
}

// render does what `helm template --strict` does, and decodes each object strictly: a
// field that its kind does not have is an error.
func render(t *testing.T, values string) (*manifests, error) {
	t.Helper()
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	c := loadChart(t)
	options := chartutil.ReleaseOptions{Name: "hookwicket", Namespace: "hooks", Revision: 1, IsInstall: true}
	all, err := chartutil.ToRenderValues(c, given, options, chartutil.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Engine{Strict: true}.Render(c, all)
	if err != nil {
		return nil, err
	}
	m := &manifests{t: t, objects: make(map[string]any)}
	for name, text := range files {
		if filepath.Base(name) == "NOTES.txt" {
			m.notes = text
			continue
		}
		for _, one := range regexp.MustCompile(`(?m)^---$`).Split(text, -1) {
			if strings.TrimSpace(one) != "" {
				m.add(name, one)
			}
		}
	}
	return m, nil
}

// kinds are those that the chart makes.
var kinds = map[string]func() any{
	"v1/ConfigMap":                            func() any { return new(corev1.ConfigMap) },
	"v1/Service":                              func() any { return new(corev1.Service) },
	"apps/v1/StatefulSet":                     func() any { return new(appsv1.StatefulSet) },
	"apps/v1/Deployment":                      func() any { return new(appsv1.Deployment) },
	"networking.k8s.io/v1/Ingress":            func() any { return new(networkingv1.Ingress) },
	"networking.k8s.io/v1/NetworkPolicy":      func() any { return new(networkingv1.NetworkPolicy) },
	"policy/v1/PodDisruptionBudget":           func() any { return new(policyv1.PodDisruptionBudget) },
	"monitoring.coreos.com/v1/ServiceMonitor": func() any { return new(monitoringv1.ServiceMonitor) },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return new(monitoringv1.PrometheusRule) },
}

func (m *manifests) add(file, text string) {
	m.t.Helper()
	var head struct {
		APIVersion string
		Kind       string
		Metadata   struct{ Name string }
	}
	if err := yaml.Unmarshal([]byte(text), &head); err != nil {
		m.t.Fatalf("%s: %v\n%s", file, err, text)
	}
	empty, ok := kinds[head.APIVersion+"/"+head.Kind]
	if !ok {
		m.t.Fatalf("%s: unknown kind %s %s", file, head.APIVersion, head.Kind)
	}
	object := empty()
	if err := yaml.UnmarshalStrict([]byte(text), object); err != nil {
		m.t.Fatalf("%s: %v\n%s", file, err, text)
	}
	key := head.Kind + "/" + head.Metadata.Name
	if _, twice := m.objects[key]; twice {
		m.t.Errorf("%s is there twice", key)
	}
	m.objects[key] = object
}

func (m *manifests) names() []string { return slices.Sorted(maps.Keys(m.objects)) }

// get returns an object, which has to be there.
func get[T any](m *manifests, key string) *T {
	m.t.Helper()
	object, ok := m.objects[key].(*T)
	if !ok {
		m.t.Fatalf("there is no %s, only %q", key, m.names())
	}
	return object
}

const endpoint = `
endpoints: |
  webhook_gateway /stripe stripe {
  	secret {file./run/secrets/webhooks/stripe}
  	forward app:9000
  }
secrets: [webhooks]
`

// everything sets each value that adds something.
const everything = endpoint + `
nameOverride: gateway
fullnameOverride: hookwicket
image: {digest: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
imagePullSecrets: [{name: registry}]
globalOptions: |
  order webhook_gateway_health first
gatewayOptions: |
  max_backlog 5GiB
trustedProxies: [private_ranges]
encryption: {secret: webhooks, keys: [new, old]}
service: {annotations: {a: b}}
ingress: {enabled: true, className: nginx, host: hooks.example.com, tlsSecret: hooks-tls, annotations: {a: b}}
networkPolicy:
  from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress}}}]
  metricsFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
  egress: [{to: [{podSelector: {matchLabels: {app: orders}}}], ports: [{port: 8080}]}]
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
env: [{name: TZ, value: UTC}]
podAnnotations: {a: b}
podLabels: {a: b}
serviceAccountName: hooks
priorityClassName: high
nodeSelector: {disk: ssd}
tolerations: [{key: a, operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway}]
`

// TestChart renders the chart for each kind of store, by itself and with everything.
func TestChart(t *testing.T) {
	few := []string{"ConfigMap/hookwicket", "NetworkPolicy/hookwicket", "PodDisruptionBudget/hookwicket", "Service/hookwicket"}
	more := slices.Concat(few, []string{"Ingress/hookwicket", "PrometheusRule/hookwicket", "Service/hookwicket-metrics", "ServiceMonitor/hookwicket"})
	for name, c := range map[string]struct {
		values   string
		workload string
		objects  []string
	}{
		"pebble":               {endpoint, "StatefulSet/hookwicket", few},
		"pebble, everything":   {everything + "store: {pebble: {size: 1Gi, storageClass: fast, annotations: {a: b}}}", "StatefulSet/hookwicket", more},
		"a claim":              {endpoint + "store: {pebble: {existingClaim: mine}}", "StatefulSet/hookwicket", few},
		"postgres":             {endpoint + "store: {type: postgres, postgres: {secret: db}}", "Deployment/hookwicket", few},
		"postgres, everything": {everything + "store: {type: postgres, postgres: {secret: db, key: url, replicas: 3, lease: 2s}}", "Deployment/hookwicket", more},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := render(t, c.values)
			if err != nil {
				t.Fatal(err)
			}
			want := slices.Sorted(slices.Values(append(slices.Clone(c.objects), c.workload)))
			if got := m.names(); !slices.Equal(got, want) {
				t.Errorf("the objects are %q, want %q", got, want)
			}
			m.checkPod(m.pod(c.workload))
			m.checkSelectors(c.workload)
			m.checkCaddyfile()
			if !strings.Contains(m.notes, "caddy webhook status") {
				t.Errorf("the notes are %q", m.notes)
			}
		})
	}
}

// pod is the template of a workload, whose kind and claims it checks.
func (m *manifests) pod(workload string) corev1.PodTemplateSpec {
	m.t.Helper()
	if workload == "Deployment/hookwicket" {
		d := get[appsv1.Deployment](m, workload)
		if *d.Spec.Replicas < 2 {
			m.t.Errorf("%d replicas", *d.Spec.Replicas)
		}
		return d.Spec.Template
	}
	s := get[appsv1.StatefulSet](m, workload)
	if *s.Spec.Replicas != 1 {
		m.t.Errorf("%d pods would share a folder", *s.Spec.Replicas)
	}
	get[corev1.Service](m, "Service/"+s.Spec.ServiceName)
	pod := s.Spec.Template
	for _, claim := range s.Spec.VolumeClaimTemplates {
		if !slices.Equal(claim.Spec.AccessModes, []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}) {
			m.t.Errorf("the claim's access modes are %q", claim.Spec.AccessModes)
		}
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim.Name})
	}
	return pod
}

// checkPod looks for names that lead nowhere, and for rights that the gateway does not need.
func (m *manifests) checkPod(pod corev1.PodTemplateSpec) {
	t, spec := m.t, pod.Spec
	t.Helper()
	c := spec.Containers[0]
	volumes := map[string]bool{}
	for _, v := range spec.Volumes {
		if volumes[v.Name] {
			t.Errorf("the volume %s is there twice", v.Name)
		}
		volumes[v.Name] = true
	}
	for _, mount := range c.VolumeMounts {
		if !volumes[mount.Name] {
			t.Errorf("%s has no volume", mount.Name)
		}
		delete(volumes, mount.Name)
	}
	if len(volumes) > 0 {
		t.Errorf("volumes that are not mounted: %v", volumes)
	}
	ports := map[string]int32{}
	for _, p := range c.Ports {
		ports[p.Name] = p.ContainerPort
	}
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		if ports[probe.HTTPGet.Port.StrVal] != 8081 {
			t.Errorf("a probe asks port %s", probe.HTTPGet.Port.StrVal)
		}
	}
	if s := c.SecurityContext; *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("the container may do more than it needs: %+v", s)
	}
	user := fmt.Sprintf("USER %d:%d", *spec.SecurityContext.RunAsUser, *spec.SecurityContext.RunAsGroup)
	if !strings.Contains(read(t, "Dockerfile"), "\n"+user+"\n") || !*spec.SecurityContext.RunAsNonRoot {
		t.Errorf("the image has another user than %q", user)
	}
	if arguments, _ := json.Marshal(c.Args); !strings.Contains(read(t, "Dockerfile"), "\nCMD "+strings.ReplaceAll(string(arguments), ",", ", ")+"\n") {
		t.Errorf("the image has other arguments than %s", arguments)
	}
}

// checkSelectors: every selector finds the pods, and every named port is one of theirs.
func (m *manifests) checkSelectors(workload string) {
	m.t.Helper()
	pod := m.pod(workload)
	ports := map[string]bool{}
	for _, p := range pod.Spec.Containers[0].Ports {
		ports[p.Name] = true
	}
	finds := func(what string, selector, labels map[string]string) {
		for name, value := range selector {
			if labels[name] != value {
				m.t.Errorf("%s looks for %s=%s among %v", what, name, value, labels)
			}
		}
	}
	for key, object := range m.objects {
		switch o := object.(type) {
		case *corev1.Service:
			finds(key, o.Spec.Selector, pod.Labels)
			for _, p := range o.Spec.Ports {
				if !ports[p.TargetPort.StrVal] {
					m.t.Errorf("%s leads to port %s", key, p.TargetPort.StrVal)
				}
			}
		case *appsv1.StatefulSet:
			finds(key, o.Spec.Selector.MatchLabels, pod.Labels)
		case *appsv1.Deployment:
			finds(key, o.Spec.Selector.MatchLabels, pod.Labels)
		case *policyv1.PodDisruptionBudget:
			finds(key, o.Spec.Selector.MatchLabels, pod.Labels)
		case *networkingv1.NetworkPolicy:
			finds(key, o.Spec.PodSelector.MatchLabels, pod.Labels)
			for _, rule := range o.Spec.Ingress {
				for _, p := range rule.Ports {
					if !ports[p.Port.StrVal] {
						m.t.Errorf("%s allows port %s", key, p.Port.StrVal)
					}
				}
			}
		case *networkingv1.Ingress:
			backend := o.Spec.Rules[0].HTTP.Paths[0].Backend.Service
			if get[corev1.Service](m, "Service/"+backend.Name).Spec.Ports[0].Name != backend.Port.Name {
				m.t.Errorf("%s leads to port %s", key, backend.Port.Name)
			}
		case *monitoringv1.ServiceMonitor:
			service := get[corev1.Service](m, "Service/hookwicket-metrics")
			finds(key, o.Spec.Selector.MatchLabels, service.Labels)
			if got := o.Spec.Endpoints[0]; got.Port != service.Spec.Ports[0].Name {
				m.t.Errorf("%s asks port %s", key, got.Port)
			}
			// The other Service has no port for metrics.
			if s := get[corev1.Service](m, "Service/hookwicket"); s.Labels["app.kubernetes.io/component"] == "metrics" {
				m.t.Errorf("%s finds %s as well", key, s.Name)
			}
		}
	}
}
