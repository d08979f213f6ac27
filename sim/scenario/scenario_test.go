package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hearsay/sim"
	"hearsay/sim/scenario"
)

// small is the least scenario that says everything that has to be said.
const small = `scenario: v1
name: small
topology:
  regions:
    - {id: a, at: [50, 8], nodes: 2}
    - {id: b, at: [40, -74], nodes: 1}
`

func parse(t *testing.T, text string) *scenario.File {
	t.Helper()
	f, err := scenario.Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse: %v, of\n%s", err, text)
	}
	return f
}

func first(t *testing.T, text string) *scenario.Case {
	t.Helper()
	f := parse(t, text)
	c, err := f.Case(f.Variants[0], f.Seeds.From)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever is wrong is told with its line and column, and with what may have been meant.
func TestErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", "1:1: want one YAML document"},
		{"no YAML", "a: [", "1:4: "},
		{"another version", "scenario: v2\nname: x\n", `1:11: scenario is "v2", want v1`},
		{"no name", "scenario: v1\n", "has no name"},
		{"a field misspelt", small + "assrt: []\n", "7:1: a scenario has no assrt, did you mean assert?"},
		{"a field of another tool", small + "store: {tombstone_grace: 10m}\n", "7:9: store has no tombstone_grace: the name here is floor_age"},
		{"a field that means nothing here", small + "store: {gossip: {fanout: 3}}\n", "7:9: store has no gossip: its fields stand in store itself"},
		{"a field twice", small + "network: {transport: stream, transport: datagram}\n", "transport"},
		{"no regions", "scenario: v1\nname: x\ntopology: {}\n", "topology has 0 regions"},
		{"a region twice", small + "    - {id: a, nodes: 1}\n", "7:8: region a is there twice"},
		{"a region nowhere", strings.Replace(small, "at: [40, -74], ", "", 1), "how far a and b are apart"},
		{"a place of one number", strings.Replace(small, "[40, -74]", "[40]", 1), "6:20: a place has 1 numbers"},
		{"no place on earth", strings.Replace(small, "[40, -74]", "[400, -74]", 1), "6:20: latitude is 400, out of its bounds"},
		{"a time without a unit", small + "time: {run: 30}\n", `7:13: time.run is "30", want a time like 200ms`},
		{"a word that is none of some", small + "network: {transport: steam}\n", `7:22: network.transport is "steam", want stream or datagram, did you mean stream?`},
		{"shares that are not all", small + "workload: {mix: {get: 70%, put: 20%}}\n", "900 permille in sum"},
		{"a distribution that is none", small + "workload: {arrival: {model: closed, think: gauss(5ms)}}\n", "want one value, uniform(a..b)"},
		{"what does not vary", small + "workload: {session: {token: \"${token}\"}}\n", "7:29: workload.session.token names ${token}, which vary does not list"},
		{"a fault of no kind", small + "faults: [{do: net.cutt, link: \"a -> b\"}]\n", `7:11: faults[0] has do: "net.cutt", did you mean net.cut?`},
		{"a fault with a field too much", small + "faults: [{do: proc.pause, on: all, by: 5s}]\n", "7:36: faults[0] has no by"},
		{"another target", small + "targets: [sim, compose]\n", `7:16: targets has "compose", but scenarios run in the simulator alone`},
		{"a block that means nothing here", small + "shrink: {budget: 60s}\n", "7:1: a scenario has no shrink: 'hearsay sim explore' shrinks"},
		{"what a crash leaves", small + "faults: [{do: proc.crash, on: all, unsynced: drop}]\n", "faults[0] has no unsynced: a draw says"},
		{"a fault of nobody", small + "faults: [{do: proc.pause}]\n", "faults[0] does not say on which nodes"},
		{"a fault of a node that is not there", small + "faults: [{do: proc.pause, on: \"node:c-1\"}]\n", `7:31: faults[0] has on "node:c-1", want a node like node:a-1`},
		{"a link without an arrow", small + "faults: [{do: net.cut, link: a}]\n", "want one like"},
		{"too many faults", small + "faults: [{do: proc.pause, on: all, every: 1ms, until: 1h}]\n", "strikes 3600000 times"},
		{"a property that is none", small + "assert: [{always: read_your_write}]\n", "7:19: there is no property read_your_write, did you mean read_your_writes?"},
		{"a metric that is none", small + "assert: [{measure: msgs_per_write}]\n", "the name here is messages_per_write"},
		{"a bound of nothing", small + "assert: [{expect: staleness}]\n", "wants a bound: ge or le"},
		{"an assertion without a verb", small + "assert: [{property: causal}]\n", "wants one of always"},
		{"a condition on what does not vary", small + "assert: [{always: causal, when: {token: rw}}]\n", "7:34: when names token"},
		{"too many variants", small + "vary: {a: [1,2,3,4,5,6,7,8,9], b: [1,2,3,4,5,6,7,8]}\n", "vary has 72 combinations"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := scenario.Parse([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Parse = %v, want an error with %q, of\n%s", err, tt.want, tt.text)
			}
		})
	}
}

