package scenario

import (
	"math"
	"testing"
)

func TestReal(t *testing.T) {
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"exp(0)", exp(0), 1},
		{"exp(-3.7)", exp(-3.7), math.Exp(-3.7)},
		{"exp(20)", exp(20), math.Exp(20)},
		{"ln(1)", ln(1), 0},
		{"ln(1e-5)", ln(1e-5), math.Log(1e-5)},
		{"ln(50000)", ln(50000), math.Log(50000)},
		{"cosine(3)", cosine(3), math.Cos(3)},
		{"sine(-1.2)", sine(-1.2), math.Sin(-1.2)},
		{"arccosine(-0.99)", arccosine(-0.99), math.Acos(-0.99)},
		{"arccosine(1)", arccosine(1), 0},
		{"deviate(0.5)", deviate(0.5), 0},
		{"deviate(0.975)", deviate(0.975), 1.959963984540054},
		{"deviate(0.001)", deviate(0.001), -3.090232306167813},
	} {
		if math.Abs(tt.got-tt.want) > 1e-9*max(1, math.Abs(tt.want)) {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}
