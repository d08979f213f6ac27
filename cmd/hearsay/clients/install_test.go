package clients

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

const installTime = 10 * time.Minute

// install returns the folder of the npm packages that package-lock.json pins.
// They are installed once per lock file, into .cache at the module's root, in a
// folder that is whole as soon as it is there.
func install(t *testing.T) (modules string) {
	t.Helper()
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := filepath.Abs("../../../.cache/clients")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, hex.EncodeToString(sum[:8]))
	modules = filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules
	}

	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	part, err := os.MkdirTemp(cache, "part-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(part)
	for _, name := range []string{".npmrc", "package.json", "package-lock.json"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(part, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	// No package of these needs its install script.
	cmd := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts")
	cmd.Dir = part
	switch out, err := cmd.CombinedOutput(); {
	case errors.Is(err, exec.ErrNotFound):
		t.Fatal("npm is missing: install Node.js 20 or later with npm, or run make test, which does")
	case err != nil:
		t.Fatalf("npm ci in %s: %v; is the registry reachable?\n%s", part, err, out)
	}
	// Another run may have been faster; its folder is as good.
	if err := os.Rename(part, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		t.Fatal(err)
	}
	return modules
}
