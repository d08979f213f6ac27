package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"hearsay/node/admin"
	"hearsay/node/backup"
	"hearsay/store"
)

// A saved is what a backup holds.
type saved struct {
	File    string       `json:"file"`
	Cluster string       `json:"cluster"`
	Node    store.NodeID `json:"node"`
	Name    string       `json:"name"`
	Taken   time.Time    `json:"taken"`
	W       string       `json:"w"` // empty if unknown
	backup.Totals
}

func newSaved(file string, h backup.Header, t backup.Totals) saved {
	s := saved{File: file, Cluster: h.Cluster, Node: h.Node, Name: h.Name, Taken: h.Taken, Totals: t}
	if !h.W.IsZero() {
		s.W = h.W.String()
	}
	return s
}

func (s saved) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(s)
	}
	_, err := fmt.Fprintf(out, "%s: a whole backup of cluster %s as %s had it at %s: %d entries with %d bytes, %d deleted keys\n",
		s.File, s.Cluster, s.Name, s.Taken.Format(time.RFC3339), s.Entries, s.Bytes, s.Tombstones)
	return err
}

func newClusterBackup(port *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write all that a node holds to a file",
		Long: `Write all that a node holds at one moment to a file, or with - to standard output:
namespaces, entries, large values, and which keys are deleted. The node goes on as
ever. What another node has written and this one has not heard of is not in it: the
file says up to which time (W) nothing of anybody is missing.

The file has a checksum for each of its pieces and one for all, and gets its name
once it is whole. --check reads one that is there instead, and asks no node.

'hearsay cluster restore' brings it into a cluster. A copy of a data directory is
something else: a node that starts on it is the node that it was.`,
		Example: `  hearsay cluster backup all.backup
  hearsay cluster backup - --admin http://127.0.0.1:8703 | zstd > all.backup.zst
  hearsay cluster backup all.backup --check --output json`,
		Args: args("FILE"),
	}
	asJSON := addOutput(cmd)
	check := cmd.Flags().Bool("check", false, "look whether FILE is a whole backup; nothing is written")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		file, result := files[0], cmd.OutOrStdout()
		var s saved
		var err error
		switch {
		case *check:
			s, err = checkFile(cmd, file)
		case file == "-":
			result = cmd.ErrOrStderr() // the backup itself goes out
			s, err = saveTo(cmd, *port, file, cmd.OutOrStdout())
		default:
			s, err = saveFile(cmd, *port, file)
		}
		if err != nil {
			return err
		}
		return s.print(result, asJSON())
	}
	return cmd
}

// saveFile has the file there, under its name, once it is whole and on the disk.
func saveFile(cmd *cobra.Command, port, file string) (saved, error) {
	if _, err := os.Lstat(file); err == nil {
		return saved{}, usageError("%s is there already; name another file, or remove it", file)
	}
	f, err := os.CreateTemp(filepath.Dir(file), filepath.Base(file)+".part-*")
	if err != nil {
		return saved{}, err
	}
	s, err := saveTo(cmd, port, file, f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return saved{}, errors.Join(err, os.Remove(f.Name()))
	}
	return s, nil
}

