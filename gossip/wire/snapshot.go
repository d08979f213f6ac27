package wire

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"hearsay/gossip"
	"hearsay/store"
)

// This file is how snapshots travel, both ways.

func (e *Encoder) scan(f *gossip.Scan) {
	e.array(3)
	e.uint(f.Number)
	e.key(f.From)
	e.uint(uint64(f.Credit))
}

func (e *Encoder) page(p *gossip.Page) {
	e.origins = e.origins[:0]
	e.refs = slices.Grow(e.refs[:0], len(p.Entries))[:len(p.Entries)]
	for i, en := range p.Entries {
		e.refs[i] = e.refer(en.Version.Origin)
		e.referSeen(en)
	}
	e.array(8)
	e.uint(p.Number)
	e.key(p.From)
	e.key(p.Next)
	e.table()
	e.entries(p.Entries)
	e.marks(p.Marks)
	e.facts(p.Facts)
	e.uint(p.Total)
	e.forgetTable()
}

func (e *Encoder) key(k store.Key) {
	e.array(2)
	e.text(k.Namespace)
	e.text(k.Name)
}

func (c *cursor) scan() (*gossip.Scan, error) {
	f := &gossip.Scan{}
	unknown := c.open("scan", 3)
	f.Number = c.uint("scan", math.MaxUint64)
	f.From = c.key("from")
	f.Credit = int(c.uint("credit", MaxCredit))
	return f, c.done("scan", unknown, func() error { return checkScan(f) })
}

func (c *cursor) page() (*gossip.Page, error) {
	p := &gossip.Page{}
	unknown := c.open("page", 8)
	p.Number = c.uint("scan", math.MaxUint64)
	p.From = c.key("from")
	p.Next = c.key("next")
	p.Entries = c.paged(c.origins())
	p.Marks = c.marks()
	p.Facts = c.facts()
	p.Total = c.uint("total", math.MaxUint64)
	return p, c.done("page", unknown, func() error { return checkPage(p) })
}

// paged reads the entries of a page, each with its version.
func (c *cursor) paged(origins []store.Origin) []*store.Entry {
	n := c.list("entries", entrySize)
	if n == 0 {
		return nil
	}
	entries := make([]*store.Entry, n)
	var namespace string
	for i := range entries {
		e := &store.Entry{}
		entries[i] = e
		unknown := c.open("entry", 9)
		e.Seq, e.Version = c.version(origins)
		if i == 0 || !c.null() {
			namespace = c.text("namespace", store.MaxNamespace)
		}
		c.entry(e, namespace, origins)
		c.skip("entry", unknown)
		if c.err != nil {
			return nil
		}
	}
	return entries
}

// key reads a key, or the bound of a range: a name may end in one byte more.
func (c *cursor) key(what string) store.Key {
	unknown := c.open(what, 2)
	k := store.Key{Namespace: c.text(what, store.MaxNamespace), Name: c.text(what, store.MaxName+1)}
	c.skip(what, unknown)
	return k
}

func (c *cursor) gone() (*gossip.Gone, error) {
	g := &gossip.Gone{}
	unknown := c.open("gone", 1)
	g.Marks = c.marks()
	return g, c.done("gone", unknown, func() error { return checkMarks(g.Marks) })
}

func checkScan(f *gossip.Scan) error {
	if f.Credit < 0 || f.Credit > MaxCredit {
		return fmt.Errorf("credit of %d bytes, the most is %d", f.Credit, MaxCredit)
	}
	return checkKey(f.From)
}

func checkPage(p *gossip.Page) error {
	if err := checkKey(p.From); err != nil {
		return err
	}
	if err := checkKey(p.Next); err != nil {
		return err
	}
	end := store.Key{}
	if p.Next != end && p.Next.Compare(p.From) <= 0 {
		return errors.New("it ends where it begins")
	}
	for i, e := range p.Entries {
		switch {
		case e.Key.Compare(p.From) < 0 || p.Next != end && e.Key.Compare(p.Next) >= 0:
			return fmt.Errorf("entry %d: its key is out of the page's range", i)
		case i > 0 && p.Entries[i-1].Key.Compare(e.Key) >= 0:
			return fmt.Errorf("entry %d: its key is not after the one before", i)
		}
		if err := checkEntry(e); err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
	}
	if err := checkMarks(p.Marks); err != nil {
		return err
	}
	return checkFacts(p.Facts)
}

func checkKey(k store.Key) error {
	switch {
	case len(k.Namespace) > store.MaxNamespace:
		return tooLong("namespace", len(k.Namespace), store.MaxNamespace)
	case len(k.Name) > store.MaxName+1:
		return tooLong("name", len(k.Name), store.MaxName+1)
	}
	return nil
}
