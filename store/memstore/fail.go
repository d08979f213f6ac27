package memstore

// Fail has the next commit fail with err, as a disk does that cannot sync, and so
// everything after it until Crash. Kept says that what it wrote is durable all the
// same. A nil err takes that back, if no commit has failed yet.
func (s *Store) Fail(err error, kept bool) { s.failing = failing{err: err, kept: kept} }

// failing is how the next commit goes wrong, if it does.
type failing struct {
	err  error
	kept bool
	done bool // it has failed
}
