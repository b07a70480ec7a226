package explain

import (
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/unicode/norm"
)

// charsets undoes changes of the body's character set.
func (b *bodyTries) charsets() {
	body := b.r.Body
	for _, set := range []struct {
		name string
		*charmap.Charmap
	}{{"ISO-8859-1", charmap.ISO8859_1}, {"Windows-1252", charmap.Windows1252}} {
		if !utf8.Valid(body) {
			if text, err := set.NewDecoder().Bytes(body); err == nil {
				b.try(text, "It verifies with the body in UTF-8. It was turned into "+set.name+" on the way here.")
			}
			continue
		}
		if bytes, err := set.NewEncoder().Bytes(body); err == nil {
			b.try(bytes, "It verifies with the body read as "+set.name+
				". Something on the way took it for "+set.name+" and wrote it as UTF-8.")
		}
	}
	for _, order := range []unicode.Endianness{unicode.LittleEndian, unicode.BigEndian} {
		if text, err := unicode.UTF16(order, unicode.UseBOM).NewDecoder().Bytes(body); err == nil && len(body)%2 == 0 {
			b.try(text, "It verifies with the body in UTF-8. It was turned into UTF-16 on the way here.")
		}
	}
	b.try(norm.NFC.Bytes(body), "It verifies with the body's characters composed (Unicode NFC). They were decomposed on the way here.")
	b.try(norm.NFD.Bytes(body), "It verifies with the body's characters decomposed (Unicode NFD). They were composed on the way here.")
}
