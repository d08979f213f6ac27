// Package store says what a replica holds: entries, the order in which each
// origin wrote them, and how far the replica is with each origin.
//
// Store is the contract of a family. memstore keeps a replica in memory and can
// lose its unsynced tail, for the simulator; pebblestore keeps one on disk;
// storetest is the suite that both pass.
package store

import (
	"errors"

	"hearsay/clock"
)

var (
	// ErrNotFound is returned by Get for a key that was never written here. A
	// deleted key is found: its entry is a tombstone.
	ErrNotFound = errors.New("store: key not found")
	// ErrClosed is returned by every method of a closed store. Nothing changed.
	ErrClosed = errors.New("store: closed")
)

// A Row is one line of an origin's log: which key its write number Seq touched,
// and when. The entry that the key holds now may be another origin's.
type Row struct {
	Seq       uint64
	Key       Key
	Timestamp clock.Timestamp
}

// A Reader reads entries. What it returns is shared and must not be changed.
type Reader interface {
	// Get returns the entry of key, which may be a tombstone, or ErrNotFound.
	Get(key Key) (*Entry, error)
	// Scan returns up to limit entries, tombstones included, from key start on
	// and before end, in key order. The zero end is after all keys.
	Scan(start, end Key, limit int) ([]*Entry, error)
}

// A Snapshot is a replica's entries at one moment. It may be read from any
// goroutine and holds resources until it is closed.
type Snapshot interface {
	Reader
	Close() error
}

// A Batch collects the writes of one turn and reads through them. Nothing in it
// is visible elsewhere before Commit. A batch is used once, by one goroutine.
type Batch interface {
	// Get returns the entry of key as this batch leaves it, or ErrNotFound.
	Get(key Key) (*Entry, error)
	// Put makes e the entry of its key, whatever the key holds: who wins is
	// decided by the caller. The batch keeps e. From the commit on the upload of its
	// Manifest, all of which is staged and synced, is kept.
	Put(e *Entry) error
	// Release has u not kept any more from the commit on: its entry is superseded.
	// What is staged stays until it is dropped or swept.
	Release(u Upload) error
	// Log adds row to origin's log. Rows above the watermark may come in any
	// order; adding one twice does no harm.
	Log(origin Origin, row Row) error
	// SetMark makes seq the watermark of origin, 0 for none any more. The caller has
	// logged every row up to it, or trimmed the log so far.
	SetMark(origin Origin, seq uint64) error
	// Collect removes up to limit entries that are due at or below floor, and
	// returns them, the first due first; see Entry.Due. More says that some may be left
	// for another batch. A batch collects before it puts: what it has put itself may
	// never be collected.
	Collect(floor clock.Timestamp, limit int) (removed []*Entry, more bool, err error)
	// Remove takes key and its entry out, if it has one.
	Remove(key Key) error
	// Trim drops the rows of origin's log up to seq, which may be past its last. It
	// never takes rows that were dropped back.
	Trim(origin Origin, seq uint64) error
	// Forget drops origin's watermark and all of its log.
	Forget(origin Origin) error
	// SetBucket makes c what the digest says of bucket i, which follows what is put
	// by itself. It is for one that does not tell the truth any more.
	SetBucket(i int, c Bucket) error
	// SetMemo makes value the memo of that name. The batch keeps value.
	SetMemo(name string, value []byte) error
	// Commit applies the batch as a whole. With sync set it returns once this and
	// every earlier commit will survive a crash; without, a crash may take back
	// the newest commits, newest first. After an error the store must be
	// closed: what a crash would leave is then unknown.
	Commit(sync bool) error
	// Close releases a batch, committed or not.
	Close() error
}

// A Store holds one replica. Reads may run beside each other and beside one
// Batch.
type Store interface {
	Reader
	Staging
	// Rows returns up to limit rows of origin's log past after, in Seq order and up
	// to the first that is missing. That one is above the watermark, or it is an
	// error; so are rows that were trimmed.
	Rows(origin Origin, after uint64, limit int) ([]Row, error)
	// Watermarks returns a copy that the caller may keep.
	Watermarks() (Watermarks, error)
	// Trimmed returns, per origin, up to which number its log was trimmed. The
	// caller may keep it.
	Trimmed() (Watermarks, error)
	// Newest returns the greatest timestamp of any entry or row ever held, to restart
	// a hybrid clock from.
	Newest() (clock.Timestamp, error)
	// Memo returns the memo of that name, nil if it was never set: something
	// short that the node itself must not forget.
	Memo(name string) ([]byte, error)
	// Digest returns what all committed entries are, bucket by bucket. It is valid
	// until the next commit and must not be changed.
	Digest() ([]Bucket, error)
	// Bucket returns the entries of bucket i as they are, by place, whatever the
	// digest says of them.
	Bucket(i int) ([]*Entry, error)
	NewBatch() Batch
	Snapshot() (Snapshot, error)
	Close() error
}
