package link

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// maxJoins bounds the joins in progress. One that goes nowhere takes as long as
	// DialTimeout.
	maxJoins = 16
	// maxIntroductions bounds the exchanges of whole states with peers that lack
	// this node, each ProbeInterval. One that succeeds is gossiped to the others.
	maxIntroductions = 4
)

// rejoin joins, at once and then every ReconnectInterval, each seed and each
// address of a dead member that memberlist does not show alive.
func (l *Links) rejoin() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	lonely := false // and said so
	for {
		select {
		case <-timer.C:
		case <-l.joining:
		case <-l.ctx.Done():
			return
		}
		begun := time.Now()
		err := l.joinAll(l.missing())
		wait := l.cfg.ReconnectInterval
		if alone := len(l.Members()) == 0; alone {
			wait /= 10
			if err != nil && !lonely && l.ctx.Err() == nil {
				l.log.Warn("no peer answers, trying on", zap.Error(err))
				lonely = true
			}
		} else {
			lonely = false
		}
		timer.Reset(time.Until(begun.Add(jittered(wait))))
	}
}

// introduce joins, every ProbeInterval, peers that this node has a stream to and
// none from: what they know of it is nothing, or wrong.
//
// A node that crashed and is back under another address depends on this. The
// first that it joins tells it of all others, so it misses nobody; but each of
// them holds it alive where it was, and takes no other address for it before it
// has noticed its death. Nobody would tell it again then. The streams say who
// needs to be told, and when to stop. The peers themselves could not do as well:
// a hello names no address, and an address heard of while another is held alive
// may as well be the old one.
func (l *Links) introduce() {
	tick := time.NewTicker(l.cfg.ProbeInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = l.joinAll(l.unaware()) // again at the next tick
		case <-l.ctx.Done():
			return
		}
	}
}

// unaware returns the addresses of peers that have no stream to this node, though
// this node has one to them: of all such, or of maxIntroductions drawn at random.
func (l *Links) unaware() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var addrs []string
	for id, p := range l.peers {
		if p.alive && p.connected() && l.inbound[inboundKey{node: id}] == nil {
			addrs = append(addrs, p.member.Addr)
		}
	}
	shuffle(addrs)
	return addrs[:min(len(addrs), maxIntroductions)]
}

func shuffle(addrs []string) {
	rand.Shuffle(len(addrs), func(i, j int) { addrs[i], addrs[j] = addrs[j], addrs[i] })
}

// joinAll joins addrs and returns one of the errors.
func (l *Links) joinAll(addrs []string) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		slots = make(chan struct{}, maxJoins)
	)
	for _, addr := range addrs {
		select {
		case slots <- struct{}{}:
		case <-l.ctx.Done():
			wg.Wait()
			return nil
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if _, err := l.list.Join([]string{addr}); err != nil {
				mu.Lock()
				defer mu.Unlock()
				first = err
				return
			}
			l.log.Debug("joined", zap.String("addr", addr))
		})
	}
	wg.Wait()
	return first
}

// missing returns, in random order, the addresses of seeds and dead members where
// memberlist shows nobody.
func (l *Links) missing() []string {
	l.mu.Lock()
	seeds := l.seeds
	l.mu.Unlock()
	var addrs []string
	for _, seed := range seeds {
		addrs = append(addrs, l.resolve(seed)...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.dead {
		addrs = append(addrs, m.Addr)
	}
	known := map[string]bool{l.addr.String(): true}
	for _, p := range l.peers {
		if p.alive {
			known[p.member.Addr] = true
		}
	}
	var missing []string
	for _, addr := range addrs {
		if !known[addr] {
			known[addr] = true
			missing = append(missing, addr)
		}
	}
	shuffle(missing)
	return missing
}

// resolve looks a seed up. A name may stand for several addresses, and for others
// tomorrow.
func (l *Links) resolve(seed string) []string {
	host, service, err := net.SplitHostPort(seed)
	if err != nil {
		return nil // validated at Open
	}
	port, err := net.DefaultResolver.LookupPort(l.ctx, "tcp", service)
	if err != nil {
		l.log.Warn("cannot look up a seed", zap.String("seed", seed), zap.Error(err))
		return nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(l.ctx, "ip", host)
	if err != nil {
		if l.ctx.Err() == nil {
			l.log.Warn("cannot look up a seed", zap.String("seed", seed), zap.Error(err))
		}
		return nil
	}
	addrs := make([]string, len(ips))
	for i, ip := range ips {
		addrs[i] = netip.AddrPortFrom(ip.Unmap(), uint16(port)).String()
	}
	return addrs
}
