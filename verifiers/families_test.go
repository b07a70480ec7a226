package verifiers

import (
	"encoding/json"
	"strings"
	"testing"
)

// The signatures in this table were computed with python3's hmac, hashlib and
// base64, from the content in the comment and the secret s3cret.
func TestFamilies(t *testing.T) {
	header := func(s Signature) Signature { s.Names = []string{"X-Sig"}; return s }
	stamped := Facts{Timestamp: Timestamp{From: "{header:X-Ts}"}}
	checkFamilies(t, []family{
		{"F1 sha1 in hex", HMAC{Hash: "sha1", Signature: header(Signature{}), Content: "{body}"},
			received("hello", "X-Sig", `=sha1hex:hello`), "body"},
		{"F1 sha512 in hex", HMAC{Hash: "sha512", Signature: header(Signature{}), Content: "{body}"},
			received("hello", "X-Sig", `=sha512hex:hello`), "body"},
		{"F1 md5 digest with the secret inside", HMAC{Hash: "md5", Digest: true, Signature: header(Signature{}), Content: "{body}.{secret}"},
			received("hello", "X-Sig", `=md5digest:hello.s3cret`), "body"},
		{"F1 base64 with a suffix to the secret", HMAC{Hash: "sha1", Signature: header(Signature{Encoding: "base64"}), Secret: SecretFormat{Suffix: "&"}, Content: "{body}"},
			received("hello", "X-Sig", `=fitbit:hello`), "body"},
		{"F1p prefix with a space", HMAC{Signature: header(Signature{Prefix: "sha256 "}), Content: "{body}"},
			received("hello", "X-Sig", `sha256 =sha256hex:hello`), "body"},
		{"F1p hash of the sender's choice", HMAC{Hash: "sha256, sha1", Signature: header(Signature{Prefix: "{hash}="}), Content: "{body}"},
			received("hello", "X-Sig", `sha1==sha1hex:hello`), "body"},
		{"F1p hash that is not allowed", HMAC{Hash: "sha256", Signature: header(Signature{Prefix: "{hash}="}), Content: "{body}"},
			received("hello", "X-Sig", `sha1==sha1hex:hello`), "malformed_signature"},
		{"F1p hash that is announced wrongly", HMAC{Hash: "sha256,sha1", Signature: header(Signature{Prefix: "{hash}="}), Content: "{body}"},
			received("hello", "X-Sig", `sha256==sha1hex:hello`), "wrong_signature"},
		{"F1p optional prefix", HMAC{Signature: header(Signature{Prefix: "sha256=", OptionalPrefix: true}), Content: "{body}"},
			received("hello", "X-Sig", `=sha256hex:hello`), "body"},
		{"F1p repeated header", HMAC{Signature: header(Signature{Repeated: true}), Content: "{body}"},
			received("hello", "X-Sig", "00", "X-Sig", `=sha256hex:hello`), "body"},
		{"F1p base64 of hex", HMAC{Signature: header(Signature{Encoding: "base64_hex"}), Content: "{body}"},
			received("hello", "X-Sig", `=rapyd:hello`), "body"},
		{"F2 base64url in a list, milliseconds", HMAC{Signature: header(Signature{Separator: ",", Assign: "=", Keys: []string{"v1"}, Encoding: "base64url"}),
			Content: "{timestamp}.{body}", Facts: Facts{Timestamp: Timestamp{From: "{param:t}", Format: "unix_ms"}}},
			received("hello", "X-Sig", `t=1600000000123,v1==sha256url:1600000000123.hello`), "timestamp body"},
		{"F2 comma and space, base64 with equals signs", HMAC{Signature: header(Signature{Separator: ",", Assign: "=", Keys: []string{"s"}, Encoding: "base64"}),
			Content: "{timestamp}.{body}", Facts: Facts{Timestamp: Timestamp{From: "{param:t}"}}},
			received("hello", "X-Sig", `t=1600000000, s==sha256b64:1600000000.hello`), "timestamp body"},
		{"F2 positions", HMAC{Signature: header(Signature{Separator: ",", Keys: []string{"1", "2"}}),
			Content: "{timestamp}.{body}", Facts: Facts{Timestamp: Timestamp{From: "{param:0}"}}},
			received("hello", "X-Sig", `1600000000,00,=sha256hex:1600000000.hello`), "timestamp body"},
		{"F2 body first", HMAC{Signature: header(Signature{Separator: ",", Assign: "=", Keys: []string{"d"}}),
			Content: "{body}{timestamp}", Facts: Facts{Timestamp: Timestamp{From: "{param:v}"}}},
			received("hello", "X-Sig", `v=1600000000,d==sha256hex:hello1600000000`), "timestamp body"},
		{"F3 upper case, no separator", HMAC{Signature: header(Signature{}), Content: "{timestamp}{body}", Facts: stamped},
			received("hello", "X-Ts", "1600000000", "X-Sig", `=sha256HEX:1600000000hello`), "timestamp body"},
		{"F3 time by its header's name", HMAC{Signature: header(Signature{}), Content: "v0:{header:X-Ts}:{body}", Facts: stamped},
			received("hello", "X-Ts", "1600000000", "X-Sig", `=sha256hex:v0:1600000000:hello`), "timestamp body"},
		{"F3 time by its header's name, missing", HMAC{Signature: header(Signature{}), Content: "v0:{header:X-Ts}:{body}", Facts: stamped},
			received("hello", "X-Sig", "00"), "missing_timestamp"},
		{"F3 time outside the signature", HMAC{Signature: header(Signature{}), Content: "{body}", Facts: stamped},
			received("hello", "X-Ts", "garbage", "X-Sig", `=sha256hex:hello`), "body"},
		{"F4 ID, time, body", HMAC{Signature: header(Signature{}), Content: "{id}{timestamp}{body}",
			Facts: Facts{Timestamp: Timestamp{From: "{header:X-Ts}", Format: "rfc3339"}, EventID: []string{"{header:X-Id}"}}},
			received("hello", "X-Id", "a-1", "X-Ts", "2020-09-13T12:26:40.5Z", "X-Sig", `=sha256hex:a-12020-09-13T12:26:40.5Zhello`), "id timestamp body"},
		{"F4 ID missing", HMAC{Signature: header(Signature{}), Content: "{id}{body}", Facts: Facts{EventID: []string{"{header:X-Id}"}}},
			received("hello", "X-Sig", "00"), "missing_signature"},
		{"F4 ID repeated", HMAC{Signature: header(Signature{}), Content: "{id}{body}", Facts: Facts{EventID: []string{"{header:X-Id}"}}},
			received("hello", "X-Sig", "00", "X-Id", "1", "X-Id", "2"), "malformed_signature"},
		{"F4 time repeated", HMAC{Signature: header(Signature{}), Content: "{timestamp}{body}", Facts: stamped},
			received("hello", "X-Sig", "00", "X-Ts", "1600000000", "X-Ts", "1600000000"), "malformed_timestamp"},
		{"F5 method, URL and nonce, body hash", HMAC{Signature: header(Signature{}), Content: "{method}\n{url}\n{header:X-Nonce}\n{body.sha256.hex}"},
			received("hello", "X-Nonce", "n1", "X-Sig", `=f5`), "body url"},
		{"F5 path and query", HMAC{Signature: header(Signature{}), Content: "{path}?{query}.{body.base64}"},
			received("hello", "X-Sig", `=path`), "body"},
		{"F6 form field", HMAC{Signature: Signature{From: "form", Names: []string{"sig"}}, Content: "{form:payload}"},
			formRequest("payload=a+b%26c&sig==sha256hex:a b&c"), ""},
		{"F7 signature in the JSON", HMAC{Signature: Signature{From: "json", Names: []string{"signature.value"}}, Content: "{timestamp}{json:signature.token}",
			Facts: Facts{Timestamp: Timestamp{From: "{json:signature.timestamp}"}}},
			received(`{"signature":{"timestamp":1600000000,"token":"tök","value":"=sha256hex:1600000000tök"}}`), "timestamp"},
		{"F7 not JSON", HMAC{Signature: Signature{From: "json", Names: []string{"sig"}}, Content: "{json:token}"},
			received(`{"sig":"00","token":"a"`), "malformed_body"},
		{"F7 token that is an object", HMAC{Signature: Signature{From: "json", Names: []string{"sig"}}, Content: "{json:token}"},
			received(`{"sig":"00","token":{}}`), "missing_signature"},
		{"signature in the query", HMAC{Signature: Signature{From: "query", Names: []string{"sig"}}, Content: "{query:data.id}.{body}"},
			&Request{URL: "https://example.com/in?data.id=7&sig==sha256hex:7.hello", Body: []byte("hello")}, "body"},
		{"signature in the query, twice", HMAC{Signature: Signature{From: "query", Names: []string{"sig"}}, Content: "{body}"},
			&Request{URL: "https://example.com/in?sig=00&sig=00", Body: []byte("hello")}, "malformed_signature"},
	})
}

