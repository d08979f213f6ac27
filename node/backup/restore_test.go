package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"hearsay/node"
	"hearsay/node/api"
	"hearsay/node/api/apitest"
	"hearsay/node/backup"
	"hearsay/store"
)

// A target is a node that backups are taken from and brought to.
type target struct{ *apitest.Backend }

func newTarget(t *testing.T) target { return target{apitest.New(t)} }

func (b target) accept(t *testing.T, ws ...node.Write) {
	t.Helper()
	b.Advance(time.Second)
	ws, err := api.StageLarge(b.Staging(), ws)
	if err == nil {
		_, err = b.Write(t.Context(), ws)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (b target) create(t *testing.T, title string) (id string) {
	t.Helper()
	v := b.View()
	defer v.Close()
	n, ws, err := v.CreateNamespace(title)
	if err != nil {
		t.Fatal(err)
	}
	b.accept(t, ws...)
	return n.ID
}

func (b target) deleteNamespace(t *testing.T, id string) {
	t.Helper()
	v := b.View()
	defer v.Close()
	ws, err := v.DeleteNamespace(id)
	if err != nil {
		t.Fatal(err)
	}
	b.accept(t, ws...)
}

func (b target) put(t *testing.T, ns, key, value string) {
	t.Helper()
	b.accept(t, node.Write{Key: store.Key{Namespace: ns, Name: key}, Value: []byte(value)})
}

func (b target) save(t *testing.T, out io.Writer) {
	t.Helper()
	v := b.View()
	defer v.Close()
	if _, err := backup.Save(out, v, b.Identity()); err != nil {
		t.Fatal(err)
	}
}

func (b target) saved(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	b.save(t, &out)
	return out.Bytes()
}

func (b target) restore(ctx context.Context, whole []byte, opt backup.Options) (backup.Restored, error) {
	b.Advance(time.Second)
	return backup.Restore(ctx, bytes.NewReader(whole), b, api.NewUploads(b.Staging(), 1<<20, time.Second), opt)
}

func (b target) mustRestore(t *testing.T, whole []byte, opt backup.Options) backup.Restored {
	t.Helper()
	done, err := b.restore(t.Context(), whole, opt)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// shows returns all that a reader of ns sees, key by key, large values by their size.
func (b target) shows(t *testing.T, ns string) string {
	t.Helper()
	v := b.View()
	defer v.Close()
	found, _, err := node.Scan(v.Now, v.Front, store.Key{Namespace: ns}, store.Key{Namespace: ns + "\x00"}, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, e := range found {
		value := fmt.Sprintf("%q", e.Value)
		if e.Manifest != nil {
			all := make([]byte, e.Manifest.Size)
			if err := v.Staging.ReadStaged(e.Manifest.Upload, 0, all); err != nil {
				t.Fatalf("%v: %v", e.Key, err)
			}
			value = fmt.Sprint(len(all), " bytes, ", bytes.Count(all, []byte("a")), " times a")
		}
		fmt.Fprintf(&text, "%q = %s %s %d\n", e.Key.Name, value, e.Metadata, e.Expires)
	}
	return text.String()
}

func TestEverythingComesBack(t *testing.T) {
	old := newTarget(t)
	a, b := old.create(t, "a"), old.create(t, "b")
	large := make([]byte, 5<<19)                    // of two chunks and a half
	_, _ = rand.NewChaCha8([32]byte{1}).Read(large) // never fails
	long := strings.Repeat("k", store.MaxName)
	old.accept(t,
		node.Write{Key: store.Key{Namespace: a, Name: "large"}, Value: large},
		node.Write{Key: store.Key{Namespace: a, Name: "inline"}, Value: large[:store.MaxInline]},
		node.Write{Key: store.Key{Namespace: a, Name: "above"}, Value: large[:store.MaxInline+1], Metadata: []byte(`"large"`)},
		node.Write{Key: store.Key{Namespace: a, Name: "empty"}, Metadata: []byte(`{"k":"<&>"}`)},
		node.Write{Key: store.Key{Namespace: a, Name: "expires"}, Value: []byte("v"), Expires: apitest.Epoch + 1000},
		node.Write{Key: store.Key{Namespace: a, Name: "has expired"}, Value: []byte("v"), Expires: apitest.Epoch + 1},
		node.Write{Key: store.Key{Namespace: a, Name: "\x00\xff/ü\n"}, Value: []byte{0, 255}},
		node.Write{Key: store.Key{Namespace: b, Name: long}, Value: []byte(long)},
		node.Write{Key: store.Key{Namespace: b, Name: "gone"}, Value: []byte("v")},
	)
	var many []node.Write // more than one batch, and than one step of a scan
	for i := range 2000 {
		many = append(many, node.Write{Key: store.Key{Namespace: b, Name: fmt.Sprintf("many/%04d", i)}, Value: large[:i]})
	}
	old.accept(t, many...)
	old.accept(t, node.Write{Key: store.Key{Namespace: b, Name: "gone"}, Delete: true})
	deleted := old.create(t, "deleted")
	old.put(t, deleted, "out of reach", "v")
	old.deleteNamespace(t, deleted)
	whole := old.saved(t)

	fresh := newTarget(t)
	fresh.Advance(time.Minute) // its clock goes with old's
	done := fresh.mustRestore(t, whole, backup.Options{})
	want := backup.Restored{Written: 2007, Kept: 1, Namespaces: 2}
	if done != want {
		t.Errorf("Restore = %+v, want %+v", done, want)
	}
	for _, ns := range []string{a, b} {
		if got, want := fresh.shows(t, ns), old.shows(t, ns); got != want {
			t.Errorf("namespace %s shows %d bytes, want %d that it showed:\n%.300s\n%.300s", ns, len(got), len(want), got, want)
		}
	}
	again := fresh.mustRestore(t, whole, backup.Options{})
	if want := (backup.Restored{Kept: 2008}); again != want {
		t.Errorf("Restore again = %+v, want %+v: all is there", again, want)
	}
}

func TestWhoseWriteIsLater(t *testing.T) {
	b := newTarget(t)
	ns := b.create(t, "n")
	for _, key := range []string{"same", "changed", "deleted"} {
		b.put(t, ns, key, "old")
	}
	b.put(t, ns, "gone", "old")
	b.accept(t, node.Write{Key: store.Key{Namespace: ns, Name: "gone"}, Delete: true})
	whole := b.saved(t)
	b.put(t, ns, "changed", "new")
	b.put(t, ns, "gone", "back")
	b.put(t, ns, "other", "new")
	b.accept(t, node.Write{Key: store.Key{Namespace: ns, Name: "deleted"}, Delete: true})

	done := b.mustRestore(t, whole, backup.Options{})
	if want := (backup.Restored{Kept: 4}); done != want {
		t.Errorf("Restore = %+v, want %+v", done, want)
	}
	const kept = `"changed" = "new"  0
"gone" = "back"  0
"other" = "new"  0
"same" = "old"  0
`
	if got := b.shows(t, ns); got != kept {
		t.Errorf("after a restore that keeps what is later:\n%swant\n%s", got, kept)
	}

	done = b.mustRestore(t, whole, backup.Options{Overwrite: true})
	if want := (backup.Restored{Written: 2, Deleted: 1, Kept: 1}); done != want {
		t.Errorf("Restore that overwrites = %+v, want %+v", done, want)
	}
	const back = `"changed" = "old"  0
"deleted" = "old"  0
"other" = "new"  0
"same" = "old"  0
`
	if got := b.shows(t, ns); got != back {
		t.Errorf("after a restore that overwrites:\n%swant\n%s", got, back)
	}
}

func TestExpiredIsLeftOut(t *testing.T) {
	b := newTarget(t)
	ns := b.create(t, "n")
	b.accept(t, node.Write{Key: store.Key{Namespace: ns, Name: "k"}, Value: []byte("v"), Expires: apitest.Epoch + 100})
	whole := b.saved(t)
	fresh := newTarget(t)
	fresh.Advance(100 * time.Second)
	if done, want := fresh.mustRestore(t, whole, backup.Options{Overwrite: true}), (backup.Restored{Expired: 1, Namespaces: 1}); done != want {
		t.Errorf("Restore after the expiration = %+v, want %+v", done, want)
	}
}

func TestDeletedNamespaceComesBackOnlyOverwriting(t *testing.T) {
	b := newTarget(t)
	ns := b.create(t, "n")
	b.put(t, ns, "k", "v")
	whole := b.saved(t)
	b.deleteNamespace(t, ns)
	if done, want := b.mustRestore(t, whole, backup.Options{}), (backup.Restored{Homeless: 1}); done != want {
		t.Errorf("Restore = %+v, want %+v", done, want)
	}
	if done, want := b.mustRestore(t, whole, backup.Options{Overwrite: true}), (backup.Restored{Kept: 1, Namespaces: 1}); done != want {
		t.Errorf("Restore that overwrites = %+v, want %+v: its keys had stayed", done, want)
	}
	v := b.View()
	defer v.Close()
	if n, err := v.ByTitle("n"); err != nil || n.ID != ns {
		t.Errorf("ByTitle = %v, %v, want the namespace under its id %s", n, err, ns)
	}
	if got, want := b.shows(t, ns), "\"k\" = \"v\"  0\n"; got != want {
		t.Errorf("it shows %q, want %q", got, want)
	}
}

// foreign returns a backup of a namespace with one key, made by another cluster.
func foreign(t *testing.T, id, title string) []byte {
	t.Helper()
	var out bytes.Buffer
	h := header
	h.Cluster = "c2"
	w, err := backup.NewWriter(&out, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct{ ns, name, value string }{
		{"system/namespaces", id, fmt.Sprintf(`{"title":%q,"created":"5"}`, title)},
		{"system/renamed", "what it says follows", "x"},
		{id, "k", "theirs"},
	} {
		it := entry(e.name, e.value)
		it.Namespace = e.ns
		if err := w.Add(it.Entry); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, e.value); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBackupOfAnotherCluster(t *testing.T) {
	const id = "00112233445566778899aabbccddeeff"
	tests := []struct {
		name   string
		taken  bool // the title is
		want   backup.Restored
		wantAt func(own string) string
	}{
		{"its id is kept", false, backup.Restored{Written: 1, Namespaces: 1}, func(string) string { return id }},
		{"its title is taken", true, backup.Restored{Written: 1, Merged: 1}, func(own string) string { return own }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newTarget(t)
			own := ""
			if tt.taken {
				own = b.create(t, "n")
			}
			whole := foreign(t, id, "n")
			if done, err := b.restore(t.Context(), whole, backup.Options{}); err == nil || done != (backup.Restored{}) || !strings.Contains(err.Error(), `"c2"`) {
				t.Errorf("Restore = %+v, %v, want nothing done and an error that names the cluster", done, err)
			}
			if done := b.mustRestore(t, whole, backup.Options{OtherCluster: true}); done != tt.want {
				t.Errorf("Restore that may = %+v, want %+v", done, tt.want)
			}
			v := b.View()
			defer v.Close()
			n, err := v.ByTitle("n")
			if at := tt.wantAt(own); err != nil || n.ID != at {
				t.Errorf("ByTitle = %v, %v, want %s", n, err, at)
			}
			if got, want := b.shows(t, n.ID), "\"k\" = \"theirs\"  0\n"; got != want {
				t.Errorf("it shows %q, want %q", got, want)
			}
			// Who creates the title elsewhere at that time does not shadow it.
			elsewhere := newTarget(t)
			elsewhere.Advance(time.Hour)
			b.copyNamespace(t, elsewhere, elsewhere.create(t, "n"))
			w := b.View()
			defer w.Close()
			if m, err := w.ByTitle("n"); err != nil || m.ID != n.ID {
				t.Errorf("ByTitle = %v, %v, want the older one still, %s", m, err, n.ID)
			}
		})
	}
}

// copyNamespace brings the record of a namespace to b, as gossip would.
func (b target) copyNamespace(t *testing.T, from target, id string) {
	t.Helper()
	key := store.Key{Namespace: "system/namespaces", Name: id}
	v := from.View()
	defer v.Close()
	e, err := v.Front.Entries.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	b.accept(t, node.Write{Key: key, Value: e.Value})
}

func TestCollectedTombstonesAreLeftOut(t *testing.T) {
	b := newTarget(t)
	ns := b.create(t, "n")
	for _, key := range []string{"at", "above"} {
		b.accept(t, node.Write{Key: store.Key{Namespace: ns, Name: key}, Delete: true})
	}
	v := b.View()
	defer v.Close()
	at, err := v.Front.Entries.Get(store.Key{Namespace: ns, Name: "at"})
	if err != nil {
		t.Fatal(err)
	}
	front := *v.Front
	front.Floor = at.Version.Timestamp
	v.Front = &front
	totals, err := backup.Save(io.Discard, v, b.Identity())
	if want := (backup.Totals{Entries: 1, Tombstones: 1, Bytes: totals.Bytes}); err != nil || totals != want {
		t.Errorf("Save = %+v, %v, want %+v: the namespace, and the key above the floor", totals, err, want)
	}
}

func TestRestoreStopsAndGoesOn(t *testing.T) {
	old := newTarget(t)
	ns := old.create(t, "n")
	for i := range 1200 {
		old.put(t, ns, fmt.Sprintf("%04d", i), "v")
	}
	whole := old.saved(t)
	b := newTarget(t)
	b.Advance(time.Hour)
	full := errors.New("no space left")
	b.FailAfter(2, full) // the namespace, and one batch
	done, err := b.restore(t.Context(), whole, backup.Options{})
	if want := (backup.Restored{Written: 512, Namespaces: 1}); !errors.Is(err, full) || done != want {
		t.Fatalf("Restore = %+v, %v, want %+v and the node's error", done, err, want)
	}
	b.FailAfter(1<<20, nil)
	if done, want := b.mustRestore(t, whole, backup.Options{}), (backup.Restored{Written: 688, Kept: 512}); done != want {
		t.Errorf("Restore again = %+v, want %+v", done, want)
	}
	if b.shows(t, ns) != old.shows(t, ns) {
		t.Error("not all has come back")
	}
}

// A busy stream has the node go on writing while its backup is taken.
type busy struct {
	bytes.Buffer
	meanwhile func()
}

func (b *busy) Write(p []byte) (int, error) {
	b.meanwhile()
	return b.Buffer.Write(p)
}

func TestBackupIsOfOneMoment(t *testing.T) {
	b := newTarget(t)
	ns := b.create(t, "n")
	wrote := 0
	put := func() {
		// In no order of keys, and each key again and again.
		b.put(t, ns, fmt.Sprintf("%03d", wrote*7919%997), fmt.Sprint(wrote))
		wrote++
	}
	for range 500 {
		put()
	}
	before := b.shows(t, ns)
	out := busy{meanwhile: func() { put(); put() }}
	b.save(t, &out)
	if wrote < 1500 {
		t.Fatalf("%d writes, want many while the backup was taken", wrote)
	}
	fresh := newTarget(t)
	fresh.mustRestore(t, out.Bytes(), backup.Options{})
	if got := fresh.shows(t, ns); got != before {
		t.Errorf("the backup holds\n%.500s\nwant what was there at its begin:\n%.500s", got, before)
	}
}

func TestCorruptValueIsNoBackup(t *testing.T) {
	b := newTarget(t)
	ns := b.create(t, "n")
	b.accept(t, node.Write{Key: store.Key{Namespace: ns, Name: "k"}, Value: bytes.Repeat([]byte("x"), store.MaxInline+1)})
	if err := b.Staging().Stage(b.Uploads()[0], 5, []byte("y")); err != nil {
		t.Fatal(err)
	}
	v := b.View()
	defer v.Close()
	if _, err := backup.Save(io.Discard, v, b.Identity()); err == nil || !strings.Contains(err.Error(), "corrupt") {
		t.Errorf("Save of a corrupt value: %v, want an error that says so", err)
	}
}
