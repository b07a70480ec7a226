package terminal

import (
	"bytes"
	"encoding/json"
	"io"
)

// PrintJSON prints v for scripts.
func PrintJSON(w io.Writer, v any, indent string) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, printableJSON(b.String()))
	return err
}

// When returns the text if the condition holds, and else nothing.
func When(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}
