package wan

import "time"

// quantiles is the distribution of the jitter, in millionths and microseconds;
// README.md has the source. Between two points it is linear.
var quantiles = [...]struct{ share, micros uint64 }{
	{0, 0},
	{500_000, 50},
	{950_000, 290},
	{990_000, 940},
	{1_000_000, 4600},
}

// jitter turns 64 uniform bits into one delay of the distribution.
func jitter(bits uint64) time.Duration {
	share := bits % 1_000_000
	i := 1
	for quantiles[i].share <= share {
		i++
	}
	lo, hi := quantiles[i-1], quantiles[i]
	micros := lo.micros + (hi.micros-lo.micros)*(share-lo.share)/(hi.share-lo.share)
	return time.Duration(micros) * time.Microsecond
}
