package kv

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"hearsay/node"
	"hearsay/store"
)

// Namespaces are entries like any other and spread like any other, in store
// namespaces of their own. No client reaches these: what it names is looked up
// in systemNamespaces, never used as it is.
const (
	// systemNamespaces holds the record of each namespace under its id.
	systemNamespaces = store.SystemPrefix + "namespaces"
	// systemRenamed holds a mark under the hash of each title that a namespace
	// was ever renamed to. Without a mark, whoever bears a title got its id from
	// it, and is found without a scan.
	systemRenamed = store.SystemPrefix + "renamed"
)

const (
	// MaxTitle is the longest title, in characters.
	MaxTitle = 512
	// idLen is the length of an id: 128 bits in hexadecimal digits.
	idLen = 32
	// maxNumber bounds how often one title can be created anew.
	maxNumber = 1 << 16
)

// A Namespace is a set of keys with a title.
type Namespace struct {
	// ID is made from cluster, title and the least number whose id was never
	// used as far as the creating node knew: one title created in two regions
	// at once is one namespace.
	ID string
	// Title is as shown. If a rename or an unseen delete brought two namespaces
	// under one title, the older keeps it and the other shows as `title (id)`.
	Title string
	// Created is in nanoseconds since the Unix epoch, by the creating node.
	Created int64
}

// older orders namespaces by which of two keeps a title.
func (n Namespace) older(m Namespace) bool {
	if n.Created != m.Created {
		return n.Created < m.Created
	}
	return n.ID < m.ID
}

// record is a Namespace as its entry's value holds it.
type record struct {
	Title   string `json:"title"`
	Created int64  `json:"created,string"`
}

// Namespaces returns all living namespaces, by id. It visits deleted ones too.
func (v *View) Namespaces() ([]Namespace, error) {
	var all []Namespace
	next := store.Key{Namespace: systemNamespaces}
	end := store.Key{Namespace: systemNamespaces, Name: "\xff"}
	for next != (store.Key{}) {
		live, after, err := node.Scan(v.Now, v.Front, next, end, scanStep)
		if err != nil {
			return nil, err
		}
		for _, e := range live {
			n, err := parseNamespace(e)
			if err != nil {
				return nil, err
			}
			all = append(all, n)
		}
		next = after
	}
	keeper := make(map[string]Namespace, len(all))
	for _, n := range all {
		if k, ok := keeper[n.Title]; !ok || n.older(k) {
			keeper[n.Title] = n
		}
	}
	for i, n := range all {
		if keeper[n.Title].ID != n.ID {
			all[i].Title = conflictTitle(n)
		}
	}
	return all, nil
}

// Namespace returns the living namespace with the id, or an *Error.
func (v *View) Namespace(id string) (Namespace, error) {
	n, err := v.living(id)
	if err != nil {
		return Namespace{}, err
	}
	keeper, err := v.ByTitle(n.Title)
	if err != nil {
		return Namespace{}, err
	}
	if keeper.ID != n.ID {
		n.Title = conflictTitle(n)
	}
	return n, nil
}

// ByTitle returns the living namespace that shows under title, or an *Error. It
// takes as many look-ups as namespaces were created under the title, and a scan
// where one was renamed to it or none is there.
func (v *View) ByTitle(title string) (Namespace, error) {
	mark, err := v.entry(renamedKey(title))
	if err != nil {
		return Namespace{}, err
	}
	if mark != nil {
		return v.scanFor(title)
	}
	var keeper Namespace
	for number := range uint64(maxNumber) {
		e, err := v.entry(namespaceKey(v.id(title, number)))
		if err != nil {
			return Namespace{}, err
		}
		if e == nil {
			break
		}
		if !e.Live(v.Wall()) {
			continue
		}
		n, err := parseNamespace(e)
		if err != nil {
			return Namespace{}, err
		}
		if n.Title == title && (keeper.ID == "" || n.older(keeper)) {
			keeper = n
		}
	}
	if keeper.ID == "" {
		return v.scanFor(title)
	}
	return keeper, nil
}

// CheckNamespace returns an *Error if no living namespace has the id.
func (v *View) CheckNamespace(id string) error {
	_, err := v.livingEntry(id)
	return err
}

// Resolve returns the id of the living namespace with ref as its id or, failing
// that, as its title, or an *Error.
func (v *View) Resolve(ref string) (id string, err error) {
	err = v.CheckNamespace(ref)
	if !isCode(err, CodeNamespaceNotFound) {
		return ref, err
	}
	n, err := v.ByTitle(ref)
	return n.ID, err
}

