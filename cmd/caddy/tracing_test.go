package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hookwicket/hookwicket/adminapi"
)

// exportedSpan is a span as OpenTelemetry's console exporter writes it.
type exportedSpan struct {
	Name                string
	SpanContext, Parent struct{ TraceID, SpanID string }
	Links               []struct {
		SpanContext struct{ TraceID, SpanID string }
	}
	Attributes []struct {
		Key   string
		Value struct{ Value any }
	}
	Status struct{ Code, Description string }
}

func (s *exportedSpan) attribute(key string) any {
	for _, a := range s.Attributes {
		if a.Key == "webhook_gateway."+key {
			return a.Value.Value
		}
	}
	return nil
}

// spans are those that the gateway has exported so far, by name.
func (g *gateway) spans() map[string][]exportedSpan {
	all := make(map[string][]exportedSpan)
	for line := range strings.Lines(g.log.String()) {
		var s exportedSpan
		if strings.HasPrefix(line, `{"Name":`) && json.Unmarshal([]byte(line), &s) == nil {
			all[s.Name] = append(all[s.Name], s)
		}
	}
	return all
}

// TestTracing: the first attempt is a child of the request that brought the event, also where the
// gateway is killed between them. Later attempts have traces of their own with a link to it. A
// stranger's traceparent has no effect where the site removes it.
func TestTracing(t *testing.T) {
	unraced(t)
	const none, forged = "00000000000000000000000000000000", "11111111111111111111111111111111"
	u := newUpstream(t)
	g := newGateway(t, fmt.Sprintf(`ADDR {
	route {
		request_header -Traceparent
		request_header -Tracestate
		tracing {
			span request
		}
		webhook_gateway /hook generic {
			secret %s
			forward {
				as shaky
				retry {
					backoff 10ms 1 10ms
				}
				circuit off
				tracing {
					span shaky
				}
				reverse_proxy %s
			}
			forward {
				as held
				tracing {
					span held
				}
				reverse_proxy %[2]s
			}
		}
	}
}
`, secret, u.addr()))
	g.env = []string{"OTEL_TRACES_EXPORTER=console", "OTEL_BSP_SCHEDULE_DELAY=10"}
	got := make(chan string, 1000)
	u.behave(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Webhook-Gateway-Forward") + " " + r.Header.Get("Traceparent")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	g.start()
	g.says("webhook", "pause", "generic/held")
	body := genericBody("evt_1")
	r, err := http.NewRequest(http.MethodPost, g.url("/hook"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Webhook-Signature", sign(body))
	r.Header.Set("Traceparent", "00-"+forged+"-1111111111111111-01")
	resp, err := client.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
	until(t, "the spans of the request and of two attempts", func() bool {
		s := g.spans()
		return len(s["request"]) == 1 && len(s["shaky"]) >= 2
	})
	g.kill()
	before := g.spans()
	request, first := before["request"][0], before["shaky"][0]
	if id := request.SpanContext.TraceID; id == forged || request.Parent.TraceID != none {
		t.Errorf("the request is in the trace %s, below %s", id, request.Parent.TraceID)
	}
	child := func(s exportedSpan) {
		t.Helper()
		if s.Parent != request.SpanContext || s.SpanContext.TraceID != request.SpanContext.TraceID || len(s.Links) > 0 {
			t.Errorf("%s is no child of the request %+v: %+v", s.Name, request.SpanContext, s)
		}
	}
	late := func(s exportedSpan) {
		t.Helper()
		if s.Parent.TraceID != none || s.SpanContext.TraceID == request.SpanContext.TraceID || len(s.Links) != 1 || s.Links[0].SpanContext != request.SpanContext {
			t.Errorf("%s is no trace with a link to the request %+v: %+v", s.Name, request.SpanContext, s)
		}
	}
	child(first)
	late(before["shaky"][1])
	if first.Status.Code != "Error" {
		t.Errorf("a failed attempt has the status %+v", first.Status)
	}
	if want := "shaky 00-" + first.SpanContext.TraceID + "-" + first.SpanContext.SpanID + "-01"; <-got != want {
		t.Errorf("the app did not get %s", want)
	}

	g.start()
	g.says("webhook", "resume", "generic/held")
	u.behave(nil)
	var after map[string][]exportedSpan
	until(t, "both forwards deliver", func() bool {
		after = g.spans()
		return len(after["held"]) == 1 && len(after["shaky"]) > len(before["shaky"]) && after["shaky"][len(after["shaky"])-1].Status.Code != "Error"
	})
	child(after["held"][0])
	late(after["shaky"][len(after["shaky"])-1])
	var m adminapi.Message
	if err := json.Unmarshal([]byte(g.says("webhook", "show", "--last", "--json")), &m); err != nil {
		t.Fatal(err)
	}
	if m.TraceID != request.SpanContext.TraceID || !strings.Contains(g.says("webhook", "show", "--last"), "\ntrace     "+m.TraceID+"\n") {
		t.Errorf("show says that the trace is %q", m.TraceID)
	}
	for name, spans := range after {
		for _, s := range spans {
			forward := s.attribute("forward")
			if s.attribute("message_id") != m.ID.String() || s.attribute("endpoint") != "generic" || (name == "request") != (forward == nil) || forward != nil && forward != name {
				t.Errorf("%s has the attributes %v", name, s.Attributes)
			}
		}
	}
	if n := after["shaky"][1].attribute("attempt"); n != 2.0 {
		t.Errorf("the second attempt is the attempt %v", n)
	}
}
