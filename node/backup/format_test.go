package backup_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"hearsay/clock"
	"hearsay/node/backup"
	"hearsay/store"
)

var update = flag.Bool("update", false, "write the golden backup anew")

var (
	origin = store.Origin{Node: "n1", Incarnation: store.Incarnation{Start: clock.Timestamp{Wall: 7, Logical: 1}, Nonce: 9}}
	header = backup.Header{
		Cluster: "c1", Node: "n1", Name: "one", Taken: time.Unix(5, 6).UTC(),
		W: clock.Timestamp{Wall: 4}, Marks: store.Watermarks{{Origin: origin, Seq: 3}},
	}
)

type item struct {
	backup.Entry
	value string
}

func entry(name, value string) item {
	return item{backup.Entry{
		Namespace: "ns", Name: []byte(name), Version: store.Version{Timestamp: clock.Timestamp{Wall: 8, Logical: 2}, Origin: origin},
		Seq: 1, Size: int64(len(value)),
	}, value}
}

// few are entries of every kind, but for a long value.
func few() []item {
	rich := entry("\x00\xff/ü\n", "some value")
	rich.Metadata, rich.Expires = []byte(`{"a":"<&>"}`), 99
	gone := entry("gone", "")
	gone.Tombstone = true
	return []item{rich, gone, entry("empty", "")}
}

func write(out io.Writer, items []item) error {
	w, err := backup.NewWriter(out, header)
	if err != nil {
		return err
	}
	for _, it := range items {
		if err := w.Add(it.Entry); err != nil {
			return err
		}
		if _, err := io.WriteString(w, it.value); err != nil {
			return err
		}
	}
	return w.Close()
}

func written(t *testing.T, items []item) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, items); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	items := append(few(), entry("long", strings.Repeat("0123456789", 70_000)), entry("last", "x"))
	r, err := backup.NewReader(bytes.NewReader(written(t, items)))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Header()); got != fmt.Sprint(header) {
		t.Errorf("Header() = %s, want %v", got, header)
	}
	for _, want := range items {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		value, err := io.ReadAll(r)
		if err != nil || string(value) != want.value || fmt.Sprint(got) != fmt.Sprint(want.Entry) {
			t.Errorf("%q: %+v with %d bytes (%v), want %+v with %d", want.Name, got, len(value), err, want.Entry, len(want.value))
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last entry: %v, want io.EOF", err)
	}
	want := backup.Totals{Entries: 4, Tombstones: 1, Bytes: 700_011}
	if got := r.Totals(); got != want {
		t.Errorf("Totals() = %+v, want %+v", got, want)
	}
}

func TestValuesMayBePassedOver(t *testing.T) {
	_, totals, err := backup.Check(bytes.NewReader(written(t, []item{entry("long", strings.Repeat("x", 600_000)), entry("k", "v")})))
	if want := (backup.Totals{Entries: 2, Bytes: 600_001}); err != nil || totals != want {
		t.Errorf("Check = %+v, %v, want %+v", totals, err, want)
	}
}

func TestCutOffAnywhere(t *testing.T) {
	whole := written(t, few())
	for n := range len(whole) {
		if _, _, err := backup.Check(bytes.NewReader(whole[:n])); !errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("Check of the first %d of %d bytes: %v, want ErrDamaged", n, len(whole), err)
		}
	}
}

func TestOneBitAnywhere(t *testing.T) {
	whole := written(t, few())
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 1 << (i % 8)
		if _, _, err := backup.Check(bytes.NewReader(bad)); !errors.Is(err, backup.ErrDamaged) {
			t.Fatalf("Check with byte %d of %d changed: %v, want ErrDamaged", i, len(whole), err)
		}
	}
}

// pieces cuts a backup behind its first line.
func pieces(whole []byte) (first []byte, all [][]byte) {
	n := bytes.IndexByte(whole, '\n') + 1
	first, rest := whole[:n], whole[n:]
	for len(rest) > 0 {
		n := 9 + binary.BigEndian.Uint32(rest[1:])
		all, rest = append(all, rest[:n]), rest[n:]
	}
	return first, all
}