func TestTooLong(t *testing.T) {
	text := small + "doc: " + strings.Repeat("x", scenario.MaxBytes)
	if _, err := scenario.Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), "1 MiB") {
		t.Errorf("Parse of more than 1 MiB = %v, want an error that names the bound", err)
	}
	if _, err := scenario.Parse([]byte(text[:scenario.MaxBytes])); err != nil {
		t.Errorf("Parse of 1 MiB = %v, want none", err)
	}
}

func TestSwarmIsDrawnBySeed(t *testing.T) {
	f := parse(t, small+"network: {loss: {p: \"swarm(0..30%)\"}}\nworkload: {keys: {count: \"swarm(10..500)\", popularity: \"swarm(uniform|zipf(0.8..1.3))\"}}\n")
	losses, keys, popular := map[int]bool{}, map[int]bool{}, 0
	for seed := range uint64(50) {
		c, err := f.Case(nil, seed)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := f.Case(nil, seed)
		l, n := c.Config.Network.Losses.PerMillion, c.Config.Workloads[0].Keys
		if l < 0 || l > 300_000 || n < 10 || n > 500 {
			t.Fatalf("seed %d: loss %d per million and %d keys, want at most 300000 and 10 to 500", seed, l, n)
		}
		if again.Config.Network.Losses.PerMillion != l || again.Config.Workloads[0].Keys != n {
			t.Fatalf("seed %d is drawn otherwise the second time", seed)
		}
		if c.Config.Workloads[0].Popularity != nil {
			popular++
		}
		losses[l], keys[n] = true, true
	}
	if len(losses) < 30 || len(keys) < 30 || popular < 10 || popular > 40 {
		t.Errorf("50 seeds draw %d losses, %d numbers of keys, and zipf %d times; want most to differ, and half", len(losses), len(keys), popular)
	}
}

func TestTopologies(t *testing.T) {
	for _, tt := range []struct {
		text           string
		regions, nodes int
	}{
		{"regions: [{id: a, at: [1, 1], nodes: 3}]", 1, 3},
		{"generate: {regions: 12, nodes: 200, per_region: zipf(0.6)}", 12, 200},
		{"generate: {regions: 5, nodes: 20}", 5, 20},
		{"pops: 30", 30, 30},
		{"pops: 10, nodes_per_pop: 3", 10, 30},
	} {
		c := first(t, "scenario: v1\nname: x\ntopology: {"+tt.text+"}\n")
		if r, n := len(c.Config.Topology.Regions), len(c.Config.Topology.Home); r != tt.regions || n != tt.nodes {
			t.Errorf("%s: %d regions and %d nodes, want %d and %d", tt.text, r, n, tt.regions, tt.nodes)
		}
	}
}

