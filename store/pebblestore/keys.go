package pebblestore

import (
	"bytes"
	"encoding/binary"
	"errors"

	"hearsay/clock"
	"hearsay/store"
)

// Keys begin with the letter of what they name. Where its layout must change, it
// gets a new letter, so that no release reads one for the other.
//
//	e text(namespace) name          entry
//	l origin seq                    row of an origin's log
//	w origin                        watermark
//	t origin                        up to where the log was trimmed
//	d wall logical text(namespace) name   entry that is due at that floor, or was
//	n                               newest timestamp
//	m name                          memo
//	u life number                   upload that an entry's manifest names
//	b bucket                        what the entries of a bucket are
//	p place text(namespace) name    entry, by place
//
// Keys sort by their bytes as the things they name sort: entries by namespace,
// then by name; logs by origin, rows by seq. An origin is text(node), then start
// and nonce; numbers are big endian and of fixed width.
//
// Text is terminated by 00 01, and a 00 within it is written 00 ff, so that no
// text's encoding is the beginning of another's. A name ends its key and needs
// neither.
const (
	kindEntry     = 'e'
	kindLog       = 'l'
	kindWatermark = 'w'
	kindNewest    = 'n'
	kindMemo      = 'm'
	kindUpload    = 'u'
	kindTrimmed   = 't'
	kindDue       = 'd'
	kindBucket    = 'b'
	kindPlace     = 'p'
)

var errCorrupt = errors.New("pebblestore: corrupt")

const (
	textEnd     = "\x00\x01"
	textZero    = "\x00\xff"
	incarnation = 8 + 4 + 4 // bytes of start and nonce
	dueTime     = 8 + 4
)

func entryKey(k store.Key) []byte {
	b := make([]byte, 0, 1+len(k.Namespace)+len(textEnd)+len(k.Name))
	b = appendText(append(b, kindEntry), k.Namespace)
	return append(b, k.Name...)
}

func parseEntryKey(b []byte) (store.Key, error) {
	if len(b) == 0 || b[0] != kindEntry {
		return store.Key{}, errCorrupt
	}
	namespace, name, err := cutText(b[1:])
	if err != nil {
		return store.Key{}, err
	}
	return store.Key{Namespace: namespace, Name: string(name)}, nil
}

func rowKey(o store.Origin, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(originKey(kindLog, o), seq)
}

func memoKey(name string) []byte { return append([]byte{kindMemo}, name...) }

func uploadKey(u store.Upload) []byte {
	b := binary.BigEndian.AppendUint64([]byte{kindUpload}, u.Life)
	return binary.BigEndian.AppendUint64(b, u.Number)
}

func watermarkKey(o store.Origin) []byte { return originKey(kindWatermark, o) }

func trimmedKey(o store.Origin) []byte { return originKey(kindTrimmed, o) }

// dueKeys begins the keys of what is due at t.
func dueKeys(t clock.Timestamp) []byte {
	b := make([]byte, 0, 1+dueTime+store.MaxNamespace+len(textEnd)+store.MaxName)
	b = binary.BigEndian.AppendUint64(append(b, kindDue), uint64(t.Wall))
	return binary.BigEndian.AppendUint32(b, t.Logical)
}

func dueKey(t clock.Timestamp, k store.Key) []byte {
	return append(appendText(dueKeys(t), k.Namespace), k.Name...)
}

func parseDueKey(b []byte) (store.Key, error) {
	if len(b) < 1+dueTime || b[0] != kindDue {
		return store.Key{}, errCorrupt
	}
	namespace, name, err := cutText(b[1+dueTime:])
	return store.Key{Namespace: namespace, Name: string(name)}, err
}

// parseOriginKey reads a key that is a letter and an origin.
func parseOriginKey(kind byte, b []byte) (store.Origin, error) {
	if len(b) == 0 || b[0] != kind {
		return store.Origin{}, errCorrupt
	}
	node, rest, err := cutText(b[1:])
	if err != nil || len(rest) != incarnation {
		return store.Origin{}, errCorrupt
	}
	return store.Origin{
		Node: store.NodeID(node),
		Incarnation: store.Incarnation{
			Start: clock.Timestamp{
				Wall:    int64(binary.BigEndian.Uint64(rest)),
				Logical: binary.BigEndian.Uint32(rest[8:]),
			},
			Nonce: binary.BigEndian.Uint32(rest[12:]),
		},
	}, nil
}

func originKey(kind byte, o store.Origin) []byte {
	b := make([]byte, 0, 1+len(o.Node)+len(textEnd)+incarnation+8)
	b = appendText(append(b, kind), string(o.Node))
	b = binary.BigEndian.AppendUint64(b, uint64(o.Incarnation.Start.Wall))
	b = binary.BigEndian.AppendUint32(b, o.Incarnation.Start.Logical)
	return binary.BigEndian.AppendUint32(b, o.Incarnation.Nonce)
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if s[i] == 0 {
			b = append(b, textZero...)
			continue
		}
		b = append(b, s[i])
	}
	return append(b, textEnd...)
}

// cutText returns the text at the beginning of b and what follows it.
func cutText(b []byte) (text string, rest []byte, err error) {
	var long []byte // the text so far, of one that holds a 00
	for {
		i := bytes.IndexByte(b, 0)
		if i < 0 || i+1 == len(b) {
			return "", nil, errCorrupt
		}
		head, mark := b[:i], b[i+1]
		b = b[i+2:]
		switch {
		case mark == textEnd[1] && long == nil:
			return string(head), b, nil
		case mark == textEnd[1]:
			return string(append(long, head...)), b, nil
		case mark == textZero[1]:
			long = append(append(long, head...), 0)
		default:
			return "", nil, errCorrupt
		}
	}
}
