// Package wire is how gossip messages look as bytes. The same bytes travel
// between the nodes of a simulation and over TCP.
//
// A frame on the wire is four bytes, big endian, for the length of what follows;
// one byte for the version of the format; one for the kind; and the body in
// MessagePack:
//
//	hello   [cluster, node, name, region, bulk]
//	frame   [[origin…], from, [row…], [entry…], facts]
//	status  [[mark…], full, hash, want, facts, closed or nil, tag, tally or nil, [mark…], (wall)]
//	pull    [[mark…], credit]
//	scan    [number, from key, credit]
//	page    [scan, from key, next key, [origin…], [entry…], [mark…], facts, total]
//	gone    [[mark…]]
//	repair  [step, floor wall, floor logical, through wall, through logical, prefix, depth, [sum…], [item…], [frame…], [want…], epoch]
//	roster  [step, number, ballot, accepted ballot, epoch or nil, region, settled, W, nearest node]
//	view    [region, 4 × step + flags, view's id, [node…], round, config, [deaf node…], [mark…]]
//	fetch   [[piece…]]
//	chunk   [piece, data]
//	offer   [manifest]
//	has     [upload]
//
//	origin  [node, start wall, start logical, nonce]
//	mark    [origin, seq]
//	item    [place, print]
//	row     [entry, wall, logical]
//	entry   [version, namespace, name, value, metadata, expires, request, known, seen]
//	version [origin, seq, wall, logical]
//	upload  [life, number]
//	piece   [upload, offset, size, hash]
//	known   nil or [through wall, through logical, maybe wall, maybe logical, [[origin, wall, logical]…]]
//	seen    nil or [through wall, through logical, [[origin, seq, wall, logical]…]]
//	facts   [W wall, W logical, floor wall, floor logical, epoch, (behind)]
//	key     [namespace, name], both empty before the first and after the last one
//	closed  [wall less that of W, zigzag, logical, lags]
//	tag     nil or [view's id, config]
//	tally   [wall, logical, have]
//	view's id [number, proposer]
//	ballot  [round, node]
//	epoch   [number, founder, [member…], sponsor, bar wall, bar logical, [region…]]
//	member  [node, region, since wall, since logical]
//	region  [name, [granter…], since, former granter]
//	settled, W  nil or [wall, logical]
//
// Text is str, values and metadata are bin, numbers are unsigned. What repeats
// within a frame is written once:
//
//   - The origins at its head are a table, which versions, what an entry knows and
//     what its writer had seen index. The first is the frame's own.
//   - An entry without a version (nil) is what the frame's origin wrote as the
//     last of the rows that name it: origin, number and timestamp are that row's.
//   - An entry without a namespace is in that of the entry before it.
//
// A manifest in place of the value is [upload, size, chunk bytes, hashes], the
// hashes one after the other. A chunk without data is one that its sender has not.
//
// An entry of a repair is written as a frame of it alone.
//
// An entry without a value is a tombstone. A live entry always has one, perhaps
// of no bytes: a nil Value of a live entry decodes as an empty one. No request is
// nil, and so is knowing nothing or having seen nothing.
//
// A wall clock is left out where it is not said, and so is that the sender is not
// behind.
//
// A field is only ever added at the end of its array. Decoders skip fields that
// they do not know, so nodes of two releases can talk; but what a node skips it
// does not pass on. A field that replicas must agree on, such as one of an entry,
// therefore needs a new Version too.
//
// Encoding goes through the MessagePack library. Decoding reads MessagePack here:
// a frame is not to be trusted, and the library takes nil for zero, wraps lengths
// where int has 32 bits, and descends into nested arrays without a bound.
package wire

import "errors"

// Version is the version of the format. Nodes that differ in it do not talk.
const Version = 1

// The bounds of what travels, in bytes unless said otherwise. Append refuses to
// send what Decode would refuse to take, so a message that breaks one stops at
// its sender and not at each of its receivers.
const (
	// MaxFrame bounds a frame after its length prefix. It holds a status with the
	// most origins and a gossip.Frame of the largest entries.
	MaxFrame = 8 << 20
	// MaxMetadata bounds the metadata of an entry. It is the limit of Workers KV.
	MaxMetadata = 1024
	// MaxCredit bounds the bytes that one Pull grants. It fits an int of 32 bits.
	MaxCredit = 1 << 30
	// MaxLabel bounds a region, and each other text of a Hello but its node id,
	// which store.MaxNodeID bounds. It is the longest host name on Linux, the usual
	// name of a node.
	MaxLabel = 64
	// MaxMembers bounds the members of an epoch. A roster.Config that allows more
	// has them agree on what cannot be sent.
	MaxMembers = 1024
	// MaxViewNodes bounds the nodes of a view, and half of whom one is deaf to.
	MaxViewNodes = 128
)

var (
	// ErrTooLarge is returned for a frame of more than MaxFrame bytes.
	ErrTooLarge = errors.New("wire: frame too large")
	// ErrVersion is returned for a frame in another version of the format.
	ErrVersion = errors.New("wire: other version of the format")
	// ErrMalformed is returned for bytes that are no frame, and for frames and
	// messages that break a bound or a rule of their kind.
	ErrMalformed = errors.New("wire: malformed")
)

// The kinds of frames.
const (
	kindHello  = 1
	kindFrame  = 2
	kindStatus = 3
	kindPull   = 4
	kindRoster = 5
	kindView   = 6
	kindFetch  = 16
	kindChunk  = 17
	kindOffer  = 18
	kindHas    = 19
	kindRepair = 24
	kindScan   = 25
	kindPage   = 26
	kindGone   = 27
)

const (
	prefixLen = 4 // the length
	headLen   = 2 // version and kind
)