// CreateNamespace returns a new namespace and the writes that make it one, or
// an *Error.
func (v *View) CreateNamespace(title string) (Namespace, []node.Write, error) {
	if err := v.checkTitle(title, ""); err != nil {
		return Namespace{}, nil, err
	}
	for number := range uint64(maxNumber) {
		n := Namespace{ID: v.id(title, number), Title: title, Created: v.Wall()}
		e, err := v.entry(namespaceKey(n.ID))
		if err != nil {
			return Namespace{}, nil, err
		}
		if e == nil {
			return n, []node.Write{n.write()}, nil
		}
	}
	return Namespace{}, nil, refuse(400, CodeInvalid, "This title was created too often. Please use a different title.")
}

// RenameNamespace returns the namespace under its new title and the writes that
// make it so, or an *Error.
func (v *View) RenameNamespace(id, title string) (Namespace, []node.Write, error) {
	n, err := v.living(id)
	if err != nil {
		return Namespace{}, nil, err
	}
	if err := v.checkTitle(title, id); err != nil {
		return Namespace{}, nil, err
	}
	n.Title = title
	// The mark goes first: no replica shows the title without it.
	return n, []node.Write{{Key: renamedKey(title)}, n.write()}, nil
}

// DeleteNamespace returns the write that deletes the namespace, or an *Error.
// Its keys are out of reach from then on, and stay on disk: nothing collects
// them yet.
func (v *View) DeleteNamespace(id string) ([]node.Write, error) {
	if err := v.CheckNamespace(id); err != nil {
		return nil, err
	}
	return []node.Write{{Key: namespaceKey(id), Delete: true}}, nil
}

// checkTitle refuses a title that is illegal, or another's than self's.
func (v *View) checkTitle(title, self string) error {
	switch {
	case title == "":
		return refuse(400, CodeTitleMissing, "a namespace needs a title")
	case !utf8.ValidString(title):
		return refuse(400, CodeInvalid, "a title must be valid UTF-8")
	case utf8.RuneCountInString(title) > MaxTitle:
		return refuse(400, CodeInvalid, "a title may have at most %d characters", MaxTitle)
	}
	n, err := v.ByTitle(title)
	switch {
	case isCode(err, CodeNamespaceNotFound):
		return nil
	case err != nil:
		return err
	case n.ID == self:
		return nil
	}
	return refuse(400, CodeTitleTaken, "a namespace with this account ID and title already exists")
}

// scanFor finds who shows under title among all namespaces.
func (v *View) scanFor(title string) (Namespace, error) {
	all, err := v.Namespaces()
	if err != nil {
		return Namespace{}, err
	}
	i := slices.IndexFunc(all, func(n Namespace) bool { return n.Title == title })
	if i < 0 {
		return Namespace{}, errNamespaceNotFound()
	}
	return all[i], nil
}

// living returns the namespace with the id, under the title of its record.
func (v *View) living(id string) (Namespace, error) {
	e, err := v.livingEntry(id)
	if err != nil {
		return Namespace{}, err
	}
	return parseNamespace(e)
}

func (v *View) livingEntry(id string) (*store.Entry, error) {
	if len(id) != idLen {
		return nil, errNamespaceNotFound()
	}
	e, err := v.entry(namespaceKey(id))
	if err != nil {
		return nil, err
	}
	if e == nil || !e.Live(v.Wall()) {
		return nil, errNamespaceNotFound()
	}
	return e, nil
}

// entry returns what key holds, a tombstone included, or nil if the front knows
// of no write to it.
func (v *View) entry(key store.Key) (*store.Entry, error) {
	e, err := v.Front.Entries.Get(key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return e, err
}

// id hashes its parts with their lengths, so that no two lists of parts are one
// text.
func (v *View) id(title string, number uint64) string {
	return digest(v.Cluster, title, string(binary.BigEndian.AppendUint64(nil, number)))
}

func namespaceKey(id string) store.Key {
	return store.Key{Namespace: systemNamespaces, Name: id}
}

func renamedKey(title string) store.Key {
	return store.Key{Namespace: systemRenamed, Name: digest(title)}
}

func digest(parts ...string) string {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(p)))
		b = append(b, p...)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:idLen/2])
}

func (n Namespace) write() node.Write {
	value, err := json.Marshal(record{Title: n.Title, Created: n.Created})
	if err != nil {
		panic("kv: a record has no JSON: " + err.Error())
	}
	return node.Write{Key: namespaceKey(n.ID), Value: value}
}

func parseNamespace(e *store.Entry) (Namespace, error) {
	var r record
	if err := json.Unmarshal(e.Value, &r); err != nil {
		return Namespace{}, fmt.Errorf("parse namespace %s: %w", e.Key.Name, err)
	}
	return Namespace{ID: e.Key.Name, Title: r.Title, Created: r.Created}, nil
}

func conflictTitle(n Namespace) string {
	return n.Title + " (" + n.ID + ")"
}

func errNamespaceNotFound() error {
	return refuse(404, CodeNamespaceNotFound, "namespace not found")
}

func isCode(err error, code int) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
