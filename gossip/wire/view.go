package wire

import (
	"errors"
	"fmt"
	"math"
	"time"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/view"
	"hearsay/store"
)

// This file is what travels of views, both ways.

func (e *Encoder) view(m *gossip.View) {
	e.array(10)
	e.text(m.Region)
	e.uint(uint64(m.Step))
	e.viewID(m.View.ID)
	e.nodes(m.View.Nodes)
	e.uint(m.Life)
	e.array(2)
	e.uint(uint64(m.Asked.Wall))
	e.uint(uint64(m.Asked.Mono))
	e.uint(m.Config)
	e.nodes(m.Deaf)
	e.uint(viewFlags(m))
	e.marks(m.Marks)
}

const (
	flagGranted = 1 << iota
	flagKnown
)

func viewFlags(m *gossip.View) (f uint64) {
	if m.Granted {
		f |= flagGranted
	}
	if m.Known {
		f |= flagKnown
	}
	return f
}

func (e *Encoder) viewID(v view.ID) {
	e.array(2)
	e.uint(v.Number)
	e.text(string(v.By))
}

func (e *Encoder) tag(t view.Tag) {
	if t == (view.Tag{}) {
		e.null()
		return
	}
	e.array(2)
	e.viewID(t.View)
	e.uint(t.Config)
}

func (c *cursor) views() (*gossip.View, error) {
	m := &gossip.View{}
	unknown := c.open("view", 10)
	m.Region = c.text("region", MaxLabel)
	m.Step = view.Step(c.uint("step", math.MaxUint8))
	m.View.ID = c.viewID()
	m.View.Nodes = c.nodes("nodes of a view", MaxViewNodes)
	m.Life = c.uint("life", math.MaxUint64)
	m.Asked = c.reading("asked")
	m.Config = c.uint("config", math.MaxUint64)
	m.Deaf = c.nodes("deaf", 2*MaxViewNodes)
	flags := c.uint("flags", flagGranted|flagKnown)
	m.Granted, m.Known = flags&flagGranted != 0, flags&flagKnown != 0
	m.Marks = c.marks()
	return m, c.done("view", unknown, func() error { return checkView(m) })
}

func (c *cursor) viewID() view.ID {
	unknown := c.open("view's id", 2)
	v := view.ID{Number: c.uint("view's number", math.MaxUint64), By: store.NodeID(c.text("view's proposer", store.MaxNodeID))}
	c.skip("view's id", unknown)
	return v
}

func (c *cursor) reading(what string) clock.Reading {
	unknown := c.open(what, 2)
	r := clock.Reading{Wall: int64(c.uint(what, math.MaxInt64)), Mono: time.Duration(c.uint(what, math.MaxInt64))}
	c.skip(what, unknown)
	return r
}

func (c *cursor) tag() view.Tag {
	if c.null() {
		return view.Tag{}
	}
	unknown := c.open("tag", 2)
	t := view.Tag{View: c.viewID(), Config: c.uint("tag's config", math.MaxUint64)}
	c.skip("tag", unknown)
	return t
}

func checkView(m *gossip.View) error {
	switch {
	case len(m.Region) > MaxLabel:
		return tooLong("region", len(m.Region), MaxLabel)
	case m.Step < view.Ask || m.Step > view.Answer:
		return fmt.Errorf("step %d is unknown", m.Step)
	case m.Asked.Wall < 0 || m.Asked.Mono < 0:
		return errors.New("asked before time began")
	case len(m.View.Nodes) > MaxViewNodes:
		return fmt.Errorf("a view of %d nodes, the most is %d", len(m.View.Nodes), MaxViewNodes)
	case len(m.Deaf) > 2*MaxViewNodes:
		return fmt.Errorf("deaf to %d nodes, the most is %d", len(m.Deaf), 2*MaxViewNodes)
	}
	if err := checkViewID(m.View.ID); err != nil {
		return err
	}
	if err := checkNodes(m.View.Nodes); err != nil {
		return fmt.Errorf("view's node %w", err)
	}
	if err := checkNodes(m.Deaf); err != nil {
		return fmt.Errorf("deaf node %w", err)
	}
	return checkMarks(m.Marks)
}

func checkViewID(v view.ID) error {
	if len(v.By) > store.MaxNodeID {
		return tooLong("view's proposer", len(v.By), store.MaxNodeID)
	}
	return nil
}
