package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"hearsay/sim"
)

// An Error is what is wrong with a scenario file, and where.
type Error struct {
	Line, Column int
	Text         string
}

func (e *Error) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Text) }

// A source reads one file under one seed. It keeps the first error; what is read after
// that means nothing.
type source struct {
	seed uint64
	vary map[string]string // what ${name} stands for
	err  *Error
}

func (s *source) fail(n ast.Node, format string, args ...any) {
	if s.err != nil {
		return
	}
	s.err = &Error{Line: 1, Column: 1, Text: fmt.Sprintf(format, args...)}
	if n == nil {
		return
	}
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 {
		n = m.Values[0].Key
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		s.err.Line, s.err.Column = t.Position.Line, t.Position.Column
	}
}

// An object is a mapping whose fields are asked for by name. What nobody has asked for
// is an error when it is done.
type object struct {
	src    *source
	node   ast.Node
	path   string // names it in draws
	fields map[string]ast.Node
	keys   []ast.MapKeyNode
	asked  []string
}

func (s *source) object(n ast.Node, path string) *object {
	o := &object{src: s, node: n, path: path, fields: map[string]ast.Node{}}
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case nil, *ast.NullNode:
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		s.fail(n, "%s is %s, want fields with names", path, n)
	}
	for _, v := range values {
		name := v.Key.GetToken().Value
		if _, twice := o.fields[name]; twice {
			s.fail(v.Key, "%s is there twice", name)
		}
		o.fields[name] = v.Value
		o.keys = append(o.keys, v.Key)
	}
	return o
}

// done ends the reading of o: a field that nobody asked for is an error.
func (o *object) done() {
	for _, key := range o.keys {
		name := key.GetToken().Value
		if slices.Contains(o.asked, name) {
			continue
		}
		o.src.fail(key, "%s has no %s%s", o.title(), name, advice(o.path, name, o.asked))
	}
}

func (o *object) title() string {
	if o.path == "" {
		return "a scenario"
	}
	return o.path
}

func (o *object) ask(name string) (ast.Node, bool) {
	if !slices.Contains(o.asked, name) {
		o.asked = append(o.asked, name)
	}
	n, ok := o.fields[name]
	return n, ok
}

func (o *object) has(name string) bool {
	_, ok := o.ask(name)
	return ok
}

func (o *object) at(name string) string { return strings.TrimPrefix(o.path+"."+name, ".") }

// in returns the object in a field, an empty one for none.
func (o *object) in(name string) *object {
	n, _ := o.ask(name)
	return o.src.object(n, o.at(name))
}

// list returns the items of a field, nil for none. A lone value is a list of one.
func (o *object) list(name string) []ast.Node {
	n, ok := o.ask(name)
	if !ok {
		return nil
	}
	if s, ok := n.(*ast.SequenceNode); ok {
		return s.Values
	}
	return []ast.Node{n}
}

// text returns a field as text, empty for none. ${name} in it stands for what varies,
// and "swarm(a|b)" for one of them, drawn by the seed.
func (o *object) text(name string) string {
	n, ok := o.ask(name)
	if !ok {
		return ""
	}
	return o.src.text(n, o.at(name))
}

