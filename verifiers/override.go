package verifiers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// Override returns a copy of scheme with some of its fields set anew from a JSON
// object, under the names of the fields' tags. An unknown field is an error. The
// given scheme keeps its values: nothing is shared with the copy.
func Override(scheme Scheme, fields json.RawMessage) (Scheme, error) {
	original, err := json.Marshal(scheme)
	if err != nil {
		return nil, fmt.Errorf("copying a scheme: %w", err)
	}
	copied := reflect.New(reflect.TypeOf(scheme))
	for _, object := range []json.RawMessage{original, fields} {
		decoder := json.NewDecoder(bytes.NewReader(object))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(copied.Interface()); err != nil {
			return nil, fmt.Errorf("setting a scheme's fields: %w", err)
		}
	}
	return copied.Elem().Interface().(Scheme), nil
}
