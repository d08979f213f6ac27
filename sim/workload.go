package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"hearsay/clock"
	"hearsay/node"
	"hearsay/store"
)

// An operation is what one client asks of one machine. All of it follows from
// the seed, the machine and the ordinal.
type operation struct {
	kind    opKind
	machine int
	ordinal uint64
	key     store.Key
	ttl     time.Duration // 0 for none
	request string        // the client's own name for it, empty for none

	author int // the machine, or the session after all machines
	// Of a session's write: whose it is, and what that had seen, by its bookmark
	// and by what the checker knows.
	session *session
	seen    store.Bookmark
	past    past
}

type opKind uint8

const (
	opRead opKind = iota
	opPut
	opDelete
	opList
)

const (
	namespace = "sim"
	// hotKeys is how many keys half of all operations touch, so that concurrent
	// writes meet.
	hotKeys = 4
)

// opAt returns when a machine's operation comes: one in each Pace, anywhere in it.
func (cfg Config) opAt(machine int, ordinal uint64) time.Duration {
	draw := Draw(cfg.Seed, "operation at", uint64(machine), ordinal)
	return time.Duration(ordinal)*cfg.Pace + time.Duration(below(draw, uint64(cfg.Pace)))
}

func (cfg Config) operation(machine int, ordinal uint64) operation {
	draw := Draw(cfg.Seed, "operation", uint64(machine), ordinal)
	op := operation{machine: machine, author: machine, ordinal: ordinal, key: cfg.pickKey(mix(draw))}
	switch kind := below(draw, 100); {
	case kind < 40:
		op.kind = opRead
	case kind < 75:
		op.kind = opPut
	case kind < 88:
		op.kind = opPut
		op.ttl = between(mix(^draw), time.Second, 12*time.Second)
	default:
		op.kind = opDelete
	}
	if op.kind != opRead && ordinal%2 == 1 {
		op.request = fmt.Sprintf("%d/%d", machine, ordinal)
	}
	return op
}

// retries returns the write before op that op repeats in place of itself, op if
// it does not.
func (cfg Config) retries(op operation) operation {
	if op.ordinal == 0 || !happens(Draw(cfg.Seed, "retry", uint64(op.machine), op.ordinal), 300) {
		return op
	}
	if first := cfg.operation(op.machine, op.ordinal-1); first.request != "" {
		return first
	}
	return op
}

func (cfg Config) pickKey(draw uint64) store.Key {
	n := uint64(cfg.Keys)
	if draw&1 == 0 {
		n = hotKeys
	}
	return store.Key{Namespace: namespace, Name: fmt.Sprintf("k%d", below(mix(draw), n))}
}

// valueHead is the bytes at the head of every value that name its write.
const valueHead = 12

// valueSizes is what is stored under a key, in bytes after the head.
var valueSizes = Table{{0, 0}, {32768, 64}, {58982, 512}, {64881, 8 << 10}, {65536, 64 << 10}}

// value returns what op puts: no other operation puts the same.
func (cfg Config) value(author int, ordinal uint64) []byte {
	draw := Draw(cfg.Seed, "value", uint64(author), ordinal)
	sizes := valueSizes
	if load, _ := cfg.load(author - cfg.Nodes); author >= cfg.Nodes && load != nil {
		sizes = load.Size
	}
	v := make([]byte, valueHead+min(int(sizes.at(draw)), cfg.MaxValue))
	binary.BigEndian.PutUint32(v, uint32(author))
	binary.BigEndian.PutUint64(v[4:], ordinal)
	for i := valueHead; i < len(v); i++ {
		v[i] = byte(draw >> (i % 8 * 8))
	}
	return v
}

// authorOf returns which operation puts v, if one does.
func (cfg Config) authorOf(v []byte) (author int, ordinal uint64, ok bool) {
	if len(v) < valueHead || binary.BigEndian.Uint32(v) >= uint32(cfg.Nodes+cfg.Sessions) {
		return 0, 0, false
	}
	author, ordinal = int(binary.BigEndian.Uint32(v)), binary.BigEndian.Uint64(v[4:])
	if !bytes.Equal(v, cfg.value(author, ordinal)) {
		return 0, 0, false
	}
	return author, ordinal, true
}

// plan puts a machine's operation in the queue, if it comes before the end.
func (w *World) plan(m *machine, ordinal uint64) {
	if at := w.cfg.opAt(m.index, ordinal); at < w.cfg.For {
		w.push(happening{at: at, kind: Asked, machine: m.index, id: ordinal})
	}
}

// ask lets a client do its operation, if it finds the machine up.
func (w *World) ask(m *machine, ordinal uint64) {
	w.plan(m, ordinal+1)
	if !w.cfg.keeps(m.index, ordinal) {
		return
	}
	op := w.cfg.retries(w.cfg.operation(m.index, ordinal))
	if !m.running() {
		w.stats.NobodyHome++
		return
	}
	if op.kind == opRead {
		w.read(m, op)
		return
	}
	w.deliver(m, input{kind: Asked, op: op})
}

// write gives a write to m's node within a turn.
func (w *World) write(m *machine, now clock.Reading, op operation) {
	write := w.writeOf(now, op)
	staged := w.stage(m, write)
	ticket, err := m.node.Write(now, staged)
	if err != nil {
		if staged.Manifest != nil {
			w.dropUploads(m, staged.Manifest.Upload)
		}
		w.stats.Refused++
		w.effect(Step{Kind: Refused, Machine: m.index, ID: op.ordinal, Note: err.Error()})
		if op.session != nil {
			w.refused(op.session, op)
		}
		return
	}
	w.stats.Writes++
	w.check.asked(m, ticket, op, write)
	w.check.accepts(m)
}

// writeOf returns what op asks for, which a retry asks again to the letter.
func (w *World) writeOf(now clock.Reading, op operation) node.Write {
	if first, ok := w.check.clients[op.author].issued[op.ordinal]; ok {
		return first
	}
	write := node.Write{Key: op.key, Delete: op.kind == opDelete, Request: op.request, Seen: op.seen, Ack: w.ackOf(op)}
	if op.kind == opPut {
		write.Value = w.cfg.value(op.author, op.ordinal)
		if op.ordinal%3 == 0 {
			write.Metadata = fmt.Appendf(nil, `{"op":%d}`, op.ordinal)
		}
	}
	if op.ttl > 0 {
		write.Expires = (now.Wall + int64(op.ttl)) / int64(time.Second)
	}
	return write
}

// showed has the checker look at what m showed a client, or why it did not.
func (w *World) showed(m *machine, now clock.Reading, op operation, e *store.Entry, err error) {
	id := uint64(0)
	switch {
	case err == nil:
		id = mix(uint64(e.Version.Timestamp.Wall) ^ hashOrigin(e.Version.Origin))
	case !errors.Is(err, store.ErrNotFound):
		w.violated("read", m, "read of %v at %s: %v", op.key, m.peer.ID, err)
		return
	}
	w.effect(Step{Kind: Read, Machine: m.index, ID: id})
	w.check.read(m, now, op.key, e)
}
