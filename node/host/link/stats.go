package link

import "sync/atomic"

// Stats counts what happened since Open.
type Stats struct {
	Dropped     uint64 // statuses that found a full queue
	Undelivered uint64 // messages to a peer without a stream, or too large for a frame
	Resets      uint64 // streams broken because a queue was full
	Streams     uint64 // outbound streams opened, the first to a peer included
	Refused     uint64 // inbound connections refused
	Malformed   uint64 // inbound streams broken because of what they carried
	BytesIn     uint64 // on streams
	BytesOut    uint64
}

type counters struct {
	dropped, undelivered, resets, streams, refused, malformed, bytesIn, bytesOut atomic.Uint64
}

// Stats returns the counts up to now.
func (l *Links) Stats() Stats {
	c := &l.count
	return Stats{
		Dropped:     c.dropped.Load(),
		Undelivered: c.undelivered.Load(),
		Resets:      c.resets.Load(),
		Streams:     c.streams.Load(),
		Refused:     c.refused.Load(),
		Malformed:   c.malformed.Load(),
		BytesIn:     c.bytesIn.Load(),
		BytesOut:    c.bytesOut.Load(),
	}
}
