package wire

import (
	"fmt"
	"math"

	"hearsay/gossip"
	"hearsay/gossip/view"
	"hearsay/store"
)

// This file is what travels of views, both ways.

func (e *Encoder) view(m *gossip.View) {
	e.array(8)
	e.text(m.Region)
	e.uint(viewHead(m))
	e.viewID(m.View.ID)
	e.nodes(m.View.Nodes)
	e.uint(m.Round)
	e.uint(m.Config)
	e.nodes(m.Deaf)
	e.marks(m.Marks)
}

const (
	flagGranted = 1 << iota
	flagKnown
	stepUnit // the step is counted in these
)

func viewHead(m *gossip.View) uint64 {
	head := stepUnit * uint64(m.Step)
	if m.Granted {
		head |= flagGranted
	}
	if m.Known {
		head |= flagKnown
	}
	return head
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
	unknown := c.open("view", 8)
	m.Region = c.text("region", MaxLabel)
	head := c.uint("step", stepUnit*math.MaxUint8+stepUnit-1)
	m.Step, m.Granted, m.Known = view.Step(head/stepUnit), head&flagGranted != 0, head&flagKnown != 0
	m.View.ID = c.viewID()
	m.View.Nodes = c.nodes("nodes of a view", MaxViewNodes)
	m.Round = c.uint("round", math.MaxUint64)
	m.Config = c.uint("config", math.MaxUint64)
	m.Deaf = c.nodes("deaf", 2*MaxViewNodes)
	m.Marks = c.marks()
	return m, c.done("view", unknown, func() error { return checkView(m) })
}

func (c *cursor) viewID() view.ID {
	unknown := c.open("view's id", 2)
	v := view.ID{Number: c.uint("view's number", math.MaxUint64), By: store.NodeID(c.text("view's proposer", store.MaxNodeID))}
	c.skip("view's id", unknown)
	return v
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
