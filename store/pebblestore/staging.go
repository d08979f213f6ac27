package pebblestore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"hearsay/store"
)

// An upload is a file beside Pebble's: through its log and its sorted files a
// large value would be written three times and more, and fill its memtables.

// stagingWrites is what statistics of the disk call these writes.
const stagingWrites vfs.DiskWriteCategory = "staging"

// openStaging makes the directory, and sure that a crash leaves it.
func (s *Store) openStaging() error {
	if err := s.fs.MkdirAll(s.staging, 0o750); err != nil {
		return err
	}
	return s.syncDirectory(s.fs.PathDir(s.staging))
}

func (s *Store) syncDirectory(name string) error {
	d, err := s.fs.OpenDir(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (s *Store) path(u store.Upload) string { return s.fs.PathJoin(s.staging, u.String()) }

// Stage implements store.Staging.
func (s *Store) Stage(u store.Upload, offset int64, data []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.use.RUnlock()
	f, err := s.fs.OpenReadWrite(s.path(u), stagingWrites)
	if err != nil {
		return fmt.Errorf("stage %v: %w", u, err)
	}
	_, err = f.WriteAt(data, offset)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("stage %v: %w", u, err)
	}
	return nil
}

// SyncStaged implements store.Staging.
func (s *Store) SyncStaged(u store.Upload) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.use.RUnlock()
	f, err := s.fs.OpenReadWrite(s.path(u), stagingWrites)
	if err != nil {
		return fmt.Errorf("sync %v: %w", u, err)
	}
	if err := errors.Join(f.Sync(), f.Close(), s.syncDirectory(s.staging)); err != nil {
		return fmt.Errorf("sync %v: %w", u, err)
	}
	return nil
}

// ReadStaged implements store.Staging.
func (s *Store) ReadStaged(u store.Upload, offset int64, buf []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.use.RUnlock()
	f, err := s.fs.Open(s.path(u))
	if errors.Is(err, fs.ErrNotExist) {
		return store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("read %v: %w", u, err)
	}
	n, err := f.ReadAt(buf, offset)
	if n == len(buf) || errors.Is(err, io.EOF) {
		err = nil
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("read %v: %w", u, err)
	}
	if n < len(buf) {
		return store.ErrNotFound
	}
	return nil
}

// Drop implements store.Staging.
func (s *Store) Drop(u store.Upload) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.use.RUnlock()
	if err := s.drop(u); err != nil {
		return fmt.Errorf("drop %v: %w", u, err)
	}
	return nil
}

func (s *Store) drop(u store.Upload) error {
	_, closer, err := s.db.Get(uploadKey(u))
	if err == nil {
		return closer.Close()
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return err
	}
	if err := s.fs.Remove(s.path(u)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Sweep implements store.Staging.
func (s *Store) Sweep() error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.use.RUnlock()
	names, err := s.fs.List(s.staging)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	for _, name := range names {
		var u store.Upload
		if _, err := fmt.Sscanf(name, "%x-%x", &u.Life, &u.Number); err != nil || name != u.String() {
			continue // not ours
		}
		if err := s.drop(u); err != nil {
			return fmt.Errorf("sweep %v: %w", u, err)
		}
	}
	return nil
}
