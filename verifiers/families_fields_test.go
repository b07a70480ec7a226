package verifiers

import (
	"bytes"
	"compress/gzip"
	"maps"
	"strings"
	"testing"
)

// TestFamiliesFields goes on with the table of TestFamilies, for fields that few
// providers need.
func TestFamiliesFields(t *testing.T) {
	maps.Copy(computed, computedFields)
	sig := Signature{Names: []string{"X-Sig"}}
	body := func(change func(*HMAC)) HMAC {
		h := HMAC{Signature: sig, Content: "{body}"}
		change(&h)
		return h
	}
	content := func(text string) HMAC { return HMAC{Signature: sig, Content: text} }
	option := func(text, name, value string) HMAC {
		h := content(text)
		h.Options = map[string]string{name: value}
		return h
	}
	chosen := body(func(h *HMAC) {
		h.HashFrom = HashChoice{From: "{header:X-Alg}", Names: map[string]string{"HMAC_SHA512": "sha512", "HMAC_SHA256": "sha256"}}
	})
	document := content("{document}")
	document.Document = []string{"{form:payload}"}
	document.EventID, document.EventType = []string{"{json:id}"}, []string{"{json:type}"}
	field, elsewhere := document, document
	field.Content = "{form:payload}"
	elsewhere.Content, elsewhere.Document = "{body}", []string{"{query:doc}"}
	groups := HMAC{Signature: Signature{Names: []string{"X-Sig"}, Groups: " ", Separator: ",", Assign: "=", Keys: []string{"v1"}},
		Content: "{timestamp}.{body}", Facts: Facts{Timestamp: Timestamp{From: "{param:t}"}}}
	all := body(func(h *HMAC) { h.Signature.Names, h.Signature.All = []string{"X-Sig-1", "X-Sig-2"}, true })
	anyKey := body(func(h *HMAC) {
		h.Signature.Separator, h.Signature.Assign, h.Signature.Keys = "&", "|", []string{"*"}
	})
	version := body(func(h *HMAC) { h.Require = []Condition{{Of: "{header:X-Version}", Is: []string{"2", "3"}}} })
	addressed := body(func(h *HMAC) {
		h.Addressee = []Condition{{Of: "{json:account}", Is: []string{"{option:account}"}}}
		h.Options = map[string]string{"account": "a1 a2"}
	})
	anybody := addressed
	anybody.Options = nil
	inflate := body(func(h *HMAC) { h.Inflate, h.EventID = true, []string{"{json:id}"} })
	checkFamilies(t, []family{
		{"query, sorted", content("{query.sorted}"), &Request{URL: "https://example.com/in?b=1&a=%20x&b=2", Header: received("", "X-Sig", "=query.sorted").Header}, ""},
		{"form, sorted", content("{url}{form.sorted}"), withType(received("Body=b+c&AB=from%2B1", "X-Sig", "=form.sorted"), "application/x-www-form-urlencoded"), "url"},
		{"form, sorted, under another type", content("{url}{form.sorted}"), received("Body=b+c&AB=from%2B1", "X-Sig", "=form.sorted"), "url"},
		{"form, sorted, multipart", content("{url}{form.sorted}"), received("--x\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\n2\r\n"+
			"--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n\r\nfile\r\n"+
			"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--\r\n", "X-Sig", "=form.sorted2"), "url"},
		{"form, sorted, of JSON", content("{url}{form.sorted}"), received("{}", "X-Sig", "00"), "missing_signature"},
		{"URL without its query", content("{url.base}.{body}"), &Request{URL: "https://example.com/in?a=b", Body: []byte("hello"), Header: received("", "X-Sig", "=url.base").Header}, "body"},
		{"URL, decoded as one provider does", content("{url.decoded}"), &Request{URL: "https://example.com/a%3Ab?c=%2F%3f%40%21%24%27%28%29%2A%2c%3B%20%26", Header: received("", "X-Sig", "=url.decoded").Header}, "url"},
		{"host", content("{host}{path}"), &Request{URL: "https://example.com:8443/in?a=b", Header: received("", "X-Sig", "=host").Header}, ""},
		{"SHA-512 of the body", content("{body.sha512.base64}"), received("hello", "X-Sig", "=sha512"), "body"},
		{"CRC of the body", content("{body.crc32}"), received("hello", "X-Sig", "=crc32"), ""},
		{"option", option("{option:project}.{body}", "project", "acme"), received("hello", "X-Sig", "=option"), "body"},
		{"option of another endpoint", option("{option:project}.{body}", "project", "other"), received("hello", "X-Sig", "=option"), "wrong_signature"},
		{"document in a form", document, withType(received("payload=%7B%22id%22%3A%227%22%2C%22type%22%3A%22push%22%7D", "X-Sig", "=document"), "application/x-www-form-urlencoded"), "id type"},
		{"document in a multipart form", document, received("--x\nContent-Disposition: form-data; name=payload\n\n{\"id\":\"7\",\"type\":\"push\"}\n--x--\n", "X-Sig", "=document"), "id type"},
		{"document that is the body", document, received(`{"id":"7","type":"push"}`, "X-Sig", "=document"), "id type body"},
		{"document that is not JSON", document, received("payload=%7B%22id", "X-Sig", "=notjson"), "malformed_body"},

		{"document that is the signed field", field, received("payload=%7B%22id%22%3A%227%22%2C%22type%22%3A%22push%22%7D&a=b", "X-Sig", "=document"), "id type"},
		{"document that nobody signed", elsewhere, &Request{URL: "/?doc=%7B%22id%22%3A%227%22%7D", Body: []byte("hello"), Header: received("", "X-Sig", "=sha256hex:hello").Header}, "body"},
		{"hash named in a header", chosen, received("hello", "X-Sig", "=sha512hex:hello", "X-Alg", "HMAC_SHA512"), "body"},
		{"hash named wrongly", chosen, received("hello", "X-Sig", "=sha512hex:hello", "X-Alg", "HMAC_SHA256"), "wrong_signature"},
		{"hash that is not allowed", chosen, received("hello", "X-Sig", "=sha512hex:hello", "X-Alg", "HMAC_SHA1"), "malformed_signature"},
		{"hash not named", chosen, received("hello", "X-Sig", "=sha512hex:hello"), "malformed_signature"},
		{"keccak256 digest", HMAC{Hash: "keccak256", Digest: true, Signature: Signature{Names: []string{"X-Sig"}, Prefix: "0x"}, Content: "{body}{secret}"},
			received("", "X-Sig", "0x=keccak256:s3cret"), "body"},
		{"key that is a hash", body(func(h *HMAC) { h.Secret.Hash = "sha1" }), received("hello", "X-Sig", "=sha1key"), "body"},
		{"upper-case hex", body(func(h *HMAC) { h.Signature.Encoding = "hex_upper" }), received("hello", "X-Sig", strings.ToUpper(computed["sha256hex:hello"])), "body"},

		{"all names, the second is right", all, received("hello", "X-Sig-1", "00", "X-Sig-2", "=sha256hex:hello"), "body"},
		{"all names, one is there", all, received("hello", "X-Sig-2", "=sha256hex:hello"), "body"},
		{"all names, none is there", all, received("hello"), "missing_signature"},
		{"first name only", body(func(h *HMAC) { h.Signature.Names = []string{"X-Sig-1", "X-Sig-2"} }),
			received("hello", "X-Sig-1", "00", "X-Sig-2", "=sha256hex:hello"), "wrong_signature"},
		{"any key of the list", anyKey, received("hello", "X-Sig", "key1|00&key2|=sha256hex:hello"), "body"},
		{"groups", groups, received("hello", "X-Sig", "t=1600000000,v1=00 t=1600000001,v1==group"), "timestamp body"},
		{"groups, another's time", groups, received("hello", "X-Sig", "t=1600000000,v1==group"), "wrong_signature"},
		{"groups, the time of the other", groups, received("hello", "X-Sig", "v1==group t=1600000001,v1=00"), "wrong_signature"},
		{"groups, too many", groups, received("hello", "X-Sig", strings.Repeat("t=1,v1=00 ", maxGroups+1)), "malformed_signature"},

		{"version that is known", version, received("hello", "X-Sig", "=sha256hex:hello", "X-Version", "3"), "body"},
		{"version that is not", version, received("hello", "X-Sig", "=sha256hex:hello", "X-Version", "1"), "malformed_signature"},
		{"no version", version, received("hello", "X-Sig", "=sha256hex:hello"), "malformed_signature"},
		{"addressee", addressed, received(`{"account":"a2"}`, "X-Sig", "=account"), "body"},
		{"another's event", addressed, received(`{"account":"a3"}`, "X-Sig", "=account3"), "wrong_audience"},
		{"another's event, forged", addressed, received(`{"account":"a3"}`, "X-Sig", "=account"), "wrong_signature"},
		{"event of no account", addressed, received(`{}`, "X-Sig", "=noaccount"), "wrong_audience"},
		{"nobody said whose", anybody, received(`{"account":"a3"}`, "X-Sig", "=account3"), "body"},

		{"packed", inflate, gzipped(`{"id":"7"}`, "=packed"), "id body"},
		{"packed, not said", inflate, received(string(gzipped(`{"id":"7"}`, "").Body), "X-Sig", "=packed"), "wrong_signature"},
		{"not packed", inflate, received(`{"id":"7"}`, "X-Sig", "=packed"), "id body"},
		{"packed, cut off", inflate, func() *Request {
			r := gzipped(`{"id":"7"}`, "=packed")
			r.Body = r.Body[:len(r.Body)-3]
			return r
		}(), "malformed_body"},
		{"packed in an unknown way", inflate, received(`{"id":"7"}`, "X-Sig", "=packed", "Content-Encoding", "br"), "malformed_body"},
		{"a bomb", inflate, gzipped(strings.Repeat(" ", 4<<20), "00"), "body_too_large"},
	})
}

