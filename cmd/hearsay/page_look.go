package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"hearsay/node/admin"
	"hearsay/node/host"
	"hearsay/store"
)

// A clusterLook is a cluster at one moment, as the page draws it.
type clusterLook struct {
	Regions []regionLook `json:"regions"`
	Links   []linkLook   `json:"links"`
}

type regionLook struct {
	Name  string     `json:"name"`
	Nodes []nodeLook `json:"nodes"`
}

type nodeLook struct {
	ID        string `json:"id"`
	API       string `json:"api"`
	Ready     bool   `json:"ready"`
	Why       string `json:"why,omitempty"` // it is not ready
	Peers     int    `json:"peers"`
	Connected int    `json:"connected"`
	// Behind counts the writes that some node holds and this one does not cover,
	// Lag says of whom.
	Behind uint64    `json:"behind"`
	Lag    []lagLook `json:"lag,omitempty"`
}

type lagLook struct {
	Origin  string `json:"origin"`
	Entries uint64 `json:"entries"`
}

type linkLook struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	DelayMS float64 `json:"delay_ms"`
	Cut     bool    `json:"cut"`
}

// look asks every node how it is.
func (c *cluster) look() clusterLook {
	var l clusterLook
	names := make(map[store.NodeID]string)
	most := make(map[originMark]uint64)
	status := make(map[*host.Host]admin.Status)
	for _, h := range c.nodes() {
		s := h.Status()
		status[h] = s
		names[s.ID] = s.Name
		for _, m := range s.Marks {
			o := originMark{m.Node, m.Incarnation}
			most[o] = max(most[o], m.Seq)
		}
	}
	for _, r := range c.regions {
		look := regionLook{Name: r.name}
		for _, h := range r.nodes {
			n := nodeLook{ID: h.Identity().Name, API: "http://" + h.APIAddr(), Ready: true, Peers: len(c.nodes()) - 1}
			if err := h.Ready(); err != nil {
				n.Ready, n.Why = false, err.Error()
			}
			s := status[h]
			for _, p := range s.Peers {
				if p.Connected {
					n.Connected++
				}
			}
			n.Lag = lags(s.Marks, most, names)
			for _, lag := range n.Lag {
				n.Behind += lag.Entries
			}
			look.Nodes = append(look.Nodes, n)
		}
		l.Regions = append(l.Regions, look)
	}
	l.Links = []linkLook{}
	for _, r := range c.network.Rules() {
		l.Links = append(l.Links, linkLook{From: r.From, To: r.To, DelayMS: milliseconds(r.Delay), Cut: r.Cut})
	}
	return l
}

// An originMark names an origin.
type originMark struct {
	node        store.NodeID
	incarnation string
}

// lags returns, by the names of the origins' nodes, how far marks are behind the
// most that any node has.
func lags(marks []admin.Mark, most map[originMark]uint64, names map[store.NodeID]string) []lagLook {
	behind := make(map[string]uint64)
	have := make(map[originMark]uint64, len(marks))
	for _, m := range marks {
		have[originMark{m.Node, m.Incarnation}] = m.Seq
	}
	for o, seq := range most {
		if n := seq - have[o]; n > 0 {
			behind[cmp.Or(names[o.node], string(o.node))] += n
		}
	}
	var all []lagLook
	for _, name := range slices.Sorted(maps.Keys(behind)) {
		all = append(all, lagLook{name, behind[name]})
	}
	return all
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }
