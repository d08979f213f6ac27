package host

import (
	"time"

	"github.com/cockroachdb/pebble/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"hearsay/gossip"
	"hearsay/node"
	"hearsay/store"
)

// An eventLog writes a node's events: as a warning if an operator should look,
// as an info if a peer came or went or something was repaired, else for
// debugging.
type eventLog struct {
	log *zap.Logger
	// sampled is for what a peer can cause as often as it likes: of lines that say
	// the same it keeps the first few of each minute. The counters have them all.
	sampled *zap.Logger
}

const (
	sampleTick  = time.Minute
	sampleFirst = 5
)

func newEventLog(log *zap.Logger) eventLog {
	sample := func(c zapcore.Core) zapcore.Core {
		return zapcore.NewSamplerWithOptions(c, sampleTick, sampleFirst, 0)
	}
	return eventLog{log: log, sampled: log.WithOptions(zap.WrapCore(sample))}
}

func (l eventLog) write(e node.Event) {
	switch e := e.(type) {
	case gossip.PeerUp:
		l.log.Info("peer is up", peerField(e.Peer.ID), zap.String("region", e.Peer.Region))
	case gossip.PeerDown:
		l.log.Info("peer is down", peerField(e.Peer.ID), zap.String("region", e.Peer.Region))
	case gossip.EpochAdopted:
		l.log.Info("roster adopted", zap.Uint64("epoch", e.Number), zap.Int("members", e.Members))
	case gossip.FellBehind:
		l.log.Warn("others have trimmed their logs past what this node lacks: it takes a snapshot", zap.Bool("ready_meanwhile", !e.Fenced))
	case gossip.SnapshotAgain:
		l.log.Info("the snapshot begins anew", peerField(e.From), zap.Uint64("entries", e.Entries))
	case gossip.CaughtUp:
		l.log.Info("caught up by snapshot", peerField(e.From), zap.Uint64("entries", e.Entries), zap.Duration("took", e.Took))
	case node.EntryInDoubt:
		l.log.Error("a write that counts nowhere was taken out: others hold nothing of its key, and may have deleted it",
			zap.Stringer("key", e.Key), zap.Stringer("version", e.Version))
	case node.ClockOff:
		l.log.Warn("this machine's clock is off from its peers': no writes are taken until it is right", zap.Duration("behind", e.Behind))
	case node.ClockRight:
		l.log.Info("this machine's clock agrees with its peers' again", zap.Duration("after", e.After))
	case node.DiskFull:
		l.log.Error("the disk has no room to spare: nothing is taken in until there is some", zap.Error(node.ErrFull))
	case node.DiskFreed:
		l.log.Info("the disk has room again", zap.Duration("after", e.After))
	case gossip.BucketBad:
		l.sampled.Error("the disk does not hold what was put there", zap.Int("bucket", e.Bucket))
	case gossip.ReplicasDiffer:
		l.sampled.Error("this node and a peer hold different entries, and neither misses any",
			peerField(e.Peer), zap.Int("bucket", e.Bucket), zap.Int("here", e.Here), zap.Int("there", e.There))
	case gossip.EntryMended:
		l.sampled.Warn("entry taken from a peer that differed", peerField(e.Peer), zap.Stringer("key", e.Key))
	case gossip.MendRefused:
		l.sampled.Error("a peer has another entry below the floor; unless most members hold the same, an operator has to decide", peerField(e.Peer), zap.Stringer("key", e.Key))
	case gossip.EntryStruck:
		l.sampled.Error("entry taken out, for most members hold nothing under its key", zap.Stringer("key", e.Key), zap.Stringer("version", e.Version))
	case node.BoundExceeded:
		l.log.Warn("writes older than the bound may be missing here",
			zap.Duration("bound", e.Bound), zap.Stringer("acked", e.Acked), zap.String("laggard", string(e.Laggard)))
	case node.BoundKept:
		l.log.Info("no write older than the bound is missing any more", zap.Duration("after", e.After))
	case gossip.OriginHeld:
		l.sampled.Warn("an origin's stream waits: its clock is ahead of this machine's by more than the maximum skew",
			originField(e.Origin), zap.Duration("for", e.For))
	case gossip.StampsRefused:
		l.log.Error("a node's writes are refused: their timestamps are ahead of this machine's clock by more than twice the maximum skew, so one of the two clocks is wrong, or was",
			peerField(e.Node), zap.Duration("ahead", e.Ahead))
	case gossip.StampsAccepted:
		l.log.Info("a node offers no writes any more that are refused for their timestamps", peerField(e.Node), zap.Duration("after", e.After))
	case node.RunsAhead:
		l.log.Error("this node's timestamps are so far ahead that others refuse its writes: its clock was wrong; it asks the cluster to drop and admit it again, and writes anew what nobody took",
			zap.Duration("ahead", e.By))
	case gossip.FetchFailed:
		l.sampled.Info("a peer did not bring a large value", peerField(e.From), zap.Stringer("upload", e.Upload))
	case gossip.MessageRefused:
		l.sampled.Warn("message refused: "+e.Why, peerField(e.From))
	case gossip.GapFound:
		l.sampled.Info("rows went missing on the way", originField(e.Origin), zap.Uint64("mark", e.Mark), zap.Uint64("from", e.From))
	case gossip.RelayLate:
		l.sampled.Info("relay confirmed nothing in time", peerField(e.Peer), zap.String("region", e.Region))
	case gossip.PullTimedOut:
		l.sampled.Info("pull brought nothing in time", peerField(e.To), originField(e.Origin))
	default:
		// Many a turn: their fields are not even made unless somebody reads them.
		if l.log.Core().Enabled(zap.DebugLevel) {
			l.log.Debug(e.EventName(), debugFields(e)...)
		}
	}
}

func debugFields(e node.Event) []zap.Field {
	switch e := e.(type) {
	case gossip.FrameApplied:
		return []zap.Field{peerField(e.From), originField(e.Origin), zap.Int("rows", e.Rows), zap.Bool("ahead", e.Ahead)}
	case gossip.FrameRepeated:
		return []zap.Field{peerField(e.From), originField(e.Origin)}
	case gossip.FreshCrossed:
		return crossingFields(e.Crossing)
	case gossip.HedgeCrossed:
		return crossingFields(e.Crossing)
	case gossip.PullCrossed:
		return crossingFields(e.Crossing)
	case gossip.FrameRelayed:
		return []zap.Field{originField(e.Origin), zap.Int("rows", e.Rows), zap.Int("peers", e.Peers)}
	case gossip.NoStream:
		return []zap.Field{peerField(e.From)}
	case gossip.Pulled:
		return []zap.Field{peerField(e.To), zap.Int("origins", e.Origins)}
	case node.WriteAccepted:
		return []zap.Field{zap.Stringer("key", e.Key), zap.Stringer("version", e.Version), zap.Bool("delete", e.Delete)}
	case node.WriteRepeated:
		return []zap.Field{zap.Stringer("key", e.Key), zap.Stringer("version", e.Version)}
	case node.UpdateLost:
		return []zap.Field{zap.Stringer("key", e.Key), zap.Stringer("loser", e.Loser), zap.Stringer("winner", e.Winner), zap.Bool("doubtful", e.Doubtful)}
	case node.OfferedAnew:
		return []zap.Field{zap.Stringer("key", e.Key), zap.Stringer("old", e.Old), zap.Stringer("new", e.New)}
	case gossip.FloorRaised:
		return []zap.Field{zap.Stringer("floor", e.Floor)}
	case gossip.OriginRetired:
		return []zap.Field{originField(e.Origin)}
	case gossip.BelowFloor:
		return []zap.Field{peerField(e.From), originField(e.Origin)}
	case node.EntriesCollected:
		return []zap.Field{zap.Int("count", len(e.Entries))}
	case node.EntryBelowFloor:
		return []zap.Field{zap.Stringer("key", e.Key), zap.Stringer("version", e.Version)}
	case node.EntriesMerged:
		return []zap.Field{zap.Int("offered", e.Offered), zap.Int("won", e.Won)}
	}
	return nil
}

func crossingFields(c gossip.Crossing) []zap.Field {
	return []zap.Field{peerField(c.To), originField(c.Origin), zap.Int("rows", c.Rows)}
}

func peerField(id store.NodeID) zap.Field { return zap.String("peer", string(id)) }

func originField(o store.Origin) zap.Field { return zap.Stringer("origin", o) }

// storeEvents writes to log what an operator should know of the store.
func storeEvents(log *zap.Logger) *pebble.EventListener {
	sampled := newEventLog(log).sampled // it tries again at once
	return &pebble.EventListener{
		BackgroundError: func(err error) { sampled.Warn("the store met an error", zap.String("error", err.Error())) },
		DataCorruption:  func(i pebble.DataCorruptionInfo) { log.Error("the store is corrupt", zap.Stringer("what", i)) },
	}
}
