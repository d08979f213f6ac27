package pebblestore_test

import (
	"testing"

	"hearsay/store"
	"hearsay/store/pebblestore"
	"hearsay/store/storetest"
)

func Benchmark(b *testing.B) {
	storetest.Benchmark(b, func(b *testing.B) store.Store {
		s, err := pebblestore.Open(b.TempDir(), pebblestore.DefaultOptions())
		if err != nil {
			b.Fatal(err)
		}
		return s
	})
}
