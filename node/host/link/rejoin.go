package link

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"
)

// maxJoins bounds the joins in progress. One that goes nowhere takes as long as
// DialTimeout.
const maxJoins = 16

// rejoin joins, at once and then every ReconnectInterval, each seed and each
// address of a dead member that memberlist does not show alive.
func (l *Links) rejoin() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	lonely := false // and said so
	for {
		select {
		case <-timer.C:
		case <-l.ctx.Done():
			return
		}
		begun := time.Now()
		err := l.joinAll()
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

// joinAll joins what is missing and returns one of the errors.
func (l *Links) joinAll() error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		slots = make(chan struct{}, maxJoins)
	)
	for _, addr := range l.missing() {
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
			l.log.Info("joined", zap.String("addr", addr))
		})
	}
	wg.Wait()
	return first
}

// missing returns, in random order, the addresses of seeds and dead members where
// memberlist shows nobody.
func (l *Links) missing() []string {
	var addrs []string
	for _, seed := range l.cfg.Seeds {
		addrs = append(addrs, l.resolve(seed)...)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	addrs = append(addrs, l.dead...)
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
	rand.Shuffle(len(missing), func(i, j int) { missing[i], missing[j] = missing[j], missing[i] })
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