// Cities are as far apart as they are, and messages between them take longer than light.
func TestGeography(t *testing.T) {
	c := first(t, `scenario: v1
name: x
topology:
  regions:
    - {id: frankfurt, at: [50.11, 8.68], nodes: 1}
    - {id: tokyo, at: [35.68, 139.65], nodes: 1}
    - {id: sydney, at: [-33.87, 151.21], nodes: 1}
`)
	// 9,340 km, and 234 ms as AWS measured it.
	there, back := c.Config.Network.Paths[0][1], c.Config.Network.Paths[1][0]
	if least, most := 150*time.Millisecond, 280*time.Millisecond; there.Least+back.Least < least || there.Least+back.Least > most {
		t.Errorf("Frankfurt to Tokyo and back takes %v, want %v to %v", there.Least+back.Least, least, most)
	}
	if there.Least != back.Least {
		t.Errorf("there takes %v and back %v, want the same", there.Least, back.Least)
	}
	given := first(t, small+"network: {matrix_rtt_ms: {a-b: [100, 120, 200]}}\n").Config.Network.Paths
	if got, want := given[0][1].Least, 49*time.Millisecond; got != want || given[1][0].Least != want {
		t.Errorf("a given round trip of 100 ms makes ways of %v and %v at least, want %v", got, given[1][0].Least, want)
	}
}

// Every verb and selector, and what becomes of it.
func TestFaults(t *testing.T) {
	const topology = `scenario: v1
name: x
time: {warmup: 10s, run: 30s}
topology: {regions: [{id: a, at: [50, 8], nodes: 3}, {id: b, at: [40, -74], nodes: 2}]}
faults:
  - {at: 5s, for: 2s, `
	for _, tt := range []struct{ text, want string }{
		{"do: net.cut, link: 'a -> b'}", "15s cut one way for 2s A=[0 1 2] B=[3 4]"},
		{"do: net.cut, link: 'a-1 <-> region:b'}", "15s cut one way for 2s A=[0] B=[3 4]; 15s cut one way for 2s A=[3 4] B=[0]"},
		{"do: net.cut, link: 'node:a-2 -> all'}", "15s cut one way for 2s A=[1] B=[0 2 3 4]"},
		{"do: net.flap, link: 'a -> b', up: 700ms, down: 300ms}", "15s cut one way for 300ms A=[0 1 2] B=[3 4]; 16s cut one way for 300ms A=[0 1 2] B=[3 4]"},
		{"do: net.loss, p: 30%}", "15s loss for 2s 300‰"},
		{"do: net.dup, p: 5%}", "15s duplicate for 2s 50‰"},
		{"do: net.reorder, p: 5%, window: 200ms}", "15s reorder for 2s 50‰ by 200ms"},
		{"do: proc.crash, on: b-2, restart_after: 7s}", "15s crash for 7s A=[4]"},
		{"do: proc.pause, on: 'all_but(region:a)'}", "15s pause for 2s A=[3 4]"},
		{"do: proc.wipe, on: 'node:b-1'}", "15s wipe for 2s A=[3]"},
		{"do: disk.slow, on: all, by: 50ms}", "15s slow disk for 2s A=[0 1 2 3 4] by 50ms"},
		{"do: disk.full, on: a-1}", "15s full disk for 2s A=[0]"},
		{"do: disk.fsync_fail, on: a-1}", "15s failed sync for 2s A=[0]"},
		{"do: clock.step, on: a-1, by: -800ms}", "15s clock jump for 2s A=[0] by -800ms"},
		{"do: member.forget, on: a-1, asks: b-1}", "15s forget for 2s A=[0] B=[3]"},
		{"do: member.suspect, on: a-1, by: region:b}", "15s false alarm for 2s A=[0] B=[3 4]"},
		{"every: 10s, until: 20s, do: proc.pause, on: a-1}", "15s pause for 2s A=[0]; 25s pause for 2s A=[0]"},
	} {
		var got []string
		for _, f := range first(t, topology+tt.text+"\n").Config.Faults {
			got = append(got, f.String())
		}
		if text := strings.Join(got, "; "); text != tt.want {
			t.Errorf("%s is %q, want %q", tt.text, text, tt.want)
		}
	}
	for selector, want := range map[string]int{"minority": 2, "majority": 3, "random(4)": 4, "random(40%)": 2} {
		f := parse(t, topology+fmt.Sprintf("do: proc.pause, on: '%s'}\n", selector))
		differ := map[string]bool{}
		for seed := range uint64(30) {
			c, err := f.Case(nil, seed)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(c.Config.Faults[0].A); got != want {
				t.Errorf("%s of 5 nodes is %d, want %d", selector, got, want)
			}
			differ[fmt.Sprint(c.Config.Faults[0].A)] = true
		}
		if len(differ) < 3 {
			t.Errorf("%s is always the same", selector)
		}
	}
}

