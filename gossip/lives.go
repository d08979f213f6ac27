package gossip

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"hearsay/clock"
	"hearsay/store"
)

// This file tells the disk of a node from a copy of it. Two nodes on copies of one
// disk have one id, and each would close timestamps below which the other writes. So
// each start leaves a nonce on the disk, and a node that has met one start of a
// member takes up with none whose disk does not know that one. A member closes
// nothing before each other has taken up with it (see vouch.go): of two copies one at
// most ever does.

// ErrOtherDisk is returned, and ends a node, where its disk is not the one that the
// cluster knows under its id: a copy of it, or what it was some time ago.
var ErrOtherDisk = errors.New("gossip: not the disk that the cluster knows under this node's id")

// MaxLine bounds the starts that a Line remembers.
const MaxLine = 32

// A Line is the starts of a node on one disk: each has a number, from 1 on, and a
// nonce. The zero Line is before the first.
type Line struct {
	Starts uint64
	// Nonces has that of start number n at n % MaxLine, for the last MaxLine.
	Nonces [MaxLine]uint64
}

// Next returns the line with one more start.
func (l Line) Next(nonce uint64) Line {
	l.Starts++
	l.Nonces[l.Starts%MaxLine] = nonce
	return l
}

// Life returns the last start of l.
func (l Line) Life() Life { return Life{Start: l.Starts, Nonce: l.Nonces[l.Starts%MaxLine]} }

// Knows reports whether life was lived on the disk of l, as far as that remembers.
func (l Line) Knows(life Life) bool {
	return l.Starts >= life.Start && (l.Starts-life.Start >= MaxLine || l.Nonces[life.Start%MaxLine] == life.Nonce)
}

// A Life is one start of a node.
type Life struct{ Start, Nonce uint64 }

// Met is the last life of a member that a node has taken up with, which it must not
// forget over a restart.
type Met struct {
	Node  store.NodeID
	Since clock.Timestamp // of the member: one that was dropped is met anew
	Life  Life
}

// lives are those that an engine has met.
type lives struct {
	met     []Met // sorted by node
	changed bool  // since SaveLives
	guests  map[store.NodeID]Life
}

// Admit is asked before a stream with the node id, whose disk has that line, is said
// to be up: an error, ErrOtherDisk, is why it may not be. What it notes is to be
// on disk before the stream is used.
func (e *Engine) Admit(id store.NodeID, line Line) error {
	m, member := e.roster.Epoch().Member(id)
	if !member {
		if len(e.lives.guests) >= e.cfg.Roster.MaxMembers {
			clear(e.lives.guests)
		}
		e.lives.guests[id] = line.Life()
		return nil
	}
	i, known := e.findMet(id)
	if known && e.lives.met[i].Since == m.Since && !line.Knows(e.lives.met[i].Life) {
		return fmt.Errorf("%w: start %d of node %s is on a copy of its data, or on an old backup; stop the other one and have the cluster forget the node, or begin on an empty directory", ErrOtherDisk, line.Starts, id)
	}
	e.meet(Met{Node: id, Since: m.Since, Life: line.Life()})
	return nil
}

func (e *Engine) findMet(id store.NodeID) (int, bool) {
	return slices.BinarySearchFunc(e.lives.met, id, func(m Met, id store.NodeID) int {
		return strings.Compare(string(m.Node), string(id))
	})
}

func (e *Engine) meet(m Met) {
	i, known := e.findMet(m.Node)
	switch {
	case !known:
		e.lives.met = slices.Insert(e.lives.met, i, m)
	case e.lives.met[i] == m:
		return
	default:
		e.lives.met[i] = m
	}
	e.lives.changed = true
}

// followLives forgets who is no member any more, and remembers who has become one.
func (e *Engine) followLives() {
	before := len(e.lives.met)
	e.lives.met = slices.DeleteFunc(e.lives.met, func(m Met) bool {
		now, member := e.roster.Epoch().Member(m.Node)
		return !member || now.Since != m.Since
	})
	e.lives.changed = e.lives.changed || len(e.lives.met) < before
	for _, m := range e.roster.Epoch().Members {
		if life, here := e.lives.guests[m.Node]; here {
			delete(e.lives.guests, m.Node)
			e.meet(Met{Node: m.Node, Since: m.Since, Life: life})
		}
	}
}

// SaveLives returns the lives that this node has met, and whether they changed since
// the last SaveLives.
func (e *Engine) SaveLives() ([]Met, bool) {
	changed := e.lives.changed
	e.lives.changed = false
	return e.lives.met, changed
}
