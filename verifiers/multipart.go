package verifiers

import (
	"mime"
	"strings"
)

// maxPartHeader limits the headers of a part, in bytes. Genuine ones are few and short.
const maxPartHeader = 8 << 10

// multipartFields returns the fields of a multipart body (RFC 7578): the parts that are
// no files, in their order. A malformed body has none. Only names are copied.
//
// It takes the boundary from the first line. It reads every body that it accepts as the
// standard library does, and refuses more: folded headers, a part with two headers that
// name it, and headers of any length.
func multipartFields(body string) []param {
	line, rest, found := strings.Cut(body, "\n")
	newline := "\n"
	if strings.HasSuffix(line, "\r") {
		newline = "\r\n"
	}
	boundary := strings.TrimRight(line, " \t\r")
	if !found || !strings.HasPrefix(boundary, "--") || len(boundary) < 3 || len(boundary) > 72 { // RFC 2046: 70 and the hyphens
		return nil
	}
	if trimmed := strings.TrimSuffix(line, "\r"); len(boundary) != len(strings.TrimRight(trimmed, " \t")) {
		return nil // more than one carriage return
	}
	var fields []param
	for range maxParts {
		name, isFile, after, ok := partHeader(rest)
		if !ok {
			return nil
		}
		var value string
		if value, rest, ok = partBody(after, newline, boundary); !ok {
			return nil
		}
		if !isFile {
			fields = append(fields, param{name, value})
		}
		last, ended := strings.CutPrefix(rest, "--")
		last = strings.TrimLeft(last, " \t")
		switch {
		case ended && (last == "" || strings.HasPrefix(last, newline)):
			return fields
		case ended || !strings.HasPrefix(last, newline):
			return nil
		}
		rest = last[len(newline):]
	}
	return nil // too many
}

// partHeader reads the headers of a part, up to the empty line after them.
func partHeader(text string) (name string, isFile bool, rest string, ok bool) {
	disposition := ""
	for rest = text; len(text)-len(rest) < maxPartHeader; {
		i := strings.IndexByte(rest[:min(len(rest), maxPartHeader)], '\n')
		if i < 0 {
			break
		}
		line := strings.TrimSuffix(rest[:i], "\r")
		if rest = rest[i+1:]; line == "" {
			name, isFile = dispositionOf(disposition)
			return name, isFile, rest, true
		}
		key, value, found := strings.Cut(line, ":")
		if _, err := headerName(key); !found || err != nil || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			break
		}
		if strings.EqualFold(key, "Content-Disposition") {
			if disposition != "" {
				break
			}
			disposition = strings.Trim(value, " \t")
		}
	}
	return "", false, "", false
}

// dispositionOf returns the name that a Content-Disposition gives.
func dispositionOf(value string) (name string, isFile bool) {
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "", false
	}
	if kind == "form-data" {
		name = params["name"]
	}
	return name, params["filename"] != ""
}

// partBody returns a part's body, and the text after the boundary that ends it.
func partBody(text, newline, boundary string) (value, rest string, ok bool) {
	if rest, ok = strings.CutPrefix(text, boundary); ok && endsBoundary(rest) {
		return "", rest, true // the empty line before it is the boundary's too
	}
	for from := 0; ; {
		i := strings.Index(text[from:], newline+boundary)
		if i < 0 {
			return "", "", false
		}
		end := from + i
		if from = end + len(newline) + len(boundary); endsBoundary(text[from:]) {
			return text[:end], text[from:], true
		}
	}
}

// endsBoundary reports whether the text can follow a boundary. With other characters
// the line belongs to the body.
func endsBoundary(rest string) bool {
	return rest == "" || strings.IndexByte(" \t\r\n", rest[0]) >= 0 || strings.HasPrefix(rest, "--")
}
