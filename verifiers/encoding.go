package verifiers

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// encoding is how bytes are written as text.
type encoding string

const (
	encHex       encoding = "hex"
	encHexUpper  encoding = "hex_upper"
	encBase64    encoding = "base64"
	encBase64URL encoding = "base64url"
	encBase64Hex encoding = "base64_hex"
)

// defaultEncoding is that of a signature, a hash in a claim and a proof.
const defaultEncoding = encHex

func encodingOf(name string) (encoding, error) {
	switch e := encoding(cmp.Or(name, string(defaultEncoding))); e {
	case encHex, encHexUpper, encBase64, encBase64URL, encBase64Hex:
		return e, nil
	}
	return "", fmt.Errorf("unknown encoding %q: want hex, hex_upper, base64, base64url or base64_hex", name)
}

// Strict: a signature has one spelling but for its padding and the case of hex. Hex in
// base64 is lower-case: there another case would be another base64.
var (
	strictStd = base64.RawStdEncoding.Strict()
	strictURL = base64.RawURLEncoding.Strict()
)

// decode appends the decoded bytes of text to dst.
func (e encoding) decode(dst []byte, text string) ([]byte, bool) {
	switch e {
	case encHex, encHexUpper:
		dst, err := hex.AppendDecode(dst, bytesOf(text))
		return dst, err == nil
	case encBase64Hex:
		plain, ok := encBase64.decode(nil, text)
		if !ok || bytes.ContainsAny(plain, "ABCDEF") {
			return dst, false
		}
		return encHex.decode(dst, stringOf(plain))
	}
	enc := strictStd
	if e == encBase64URL {
		enc = strictURL
	}
	return decodeBase64(dst, enc, strings.TrimRight(text, "="))
}

// decodeBase64 appends the bytes of a text to dst. Unlike package base64 it does not
// skip line ends.
func decodeBase64(dst []byte, enc *base64.Encoding, text string) ([]byte, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return dst, false
	}
	decoded, err := enc.AppendDecode(dst, bytesOf(text))
	if err != nil {
		return dst, false
	}
	return decoded, true
}

// decodePasted decodes base64 that a person pasted: either alphabet, padded or not, on
// one line or several, without a line end after it.
func decodePasted(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

// encode writes bytes as providers do: hex in lower case unless the encoding says
// otherwise, base64 padded, base64url without padding.
func (e encoding) encode(b []byte) string {
	switch e {
	case encHexUpper:
		return strings.ToUpper(hex.EncodeToString(b))
	case encBase64:
		return base64.StdEncoding.EncodeToString(b)
	case encBase64URL:
		return base64.RawURLEncoding.EncodeToString(b)
	case encBase64Hex:
		return base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(b)))
	}
	return hex.EncodeToString(b)
}
