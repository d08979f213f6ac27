package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDirectoryKeepsItsID(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "data")
	d, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.id) != 32 || !d.fresh {
		t.Errorf("a new directory has id %q, fresh %v, want 32 digits and fresh", d.id, d.fresh)
	}
	if _, err := openDirectory(path); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("opened twice: %v, want an error that says it is in use", err)
	}
	if err := d.close(); err != nil {
		t.Fatal(err)
	}
	again, err := openDirectory(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if again.id != d.id || again.fresh {
		t.Errorf("opened again the id is %q, fresh %v, want %q as before", again.id, again.fresh, d.id)
	}
	other, err := openDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if other.id == d.id {
		t.Errorf("two directories have one id, %q", d.id)
	}
	files, err := filepath.Glob(filepath.Join(path, "*"))
	if err != nil || len(files) != 2 {
		t.Errorf("the directory holds %v (%v), want the lock and the id alone", files, err)
	}
}

func TestDirectoryRefusesWhatItCannotRead(t *testing.T) {
	tests := []struct {
		name, id string
		want     string
	}{
		{"empty", "", "does not hold 32 hex digits"},
		{"short", "0123", "does not hold 32 hex digits"},
		{"long", strings.Repeat("0", 34), "does not hold 32 hex digits"},
		{"not hex", strings.Repeat("x", 32) + "\n", "does not hold 32 hex digits"},
		{"no file but a store", "-", "there is a store but no node-id"},
		{"no file", "/", "is a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := t.TempDir()
			file := filepath.Join(path, idFile)
			var err error
			switch tt.id {
			case "-":
				err = os.Mkdir(filepath.Join(path, storePath), 0o700)
			case "/":
				err = os.Mkdir(file, 0o700)
			default:
				err = os.WriteFile(file, []byte(tt.id), 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(file)
			for range 2 { // the lock is given back, too
				d, err := openDirectory(path)
				if err == nil {
					t.Fatalf("opened as %q, want an error with %q", d.id, tt.want)
				}
				if !strings.Contains(err.Error(), tt.want) {
					t.Errorf("error is %q, want one with %q", err, tt.want)
				}
			}
			if after, _ := os.ReadFile(file); string(after) != string(before) {
				t.Errorf("the id became %q, want %q as it was", after, before)
			}
		})
	}
}
