package wire

import (
	"errors"
	"fmt"
	"math"

	"hearsay/gossip"
	"hearsay/store"
)

// This file is what travels of the comparison of replicas, both ways.

func (e *Encoder) repair(m *gossip.Repair) {
	e.array(12)
	e.uint(uint64(m.Step))
	e.timestamp(m.Floor)
	e.timestamp(m.Through)
	e.uint(uint64(m.Prefix))
	e.uint(uint64(m.Depth))
	e.numbers(m.Sums)
	e.array(len(m.Items))
	for _, item := range m.Items {
		e.array(2)
		e.uint(item.Place)
		e.uint(item.Print)
	}
	e.array(len(m.Entries))
	for _, en := range m.Entries {
		e.refs = append(e.refs[:0], 0) // its row
		e.frame(e.alone(en))
	}
	e.lone.Entries = e.lone.Entries[:0]
	e.numbers(m.Wants)
	e.uint(m.Epoch)
}

// alone returns en as a frame of its origin's log. It is valid until the next call.
func (e *Encoder) alone(en *store.Entry) *gossip.Frame {
	f := &e.lone
	f.Origin, f.From = en.Version.Origin, en.Seq-1
	f.Rows = append(f.Rows[:0], gossip.FrameRow{Timestamp: en.Version.Timestamp})
	f.Entries = append(f.Entries[:0], en)
	return f
}

func (e *Encoder) numbers(numbers []uint64) {
	e.array(len(numbers))
	for _, n := range numbers {
		e.uint(n)
	}
}

func (c *cursor) repair() (*gossip.Repair, error) {
	m := &gossip.Repair{}
	unknown := c.open("repair", 12)
	m.Step = gossip.RepairStep(c.uint("step", math.MaxUint8))
	m.Floor = c.timestamp("floor")
	m.Through = c.timestamp("through")
	m.Prefix = uint16(c.uint("prefix", math.MaxUint16))
	m.Depth = uint8(c.uint("depth", math.MaxUint8))
	m.Sums = c.numbers("sum")
	for range c.list("items", 3) {
		unknown := c.open("item", 2)
		m.Items = append(m.Items, gossip.Item{Place: c.uint("place", math.MaxUint64), Print: c.uint("print", math.MaxUint64)})
		c.skip("item", unknown)
	}
	for range c.list("entries", entrySize) {
		f, unknown := c.frameBody()
		c.skip("entry's frame", unknown)
		if c.err != nil {
			break
		}
		if len(f.Entries) != 1 || len(f.Rows) != 1 {
			c.fail("entry's frame", "%d entries and %d rows, must have one each", len(f.Entries), len(f.Rows))
			break
		}
		m.Entries = append(m.Entries, f.Entries[0])
	}
	m.Wants = c.numbers("want")
	m.Epoch = c.uint("epoch", math.MaxUint64)
	return m, c.done("repair", unknown, func() error { return checkRepair(m) })
}

func (c *cursor) numbers(what string) []uint64 {
	var numbers []uint64
	for range c.list(what, 1) {
		numbers = append(numbers, c.uint(what, math.MaxUint64))
	}
	return numbers
}

func checkRepair(m *gossip.Repair) error {
	for _, t := range []struct {
		name string
		err  error
	}{{"floor", checkTimestamp(m.Floor)}, {"through", checkTimestamp(m.Through)}} {
		if t.err != nil {
			return fmt.Errorf("%s: %w", t.name, t.err)
		}
	}
	const sums, deepest = 16, 4
	depth := uint8(deepest)
	if m.Step == gossip.Sums {
		depth = deepest - 1
	}
	switch {
	case m.Step < gossip.Sums || m.Step > gossip.Answer:
		return fmt.Errorf("step %d is unknown", m.Step)
	case m.Depth > depth || m.Step != gossip.Sums && m.Depth != depth:
		return fmt.Errorf("step %d at depth %d", m.Step, m.Depth)
	case m.Prefix>>(4*m.Depth) != 0:
		return fmt.Errorf("prefix %#x at depth %d", m.Prefix, m.Depth)
	case m.Step == gossip.Sums && len(m.Sums) != sums:
		return fmt.Errorf("%d sums, must be %d", len(m.Sums), sums)
	case m.Step != gossip.Sums && len(m.Sums) > 0, m.Step != gossip.Items && m.Step != gossip.Answer && len(m.Items) > 0,
		m.Step != gossip.Differences && len(m.Entries) > 0, m.Step < gossip.Differences && len(m.Wants) > 0:
		return fmt.Errorf("step %d with what belongs to another", m.Step)
	case m.Step > gossip.Differences && (len(m.Wants) != 1 || len(m.Items) > 1):
		return fmt.Errorf("step %d of %d places with %d items, must be of one with one at most", m.Step, len(m.Wants), len(m.Items))
	case max(len(m.Items), len(m.Entries), len(m.Wants)) > gossip.MaxDifferences:
		return fmt.Errorf("%d items, %d entries and %d wants, the most is %d", len(m.Items), len(m.Entries), len(m.Wants), gossip.MaxDifferences)
	}
	for i, en := range m.Entries {
		if en.Seq == 0 {
			return errors.New("an entry without a number")
		}
		if err := checkEntry(en); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	return nil
}
