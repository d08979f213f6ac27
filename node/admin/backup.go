package admin

import (
	"io"
	"net/http"
	"time"

	"hearsay/node/backup"
)

const (
	// BackupPath answers a GET with a backup of the node. One that breaks off was none.
	BackupPath = "/admin/v1/backup"
	// RestorePath takes a backup by POST, and what a restore may do by the parameters
	// overwrite and other-cluster, each true. It answers a Restoring.
	RestorePath = "/admin/v1/restore"
)

// stall is how long a backup or restore waits for the other side to get on. A backup
// holds what the node would give up meanwhile.
const stall = time.Minute

// A Restoring is what came of a restore.
type Restoring struct {
	backup.Restored
	// Error is why it did not come to its end, empty if it did.
	Error string `json:"error,omitempty"`
}

func save(w http.ResponseWriter, s Source) {
	w.Header().Set("Content-Type", "application/octet-stream")
	out := &steadyWriter{out: w, conn: http.NewResponseController(w)}
	err := s.Backup(out)
	switch {
	case err == nil:
	case out.begun:
		panic(http.ErrAbortHandler) // the status is out: only a break says that it failed
	default:
		refuse(w, http.StatusConflict, err.Error())
	}
}

func restore(w http.ResponseWriter, r *http.Request, s Source) {
	conn := http.NewResponseController(w)
	// A connection that knows no deadlines has none.
	_ = conn.SetWriteDeadline(time.Time{})
	defer func() { _ = conn.SetWriteDeadline(time.Now().Add(stall)) }()
	done, err := s.Restore(r.Context(), &steadyReader{in: r.Body, conn: conn}, backup.Options{
		Overwrite:    r.URL.Query().Get("overwrite") == "true",
		OtherCluster: r.URL.Query().Get("other-cluster") == "true",
	})
	if err != nil {
		answer(w, http.StatusConflict, Restoring{done, err.Error()})
		return
	}
	answer(w, http.StatusOK, Restoring{Restored: done})
}

// A steadyWriter breaks a connection whose other side takes nothing for stall.
type steadyWriter struct {
	out   io.Writer
	conn  *http.ResponseController
	begun bool
}

func (s *steadyWriter) Write(p []byte) (int, error) {
	s.begun = true
	_ = s.conn.SetWriteDeadline(time.Now().Add(stall))
	return s.out.Write(p)
}

// A steadyReader breaks a connection whose other side sends nothing for stall.
type steadyReader struct {
	in   io.Reader
	conn *http.ResponseController
}

func (s *steadyReader) Read(p []byte) (int, error) {
	_ = s.conn.SetReadDeadline(time.Now().Add(stall))
	return s.in.Read(p)
}
