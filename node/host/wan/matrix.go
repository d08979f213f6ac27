// Package wan emulates the wide-area network between regions for nodes that
// share one process: delays from measured round trips, bandwidth, and cuts.
//
// It moves no bytes itself. Whoever sends asks how long what it sends travels and
// whether its way is open; package link does, for all that a node sends.
package wan

import (
	"bytes"
	_ "embed" // aws.csv
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"
)

// The bounds of a matrix.
const (
	MaxRegions = 64
	MaxRTT     = time.Minute
	MaxMbit    = 100_000 // a second
	maxName    = 64      // bytes of a region's name
)

//go:embed aws.csv
var aws []byte

// A Matrix holds the round trips and bandwidths between regions, each direction by
// itself. It is immutable; the zero Matrix has no regions and delays nothing.
type Matrix struct {
	regions []string
	rtt     map[pair]time.Duration
	// rate is in bytes a second; a direction without one has no limit.
	rate map[pair]int64
}

// A pair is a direction between two regions.
type pair struct{ from, to string }

// AWS returns the measured medians between twelve regions of AWS. README.md
// says where they come from.
func AWS() Matrix {
	m, err := read("aws.csv", bytes.NewReader(aws))
	if err != nil {
		panic(err)
	}
	return m
}

// Load reads a matrix from a CSV file with the header from,to,rtt_ms, or
// from,to,rtt_ms,mbit_s where bandwidth is limited too, and one row per ordered pair
// of regions. Where one direction has no row it takes the other's; a pair with neither
// is an error. A row with an empty mbit_s has no limit. Lines that begin with # are
// ignored.
func Load(path string) (Matrix, error) {
	f, err := os.Open(path)
	if err != nil {
		return Matrix{}, fmt.Errorf("read wan matrix: %w", err)
	}
	defer f.Close()
	return read(path, f)
}

// Regions returns the names of the regions in the order of their first rows. A
// cluster of n regions takes the first n.
func (m Matrix) Regions() []string { return slices.Clone(m.regions) }

// Rate returns how many bytes a second go from one region to another at most, 0 for no
// limit.
func (m Matrix) Rate(from, to string) int64 { return m.rate[pair{from, to}] }

// RTT returns the round trip measured from one region to another.
func (m Matrix) RTT(from, to string) (time.Duration, bool) {
	d, ok := m.rtt[pair{from, to}]
	return d, ok
}

func read(name string, r io.Reader) (Matrix, error) {
	rows := csv.NewReader(r)
	rows.Comment = '#'
	rows.FieldsPerRecord = 0 // as many as the header has
	rows.ReuseRecord = true
	m := Matrix{rtt: make(map[pair]time.Duration), rate: make(map[pair]int64)}
	for header := true; ; header = false {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Matrix{}, fmt.Errorf("wan matrix %s: %w", name, err)
		}
		line, _ := rows.FieldPos(0)
		if header {
			if columns := []string{"from", "to", "rtt_ms", "mbit_s"}; !slices.Equal(row, columns[:3]) && !slices.Equal(row, columns) {
				return Matrix{}, fmt.Errorf("wan matrix %s: line %d: the header must be from,to,rtt_ms, or from,to,rtt_ms,mbit_s", name, line)
			}
			continue
		}
		if err := m.add(row); err != nil {
			return Matrix{}, fmt.Errorf("wan matrix %s: line %d: %w", name, line, err)
		}
	}
	if err := m.complete(); err != nil {
		return Matrix{}, fmt.Errorf("wan matrix %s: %w", name, err)
	}
	return m, nil
}

func (m *Matrix) add(row []string) error {
	p := pair{row[0], row[1]}
	if p.from == p.to {
		return fmt.Errorf("%q to itself: there is no delay within a region", p.from)
	}
	if _, ok := m.rtt[p]; ok {
		return fmt.Errorf("a second row from %q to %q", p.from, p.to)
	}
	ms, err := strconv.ParseFloat(row[2], 64)
	if err != nil || !(ms >= 0 && ms <= float64(MaxRTT.Milliseconds())) {
		return fmt.Errorf("rtt_ms is %q: give milliseconds from 0 to %d", row[2], MaxRTT.Milliseconds())
	}
	if err := m.limit(p, row[3:]); err != nil {
		return err
	}
	for _, region := range []string{p.from, p.to} {
		if region == "" || len(region) > maxName {
			return fmt.Errorf("a region's name has 1 to %d bytes, not %d", maxName, len(region))
		}
		if slices.Contains(m.regions, region) {
			continue
		}
		if len(m.regions) == MaxRegions {
			return fmt.Errorf("more than %d regions", MaxRegions)
		}
		m.regions = append(m.regions, region)
	}
	m.rtt[p] = time.Duration(ms * float64(time.Millisecond)).Round(time.Microsecond)
	return nil
}

// limit reads the bandwidth of p, if the file has any.
func (m *Matrix) limit(p pair, column []string) error {
	if len(column) == 0 || column[0] == "" {
		return nil
	}
	mbit, err := strconv.ParseFloat(column[0], 64)
	if err != nil || !(mbit >= 0.01 && mbit <= MaxMbit) {
		return fmt.Errorf("mbit_s is %q: give megabits a second from 0.01 to %d, or nothing for no limit", column[0], MaxMbit)
	}
	m.rate[p] = int64(mbit * 1e6 / 8)
	return nil
}

// complete gives each direction without a row the other's.
func (m *Matrix) complete() error {
	if len(m.regions) == 0 {
		return errors.New("no rows: give one per ordered pair of regions")
	}
	for _, from := range m.regions {
		for _, to := range m.regions {
			p, back := pair{from, to}, pair{to, from}
			if _, ok := m.rtt[p]; ok || from == to {
				continue
			}
			d, ok := m.rtt[back]
			if !ok {
				return fmt.Errorf("no row between %q and %q", from, to)
			}
			m.rtt[p] = d
			if rate := m.rate[back]; rate > 0 {
				m.rate[p] = rate
			}
		}
	}
	return nil
}