// family is a scheme, a request that was signed elsewhere, and the verdict.
type family struct {
	name   string
	scheme HMAC
	r      *Request
	want   string // the signed fields, or the reason
}

func checkFamilies(t *testing.T, families []family) {
	for _, test := range families {
		t.Run(test.name, func(t *testing.T) {
			fillSignature(test.r)
			ev, err := mustVerifier(t, test.scheme, "s3cret").Verify(t.Context(), test.r)
			if got := outcome(ev, err); got != test.want {
				t.Errorf("got %q, want %q (%v)", got, test.want, err)
			}
		})
	}
}

// computed are the signatures that the table above names.
var computed = map[string]string{
	"sha256hex:hello":                          "e5a01537481fa0b2c697f787c7aff885412cf0760d08e08502259b39d2d6ae68",
	"sha256hex:1600000000.hello":               "281bd7eae6b7485e218a3367ca36e8e34f8b488d2c8dbba0a1828eac1a68ead2",
	"sha256hex:hello1600000000":                "f33eaa8bb60dc3705d927de006c006833983ac686db2c2091ec21c36d4a56441",
	"sha256hex:v0:1600000000:hello":            "2edc9326415b0109c506fcc64f88c94a9e55ca641cb20898d08f697fa22619a4",
	"sha256hex:a-12020-09-13T12:26:40.5Zhello": "97ba5fab98cb647158584a15fbf17b447b8ea5698c94bb7186ecd5a4efa957e2",
	"sha256hex:a b&c":                          "49fa7532074852d332e15c35a3b646e88a923970a9a246ec341ff4e5fcc30e33",
	"sha256hex:1600000000tök":                  "8a8b1a414670ee4c4e4503cedccbc3afca7fdd166e0ea4c7ab38d0bf027c8b4e",
	"sha256hex:7.hello":                        "0139eb86406566b9a0f25bde9800bddc9769b0cb332d5f5f6a34fc5791eb0a1c",
	"sha1hex:hello":                            "f875ad165d97aba6b68e2c2f7ea314aeb2a0082f",
	"sha512hex:hello":                          "19be28bc1a54a07419829bba0df0daa580fbde5ddb89cece850074c504f31a6ef53a80a865448982fca5ae99dffccc99e7115275c721eaefe1c13506b29a7286",
	"md5digest:hello.s3cret":                   "11b89b3e342c54acf33d38c21be2c9b1",
	"fitbit:hello":                             "DXLZswhbfRdwbf1JAYdUwbfO4LI=",
	"rapyd:hello":                              "ZTVhMDE1Mzc0ODFmYTBiMmM2OTdmNzg3YzdhZmY4ODU0MTJjZjA3NjBkMDhlMDg1MDIyNTliMzlkMmQ2YWU2OA==",
	"sha256url:1600000000123.hello":            "K1Hoo4x3Ch3oxDCsg8h0z7r4wjmvTsWew9ZONtmCvtE",
	"sha256b64:1600000000.hello":               "KBvX6ua3SF4hijNnyjbo40+LSI0sjbugoYKOrBpo6tI=",
	"sha256HEX:1600000000hello":                "EB516CAC2BF7389FA391F0540723DA9C0140FDC827759F78D578980D605BE850",
	"f5":                                       "955a71ff88190808d591786e453ffae4c86fd6be65b024b286d1d9cc1daf9678",
	"path":                                     "fcafb212b9cdb182eb3b2ecb01f8894756ec276c5bd95aeff90116c782253257",
}

func formRequest(body string) *Request {
	r := received(body)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

// fillSignature replaces the name of a computed signature with its value.
func fillSignature(r *Request) {
	for name, value := range computed {
		for _, values := range r.Header {
			for i := range values {
				if strings.HasSuffix(values[i], "="+name) {
					values[i] = strings.TrimSuffix(values[i], "="+name) + value
				}
			}
		}
		r.Body = []byte(strings.ReplaceAll(string(r.Body), "="+name, value))
		r.URL = strings.ReplaceAll(r.URL, "="+name, value)
	}
}

// outcome is the list of signed fields, or the reason.
func outcome(ev Event, err error) string {
	if err != nil {
		return string(ReasonOf(err))
	}
	fields, _ := json.Marshal(ev.Signed)
	var names []string
	for _, name := range []string{"id", "type", "timestamp", "body", "url"} {
		if strings.Contains(string(fields), `"`+name+`":true`) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}
