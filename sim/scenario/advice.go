package scenario

import "slices"

// foreign is what other simulators and stores call what has another name here, or none.
// DESIGN.md has the same table with the reasons.
var foreign = []struct{ name, advice string }{
	{"fanout", "every write goes to one relay in each region, so there is no fan-out to set"},
	{"mode", "who misses something pulls it, so there is no mode to set"},
	{"interval", "the name here is status_interval"},
	{"anti_entropy", "the name here is repair_interval"},
	{"gossip", "its fields stand in store itself: status_interval, repair_interval"},
	{"tombstone_grace", "the name here is floor_age: for so long deletions are kept even if all have them"},
	{"max_offset", "the name here is max_skew"},
	{"hlc", "the name here is max_skew; what is stamped further ahead is always held back"},
	{"on_excess", "what is stamped further ahead than max_skew is always held back"},
	{"zones", "machines of one region are alike here"},
	{"message_budget", "expect messages_per_write instead"},
	{"msgs_per_write", "the name here is messages_per_write"},
	{"protect", "a plan never takes a majority for good here"},
	{"bounded_memory", "every queue is bounded, and I6 checks it in every run"},
	{"unsynced", "a draw says what of an unsynced tail a crash leaves"},
	{"report", "a run tells all its verdicts; with --output json as JSON"},
	{"shrink", "'hearsay sim explore' shrinks; its --runs is the budget"},
	{"proc.stop", "the name here is proc.crash"},
	{"net.partition", "the name here is net.cut"},
}

// advice says what to write in place of name, if it can be guessed.
func advice(path, name string, known []string) string {
	for _, f := range foreign {
		if f.name == name && !slices.Contains(known, name) {
			return ": " + f.advice
		}
	}
	return nearest(name, known)
}

// nearest says which of words was probably meant, and else what there is.
func nearest(name string, words []string) string {
	best, least := "", 3
	for _, word := range words {
		if d := distance(name, word); d < least {
			best, least = word, d
		}
	}
	if best != "" {
		return ", did you mean " + best + "?"
	}
	if len(words) == 0 {
		return ""
	}
	return ", there is " + oneOf(words)
}

// distance is how many letters must be put in, taken out or changed to make b of a
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j]+1, row[j+1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
