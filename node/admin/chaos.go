package admin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"hearsay/node/host/wan"
)

// maxChaosBody bounds the body of a rule, in bytes.
const maxChaosBody = 4 << 10

// A rule is what holds for one direction between two regions.
type rule struct {
	From string `json:"from"`
	To   string `json:"to"`
	// Delay is the emulated one-way delay, as time.ParseDuration reads it.
	Delay string `json:"delay"`
	Cut   bool   `json:"cut"`
}

// A change is what a client asks of one direction.
type change struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Action string `json:"action"`
}

const rulesPath = "/admin/v1/chaos/rules"

// chaos serves the rules of net. Each change answers with all rules as they are
// then.
func chaos(mux *http.ServeMux, net *wan.Network) {
	if net == nil {
		mux.HandleFunc(rulesPath, func(w http.ResponseWriter, _ *http.Request) {
			refuse(w, http.StatusNotFound, "there is no emulated network here to cut: run the nodes in one process with hearsay dev --wan aws")
		})
		return
	}
	mux.HandleFunc("GET "+rulesPath, func(w http.ResponseWriter, _ *http.Request) {
		showRules(w, net)
	})
	mux.HandleFunc("DELETE "+rulesPath, func(w http.ResponseWriter, _ *http.Request) {
		net.HealAll()
		showRules(w, net)
	})
	mux.HandleFunc("POST "+rulesPath, func(w http.ResponseWriter, r *http.Request) {
		var c change
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxChaosBody))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c); err != nil {
			refuse(w, http.StatusBadRequest, fmt.Sprintf(`body is not {"from": "…", "to": "…", "action": "cut|heal"}: %v`, err))
			return
		}
		if err := c.make(net); err != nil {
			refuse(w, http.StatusBadRequest, err.Error())
			return
		}
		showRules(w, net)
	})
}

func (c change) make(net *wan.Network) error {
	switch c.Action {
	case "cut":
		return net.Cut(c.From, c.To)
	case "heal":
		net.Heal(c.From, c.To)
		return nil
	}
	return fmt.Errorf("action is %q, must be cut or heal", c.Action)
}

func showRules(w http.ResponseWriter, net *wan.Network) {
	rules := []rule{}
	for _, r := range net.Rules() {
		rules = append(rules, rule{From: r.From, To: r.To, Delay: r.Delay.Round(time.Microsecond).String(), Cut: r.Cut})
	}
	answer(w, http.StatusOK, map[string]any{"rules": rules})
}
