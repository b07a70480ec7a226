package verifiers

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"io"
	"strconv"
)

// tokenKind says what a token stands for. A new token is a line in tokens.
type tokenKind struct {
	read  func(in *reading, arg string) (value string, ok bool)
	write func(in *reading, w io.Writer)   // the same without a copy; nil: there is none to be spared
	arg   func(arg string) (string, error) // checks and normalises; nil: the token takes none
	from  source
}

// source is the part of a request that a token looks at. Who signs the whole
// part signs every token that looks at it.
type source int8

const (
	fromElsewhere source = iota // covered only where the token itself is signed
	fromBody                    // all of the body
	fromDocument                // all of the document
	fromField                   // something in the body
	fromJSON                    // something in a document that has to be JSON
	fromURL                     // all of the URL
	fromQuery                   // all of the URL's query, or something in it
	fromPath                    // the URL's path, or more, but not its query
	fromHost                    // the URL's host
	fromEndpoint                // nothing of the request
)

var tokens = map[string]*tokenKind{
	"body":               {from: fromBody, read: func(in *reading, _ string) (string, bool) { return in.body, true }},
	"body.base64":        {from: fromBody, read: encodedBody(base64.StdEncoding), write: encodeBody(base64.StdEncoding)},
	"body.base64url":     {from: fromBody, read: encodedBody(base64.RawURLEncoding), write: encodeBody(base64.RawURLEncoding)},
	"body.sha256.hex":    {from: fromBody, read: ofBody(func(b []byte) string { return hex.EncodeToString(sum256(b)) })},
	"body.sha256.base64": {from: fromBody, read: ofBody(func(b []byte) string { return base64.StdEncoding.EncodeToString(sum256(b)) })},
	"body.sha256.raw":    {from: fromBody, read: ofBody(func(b []byte) string { return string(sum256(b)) })},
	"body.sha512.base64": {from: fromBody, read: ofBody(func(b []byte) string { return base64.StdEncoding.EncodeToString(sum512(b)) })},
	"body.crc32":         {read: ofBody(func(b []byte) string { return strconv.FormatUint(uint64(crc32.ChecksumIEEE(b)), 10) })},
	"document":           {from: fromDocument, read: func(in *reading, _ string) (string, bool) { return in.document(), true }},
	"timestamp":          {read: func(in *reading, _ string) (string, bool) { return in.timestamp, in.timestamp != "" }},
	"id":                 {read: func(in *reading, _ string) (string, bool) { return in.id, in.id != "" }},
	"method":             {read: func(in *reading, _ string) (string, bool) { return in.r.Method, in.r.Method != "" }},
	"url":                {from: fromURL, read: ofURL(func(url string) string { return url })},
	"url.base":           {from: fromPath, read: ofURL(baseOf)},
	"url.decoded":        {from: fromURL, read: ofURL(twelveDecoded.Replace)},
	"host":               {from: fromHost, read: ofURL(hostOf)},
	"path":               {from: fromPath, read: func(in *reading, _ string) (string, bool) { return pathOf(in.r.URL), true }},
	"query":              {from: fromQuery, read: readQuery, arg: optional},
	"query.sorted":       {from: fromQuery, read: func(in *reading, _ string) (string, bool) { return in.sortedQuery() }},
	"header":             {read: (*reading).header, arg: headerName},
	"param":              {read: (*reading).param, arg: anyName},
	"form":               {from: fromField, read: (*reading).formField, arg: anyName},
	"form.sorted":        {read: func(in *reading, _ string) (string, bool) { return in.sortedForm() }},
	"json":               {from: fromJSON, read: (*reading).json, arg: jsonPath},
	"claim":              {read: (*reading).claim, arg: jsonPath},
	"option":             {from: fromEndpoint, read: (*reading).option, arg: anyName},
	"secret":             {from: fromEndpoint, read: func(in *reading, _ string) (string, bool) { return in.secret, true }},
}

func readQuery(in *reading, name string) (string, bool) {
	if name == "" {
		return queryOf(in.r.URL), true
	}
	return in.query(name)
}

func ofBody(write func([]byte) string) func(*reading, string) (string, bool) {
	return func(in *reading, _ string) (string, bool) { return write(in.r.Body), true }
}

func encodedBody(encoding *base64.Encoding) func(*reading, string) (string, bool) {
	return func(in *reading, _ string) (string, bool) {
		size := encoding.EncodedLen(len(in.body))
		if !in.grow(size) {
			return "", false
		}
		return stringOf(encoding.AppendEncode(make([]byte, 0, size), in.r.Body)), true
	}
}

func encodeBody(encoding *base64.Encoding) func(*reading, io.Writer) {
	return func(in *reading, w io.Writer) {
		encoder := base64.NewEncoder(encoding, w)
		encoder.Write(in.r.Body)
		encoder.Close()
	}
}

func ofURL(part func(url string) string) func(*reading, string) (string, bool) {
	return func(in *reading, _ string) (string, bool) {
		text := part(in.r.URL)
		return text, text != ""
	}
}

func sum256(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

func sum512(b []byte) []byte {
	sum := sha512.Sum512(b)
	return sum[:]
}
