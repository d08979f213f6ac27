package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"hearsay/node/kv"
	"hearsay/store"
)

// Shape says how a bulk read shows what it found.
type Shape struct {
	JSON       bool // values are JSON to embed, not text
	Metadata   bool // values are wrapped together with their metadata
	Expiration bool // and with their expiration
}

// Object returns found as one JSON object, members in its order: a Worker gets
// a Map in the order of the members.
func (s Shape) Object(found []kv.Found) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range found {
		if i > 0 {
			b.WriteByte(',')
		}
		text(&b, f.Key)
		b.WriteByte(':')
		if f.Entry == nil {
			b.WriteString("null")
			continue
		}
		s.member(&b, f.Entry)
	}
	b.WriteByte('}')
	return b.Bytes()
}

func (s Shape) member(b *bytes.Buffer, e *store.Entry) {
	if s.Metadata {
		b.WriteString(`{"value":`)
		defer b.WriteByte('}')
	}
	if s.JSON {
		b.Write(e.Value)
	} else {
		text(b, string(e.Value))
	}
	if !s.Metadata {
		return
	}
	b.WriteString(`,"metadata":`)
	if e.Metadata == nil {
		b.WriteString("null")
	} else {
		b.Write(e.Metadata)
	}
	if s.Expiration && e.Expires != 0 {
		fmt.Fprintf(b, `,"expiration":%d`, e.Expires)
	}
}

// text appends s as a JSON string; what is not UTF-8 in it becomes U+FFFD.
func text(b *bytes.Buffer, s string) {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("api: a string has no JSON: " + err.Error())
	}
	b.Truncate(b.Len() - 1) // the line's end
}
