package caddymodule

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/hookwicket/hookwicket/adminapi"
	"github.com/hookwicket/hookwicket/queue"
	"github.com/hookwicket/hookwicket/refused"
	"github.com/hookwicket/hookwicket/verifiers"
	"github.com/hookwicket/hookwicket/verifiers/explain"
)

// longestLook limits the time in which one refused request is explained.
const longestLook = 10 * time.Second

// refusedList returns the refused requests that a filter selects and the caller may see.
func (o *opened) refusedList(q refused.Filter, now time.Time) []refused.Entry {
	return slices.DeleteFunc(o.shared.refused.List(q, now), func(e refused.Entry) bool { return !o.shows(e.Message.Endpoint) })
}

// settleRefused checks a filter and makes one for the ring.
func (o *opened) settleRefused(f adminapi.RefusedFilter, now time.Time) (q refused.Filter, err error) {
	q = refused.Filter{Endpoint: f.Endpoint, Reason: f.Reason}
	if f.Endpoint != "" && len(o.refusedList(q, now)) == 0 { // the configuration need not have it any more
		if _, err := o.checkTarget(f.Endpoint, nil); err != nil {
			return q, err
		}
	}
	reasons := []string{refused.ReasonHandshake}
	for _, r := range verifiers.Reasons {
		reasons = append(reasons, string(r))
	}
	if f.Reason != "" && !slices.Contains(reasons, f.Reason) {
		return q, badRequest("reason: there is no %q%s; there are %s", f.Reason, didYouMean(f.Reason, reasons), enumerate(reasons))
	}
	if f.Client != "" {
		if q.Client, err = parseNetwork(f.Client); err != nil {
			return q, badRequest("client: %q is neither an address nor a network such as 192.0.2.0/24", f.Client)
		}
	}
	if q.Since, err = adminapi.ParseTime(f.Since, now); err != nil {
		return q, badRequest("since: %w", err)
	}
	if q.Until, err = adminapi.ParseTime(f.Until, now); err != nil {
		return q, badRequest("until: %w", err)
	}
	return q, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// after returns the entries behind the one with an ID, in the order of the list.
func after(list []refused.Entry, id string, newestFirst bool) ([]refused.Entry, error) {
	if id == "" {
		return list, nil
	}
	from, err := parseID(id)
	if err != nil {
		return nil, badRequest("after: %w", err)
	}
	at := slices.IndexFunc(list, func(e refused.Entry) bool {
		order := bytes.Compare(e.Message.ID[:], from[:])
		return newestFirst && order < 0 || !newestFirst && order > 0
	})
	if at < 0 {
		return nil, nil
	}
	return list[at:], nil
}

// noteOfRefused explains an empty page in words.
func (o *opened) noteOfRefused(n int, after string) string {
	switch {
	case n > 0:
		return ""
	case o.shared.refused.Off():
		return "refused requests are not kept: the configuration says `refused off`"
	case after != "":
		return "nothing more matches"
	}
	return "no refused request that is kept matches"
}

func (a *adminAPI) refusedList(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, err := parseLimit(query.Get("limit"), defaultPage, adminapi.MaxPage)
	if err != nil {
		return err
	}
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	now := time.Now()
	filter, err := o.settleRefused(adminapi.RefusedFilterFromQuery(query), now)
	if err != nil {
		return err
	}
	list, err := after(o.refusedList(filter, now), query.Get("after"), true)
	if err != nil {
		return err
	}
	answer := adminapi.RefusedList{Note: o.noteOfRefused(len(list), query.Get("after"))}
	if len(list) > limit {
		list = list[:limit]
		answer.Next = list[limit-1].Message.ID.String()
	}
	done, err := o.shared.look(r.Context())
	if err != nil {
		return err
	}
	defer done()
	answer.Refused = make([]adminapi.RefusedEntry, len(list))
	for i := range list {
		answer.Refused[i] = o.entryOf(r.Context(), &list[i])
		if h := o.app.endpoints[list[i].Message.Endpoint]; h == nil || !fetches(h) {
			_, answer.Refused[i].JudgedAgain = o.judgement(r.Context(), &list[i])
		}
	}
	return writeJSON(w, answer)
}

// fetches reports whether judging a request may need keys from the network.
func fetches(h *Handler) bool {
	_, fetches := h.row.Scheme.(verifiers.Fetching)
	return fetches
}

// entryOf is an entry as people may see it.
func (o *opened) entryOf(ctx context.Context, e *refused.Entry) adminapi.RefusedEntry {
	m, red := &e.Message, o.redactor(e.Message.Endpoint)
	shown := adminapi.RefusedEntry{
		ID: m.ID, ReceivedAt: m.ReceivedAt.UTC(), LastAt: e.Last.UTC(), Times: e.Times, Endpoint: m.Endpoint, Provider: m.Provider,
		Reason: e.Reason, Detail: red.plain(e.Detail), Status: e.Status, Observed: e.Observed,
		Method: red.plain(m.Method), URI: red.uri(e.Original), ClientIP: m.ClientIP, Size: e.Size,
	}
	if e.Accepted != (queue.ID{}) {
		shown.MessageID = e.Accepted.String()
	}
	return shown
}

// judgement judges an entry again. The request is nil if that is impossible.
func (o *opened) judgement(ctx context.Context, e *refused.Entry) (*request, *adminapi.Judgement) {
	q, fault, err := o.judgeRefused(ctx, e)
	red := o.redactor(e.Message.Endpoint)
	switch {
	case err != nil:
		return q, &adminapi.Judgement{Impossible: red.plain(err.Error())}
	case fault != nil && verifiers.ReasonOf(fault) == "":
		return q, &adminapi.Judgement{Impossible: red.plain(fault.Error())}
	case fault != nil:
		return q, &adminapi.Judgement{Reason: string(verifiers.ReasonOf(fault)), Detail: red.plain(detail(fault))}
	}
	return q, &adminapi.Judgement{Verified: true}
}

// judgeRefused makes the request of an entry once more and judges it with the
// configuration of now, as of the time of its receipt.
func (o *opened) judgeRefused(ctx context.Context, e *refused.Entry) (q *request, fault, err error) {
	h := o.app.endpoints[e.Message.Endpoint]
	if h == nil {
		return nil, nil, fmt.Errorf("the configuration has no endpoint %s any more", e.Message.Endpoint)
	}
	if q, err = h.again(ctx, o.shared, e); err != nil {
		return nil, nil, err
	}
	fault, err = q.judgeAgain(e.Message.ReceivedAt)
	return q, fault, err
}

// findRefused returns the entry of the path. The caller releases what is open.
func (a *adminAPI) findRefused(r *http.Request) (*opened, *refused.Entry, error) {
	id, err := parseID(r.PathValue("id"))
	if err != nil {
		return nil, nil, err
	}
	o, err := a.open()
	if err != nil {
		return nil, nil, err
	}
	e, ok := o.shared.refused.Get(id, time.Now())
	if !ok || !o.shows(e.Message.Endpoint) {
		o.release()
		return nil, nil, apiFailure(http.StatusNotFound, "there is no refused request %s; a later one may have taken its place", id)
	}
	return o, &e, nil
}

func (a *adminAPI) refusedRequest(w http.ResponseWriter, r *http.Request) error {
	limit, err := parseLimit(r.URL.Query().Get("limit"), defaultShown, maxShownBody)
	if err != nil {
		return err
	}
	o, e, err := a.findRefused(r)
	if err != nil {
		return err
	}
	defer o.release()
	ctx, cancel := context.WithTimeout(r.Context(), longestLook)
	defer cancel()
	done, err := o.shared.look(ctx)
	if err != nil {
		return err
	}
	defer done()
	red := o.redactor(e.Message.Endpoint)
	answer := adminapi.RefusedRequest{RefusedEntry: o.entryOf(ctx, e), Request: shownRequest(e, red, limit), Causes: []string{}, Steps: []adminapi.Step{}}
	if e.Digest != [32]byte{} {
		answer.Digest = hex.EncodeToString(e.Digest[:])
	}
	q, judged := o.judgement(ctx, e)
	answer.JudgedAgain = judged
	if q != nil {
		id, kind := verifiers.Claims(q.endpoint.row.Scheme, &q.received)
		answer.EventID, answer.EventType = headerValue(red.plain(id)), headerValue(red.plain(kind))
		about := q.endpoint.caseOf(q.checker, &q.received, e.Message.ReceivedAt)
		about.Err, about.Received = verifiers.Reason(e.Reason), receivedURL(q.r)
		about.Endpoints = slices.DeleteFunc(about.Endpoints, func(other explain.Endpoint) bool { return !o.shows(other.Name) })
		why := about.Diagnose(ctx)
		for _, cause := range why.Causes {
			answer.Causes = append(answer.Causes, red.plain(cause))
		}
		for _, step := range why.Steps {
			answer.Steps = append(answer.Steps, adminapi.Step{Name: red.plain(step.Name), State: string(step.State), Text: red.plain(step.Text)})
		}
	}
	return writeJSON(w, answer)
}

// shownRequest is a refused request as people may see it.
func shownRequest(e *refused.Entry, red *redactor, limit int) *adminapi.Request {
	m := e.Message
	m.URI = e.Original
	if e.Cut&refused.CutBody != 0 {
		m.Body = red.trimEnd(m.Body)
	}
	shown := requestOf(&m, red, limit)
	if shown.BodyBytes = e.Size; e.Cut&refused.CutBody != 0 {
		shown.Truncated = true
	}
	return shown
}

func (a *adminAPI) refusedWire(w http.ResponseWriter, r *http.Request) error {
	o, e, err := a.findRefused(r)
	if err != nil {
		return err
	}
	defer o.release()
	switch {
	case e.Cut&refused.CutBody != 0:
		return apiFailure(http.StatusUnprocessableEntity, "%w", errCutBody)
	case e.Cut&refused.CutHeader != 0:
		return apiFailure(http.StatusUnprocessableEntity, "%w", errCutHeader)
	}
	b := wireOf(e, o.redactor(e.Message.Endpoint))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	_, err = w.Write(b)
	return err
}

// wireOf writes a refused request in the form of HTTP/1.1. The server has refused line
// ends in the parts before the body.
func wireOf(e *refused.Entry, red *redactor) []byte {
	m := &e.Message
	body, header := red.body(m.Body, m.Header), red.header(m.Header)
	delete(header, "Transfer-Encoding")
	if len(body) > 0 || header["Content-Length"] != nil {
		header["Content-Length"] = []string{strconv.Itoa(len(body))} // redacting changes it
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", red.text(m.Method), red.uri(e.Original), red.text(m.Host))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

func (a *adminAPI) clearRefused(w http.ResponseWriter, _ *http.Request) error {
	o, err := a.open()
	if err != nil {
		return err
	}
	defer o.release()
	return writeJSON(w, adminapi.Cleared{Cleared: o.shared.refused.Clear()})
}
