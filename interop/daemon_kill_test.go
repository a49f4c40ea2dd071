package interop

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"
)

// killing is what became of user records that were put at a steady rate while the child was killed.
type killing struct {
	Wrapper     string  `json:"wrapper"`
	Child       string  `json:"child"`
	Kills       int     `json:"kills"`
	Rate        float64 `json:"puts_per_second"`
	RefusedFor  summary `json:"refused_for_ms"`   // from the kill to the last put that the wrapper refuses
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

// kill puts at a steady rate and kills the child that many times, each time once it works again.
func (s *daemonSession) kill(t *testing.T, c child, kills int) killing {
	k := s.feed.start(c, nil)
	stream := fmt.Sprint("kill-", c.streamName(), "-", kills)
	s.world.create(t, stream, 2)
	puts := k.wake(t, stream)
	load := k.putSteadily(stream, s.random)
	var killed []time.Time
	for range kills {
		load.awaitWork(t)
		time.Sleep(time.Duration(100+s.random.IntN(400)) * time.Millisecond) // so that it dies anywhere in what it does
		killed = append(killed, time.Now())
		c.kill(t)
	}
	load.awaitWork(t)
	more := load.stop()
	took := more[len(more)-1].begun.Sub(more[0].begun)
	k.awaitResults(more)
	k.end()
	r := killing{Wrapper: s.version, Child: c.name, Kills: kills, Rate: math.Round(float64(len(more)) / took.Seconds())}
	r.measure(more, killed)
	r.book = audit(t, s.world.read(t, stream), append(puts, more...))
	t.Logf("%s %s, %d kills at %.0f puts a second: works after %+v ms, refused for %+v ms, %d outstanding at most\n%v",
		s.version, c.name, kills, r.Rate, r.WorksAfter, r.RefusedFor, r.Outstanding, r.book)
	if r.Elsewhere+r.Foreign+r.Stream.Lost+r.Decoder.Lost+r.KCL.Lost > 0 || r.Stored+r.Failed+r.Refused+r.Silent != r.Put || r.Stored < r.Put/10 {
		t.Errorf("%s after %d kills: %v", c.name, kills, r.book)
	}
	if n := len(c.started()); n < kills+1 {
		t.Errorf("%s was started %d times", c.name, n)
	}
	return r
}

// answerTime is how long results may take: longer than a user record lives.
const answerTime = 35 * time.Second

// awaitResults waits for the results of puts, and gives those up that have none. It does not ask for a flush:
// 0.14.13's flushSync may wait for ever once a child has died, with the native binary, too.
func (k *kpl) awaitResults(puts []*put) {
	late := time.Now().Add(answerTime)
	for _, p := range puts {
		select {
		case <-p.done:
		case <-time.After(time.Until(late)):
			k.giveUp(p)
		}
	}
}

// measure takes the times from when puts began and had their results.
func (r *killing) measure(puts []*put, killed []time.Time) {
	var refused, works []time.Duration
	for i, at := range killed {
		until := time.Now()
		if i+1 < len(killed) {
			until = killed[i+1]
		}
		var lastRefused, firstStored time.Duration
		outstanding := 0
		for _, p := range puts {
			switch after := p.settled.Sub(at); {
			case p.settled.Before(at) || p.settled.After(until):
			case p.refused:
				lastRefused = max(lastRefused, after)
			case !p.stored():
				outstanding++
			case p.begun.After(at) && (firstStored == 0 || after < firstStored):
				firstStored = after
			}
		}
		refused, works = append(refused, lastRefused), append(works, firstStored)
		r.Outstanding = max(r.Outstanding, outstanding)
	}
	r.RefusedFor, r.WorksAfter = summarize(refused), summarize(works)
}

// steady is a load at a steady rate.
type steady struct {
	kpl     *kpl
	ask     chan struct{}
	stopped chan []*put
}

// putSteadily puts small user records until it is stopped.
func (k *kpl) putSteadily(stream string, random interface{ Uint64() uint64 }) *steady {
	s := &steady{k, make(chan struct{}), make(chan []*put, 1)}
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
				puts = append(puts, k.put(&put{stream: stream, key: fmt.Sprint("key-", n%500), data: fmt.Appendf(nil, "%x %0100d", salt, n)}))
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
	for deadline := now.Add(patience); !s.kpl.lastStored().After(now); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: nothing is stored any more\n%s", s.kpl.child.name, s.kpl.log)
		}
	}
}

func (s *steady) stop() []*put {
	close(s.ask)
	return <-s.stopped
}
