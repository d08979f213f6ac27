package scenario

// This file is real numbers that are the same on every processor: the standard
// library's are not, to the last bit, and a compiler may fuse a multiplication with an
// addition unless the product is converted.

const (
	pi     = 3.141592653589793
	ln2    = 0.6931471805599453
	terms  = 24 // of a series, for arguments of at most pi
	halves = 60 // of an interval, until it is as small as numbers are exact
)

// exp returns e to the power of x, for x from -700 to 700.
func exp(x float64) float64 {
	squarings := 0
	for ; x > 0.5 || x < -0.5; squarings++ {
		x /= 2
	}
	sum, term := 1.0, 1.0
	for n := 1; n < terms; n++ {
		term = float64(term*x) / float64(n)
		sum += term
	}
	for range squarings {
		sum = float64(sum * sum)
	}
	return sum
}

// ln returns the natural logarithm of x, which is positive.
func ln(x float64) float64 {
	doublings := 0
	for ; x > 2; doublings++ {
		x /= 2
	}
	for ; x < 1; doublings-- {
		x = float64(x * 2)
	}
	t := (x - 1) / (x + 1)
	square := float64(t * t)
	sum, power := 0.0, t
	for n := 1; n < 2*terms; n += 2 {
		sum += power / float64(n)
		power = float64(power * square)
	}
	return float64(2*sum) + float64(ln2*float64(doublings))
}

// cosine is of x from -2 pi to 2 pi.
func cosine(x float64) float64 {
	square := float64(x * x)
	sum, term := 1.0, 1.0
	for n := 2; n < 2*terms; n += 2 {
		term = -float64(term*square) / float64(n*(n-1))
		sum += term
	}
	return sum
}

func sine(x float64) float64 { return cosine(x - pi/2) }

// arccosine returns the angle from 0 to pi whose cosine is x.
func arccosine(x float64) float64 {
	low, high := 0.0, pi
	for range halves {
		middle := (low + high) / 2
		if cosine(middle) > x {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// deviate returns how many standard deviations above the mean of a normal distribution
// a share u of all outcomes lies below.
func deviate(u float64) float64 {
	low, high := -6.0, 6.0
	for range halves {
		middle := (low + high) / 2
		if normal(middle) < u {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// normal returns the share of a normal distribution below x (Marsaglia, "Evaluating the
// Normal Distribution", 2004).
func normal(x float64) float64 {
	square := float64(x * x)
	sum, term := x, x
	for n := 3; n < 200; n += 2 {
		term = float64(term*square) / float64(n)
		sum += term
	}
	return 0.5 + float64(sum*exp(-square/2))/2.5066282746310002
}