// computedFields are the signatures that the table above names, and were computed
// in the same way.
var computedFields = map[string]string{
	"query.sorted":     "eeb0bc812c2b4890dbb6abd96b7138ac54d3e5fd223a123bb7e802fb8ce92f2a",
	"form.sorted":      "1e5773145e854f984641a5c0f494d2a4f7159ddc493b4a4cd5d7d8e7fff4251b",
	"form.sorted2":     "933e76419ca42b4a2b14377841f0f260b90577bc98dfd1deda6799339e6d4244",
	"url.base":         "c5f5afc174e26b4efa46d69a18182de02ce30161ad8b80b211d32552dbd3a478",
	"url.decoded":      "bb8d8746682555c27b3eaedc0a573f023db41f1a36b3b7e1211d774ec39b7da8",
	"host":             "358712843c11c674ba73f74ef97047f6b96af209d26c8f1d1ce15e21015631c6",
	"sha512":           "b209561e568c929b812d290802f95683b4ea3f03cc6d6e68ca4a57238a49476d",
	"crc32":            "85da910ee887df75bccd37fd5c5055907355e48da3452cb59faf98eeb0425580",
	"document":         "db28d5e544367590aace6225224903dbedd16cdb2de869fdf60d70211974ad00",
	"option":           "152708b86722dafbec30296eb927d1de9cae052495e8f800528121a8c8b304a0",
	"sha1key":          "4ea46be5552f8b49a14442b8db55d97dadfa9430e82e82a2f54da437883d0ea0",
	"group":            "816f499a47ac619e4bb073283cf1fd7dca67d9773bb586486b88e2586fda52fb",
	"keccak256:s3cret": "167e9639c9d3a0f0fba68fa3a6dfa4e318ba79ff7e489c530db1141aa34ea496",
	"notjson":          "a940ac38141dd07dce35d50adba2b23cd6d6f2821a149c7f684eb91a220c051e",
	"account":          "ddc6a15027d6a004fc544191ee7140e7914ac0be1fe7d8c5cffd47cfd57981ef",
	"account3":         "66856a6d7dc1c1cc080fc480dd9b6a11e18e88cfc5708cff18890d10865aaca2",
	"noaccount":        "adbde1ce40c89c14215687d5d762a47df6dfaefcfad61e2e86718ffc8498571b",
	"packed":           "5c1b0103c8c5f4578ecd3647afc506ce62282293f8f9ae2ff2d7564b1324665b",
}

func withType(r *Request, contentType string) *Request {
	r.Header.Set("Content-Type", contentType)
	return r
}

// gzipped is a request with a packed body.
func gzipped(body, sig string) *Request {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	w.Write([]byte(body))
	w.Close()
	return received(packed.String(), "X-Sig", sig, "Content-Encoding", "gzip")
}
