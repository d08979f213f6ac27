package memstore_test

import (
	"testing"

	"hearsay/store"
	"hearsay/store/memstore"
	"hearsay/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return memstore.New() })
}

func TestCrash(t *testing.T) {
	storetest.RunCrash(t, func(*testing.T) (store.Store, func() store.Store) {
		s := memstore.New()
		return s, func() store.Store {
			s.Crash()
			return s
		}
	})
}
