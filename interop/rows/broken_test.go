package rows

import "testing"

// broken is a run with a damaged aggregate among good ones, read with a checkpoint after each user record. dies is what
// the consumer says that does not get over it, a regular expression; it is then started a second time.
func broken(id string, d damage, dies string, w want) scenario {
	what := "one aggregate is damaged: " + string(d) + "; checkpoint after each user record"
	if dies != "" {
		what += "; the consumer ends with an error, and so does the next one"
	}
	return scenario{id: id, what: what, damage: d, max: 4, refuses: dies, want: w, play: (*stage).playBroken}
}

// playBroken counts the user records of the damaged aggregate only if it can be read but for a key: nobody gets them
// out otherwise.
func (st *stage) playBroken(t *testing.T) ledger {
	stored := st.putAsPlanned(t)
	st.plan = st.choose(t)
	st.putPlain(t, st.stream, end)
	settings := merged(st.scenario.settings, map[string]string{"ROW_CHECKPOINT": "sequence-number"})
	o := st.work(t, st.scenario.last, settings)
	if o.refused == "" {
		return newLedger(stored, st.seen, "")
	}
	if again := st.work(t, st.scenario.last, settings); again.refused == "" {
		t.Errorf("%s, but the next worker came to the end", o.refused)
	}
	return newLedger(stored, st.seen, o.refused)
}

// fromBatchLost: with the damaged aggregate goes all that came in the same answer, and all that follows.
func fromBatchLost(p *plan) (lost, twice int) {
	for _, u := range p.users {
		if p.batch(u) >= p.damaged/p.max && readable(u) {
			lost++
		}
	}
	return lost, 0
}

// fromBatchLostAgain: and all before it comes twice, since the checkpoints were not written yet.
func fromBatchLostAgain(p *plan) (lost, twice int) {
	lost, _ = fromBatchLost(p)
	for _, u := range p.users {
		if p.batch(u) < p.damaged/p.max {
			twice++
		}
	}
	return lost, twice
}

// What programs on awslabs' package for Go die of.
const (
	diesOfIndex    = `^panic: runtime error: index out of range \[7\] with length 1$`
	diesOfProtobuf = `proto: cannot parse invalid wire-format data$`
)
