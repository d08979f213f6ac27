package wire

import (
	"errors"
	"fmt"
	"math"

	"hearsay/clock"
	"hearsay/gossip"
	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file is what travels of the roster and of closed timestamps, both ways.

// The bytes of a gossip.Closed's lags, half of one for each member, and of a
// gossip.Tally, a bit for each.
const (
	maxLags  = (MaxMembers + 1) / 2
	maxTally = (MaxMembers + 7) / 8
)

// closed writes c, whose wall time stands as far as it is from w, the sender's W:
// mostly less than a second.
func (e *Encoder) closed(c *gossip.Closed, w clock.Timestamp) {
	if c == nil {
		e.null()
		return
	}
	if c.Acked == nil {
		e.array(3)
	} else {
		e.array(4)
	}
	away := c.C.Wall - w.Wall
	e.uint(uint64(away<<1 ^ away>>63))
	e.uint(uint64(c.C.Logical))
	e.bytes(c.Lags)
	if c.Acked != nil {
		e.bytes(c.Acked)
	}
}

func (e *Encoder) tally(t *gossip.Tally) {
	if t == nil {
		e.null()
		return
	}
	e.array(3)
	e.timestamp(t.Floor)
	e.bytes(t.Have)
}

func (e *Encoder) roster(m *gossip.Roster) {
	e.array(11)
	e.uint(uint64(m.Step))
	e.uint(m.Number)
	e.ballot(m.Ballot)
	e.ballot(m.Accepted)
	e.epoch(&m.Value)
	if m.Step == roster.Ask {
		e.member(&m.Who)
	} else {
		e.null()
	}
	e.stamp(m.Settled)
	e.stamp(m.W)
	e.text(string(m.Near))
	e.nodes(m.Drop)
	e.marks(m.Held)
}

func (e *Encoder) member(m *roster.Member) {
	e.array(5)
	e.text(string(m.Node))
	e.text(m.Region)
	e.text(m.Name)
	e.timestamp(m.Since)
}

func (e *Encoder) ballot(b roster.Ballot) {
	e.array(2)
	e.uint(b.Round)
	e.text(string(b.Node))
}

func (e *Encoder) epoch(v *roster.Epoch) {
	if isZero(v) {
		e.null()
		return
	}
	e.array(8)
	e.uint(v.Number)
	e.text(string(v.Founder))
	e.array(len(v.Members))
	for i := range v.Members {
		e.member(&v.Members[i])
	}
	e.text(string(v.Sponsor))
	e.timestamp(v.Bar)
	e.array(len(v.Regions))
	for _, r := range v.Regions {
		e.array(4)
		e.text(r.Name)
		e.nodes(r.Granters)
		e.uint(r.Since)
		e.text(string(r.Left))
	}
	e.ends(v.Ends)
}

func (e *Encoder) nodes(ids []store.NodeID) {
	e.array(len(ids))
	for _, id := range ids {
		e.text(string(id))
	}
}

// stamp writes a timestamp as one value, nil for zero.
func (e *Encoder) stamp(t clock.Timestamp) {
	if t.IsZero() {
		e.null()
		return
	}
	e.array(2)
	e.timestamp(t)
}

func (c *cursor) closed(w clock.Timestamp) *gossip.Closed {
	if c.null() {
		return nil
	}
	unknown := c.open("closed", 3)
	away := c.uint("closed", math.MaxUint64)
	s := &gossip.Closed{C: clock.Timestamp{
		Wall:    w.Wall + (int64(away>>1) ^ -int64(away&1)),
		Logical: uint32(c.uint("closed", math.MaxUint32)),
	}}
	s.Lags = c.bytes("lags", maxLags)
	if unknown > 0 {
		unknown--
		if !c.null() {
			s.Acked = c.bytes("acknowledged", maxLags)
		}
	}
	c.skip("closed", unknown)
	return s
}

func (c *cursor) tally() *gossip.Tally {
	if c.null() {
		return nil
	}
	t := &gossip.Tally{}
	unknown := c.open("tally", 3)
	t.Floor = c.timestamp("tally")
	t.Have = c.bytes("have", maxTally)
	c.skip("tally", unknown)
	return t
}

func (c *cursor) roster() (*gossip.Roster, error) {
	m := &gossip.Roster{}
	unknown := c.open("roster", 11)
	m.Step = roster.Step(c.uint("step", math.MaxUint8))
	m.Number = c.uint("number", math.MaxUint64)
	m.Ballot = c.ballot()
	m.Accepted = c.ballot()
	m.Value = c.epoch()
	if !c.null() {
		m.Who = c.member("newcomer")
	}
	m.Settled = c.stamp("settled")
	m.W = c.stamp("timestamp W")
	m.Near = store.NodeID(c.text("nearest node", store.MaxNodeID))
	m.Drop = c.nodes("drop", MaxMembers)
	m.Held = c.marks()
	return m, c.done("roster", unknown, func() error { return checkRoster(m) })
}

func (c *cursor) ballot() roster.Ballot {
	unknown := c.open("ballot", 2)
	b := roster.Ballot{Round: c.uint("round", math.MaxUint64)}
	b.Node = store.NodeID(c.text("ballot's node", store.MaxNodeID))
	c.skip("ballot", unknown)
	return b
}

func (c *cursor) epoch() roster.Epoch {
	var v roster.Epoch
	if c.null() {
		return v
	}
	unknown := c.open("epoch", 8)
	v.Number = c.uint("epoch's number", math.MaxUint64)
	v.Founder = store.NodeID(c.text("founder", store.MaxNodeID))
	v.Members = c.members()
	v.Sponsor = store.NodeID(c.text("sponsor", store.MaxNodeID))
	v.Bar = c.timestamp("bar")
	v.Regions = c.regions()
	v.Ends = c.ends()
	c.skip("epoch", unknown)
	return v
}

// regions returns nil for an empty list.
func (c *cursor) regions() []roster.Region {
	n := c.list("regions", regionSize)
	if n > MaxMembers {
		c.fail("regions", "%d, the most is %d", n, MaxMembers)
		return nil
	}
	if n == 0 {
		return nil
	}
	regions := make([]roster.Region, n)
	for i := range regions {
		unknown := c.open("region", 4)
		regions[i].Name = c.text("region's name", MaxLabel)
		regions[i].Granters = c.nodes("granters", roster.MaxGranters)
		regions[i].Since = c.uint("region's epoch", math.MaxUint64)
		regions[i].Left = store.NodeID(c.text("former granter", store.MaxNodeID))
		c.skip("region", unknown)
	}
	return regions
}

// nodes returns nil for an empty list.
func (c *cursor) nodes(what string, limit int) []store.NodeID {
	n := c.list(what, 1)
	if n > limit {
		c.fail(what, "%d, the most is %d", n, limit)
		return nil
	}
	if n == 0 {
		return nil
	}
	ids := make([]store.NodeID, n)
	for i := range ids {
		ids[i] = store.NodeID(c.text(what, store.MaxNodeID))
	}
	return ids
}

func (c *cursor) stamp(what string) clock.Timestamp {
	if c.null() {
		return clock.Timestamp{}
	}
	unknown := c.open(what, 2)
	t := c.timestamp(what)
	c.skip(what, unknown)
	return t
}

// members returns nil for an empty list.
func (c *cursor) members() []roster.Member {
	n := c.list("members", memberSize)
	if n > MaxMembers {
		c.fail("members", "%d, the most is %d", n, MaxMembers)
		return nil
	}
	if n == 0 {
		return nil
	}
	members := make([]roster.Member, n)
	for i := range members {
		members[i] = c.member("member")
	}
	return members
}

func (c *cursor) member(what string) roster.Member {
	unknown := c.open(what, 5)
	m := roster.Member{Node: store.NodeID(c.text("member's node", store.MaxNodeID))}
	m.Region = c.text("member's region", MaxLabel)
	m.Name = c.text("member's name", MaxLabel)
	m.Since = c.timestamp("since")
	c.skip(what, unknown)
	return m
}

// checkClosed checks c, which may be nil.
func checkTally(t *gossip.Tally) error {
	if t == nil {
		return nil
	}
	if n := len(t.Have); n < 1 || n > maxTally {
		return fmt.Errorf("a tally of %d bytes, must have 1 to %d", n, maxTally)
	}
	return checkTimestamp(t.Floor)
}

func checkClosed(c *gossip.Closed) error {
	if c == nil {
		return nil
	}
	if n := len(c.Lags); n < 1 || n > maxLags {
		return fmt.Errorf("lags of %d bytes, must have 1 to %d", n, maxLags)
	}
	if n := len(c.Acked); c.Acked != nil && n != len(c.Lags) {
		return fmt.Errorf("%d bytes of what is acknowledged, must be the %d of the lags", n, len(c.Lags))
	}
	return checkTimestamp(c.C)
}

func checkRoster(m *gossip.Roster) error {
	if m.Step < roster.Ask || m.Step > roster.Leave {
		return fmt.Errorf("step %d is unknown", m.Step)
	}
	if m.Step == roster.Ask {
		if err := checkMember(&m.Who); err != nil {
			return fmt.Errorf("newcomer: %w", err)
		}
	} else if m.Who != (roster.Member{}) {
		return errors.New("a newcomer who does not ask")
	}
	if len(m.Drop) > MaxMembers {
		return fmt.Errorf("%d nodes to drop, the most is %d", len(m.Drop), MaxMembers)
	}
	if err := checkNodes(m.Drop); err != nil {
		return fmt.Errorf("to drop %w", err)
	}
	if err := checkMarks(m.Held); err != nil {
		return fmt.Errorf("held: %w", err)
	}
	for _, b := range [...]roster.Ballot{m.Ballot, m.Accepted} {
		if len(b.Node) > store.MaxNodeID {
			return tooLong("ballot's node", len(b.Node), store.MaxNodeID)
		}
	}
	if len(m.Near) > store.MaxNodeID {
		return tooLong("nearest node", len(m.Near), store.MaxNodeID)
	}
	for _, t := range [...]clock.Timestamp{m.Settled, m.W} {
		if err := checkTimestamp(t); err != nil {
			return err
		}
	}
	if !isZero(&m.Value) {
		return checkEpoch(&m.Value)
	}
	if m.Step == roster.Accept || m.Step == roster.Decided {
		return errors.New("a decision without an epoch")
	}
	return nil
}

func checkEpoch(v *roster.Epoch) error {
	switch {
	case v.Number == 0:
		return errors.New("epoch 0: epochs count from 1")
	case len(v.Members) == 0:
		return errors.New("an epoch without members")
	case len(v.Members) > MaxMembers:
		return fmt.Errorf("an epoch of %d members, the most is %d", len(v.Members), MaxMembers)
	}
	if err := checkNode(v.Founder); err != nil {
		return fmt.Errorf("founder: %w", err)
	}
	if err := checkNode(v.Sponsor); err != nil {
		return fmt.Errorf("sponsor: %w", err)
	}
	for i := range v.Members {
		if err := checkMember(&v.Members[i]); err != nil {
			return fmt.Errorf("member %d: %w", i, err)
		}
		if i > 0 && v.Members[i-1].Node >= v.Members[i].Node {
			return fmt.Errorf("member %d: its node is not after the one before", i)
		}
	}
	if err := checkTimestamp(v.Bar); err != nil {
		return fmt.Errorf("bar: %w", err)
	}
	if err := checkRegions(v.Regions); err != nil {
		return err
	}
	return checkEnds(v.Ends)
}

func checkRegions(regions []roster.Region) error {
	if len(regions) > MaxMembers {
		return fmt.Errorf("%d regions, the most is %d", len(regions), MaxMembers)
	}
	for i, r := range regions {
		switch {
		case len(r.Name) > MaxLabel:
			return fmt.Errorf("region %d: %w", i, tooLong("name", len(r.Name), MaxLabel))
		case i > 0 && regions[i-1].Name >= r.Name:
			return fmt.Errorf("region %d: its name is not after the one before", i)
		case len(r.Granters) > roster.MaxGranters:
			return fmt.Errorf("region %d: %d granters, the most is %d", i, len(r.Granters), roster.MaxGranters)
		case len(r.Left) > store.MaxNodeID:
			return fmt.Errorf("region %d: %w", i, tooLong("former granter", len(r.Left), store.MaxNodeID))
		}
		if err := checkNodes(r.Granters); err != nil {
			return fmt.Errorf("region %d: granter %w", i, err)
		}
	}
	return nil
}

// checkNodes checks a set of nodes, which is sorted.
func checkNodes(ids []store.NodeID) error {
	for i, id := range ids {
		if err := checkNode(id); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
		if i > 0 && ids[i-1] >= id {
			return fmt.Errorf("%d: it is not after the one before", i)
		}
	}
	return nil
}

func checkMember(m *roster.Member) error {
	if err := checkNode(m.Node); err != nil {
		return err
	}
	if len(m.Region) > MaxLabel {
		return tooLong("region", len(m.Region), MaxLabel)
	}
	if len(m.Name) > MaxLabel {
		return tooLong("name", len(m.Name), MaxLabel)
	}
	return checkTimestamp(m.Since)
}

// isZero reports whether v is none, which travels as nil.
func isZero(v *roster.Epoch) bool {
	return v.Number == 0 && v.Founder == "" && len(v.Members) == 0 && v.Sponsor == "" && v.Bar.IsZero() && len(v.Regions) == 0 && len(v.Ends) == 0
}
