package scenario

import (
	"strings"

	"hearsay/sim"
)

// table returns a distribution as quantiles: in even steps and, of the last one, in ever
// smaller ones. Value returns the outcome below which a share u of all lies.
func table(value func(u float64) float64) sim.Table {
	const step = 1024
	var t sim.Table
	add := func(below uint64, u float64) {
		t = append(t, sim.Quantile{Below: below, Value: int64(value(u))})
	}
	for below := uint64(0); below < 65536; {
		add(below, max(float64(below)/65536, 1.0/131072))
		switch left := 65536 - below; {
		case left > step:
			below += step
		default:
			below += max(left/4, 1)
		}
	}
	add(65536, 131071.0/131072)
	return t
}

func constant(v int64) sim.Table { return sim.Table{{Below: 0, Value: v}, {Below: 65536, Value: v}} }

// exponential has the times between events that do not know of each other.
func exponential(mean int64) sim.Table {
	return table(func(u float64) float64 { return -float64(float64(mean) * ln(1-u)) })
}

// lognormal has a median, and a logarithm of sigma thousandths of standard deviation.
func lognormal(median, sigma int64) sim.Table {
	return table(func(u float64) float64 {
		return float64(float64(median) * exp(float64(float64(sigma)/1000*deviate(u))))
	})
}

// distribution reads a field like 5ms, uniform(1ms..5ms), exp(50ms) or
// lognormal(200, 1.0), in its unit.
func (o *object) distribution(name string, u unit) sim.Table {
	n, text := o.fields[name], o.text(name)
	number := func(text string, u unit) int64 {
		return o.src.value(n, o.at(name), strings.TrimSpace(text), u, 0, 1<<50)
	}
	if of, ok := call(text, "uniform"); ok {
		from, to, _ := strings.Cut(of, "..")
		return sim.Table{{Below: 0, Value: number(from, u)}, {Below: 65536, Value: number(to, u)}}
	}
	if of, ok := call(text, "exp"); ok {
		return exponential(number(of, u))
	}
	if of, ok := call(text, "lognormal"); ok {
		median, sigma, _ := strings.Cut(of, ",")
		return lognormal(number(median, u), number(sigma, thousandths))
	}
	if _, err := u(text); err != nil && !strings.HasPrefix(text, "swarm(") {
		o.src.fail(n, "%s is %q, want one value, uniform(a..b), exp(mean) or lognormal(median, sigma)", o.at(name), text)
		return constant(0)
	}
	return constant(number(text, u))
}

// popularity reads how often each of n keys is asked for: uniform, or zipf(s), by which
// the i-th is asked for in proportion to i to the power of -s. It returns sums, nil for
// uniform.
func (o *object) popularity(name string, n int) []uint64 {
	text := "uniform"
	if o.has(name) {
		text = o.text(name)
	}
	if text == "uniform" {
		return nil
	}
	exponent, ok := call(text, "zipf")
	if !ok {
		o.src.fail(o.fields[name], "%s is %q, want uniform or zipf(0.99)", o.at(name), text)
		return nil
	}
	if strings.Contains(exponent, "..") {
		exponent = "swarm(" + exponent + ")"
	}
	s := o.src.value(o.fields[name], o.at(name), exponent, thousandths, 0, 5000)
	return zipf(n, s)
}

// zipf returns the sums of the weights of n ranks, for an exponent in thousandths.
func zipf(n int, exponent int64) []uint64 {
	sums := make([]uint64, n)
	sum := uint64(0)
	for i := range sums {
		sum += 1 + uint64(float64((1<<32)*exp(-float64(float64(exponent)/1000*ln(float64(i+1))))))
		sums[i] = sum
	}
	return sums
}
