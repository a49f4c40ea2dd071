package deagglambda_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/deagglambda"
	"github.com/kplkit/kplkit/internal/sim"
	"github.com/kplkit/kplkit/seqnum"
)

var patterns = flag.Int("patterns", usualPatterns(), "how many random failure patterns to play")

// usualPatterns are a tenth under the race detector, as sim's worlds are.
func usualPatterns() int {
	if sim.RaceDetector {
		return 50
	}
	return 500
}

// memory is a Store that sometimes fails, if it has a rng.
type memory struct {
	at  map[string]seqnum.Extended
	rng *rand.Rand
}

func (m *memory) Load(_ context.Context, key string) (seqnum.Extended, error) {
	if m.rng != nil && m.rng.IntN(20) == 0 {
		return seqnum.Extended{}, errors.New("throttled")
	}
	return m.at[key], nil
}

func (m *memory) Save(ctx context.Context, key string, at seqnum.Extended) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if old := m.at[key]; !old.IsValid() || old.Less(at) {
		m.at[key] = at
	}
	return nil
}

// job is a process that fails by a plan.
type job struct {
	rng       *rand.Rand
	fails     map[string]int // how often the user record fails before it succeeds
	succeeded map[string]int
	order     []string // of first successes
	where     map[string]string
}

func (j *job) process(_ context.Context, u deagg.UserRecord) error {
	user := string(u.Data)
	j.where[user] = u.SequenceNumber
	if j.fails[user] > 0 {
		j.fails[user]--
		if j.rng.IntN(4) == 0 {
			panic("the function crashes")
		}
		return errors.New("not yet")
	}
	if j.succeeded[user]++; j.succeeded[user] == 1 {
		j.order = append(j.order, user)
	}
	return nil
}

// play runs one pattern: what a mapping makes of a shard whose user records fail now and then, some for ever until all that
// arrived at the on-failure destination is brought back.
func play(t *testing.T, seed uint64, store *memory) (*mapping, *job, []string) {
	rng := rand.New(rand.NewPCG(seed, 18))
	records, users := shardOf(t, rng, 5+rng.IntN(40))
	j := &job{rng: rng, fails: map[string]int{}, succeeded: map[string]int{}, where: map[string]string{}}
	for _, u := range users {
		if rng.IntN(8) == 0 {
			j.fails[u] = 1 + rng.IntN(6)
		}
	}
	m := &mapping{rng: rng, batchSize: 1 + rng.IntN(12), bisect: rng.IntN(2) == 0, fresh: rng.IntN(2) == 0, deliveries: map[string]int{}}
	if rng.IntN(2) == 0 {
		m.attempts = 1 + rng.IntN(4)
	}
	opts := []deagglambda.Option{deagglambda.WithLogger(slog.New(slog.DiscardHandler))}
	if rng.IntN(3) == 0 {
		m.factor = 2 + rng.IntN(4)
		opts = append(opts, deagglambda.PerKey()) // a position for the shard would lose
	}
	if store != nil {
		opts = append(opts, deagglambda.WithStore(store))
		if m.attempts > 0 {
			store.rng = nil // what was done can't be known of a batch whose last attempt did not reach the store
		}
	}
	m.call = deagglambda.Handler(j.process, opts...)
	m.run(t, records)
	inStream := slices.Clone(j.order)
	for _, object := range m.objects {
		for tries := 0; ; tries++ {
			if tries > 1000 {
				t.Fatal("what was brought back does not come to its end")
			}
			answer, failed := m.send(t, object)
			if !failed && len(answer.BatchItemFailures) == 0 {
				break
			}
		}
	}
	return m, j, inStream
}

// checkAll asserts that every user record succeeded, and that what succeeded out of the stream came in order.
func checkAll(t *testing.T, m *mapping, j *job, inStream, users []string) {
	index := map[string]int{}
	for i, u := range users {
		index[u] = i
		if j.succeeded[u] == 0 {
			t.Errorf("%q never succeeded", u)
		}
	}
	if m.factor <= 1 && !slices.IsSortedFunc(inStream, func(a, b string) int { return index[a] - index[b] }) {
		t.Error("not in order")
	}
}

func usersOf(t *testing.T, seed uint64) []string {
	rng := rand.New(rand.NewPCG(seed, 18))
	_, users := shardOf(t, rng, 5+rng.IntN(40))
	return users
}

// Without a Store a user record succeeds once for each time that its stored record was delivered, at most, and those whose
// stored record came once, once.
func TestPatterns(t *testing.T) {
	repeated := 0
	for seed := range uint64(*patterns) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m, j, inStream := play(t, seed, nil)
			checkAll(t, m, j, inStream, usersOf(t, seed))
			for user, n := range j.succeeded {
				came := m.deliveries[j.where[user]]
				if len(m.objects) == 0 && n > came {
					t.Errorf("%s succeeded %d times, its stored record came %d times", user, n, came)
				}
				if n > 1 {
					repeated++
				}
			}
		})
	}
	if repeated == 0 {
		t.Error("no pattern made anything come again: they are too kind")
	}
}

// With a Store each user record succeeds once, whatever comes again, also out of the on-failure destination.
func TestPatternsStore(t *testing.T) {
	objects, lanes := 0, 0
	for seed := range uint64(*patterns) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			store := &memory{at: map[string]seqnum.Extended{}, rng: rand.New(rand.NewPCG(seed, 5))}
			m, j, inStream := play(t, seed, store)
			checkAll(t, m, j, inStream, usersOf(t, seed))
			for user, n := range j.succeeded {
				if n != 1 {
					t.Errorf("%s succeeded %d times", user, n)
				}
			}
			objects += len(m.objects)
			if m.factor > 1 {
				lanes++
			}
		})
	}
	if objects == 0 || lanes == 0 {
		t.Errorf("%d objects on failure, %d patterns with lanes: they are too kind", objects, lanes)
	}
}
