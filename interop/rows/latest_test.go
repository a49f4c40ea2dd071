package rows

import (
	"testing"
	"time"
)

// latest is a worker that starts at LATEST and is stopped inside an aggregate before its first checkpoint.
func latest(settings map[string]string) scenario {
	return scenario{
		id: "latest", what: "started at LATEST, stopped hard inside an aggregate before the first checkpoint, resumed",
		settings: merged(settings, map[string]string{"ROW_POSITION": "LATEST"}), play: (*stage).playLatest,
		stops: []stop{{at: place{text: names(userRecords)[userRecords/2+4]}, checkpoint: "nothing", when: "at"}}, want: behindLost,
	}
}

func (st *stage) playLatest(t *testing.T) ledger {
	at := st.scenario.stops[0].at.text
	st.createStream(t, st.stream, 1)
	crashed := st.begin(t, st.scenario.last, merged(st.scenario.settings, map[string]string{"ROW_AT": at}))
	st.awaitIterators(t, crashed, 1)
	stored := st.put(t)
	first := st.end(t, crashed)
	st.seen = append(st.seen, first.records...)
	before := st.iterators.of(st.stream)
	resumed := st.begin(t, st.scenario.last, st.scenario.settings)
	st.awaitIterators(t, resumed, before+1)
	st.putPlain(t, st.stream, end)
	second := st.end(t, resumed)
	st.seen = append(st.seen, second.records...)
	l := newLedger(stored, st.seen, first.refused+second.refused)
	return l
}

// awaitIterators waits until a worker has asked for the stream's shard iterator number n.
func (st *stage) awaitIterators(t *testing.T, w *worker, n int) {
	for deadline := time.Now().Add(patience); st.iterators.of(st.stream) < n; time.Sleep(20 * time.Millisecond) {
		select {
		case o := <-w.stopped:
			t.Fatalf("%s has stopped: %+v\n%s", w.name, o, w.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not read", w.name)
		}
	}
}