func piece(kind byte, payload string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	b = append(b, payload...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

func TestPiecesThatAreRightByThemselves(t *testing.T) {
	first, all := pieces(written(t, []item{entry("a", "1"), entry("b", "2"), entry("c", "")}))
	// header, a, 1, b, 2, c, footer
	join := func(ps ...[]byte) []byte { return append(bytes.Clone(first), bytes.Join(ps, nil)...) }
	forged := func(e string) []byte { return join(all[0], piece('e', e), all[6]) }
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"an entry is missing", join(all[0], all[1], all[2], all[5], all[6]), "footer says"},
		{"two of one size have changed places", join(all[0], all[3], all[4], all[1], all[2], all[5], all[6]), "in their order"},
		{"values have changed places", join(all[0], all[1], all[4], all[3], all[2], all[5], all[6]), "in their order"},
		{"a value is missing", join(all[0], all[1], all[3], all[4], all[5], all[6]), "1 of a value are left"},
		{"a value is there twice", join(all[0], all[1], all[2], all[2], all[3], all[4], all[5], all[6]), "where an entry belongs"},
		{"something comes after the footer", join(append(all, all[5])...), "goes on after its footer"},
		{"no header", join(all[1:]...), "belongs"},
		{"no footer", join(all[:6]...), "cut off"},
		{"nothing", nil, "cut off"},
		{"something else", []byte("PK, and more than a line of it"), "does not begin like one"},
		{"a later format", bytes.Replace(join(all...), []byte("backup 1"), []byte("backup 2"), 1), "a later one"},
		{"a piece of a kind that there is not", join(all[0], piece('x', "")), "where an entry belongs"},
		{"a piece beyond the bound", join(all[0], []byte{'e', 0x7f, 0xff, 0xff, 0xff}), "the most is"},
		{"an entry that is no JSON", forged("{"), "entry"},
		{"a key too long", forged(`{"namespace":"ns","name":"` + strings.Repeat("AAAA", 171) + `"}`), "key of 513 bytes"},
		{"no namespace", forged(`{"name":"AAAA"}`), "namespace of 0 bytes"},
		{"a value too long", forged(`{"namespace":"ns","name":"AAAA","size":26214401}`), "value of 26214401 bytes"},
		{"a deleted key with a value", forged(`{"namespace":"ns","name":"AAAA","tombstone":true,"size":1}`), "with a value"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := backup.Check(bytes.NewReader(tt.in))
			if !errors.Is(err, backup.ErrDamaged) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Check: %v, want ErrDamaged with %q", err, tt.want)
			}
		})
	}
}

// A full disk takes so many bytes.
type fullDisk struct{ room int }

var errFull = errors.New("no space left")

func (d *fullDisk) Write(p []byte) (int, error) {
	if len(p) > d.room {
		n := d.room
		d.room = 0
		return n, errFull
	}
	d.room -= len(p)
	return len(p), nil
}

func TestFullDisk(t *testing.T) {
	size := len(written(t, few()))
	for room := range size {
		if err := write(&fullDisk{room}, few()); !errors.Is(err, errFull) {
			t.Fatalf("a backup of %d bytes where there is room for %d: %v, want the disk's error", size, room, err)
		}
	}
	if err := write(&fullDisk{size}, few()); err != nil {
		t.Errorf("a backup of %d bytes where there is room for as many: %v", size, err)
	}
}

func TestValueHasItsSize(t *testing.T) {
	w, err := backup.NewWriter(io.Discard, header)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(entry("k", "four").Entry); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("fives")); err == nil {
		t.Error("Write of 5 bytes of a value of 4: no error")
	}
	if err := w.Add(entry("l", "").Entry); err == nil {
		t.Error("Add before the value is whole: no error")
	}
	if err := w.Close(); err == nil {
		t.Error("Close before the value is whole: no error")
	}
}

// TestGolden pins the format: a backup that was taken once can be read for ever.
func TestGolden(t *testing.T) {
	const file = "testdata/few.hex"
	got := hex.Dump(written(t, few()))
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the format has changed; it is now\n%s", got)
	}
}
