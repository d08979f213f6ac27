package history

// A Report is all that is found in a history.
type Report struct {
	Findings     []Finding // of every property, in a fixed order
	Staleness    Staleness
	Latencies    []Latency
	Shares       []Share
	Linearizable int64 // by how many nanoseconds reads are too late for it; 0 if it holds
	Versions     int   // how many versions there are, of all keys
}

// Check runs every check.
func Check(h *History, o Options) *Report {
	x := h.Index(o)
	r := &Report{Versions: len(x.writer) - len(h.keys.texts)}
	r.Findings = append(r.Findings, x.ThinAir())
	r.Findings = append(r.Findings, x.Sessions()...)
	var found []Finding
	r.Staleness, found = x.Staleness()
	r.Findings = append(r.Findings, found...)
	r.Findings = append(r.Findings, x.Order()...)
	var f Finding
	f, r.Linearizable = x.Zones()
	r.Findings = append(r.Findings, f)
	r.Findings = append(r.Findings, x.Replicas()...)
	r.Findings = append(r.Findings, x.Resurrection())
	r.Findings = append(r.Findings, x.Clock()...)
	r.Latencies = x.Latency()
	r.Shares, f = x.Availability()
	r.Findings = append(r.Findings, f)
	return r
}

// Finding returns what was found for p, nil if that is no property.
func (r *Report) Finding(p Property) *Finding {
	for i := range r.Findings {
		if r.Findings[i].Property == p {
			return &r.Findings[i]
		}
	}
	return nil
}

// Implies returns the properties that every history has that has p: the order of
// Viotti and Vukolić ("Consistency in Non-Transactional Distributed Storage Systems",
// 2016), of what is checked here. Where versions decide, linearizable is stronger than
// causal only if its order is that of versions; and sequential consistency would be
// between them, but of single keys it says nothing about several.
func (p Property) Implies() []Property {
	switch p {
	case LinearizableInOrder:
		return []Property{Linearizable, SequentialPerKey, Causal, LWWInversion}
	case SequentialPerKey:
		return []Property{ReadYourWrites, MonotonicReads}
	case Causal:
		return []Property{PRAM, WritesFollowReads}
	case PRAM:
		return []Property{ReadYourWrites, MonotonicReads, MonotonicWrites}
	case MonotonicWrites:
		return []Property{ConsistentPrefix}
	}
	return nil
}

// Level returns the strongest properties of clients' consistency that hold, those
// left out that others imply: which level one got.
func (r *Report) Level() []Property {
	var level []Property
	implied := map[Property]bool{}
	for _, p := range [...]Property{LinearizableInOrder, Linearizable, SequentialPerKey, Causal, PRAM, LWWInversion,
		MonotonicWrites, WritesFollowReads, ReadYourWrites, MonotonicReads, ConsistentPrefix} {
		if !implied[p] && !r.Finding(p).Holds() {
			continue
		}
		if !implied[p] {
			level = append(level, p)
		}
		for _, q := range p.Implies() {
			implied[q] = true
		}
	}
	return level
}
