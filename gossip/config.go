package gossip

import (
	"fmt"
	"time"

	"hearsay/gossip/roster"
	"hearsay/gossip/view"
)

// Config tunes how entries spread. Start from DefaultConfig.
type Config struct {
	// StatusInterval is the time between two statuses to every peer. It bounds
	// how long the loss of a last frame goes unnoticed.
	StatusInterval time.Duration
	// Grace is how long a node that hears of rows it lacks waits for them to come
	// by themselves, for they are mostly on their way, unless it hears of them from
	// the very node that should have sent them.
	Grace time.Duration
	// PullTimeout is added to one and a half round trips: a pull that brought
	// nothing for so long goes to another holder.
	PullTimeout time.Duration
	// Hedge is added to one and a half round trips: a relay that confirmed nothing
	// of what it got for so long is given up for another of its region.
	Hedge time.Duration
	// Coalesce is how long what was written waits for more while something is on its
	// way to a relay: as much later it is there, and the stream has less frames to
	// carry. 0 is not at all.
	Coalesce time.Duration
	// UnknownRTT stands for the round trip to a peer in another region until one
	// was measured.
	UnknownRTT time.Duration
	// MaxFrameBytes bounds one Frame before encoding. A single larger entry is
	// still sent, alone.
	MaxFrameBytes int
	// MaxFrameRows bounds the rows of one Frame.
	MaxFrameRows int
	// Credit is how many bytes of frames a node grants a peer that it pulls
	// from, at most. It is renewed at half, so up to one and a half of it may be under
	// way: at 3 MiB and 200 ms of round trip, over 100 Mbit/s. Where less comes in
	// within a round trip and CreditTime, no more than that is granted, but an eighth.
	Credit     int
	CreditTime time.Duration
	// FreshWindow is how many bytes of fresh frames, this node's own and those it
	// passes on, may be under way to a peer unconfirmed. Past it the peer is left to
	// pull at its pace.
	FreshWindow int
	// TurnBytes bounds what one Collect sends to all peers from open streams, so
	// that a turn stays short. One frame more may be sent.
	TurnBytes int
	// FloorAge is the least age of the floor: for so long deletions are kept even
	// if all have them.
	FloorAge time.Duration
	// FloorStep is the whole steps in which the floor rises, so that nodes mostly
	// have one floor. It is the same in all of a cluster, and well above the time that
	// word of all members takes to all, a second or two in large ones.
	FloorStep time.Duration
	// MaxRows bounds the rows of all logs together. Whoever is further behind than
	// they reach takes a snapshot.
	MaxRows int
	// Sweep is how many logs, or entries, one turn clears of what the floor has
	// passed. 0 is none, and the same in all of a cluster: everything is kept for ever,
	// and who is far behind, or new, catches up by logs.
	Sweep int
	// RepairInterval is the time between two comparisons of content with a peer, each
	// begun by this node, and Scrub how many buckets of its own it looks through then.
	RepairInterval time.Duration
	Scrub          int
	// MaxOrigins bounds the origins that a peer is believed to hold, and those
	// that this node relays.
	MaxOrigins int
	// FetchWindow is how many bytes of large values are asked of one peer at a time.
	FetchWindow int64
	// FetchTimeout is added to one and a half round trips: a fetch that brought
	// nothing for so long goes to another holder.
	FetchTimeout time.Duration
	// FetchPatience is how long a node leaves it to its region's relay to fetch a
	// large value from afar.
	FetchPatience time.Duration
	// OfferPatience is how long a write waits for a node of its region that fetches
	// nothing of it.
	OfferPatience time.Duration
	// KeepOffered is how long an upload that was offered is kept for its write.
	KeepOffered time.Duration
	// MaxWants bounds the large values that are fetched, and the rows that wait for
	// them. Past it no frame with another one is taken in; one frame's may be more.
	MaxWants int
	// Roster tunes how the cluster agrees on its members.
	Roster roster.Config
	// View tunes how a region agrees on who may answer `region`.
	View view.Config
}

// DefaultConfig returns settings for regions far apart.
func DefaultConfig() Config {
	return Config{
		StatusInterval: 200 * time.Millisecond,
		Grace:          200 * time.Millisecond,
		PullTimeout:    150 * time.Millisecond,
		Hedge:          20 * time.Millisecond,
		Coalesce:       2 * time.Millisecond,
		UnknownRTT:     300 * time.Millisecond,
		MaxFrameBytes:  256 << 10,
		MaxFrameRows:   1024,
		Credit:         3 << 20,
		CreditTime:     200 * time.Millisecond,
		FreshWindow:    2 << 20,
		TurnBytes:      1 << 20,
		FloorAge:       10 * time.Minute,
		FloorStep:      time.Minute,
		MaxRows:        1_000_000,
		Sweep:          256,
		RepairInterval: time.Minute,
		Scrub:          1,
		MaxOrigins:     1 << 16,
		FetchWindow:    4 << 20,
		FetchTimeout:   10 * time.Second,
		FetchPatience:  30 * time.Second,
		OfferPatience:  time.Second,
		KeepOffered:    10 * time.Minute,
		MaxWants:       1024,
		Roster:         roster.DefaultConfig(),
		View:           view.DefaultConfig(),
	}
}

// Validate returns an error that names the first field out of its range.
func (c Config) Validate() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"StatusInterval", c.StatusInterval},
		{"Grace", c.Grace},
		{"PullTimeout", c.PullTimeout},
		{"Hedge", c.Hedge},
		{"UnknownRTT", c.UnknownRTT},
		{"CreditTime", c.CreditTime},
		{"RepairInterval", c.RepairInterval},
		{"FloorAge", c.FloorAge},
		{"FloorStep", c.FloorStep},
		{"FetchTimeout", c.FetchTimeout},
		{"FetchPatience", c.FetchPatience},
		{"OfferPatience", c.OfferPatience},
		{"KeepOffered", c.KeepOffered},
		{"Roster.Gather", c.Roster.Gather},
		{"Roster.Patience", c.Roster.Patience},
		{"Roster.Silence", c.Roster.Silence},
		{"Roster.Horizon", c.Roster.Horizon},
	} {
		if d.value <= 0 {
			return fmt.Errorf("gossip: %s is %v, must be positive", d.name, d.value)
		}
	}
	if c.Coalesce < 0 {
		return fmt.Errorf("gossip: Coalesce is %v, must not be negative", c.Coalesce)
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"MaxFrameBytes", c.MaxFrameBytes},
		{"MaxFrameRows", c.MaxFrameRows},
		{"Credit", c.Credit},
		{"FreshWindow", c.FreshWindow},
		{"TurnBytes", c.TurnBytes},
		{"MaxRows", c.MaxRows},
		{"Scrub", c.Scrub},
		{"MaxOrigins", c.MaxOrigins},
		{"FetchWindow", int(c.FetchWindow)},
		{"MaxWants", c.MaxWants},
		{"Roster.MaxMembers", c.Roster.MaxMembers},
	} {
		if n.value <= 0 {
			return fmt.Errorf("gossip: %s is %d, must be positive", n.name, n.value)
		}
	}
	if most := c.View.Lease + c.View.Slack; c.Roster.Settle <= most {
		return fmt.Errorf("gossip: Roster.Settle is %v, must be more than a lease with its slack, %v", c.Roster.Settle, most)
	}
	if c.Sweep < 0 {
		return fmt.Errorf("gossip: Sweep is %d, must not be negative", c.Sweep)
	}
	return c.View.Validate()
}
