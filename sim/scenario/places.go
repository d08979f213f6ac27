package scenario

import (
	_ "embed" // the tables
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hearsay/sim"
)

// cities are 339 cities with a point of presence of an edge network, ordered so that
// the first N are as far apart as N of them can be. CITIES.md says where the tables
// come from.
//
//go:embed cities.csv
var cities string

// inflation is by how much round trips between two parts of the world are longer than
// light in fibre takes.
//
//go:embed inflation.csv
var inflation string

// A place is somewhere on the globe, in degrees.
type place struct {
	code, zone          string
	latitude, longitude float64
}

// rows returns the lines of an embedded table without its head.
func rows(table string) [][]string {
	all, err := csv.NewReader(strings.NewReader(table)).ReadAll()
	if err != nil {
		panic(err)
	}
	return all[1:]
}

// degrees reads a number of an embedded table.
func degrees(text string) float64 {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		panic(err)
	}
	return v
}

// world returns all cities.
func world() []place {
	var all []place
	for _, row := range rows(cities) {
		all = append(all, place{code: strings.ToLower(row[0]), zone: row[3], latitude: degrees(row[4]), longitude: degrees(row[5])})
	}
	return all
}

// kilometres returns the great-circle distance between two places.
func kilometres(a, b place) float64 {
	const radius, perDegree = 6371.0088, pi / 180
	from, to := float64(a.latitude*perDegree), float64(b.latitude*perDegree)
	apart := float64((a.longitude - b.longitude) * perDegree)
	across := float64(float64(cosine(from)*cosine(to)) * cosine(apart))
	return float64(radius * arccosine(float64(sine(from)*sine(to))+across))
}

// A geo says how long messages travel over a distance.
type geo struct {
	perMillisecond float64 // kilometres, one way, as light goes in fibre
	inflation      float64 // how much longer they take; 0 is by the parts of the world
	floor          time.Duration
	jitter         sim.Table
	factors        map[[2]string]float64
}

func newGeo() *geo {
	g := &geo{perMillisecond: 199.86, jitter: backbone(), factors: map[[2]string]float64{}}
	for _, row := range rows(inflation) {
		k := degrees(row[2])
		g.factors[[2]string{row[0], row[1]}], g.factors[[2]string{row[1], row[0]}] = k, k
	}
	return g
}

// path returns how messages travel between two places. A pair of places has a factor of
// its own, the same in every run: links are not all as straight.
func (g *geo) path(a, b place) sim.Path {
	light := kilometres(a, b) / g.perMillisecond // one way, in milliseconds
	k := g.inflation
	if k == 0 {
		k = g.factors[[2]string{a.zone, b.zone}]
	}
	first, second := min(a.code, b.code), max(a.code, b.code)
	u := (float64(sim.Draw(0, "pair of "+first+" and "+second)>>48) + 0.5) / 65536
	// Half of 5 ms is for the way to the backbone and back.
	delay := max(float64((2.5+float64(k*light))*exp(float64(0.15*deviate(u)))), light)
	least := time.Duration(delay*1000) * time.Microsecond
	return sim.Path{Least: max(least, g.floor), Jitter: g.jitter}
}

// backbone is what comes on top of a delay, in permille: up to the 95th percentile as
// the median pair of Azure's regions had it in 2026, beyond as AWS had it in 2013.
func backbone() sim.Table {
	return sim.Table{{Below: 0, Value: 0}, {Below: 32768, Value: 10}, {Below: 62259, Value: 60}, {Below: 64881, Value: 250}, {Below: 65470, Value: 1000}, {Below: 65536, Value: 3000}}
}

// percentiles are of round trips.
type percentiles struct{ p50, p99, p999, most time.Duration }

// path returns the way there or back.
func (p percentiles) path() sim.Path {
	least := p.p50 / 2 * 98 / 100
	over := func(rtt time.Duration) int64 { return int64(max(rtt/2-least, 0) * 1000 / max(least, 1)) }
	return sim.Path{Least: least, Jitter: sim.Table{
		{Below: 0, Value: 0}, {Below: 32768, Value: over(p.p50)}, {Below: 64881, Value: over(p.p99)},
		{Below: 65470, Value: over(p.p999)}, {Below: 65536, Value: over(p.most)},
	}}
}

// aws2013 are round trips between regions of AWS over a week of 2013, a ping each
// second, in milliseconds: p50, p99, p99.9 and p99.999 (Peter Bailis,
// "Communication costs in real-world networks", 2013).
var aws2013 = []struct {
	a, b                 string
	p50, p99, p999, most int64
}{
	{"virginia", "oregon", 81, 104, 225, 413}, {"virginia", "california", 84, 105, 174, 253},
	{"virginia", "ireland", 109, 118, 154, 754}, {"virginia", "singapore", 253, 274, 321, 1018},
	{"virginia", "tokyo", 203, 230, 253, 376}, {"virginia", "sydney", 269, 318, 363, 430},
	{"virginia", "sao paulo", 147, 239, 246, 836}, {"oregon", "california", 22, 40, 81, 254},
	{"oregon", "ireland", 169, 194, 217, 716}, {"oregon", "singapore", 234, 261, 300, 372},
	{"oregon", "tokyo", 130, 172, 258, 399}, {"oregon", "sydney", 200, 219, 232, 340},
	{"oregon", "sao paulo", 206, 250, 263, 721}, {"california", "ireland", 169, 190, 239, 449},
	{"california", "singapore", 189, 217, 265, 318}, {"california", "tokyo", 134, 228, 264, 317},
	{"california", "sydney", 174, 226, 260, 338}, {"california", "sao paulo", 184, 230, 264, 769},
	{"ireland", "singapore", 202, 301, 601, 655}, {"ireland", "tokyo", 275, 364, 405, 520},
	{"ireland", "sydney", 349, 371, 402, 490}, {"ireland", "sao paulo", 239, 261, 292, 1088},
	{"singapore", "tokyo", 90, 127, 154, 240}, {"singapore", "sydney", 269, 395, 653, 3267},
	{"singapore", "sao paulo", 363, 386, 430, 824}, {"tokyo", "sydney", 145, 154, 270, 314},
	{"tokyo", "sao paulo", 300, 317, 358, 568}, {"sydney", "sao paulo", 333, 343, 382, 582},
}

// sites2013 are where these stand.
var sites2013 = []place{
	{code: "virginia", latitude: 38.9, longitude: -77.5}, {code: "oregon", latitude: 45.8, longitude: -119.7},
	{code: "california", latitude: 37.4, longitude: -122}, {code: "ireland", latitude: 53.3, longitude: -6.3},
	{code: "singapore", latitude: 1.3, longitude: 103.8}, {code: "tokyo", latitude: 35.7, longitude: 139.7},
	{code: "sydney", latitude: -33.9, longitude: 151.2}, {code: "sao paulo", latitude: -23.5, longitude: -46.6},
}

// closest returns which of places is closest to p, if one is within so many kilometres.
func closest(p place, places []place, within float64) (place, error) {
	best, least := place{}, within
	for _, q := range places {
		if d := kilometres(p, q); d < least {
			best, least = q, d
		}
	}
	if best.code == "" {
		return best, fmt.Errorf("nothing is known within %.0f km of [%v, %v]", within, p.latitude, p.longitude)
	}
	return best, nil
}