// A variant, a run, and what its assertions say.
func TestRun(t *testing.T) {
	f := parse(t, small+`time: {warmup: 4s, run: 6s}
vary: {token: [none, causal]}
workload:
  sessions: 10
  arrival: {rate: 1000/s}
  roam: {every: 200ms}
  session: {token: "${token}"}
assert:
  - {always: contract}
  - {always: causal, when: {token: causal}}
  - {never: causal, when: {token: none}}
  - {sometimes: read_your_writes.violated, when: {token: none}}
  - {sometimes: event.frame_applied}
  - {sometimes: event.no_such}
  - {expect: availability, ge: 98%}
  - {expect: messages_per_write, le: 1}
  - {measure: propagation, quantile: 50%}
`)
	if len(f.Variants) != 2 {
		t.Fatalf("%d variants, want 2", len(f.Variants))
	}
	var runs []*scenario.Run
	for i, want := range []string{
		"contract true, causal true, read_your_writes.violated true, event.frame_applied true, event.no_such false, availability true, messages_per_write false, propagation true",
		"contract true, causal true, event.frame_applied true, event.no_such false, availability true, messages_per_write false, propagation true",
	} {
		c, err := f.Case(f.Variants[i], f.Seeds.From)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Run(nil)
		if err != nil {
			t.Fatal(err)
		}
		var got, says []string
		for _, v := range r.Verdicts {
			got = append(got, fmt.Sprint(v.Assertion.Subject, " ", v.Holds))
			says = append(says, v.Assertion.Text+": "+v.Says)
		}
		if text := strings.Join(got, ", "); text != want {
			t.Errorf("%v: verdicts are\n%s, want\n%s:\n%s", f.Variants[i], text, want, strings.Join(says, "\n"))
		}
		if r.Code() != scenario.Expectation {
			t.Errorf("%v: code %d with more than one message for each write, want %d", f.Variants[i], r.Code(), scenario.Expectation)
		}
		runs = append(runs, r)
	}
	missing := scenario.Uncovered(runs)
	if len(missing) != 1 || missing[0].Subject != "event.no_such" {
		t.Errorf("uncovered in both runs is %v, want event.no_such alone", missing)
	}
}

// A record that follows the run changes nothing in it.
func TestRecordingChangesNothing(t *testing.T) {
	c := first(t, small+"time: {warmup: 1s, run: 3s}\n")
	want := sim.Run(c.Config).Digest
	r, err := c.Run(nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Result.Digest != want {
		t.Errorf("digest %v with a record, %v without", r.Result.Digest, want)
	}
}

// All files that ship are right, in every variant.
func TestShipped(t *testing.T) {
	files, err := filepath.Glob("../scenarios/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scenarios: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := scenario.Parse(text)
		if err != nil {
			t.Errorf("%s:%v", file, err)
			continue
		}
		if want := f.Name + ".yaml"; filepath.Base(file) != want || f.Doc == "" {
			t.Errorf("%s is named %s and says %q, want the file to have its name, and a doc with its question", file, f.Name, f.Doc)
		}
	}
}

// Sizes and rates are what they say.
func TestUnits(t *testing.T) {
	c := first(t, small+"network: {bandwidth: {inter_region: 2.5Mbit, queue: 1.5KiB}, loss: {p: 0.01%}}\nworkload: {values: {bytes: 3kB}}\n")
	if n := c.Config.Network; n.Rate != 312_500 || n.Queue != 1536 || n.Losses.PerMillion != 100 {
		t.Errorf("2.5Mbit, 1.5KiB and 0.01%% are %d B/s, %d B and %d per million; want 312500, 1536 and 100", n.Rate, n.Queue, n.Losses.PerMillion)
	}
	if got := c.Config.Workloads[0].Size[0].Value; got != 3000 {
		t.Errorf("3kB are %d bytes, want 3000", got)
	}
}
