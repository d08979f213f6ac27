package wire

import (
	"fmt"
	"math"

	"hearsay/gossip/roster"
	"hearsay/store"
)

// This file is how the ends of dropped members travel, both ways.

func (e *Encoder) ends(ends []roster.End) {
	e.array(len(ends))
	for _, end := range ends {
		e.array(5)
		e.text(string(end.Node))
		e.uint(end.Epoch)
		e.marks(end.Marks)
		e.timestamp(end.Through)
	}
}

// ends returns nil for an empty list.
func (c *cursor) ends() []roster.End {
	n := c.list("ends", endSize)
	if n > roster.MaxEnds {
		c.fail("ends", "%d, the most is %d", n, roster.MaxEnds)
		return nil
	}
	if n == 0 {
		return nil
	}
	ends := make([]roster.End, n)
	for i := range ends {
		unknown := c.open("end", 5)
		ends[i].Node = store.NodeID(c.text("end's node", store.MaxNodeID))
		ends[i].Epoch = c.uint("end's epoch", math.MaxUint64)
		ends[i].Marks = c.marks()
		ends[i].Through = c.timestamp("end's timestamp")
		c.skip("end", unknown)
	}
	return ends
}

func checkEnds(ends []roster.End) error {
	if len(ends) > roster.MaxEnds {
		return fmt.Errorf("%d ends, the most is %d", len(ends), roster.MaxEnds)
	}
	for i := range ends {
		if err := checkNode(ends[i].Node); err != nil {
			return fmt.Errorf("end %d: %w", i, err)
		}
		if i > 0 && ends[i-1].Node >= ends[i].Node {
			return fmt.Errorf("end %d: its node is not after the one before", i)
		}
		for _, m := range ends[i].Marks {
			if m.Origin.Node != ends[i].Node {
				return fmt.Errorf("end %d: it names a stream of another node", i)
			}
		}
		if err := checkMarks(ends[i].Marks); err != nil {
			return fmt.Errorf("end %d: %w", i, err)
		}
		if err := checkTimestamp(ends[i].Through); err != nil {
			return fmt.Errorf("end %d: %w", i, err)
		}
	}
	return nil
}
