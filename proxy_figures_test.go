package kplkit_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// proxyEvidence is matrix/evidence/proxy.json.
type proxyEvidence struct {
	Date string
	Runs []proxyRun
}

// proxyRun is CLIENT/text, /digits, /plain or /raw. interop/proxy_test.go says what its numbers are.
type proxyRun struct {
	ID, What  string
	Versions  map[string]string
	Positions []string

	Put, Raw, Delivered, Lost, Twice, Kills int
}

// proxyClients are those that have to be among the runs.
var proxyClients = []string{"python", "node", "node-fan-out", "java", "java-fan-out", "telegraf", "bento", byEvent}

// byEvent is the client that stores a position once all of an event is delivered: what it has of an event when it is killed comes
// again, of plain records, too.
const byEvent = "bento-fan-out"

// TestProxyFigures: the figures of clients in docs/proxy.md are what interop/run.sh --evidence proxy found. By the proxy no
// client lost anything or got more twice than of plain records, in either form of positions, and some of the positions that each had
// stored when it was killed were inside of aggregates; without the proxy each lost all that was in aggregates.
func TestProxyFigures(t *testing.T) {
	var e proxyEvidence
	readEvidence(t, "matrix/evidence/proxy.json", &e)
	holdBlocks(t, "docs/proxy.md", map[string]string{"proxy": e.table(t)})
	for _, client := range proxyClients {
		plain := e.run(t, client+"/plain")
		for _, positions := range []string{"text", "digits"} {
			r := e.run(t, client+"/"+positions)
			again, inside := plain.Twice, r.inside(positions)
			if client == byEvent { // which events there are is luck
				again, inside = 2*plain.Twice, true
			}
			if r.Lost+r.Raw > 0 || r.Twice > again || r.Delivered != r.Put || r.Kills == 0 || r.Kills != plain.Kills || !inside {
				t.Errorf("%+v", r)
			}
		}
		if raw := e.run(t, client+"/raw"); raw.Raw == 0 || raw.Lost < raw.Put*9/10 {
			t.Errorf("%+v", raw)
		}
	}
}

// inside reports whether most of the positions are inside of aggregates, and all are in their form.
func (r proxyRun) inside(positions string) bool {
	inside := 0
	for _, p := range r.Positions {
		number, sub, isText := strings.Cut(p, ":")
		if positions == "digits" {
			if len(p) != 65 || isText {
				return false
			}
			sub, isText = p[56:], p[56:] != "999999999"
		} else if len(number) != 56 {
			return false
		}
		if isText && sub != "" {
			inside++
		}
	}
	return inside >= r.Kills
}

func (e proxyEvidence) run(t *testing.T, id string) proxyRun {
	i := slices.IndexFunc(e.Runs, func(r proxyRun) bool { return r.ID == id })
	if i < 0 {
		t.Fatalf("there is no run %s", id)
	}
	return e.Runs[i]
}

func (e proxyEvidence) table(t *testing.T) string {
	b := table("client", "killed", "text: lost, twice", "digits: lost, twice", "plain: lost, twice", "without the proxy: lost")
	both := func(r proxyRun) string { return fmt.Sprintf("%d, %d", r.Lost, r.Twice) }
	for _, client := range proxyClients {
		text, raw := e.run(t, client+"/text"), e.run(t, client+"/raw")
		what, _, _ := strings.Cut(text.What, ";")
		b.row(what, text.Kills, both(text), both(e.run(t, client+"/digits")), both(e.run(t, client+"/plain")), fmt.Sprintf("%d of %d", raw.Lost, raw.Put))
	}
	fmt.Fprintf(b, "\n%s; versions, and the positions that were stored, are in [the evidence](../matrix/evidence/proxy.json).\n", e.Date)
	return b.String()
}
