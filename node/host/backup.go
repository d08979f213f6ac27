package host

import (
	"context"
	"errors"
	"io"

	"go.uber.org/zap"

	"hearsay/node/backup"
)

// errCopying is returned to who asks for a second backup or restore at a time: the
// first one holds back what the node would give up, or fills its queue.
var errCopying = errors.New("a backup or restore is under way at this node; wait for its end, or ask another node")

// Backup implements admin.Source. Large values that are superseded meanwhile stay until
// it is done.
func (h *Host) Backup(w io.Writer) error {
	if err := h.Alive(); err != nil {
		return err
	}
	if !h.copying.TryLock() {
		return errCopying
	}
	defer h.copying.Unlock()
	h.large.hold()
	defer h.large.letGo()
	v := h.View()
	defer v.Close()
	saved, err := backup.Save(w, v, h.identity)
	if err != nil {
		h.log.Warn("backup failed", zap.Error(err))
		return err
	}
	h.log.Info("backup taken", zap.Uint64("entries", saved.Entries), zap.Int64("bytes", saved.Bytes))
	return nil
}

// Restore implements admin.Source.
func (h *Host) Restore(ctx context.Context, r io.Reader, opt backup.Options) (backup.Restored, error) {
	if err := h.Ready(); err != nil {
		return backup.Restored{}, err
	}
	if !h.copying.TryLock() {
		return backup.Restored{}, errCopying
	}
	defer h.copying.Unlock()
	done, err := backup.Restore(ctx, r, h, h.uploads, opt)
	h.log.Info("backup restored", zap.Uint64("written", done.Written), zap.Uint64("deleted", done.Deleted), zap.Uint64("kept", done.Kept), zap.Error(err))
	return done, err
}
