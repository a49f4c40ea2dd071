package interop

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// killing is what became of user records that were put at a steady rate while the child was killed.
type killing struct {
	Wrapper     string  `json:"wrapper"` // the KPL's of this version, or the client of kplkit's for this language
	Child       string  `json:"child"`
	Kills       int     `json:"kills"`
	Rate        float64 `json:"puts_per_second"`
	RefusedFor  summary `json:"refused_for_ms"`   // from the kill to the last put that the wrapper refuses
	NextResult  summary `json:"next_result_ms"`   // from the kill until the next child's first record is stored, whenever it was put
	WorksAfter  summary `json:"works_after_ms"`   // from the kill until a later put is stored
	Outstanding int     `json:"outstanding_most"` // failed by one kill, at most
	book
}

// summary is of several times, in milliseconds.
type summary struct {
	Least  int64 `json:"least"`
	Median int64 `json:"median"`
	Most   int64 `json:"most"`
}

func summarize(times []time.Duration) summary {
	slices.Sort(times)
	return summary{times[0].Milliseconds(), times[len(times)/2].Milliseconds(), times[len(times)-1].Milliseconds()}
}

// killRate is how many user records are put in a second, about.
const killRate = 900

// parent is what puts by a child: a KPL, or one of kplkit's clients.
type parent interface {
	put(*put) *put
	flush()
	wait([]*put)
	giveUp(*put)
	lastStored() time.Time
	said() string
	end() // and holds that the child has ended soon
}

// kill kills the child of a KPL.
func (s *daemonSession) kill(t *testing.T, c child, kills int) killing {
	return s.world.kill(t, s.version, s.feed.start(c, nil), c, kills, s.random)
}

// kill puts at a steady rate and kills the child that many times, each time once it works again.
func (w *daemonWorld) kill(t *testing.T, wrapper string, by parent, c child, kills int, random *rand.Rand) killing {
	stream := fmt.Sprint("kill-", wrapper, "-", c.streamName(), "-", kills)
	w.create(t, stream, 2)
	puts := wake(t, by, stream)
	load := putSteadily(by, stream, random)
	var killed []killed
	for range kills {
		load.awaitWork(t)
		time.Sleep(time.Duration(100+random.IntN(400)) * time.Millisecond) // so that it dies anywhere in what it does
		killed = append(killed, c.killAndAwait(t))
	}
	load.awaitWork(t)
	more := load.stop()
	took := more[len(more)-1].begun.Sub(more[0].begun)
	awaitResults(by, more)
	by.end()
	r := killing{Wrapper: wrapper, Child: c.name, Kills: kills, Rate: math.Round(float64(len(more)) / took.Seconds())}
	r.measure(more, killed)
	r.book = audit(t, w.read(t, stream), append(puts, more...))
	t.Logf("%s %s, %d kills at %.0f puts a second: next result after %+v ms, works after %+v ms, refused for %+v ms, %d outstanding at most\n%v",
		wrapper, c.name, kills, r.Rate, r.NextResult, r.WorksAfter, r.RefusedFor, r.Outstanding, r.book)
	if r.Elsewhere+r.Foreign+r.Stream.Lost+r.Decoder.Lost+r.KCL.Lost > 0 || r.Stored+r.Failed+r.Refused+r.Silent != r.Put || r.Stored < r.Put/10 {
		t.Errorf("%s %s after %d kills: %v", wrapper, c.name, kills, r.book)
	}
	if n := len(c.started()); n < kills+1 {
		t.Errorf("%s was started %d times", c.name, n)
	}
	return r
}

// killed is when a child was killed, and when the next one was there.
type killed struct{ at, restarted time.Time }

func (c child) killAndAwait(t *testing.T) killed {
	before, at := len(c.started()), time.Now()
	c.kill(t)
	for deadline := at.Add(patience); len(c.started()) == before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is not started again", c.name)
		}
	}
	return killed{at, time.Now()}
}

// answerTime is how long results may take: longer than a user record lives.
const answerTime = 35 * time.Second

// awaitResults waits for the results of puts, and gives those up that have none. It does not ask for a flush:
// 0.14.13's flushSync may wait for ever once a child has died, with the native binary, too.
func awaitResults(by parent, puts []*put) {
	late := time.Now().Add(answerTime)
	for _, p := range puts {
		select {
		case <-p.done:
		case <-time.After(time.Until(late)):
			by.giveUp(p)
		}
	}
}

// measure takes the times from when puts began and had their results.
func (r *killing) measure(puts []*put, kills []killed) {
	var refused, next, works []time.Duration
	for i, k := range kills {
		at, until := k.at, time.Now()
		if i+1 < len(kills) {
			until = kills[i+1].at
		}
		var lastRefused, nextStored, firstStored time.Duration
		outstanding := 0
		for _, p := range puts {
			switch after := p.settled.Sub(at); {
			case p.settled.Before(at) || p.settled.After(until):
			case p.refused:
				lastRefused = max(lastRefused, after)
			case !p.stored():
				outstanding++
			default:
				if p.settled.After(k.restarted) && (nextStored == 0 || after < nextStored) {
					nextStored = after
				}
				if p.begun.After(at) && (firstStored == 0 || after < firstStored) {
					firstStored = after
				}
			}
		}
		refused, next, works = append(refused, lastRefused), append(next, nextStored), append(works, firstStored)
		r.Outstanding = max(r.Outstanding, outstanding)
	}
	r.RefusedFor, r.NextResult, r.WorksAfter = summarize(refused), summarize(next), summarize(works)
}

// steady is a load at a steady rate.
type steady struct {
	by      parent
	ask     chan struct{}
	stopped chan []*put
}

// putSteadily puts small user records until it is stopped.
func putSteadily(by parent, stream string, random *rand.Rand) *steady {
	s := &steady{by, make(chan struct{}), make(chan []*put, 1)}
	const tick = 10 * time.Millisecond
	salt := random.Uint64()
	go func() {
		var puts []*put
		defer func() { s.stopped <- puts }()
		begin, ticks := time.Now(), time.NewTicker(tick)
		defer ticks.Stop()
		for {
			for want := int(time.Since(begin).Seconds() * killRate); len(puts) < want; {
				n := len(puts)
				puts = append(puts, by.put(&put{stream: stream, key: fmt.Sprint("key-", n%500), data: fmt.Appendf(nil, "%x %0100d", salt, n)}))
			}
			select {
			case <-ticks.C:
			case <-s.ask:
				return
			}
		}
	}()
	return s
}

// awaitWork waits until a put of after now is stored.
func (s *steady) awaitWork(t *testing.T) {
	now := time.Now()
	for deadline := now.Add(patience); !s.by.lastStored().After(now); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("nothing is stored any more: %s", s.by.said())
		}
	}
}

func (s *steady) stop() []*put {
	close(s.ask)
	return <-s.stopped
}
