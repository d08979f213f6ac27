package host

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2/vfs"

	"hearsay/store"
)

// A directory is a node's data directory, locked against other processes. It
// holds the node's id beside the store, so that the two are kept, copied and
// lost together.
type directory struct {
	path string
	id   store.NodeID
	// fresh says that the id was drawn by this openDirectory.
	fresh bool
	lock  io.Closer
}

const (
	lockFile  = "LOCK"
	idFile    = "node-id"
	storePath = "store"
	idBytes   = 16
)

// openDirectory locks the directory at path, which it creates if need be, and
// returns it with the node's id. Only a directory without a store is given a
// new id: a node that comes back under another id has lost its past.
func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := vfs.Default.Lock(filepath.Join(path, lockFile))
	if err != nil {
		return nil, fmt.Errorf("data directory %s is in use: stop the node that runs on it, or choose another directory: %w", path, err)
	}
	d := &directory{path: path, lock: lock}
	if err := d.identify(); err != nil {
		return nil, errors.Join(fmt.Errorf("data directory %s: %w", path, err), lock.Close())
	}
	return d, nil
}

// store returns the path of the store in d.
func (d *directory) store() string { return filepath.Join(d.path, storePath) }

// close gives up the lock.
func (d *directory) close() error { return d.lock.Close() }

func (d *directory) identify() error {
	text, err := os.ReadFile(filepath.Join(d.path, idFile))
	if errors.Is(err, fs.ErrNotExist) {
		return d.settle()
	}
	if err != nil {
		return fmt.Errorf("read the node's id: %w", err)
	}
	d.id, err = parseID(text)
	return err
}

// settle gives a new directory its id.
func (d *directory) settle() error {
	switch _, err := os.Stat(d.store()); {
	case err == nil:
		return fmt.Errorf("there is a store but no %s: restore that file, or remove the directory to start as a new node", idFile)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("look for a store: %w", err)
	}
	var raw [idBytes]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the program instead
	id := hex.EncodeToString(raw[:])
	if err := writeFile(d.path, idFile, id+"\n"); err != nil {
		return fmt.Errorf("write the node's id: %w", err)
	}
	d.id, d.fresh = store.NodeID(id), true
	return nil
}

func parseID(text []byte) (store.NodeID, error) {
	const digits = 2 * idBytes
	if len(text) == digits+1 && text[digits] == '\n' {
		text = text[:digits]
	}
	if raw, err := hex.DecodeString(string(text)); err != nil || len(raw) != idBytes {
		return "", fmt.Errorf("%s does not hold %d hex digits: restore that file, or remove the directory to start as a new node", idFile, digits)
	}
	return store.NodeID(text), nil
}

// writeFile makes text the content of name in dir, as a whole or not at all, so
// that it survives a crash once writeFile has returned.
func writeFile(dir, name, text string) (err error) {
	f, err := os.CreateTemp(dir, name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.WriteString(text)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