// saveTo writes a backup to out, and reads it as it goes by.
func saveTo(cmd *cobra.Command, port, file string, out io.Writer) (saved, error) {
	resp, err := sendAdmin(cmd.Context(), port, http.MethodGet, admin.BackupPath, nil)
	if err != nil {
		return saved{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return saved{}, refusal(port, resp)
	}
	w := bufio.NewWriterSize(out, 1<<20)
	h, t, err := backup.Check(told(cmd, "backup", 0, io.TeeReader(resp.Body, w)))
	if err = errors.Join(err, w.Flush()); err != nil {
		return saved{}, fmt.Errorf("backup from %s: %w", port, err)
	}
	return newSaved(file, h, t), nil
}

func checkFile(cmd *cobra.Command, file string) (saved, error) {
	f, size, err := openBackup(file)
	if err != nil {
		return saved{}, err
	}
	defer f.Close()
	h, t, err := backup.Check(told(cmd, "check", size, f))
	if err != nil {
		return saved{}, fmt.Errorf("%s: %w", file, err)
	}
	return newSaved(file, h, t), nil
}

// openBackup returns what is at file, and its size.
func openBackup(file string) (*os.File, int64, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, 0, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, st.Size(), nil
}

// A restored is what came of a restore.
type restored struct {
	File    string `json:"file"`
	Cluster string `json:"cluster"` // that the backup is of
	backup.Restored
}

func newClusterRestore(port *string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring a backup into a cluster, as new writes",
		Long: `Bring a backup into a running or new cluster, through one of its nodes. The whole
file is read first: one that is cut off or damaged changes nothing.

Each entry becomes a new write, stamped now. A key that the cluster holds a later
write of is left as it is, deleted or not; --overwrite has the backup win, and a
namespace that was deleted come back with it. Keys that the backup does not have
stay. Expirations stay the moments that they were, and what has expired is left out.

Namespaces keep their ids, unless another one has the title by now: then their keys
go there. Restoring again is harmless.`,
		Example: `  hearsay cluster restore all.backup
  hearsay cluster restore all.backup --overwrite --admin http://127.0.0.1:8703`,
		Args: args("FILE"),
	}
	asJSON := addOutput(cmd)
	overwrite := cmd.Flags().Bool("overwrite", false, "have the backup win over later writes and deletions")
	other := cmd.Flags().Bool("other-cluster", false, "allow a backup of another cluster")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		s, err := checkFile(cmd, files[0])
		if err != nil {
			return err
		}
		if err := sameCluster(cmd.Context(), *port, s, *other); err != nil {
			return err
		}
		r, err := restore(cmd, *port, files[0], backup.Options{Overwrite: *overwrite, OtherCluster: *other})
		if err != nil {
			return err
		}
		r.Cluster = s.Cluster
		return r.print(cmd.OutOrStdout(), asJSON())
	}
	return cmd
}

// sameCluster refuses a backup of another cluster than that of the node at port.
func sameCluster(ctx context.Context, port string, s saved, other bool) error {
	var here admin.Status
	if err := askAdmin(ctx, port, http.MethodGet, statusPath, nil, &here); err != nil {
		return err
	}
	if s.Cluster != here.Cluster && !other {
		return fmt.Errorf("%s is of cluster %q, and %s is of %q; give --other-cluster if that is meant", s.File, s.Cluster, here.Name, here.Cluster)
	}
	return nil
}

func restore(cmd *cobra.Command, port, file string, opt backup.Options) (restored, error) {
	f, size, err := openBackup(file)
	if err != nil {
		return restored{}, err
	}
	defer f.Close()
	path := fmt.Sprintf("%s?overwrite=%t&other-cluster=%t", admin.RestorePath, opt.Overwrite, opt.OtherCluster)
	resp, err := sendAdmin(cmd.Context(), port, http.MethodPost, path, told(cmd, "restore", size, f))
	if err != nil {
		return restored{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return restored{}, refusal(port, resp)
	}
	r := restored{File: file}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAdminAnswer)).Decode(&r.Restored); err != nil {
		return restored{}, fmt.Errorf("answer from %s: %w", port, err)
	}
	return r, nil
}

func (r restored) print(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	text := fmt.Sprintf("%s: %d keys written, %d deleted", r.File, r.Written, r.Deleted)
	for _, part := range []struct {
		n    uint64
		what string
	}{
		{r.Kept, "left as they are, for the cluster has the same or a later write"},
		{r.Expired, "expired since"},
		{r.Homeless, "left out, for their namespace is deleted"},
		{r.Namespaces, "namespaces created"},
		{r.Merged, "namespaces merged into those that have their titles"},
	} {
		if part.n > 0 {
			text += fmt.Sprintf("; %d %s", part.n, part.what)
		}
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// sendAdmin sends body to a path of an admin port. The caller closes the answer's.
func sendAdmin(ctx context.Context, port, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(port, "/")+path, body)
	if err != nil {
		return nil, usageError("--admin %q is not an address; want one like http://127.0.0.1:8700", port)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, noAdmin(port, err)
	}
	return resp, nil
}

// told is in, and tells how far it was read, of total bytes if they are known, once a
// second on standard error.
func told(cmd *cobra.Command, verb string, total int64, in io.Reader) io.Reader {
	return &toldReader{in: in, last: time.Now(), tell: func(done int64) {
		of := ""
		if total > 0 {
			of = fmt.Sprintf(" of %d", total>>20)
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d%s MiB\n", verb, done>>20, of)
	}}
}

type toldReader struct {
	in   io.Reader
	done int64
	last time.Time
	tell func(done int64)
}

func (r *toldReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.done += int64(n)
	if time.Since(r.last) >= time.Second {
		r.last = time.Now()
		r.tell(r.done)
	}
	return n, err
}