func (s *source) text(n ast.Node, path string) string {
	var text string
	switch n := n.(type) {
	case *ast.LiteralNode:
		text = n.Value.Value
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode:
		s.fail(n, "%s has parts, want one value", path)
		return ""
	default:
		text = n.GetToken().Value
	}
	for {
		before, rest, varies := strings.Cut(text, "${")
		if !varies {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		value, known := s.vary[name]
		if !closed || !known {
			s.fail(n, "%s names ${%s}, which vary does not list", path, name)
			return ""
		}
		text = before + value + after
	}
	if options, ok := call(text, "swarm"); ok && strings.Contains(options, "|") {
		of := strings.Split(options, "|")
		return strings.TrimSpace(of[s.draw(path, uint64(len(of)))])
	}
	return text
}

// draw returns a number below n for the field at path.
func (s *source) draw(path string, n uint64) uint64 {
	return sim.Draw(s.seed, "scenario "+path) % max(n, 1)
}

// choice returns a field that must be one of some words, the first of them if it is not
// there.
func (o *object) choice(name string, words ...string) string {
	if !o.has(name) {
		return words[0]
	}
	text := o.text(name)
	if !slices.Contains(words, text) {
		o.src.fail(o.fields[name], "%s is %q, want %s%s", o.at(name), text, oneOf(words), nearest(text, words))
	}
	return text
}

// flag returns a field that is true or false, else if it is not there.
func (o *object) flag(name string, otherwise bool) bool {
	if !o.has(name) {
		return otherwise
	}
	return o.choice(name, "false", "true") == "true"
}

// A unit turns text into a whole number.
type unit func(text string) (int64, error)

// value returns a field in its unit, or otherwise if it is not there. It must be from
// least to most. "swarm(a..b)" stands for one between them, drawn by the seed.
func (o *object) value(name string, u unit, otherwise, least, most int64) int64 {
	n, ok := o.ask(name)
	if !ok {
		return otherwise
	}
	return o.src.value(n, o.at(name), o.text(name), u, least, most)
}

func (s *source) value(n ast.Node, path, text string, u unit, least, most int64) int64 {
	from, to := text, text
	if rest, ok := strings.CutPrefix(text, "swarm("); ok {
		inner, behind, _ := strings.Cut(rest, ")")
		from, to, _ = strings.Cut(inner+behind, "..")
		if to == "" {
			to = from
		}
		// The unit of a range may stand behind its end alone.
		if _, err := u(from); err != nil {
			from += strings.TrimLeft(to, "0123456789.-+")
		}
	}
	low, err := u(strings.TrimSpace(from))
	if err != nil {
		s.fail(n, "%s is %q, want %v", path, text, err)
		return least
	}
	high, err := u(strings.TrimSpace(to))
	if err != nil {
		s.fail(n, "%s is %q, want %v", path, text, err)
		return least
	}
	if low < least || high > most || low > high {
		s.fail(n, "%s is %s, out of its bounds", path, text)
		return least
	}
	return low + int64(s.draw(path, uint64(high-low)+1))
}

func (o *object) duration(name string, otherwise time.Duration) time.Duration {
	return time.Duration(o.value(name, nanoseconds, int64(otherwise), 0, int64(sim.MaxFor)))
}

func (o *object) number(name string, otherwise, least, most int64) int64 {
	return o.value(name, whole, otherwise, least, most)
}

// share returns a field like 0.01% in millionths.
func (o *object) share(name string, otherwise int64) int64 {
	return o.value(name, millionths, otherwise, 0, 1_000_000)
}

// The units.

func whole(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, errors.New("a whole number")
	}
	return n, nil
}

// thousandths reads a decimal number.
func thousandths(text string) (int64, error) { return decimal(text, 3) }

func nanoseconds(text string) (int64, error) {
	d, err := time.ParseDuration(strings.TrimPrefix(text, "+"))
	if err != nil {
		return 0, errors.New("a time like 200ms, 1.5s or 10m")
	}
	return int64(d), nil
}

// millionths reads a share: 0.01%, or 0.0001.
func millionths(text string) (int64, error) {
	digits := 6
	percent, isPercent := strings.CutSuffix(text, "%")
	if isPercent {
		digits = 4
	}
	n, err := decimal(percent, digits)
	if err != nil {
		return 0, errors.New("a share like 0.5%")
	}
	return n, nil
}

// A suffix is a unit that may stand behind a number, in ours.
type suffix struct {
	name string
	is   int64
}

// scaled reads a number with one of suffixes behind it.
func scaled(text string, suffixes ...suffix) (int64, bool) {
	for _, s := range suffixes {
		number, ok := strings.CutSuffix(text, s.name)
		if n, err := decimal(number, 3); ok && err == nil {
			return n * s.is / 1000, true
		}
	}
	return 0, false
}

func size(text string) (int64, error) {
	n, ok := scaled(text, suffix{"KiB", 1 << 10}, suffix{"MiB", 1 << 20}, suffix{"GiB", 1 << 30}, suffix{"kB", 1e3}, suffix{"MB", 1e6}, suffix{"B", 1}, suffix{"", 1})
	if !ok {
		return 0, errors.New("a size like 256KiB or 4kB")
	}
	return n, nil
}

// rate reads bits and returns bytes a second.
func rate(text string) (int64, error) {
	n, ok := scaled(text, suffix{"Kbit", 1e3 / 8}, suffix{"Mbit", 1e6 / 8}, suffix{"Gbit", 1e9 / 8})
	if !ok {
		return 0, errors.New("a rate like 100Mbit, of a second")
	}
	return n, nil
}

// perSecond reads a rate of events, in thousandths.
func perSecond(text string) (int64, error) {
	n, err := decimal(strings.TrimSuffix(text, "/s"), 3)
	if err != nil {
		return 0, errors.New("a rate like 100/s")
	}
	return n, nil
}

// decimal reads a number with so many digits after the point, and keeps them.
func decimal(text string, digits int) (int64, error) {
	text = strings.TrimPrefix(text, "+")
	before, after, _ := strings.Cut(text, ".")
	if len(after) > digits {
		after = after[:digits]
	}
	n, err := strconv.ParseInt(before+after+strings.Repeat("0", digits-len(after)), 10, 64)
	if err != nil || before == "" || before == "-" {
		return 0, errors.New("a number")
	}
	return n, nil
}

// call returns what stands between the brackets of name(…).
func call(text, name string) (string, bool) {
	rest, ok := strings.CutPrefix(text, name+"(")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, ")")
}

func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
