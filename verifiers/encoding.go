package verifiers

import (
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

func encodingOf(name string) (encoding, error) {
	switch e := encoding(name); e {
	case "":
		return encHex, nil
	case encHex, encHexUpper, encBase64, encBase64URL, encBase64Hex:
		return e, nil
	}
	return "", fmt.Errorf("unknown encoding %q: want hex, hex_upper, base64, base64url or base64_hex", name)
}

// Strict, so that a signature has one spelling but for its padding and case.
var (
	strictStd = base64.RawStdEncoding.Strict()
	strictURL = base64.RawURLEncoding.Strict()
)

// decode appends what text stands for to dst.
func (e encoding) decode(dst []byte, text string) ([]byte, bool) {
	start := len(dst)
	switch e {
	case encHex, encHexUpper:
		dst, err := hex.AppendDecode(dst, bytesOf(text))
		return dst, err == nil
	case encBase64Hex:
		plain, ok := encBase64.decode(nil, text)
		if !ok {
			return dst, false
		}
		return encHex.decode(dst, stringOf(plain))
	}
	if strings.ContainsAny(text, "\r\n") { // which the decoder would skip
		return dst, false
	}
	text = strings.TrimRight(text, "=")
	enc := strictStd
	if e == encBase64URL {
		enc = strictURL
	}
	dst, err := enc.AppendDecode(dst, bytesOf(text))
	if err != nil {
		return dst[:start], false
	}
	return dst, true
}

// encode writes bytes as providers do: hex in lower case where not said
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
