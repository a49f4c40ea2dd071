package vmwarekcl

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	chk "github.com/vmware/vmware-go-kcl-v2/clientlibrary/checkpoint"
	"github.com/vmware/vmware-go-kcl-v2/logger"
)

// services are a Kinesis of two shards and a DynamoDB without leases that count what they are asked.
type services struct {
	chk.DynamoDBAPI
	listed, scanned    int
	listError, scanErr error
	duringScan         func()
	warned             atomic.Int64
	logger.Logger      // of the worker
}

func (s *services) ListShards(context.Context, *kinesis.ListShardsInput, ...func(*kinesis.Options)) (*kinesis.ListShardsOutput, error) {
	if s.listed++; s.listError != nil {
		return nil, s.listError
	}
	out := &kinesis.ListShardsOutput{}
	for i := range 2 {
		out.Shards = append(out.Shards, types.Shard{ShardId: aws.String(shardName(i)), SequenceNumberRange: &types.SequenceNumberRange{StartingSequenceNumber: aws.String("100")}})
	}
	return out, nil
}

func (s *services) Scan(context.Context, *dynamodb.ScanInput, ...func(*dynamodb.Options)) (*dynamodb.ScanOutput, error) {
	if s.scanned++; s.duringScan != nil {
		s.duringScan()
	}
	return &dynamodb.ScanOutput{}, s.scanErr
}

func (s *services) Warnf(string, ...any)  { s.warned.Add(1) }
func (s *services) Debugf(string, ...any) {}

// newLoop returns a worker whose event loop is the test's, after its first pass.
func newLoop(t *testing.T) (*leaseTable, *services) {
	s := &services{}
	f := newFleet(0, time.Hour)
	cfg := *f.cfg
	cfg.Logger = s
	c := newLeaseTable(&cfg, s, s)
	c.loop.began = f.loop.began
	if c.pass(); s.listed != 1 || s.scanned != 1 {
		t.Fatalf("listed %d times, scanned %d", s.listed, s.scanned)
	}
	return c, s
}

// passes lets the event loop go round for a time.
func passes(c *leaseTable, d time.Duration) {
	for began := time.Now(); time.Since(began) < d; time.Sleep(c.tick()) {
		c.pass()
	}
}

// TestListsInTime: once in ShardSyncIntervalMillis, once more when a shard has ended here, and not in every tick where that
// fails; then one warning a minute says so, and the shards known so far stand.
func TestListsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newLoop(t)
		time.Sleep(30 * time.Second)
		c.look(false)
		passes(c, 29*time.Second)
		if s.listed != 1 {
			t.Errorf("listed %d times within a minute", s.listed)
		}
		passes(c, 2*time.Second)
		if s.listed != 2 {
			t.Errorf("listed %d times after a minute", s.listed)
		}
		c.look(true)
		passes(c, time.Second)
		if s.listed != 3 {
			t.Errorf("listed %d times after the end of a shard", s.listed)
		}
		s.listError = errors.New("refused")
		c.look(true)
		passes(c, time.Minute)
		if s.listed < 10 || s.listed > 3+14 || s.warned.Load() > 2 || len(c.answer()) != 2 {
			t.Errorf("listed %d times in a minute of failures, %d warnings, %d shards known", s.listed-3, s.warned.Load(), len(c.answer()))
		}
		s.listError = nil
		passes(c, 10*time.Second)
		if c.outdateListing(); len(c.answer()) != 2 {
			t.Error("vmware is told of no shards, whose leases it would remove")
		}
	})
}

// TestFirstPass goes on from the listing of the start.
func TestFirstPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &services{}
		c := newLeaseTable(newFleet(0, time.Hour).cfg, s, s)
		if err := c.listFirst(); err != nil {
			t.Fatal(err)
		}
		if c.pass(); s.listed != 1 || s.scanned != 1 || len(c.answer()) != 2 {
			t.Errorf("listed %d times, scanned %d; %d shards known", s.listed, s.scanned, len(c.answer()))
		}
	})
}

// TestSurveyIsNotForgotten: one that is asked for during a survey comes after it.
func TestSurveyIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newLoop(t)
		for i := range 2 {
			c.state(shardName(i)).held = &holding{}
		}
		s.duringScan = func() {
			s.duringScan = nil
			c.look(false)
		}
		c.look(false)
		passes(c, 10*time.Second)
		if s.scanned != 3 {
			t.Errorf("%d surveys, want the one that was asked for meanwhile", s.scanned)
		}
	})
}

// TestSurveysInTrouble: where DynamoDB refuses, or leases come back at once, the table is not scanned more often than
// where all is well; and then soon again.
func TestSurveysInTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newLoop(t)
		s.scanErr = errors.New("refused")
		before := s.scanned
		passes(c, time.Minute)
		if n := s.scanned - before; n < 8 || n > 60/5+6 || s.warned.Load() != 1 {
			t.Errorf("%d surveys in a minute, %d warnings", n, s.warned.Load())
		}
		s.scanErr = nil
		passes(c, 10*time.Second)
		if c.loop.trouble != 0 || c.round() != testFailover/32 {
			t.Errorf("still in trouble: %d, %v", c.loop.trouble, c.round())
		}
		c.tried(shardName(0), errors.New("refused"))
		c.tried(shardName(1), chk.ErrLeaseNotAcquired{})
		if c.loop.trouble != 1 || len(c.loop.view.due) > 0 {
			t.Errorf("trouble %d, due %v", c.loop.trouble, c.loop.view.due)
		}
	})
}

// TestOffers: so many leases are offered as are due and allowed, and none that vmware does not try for some ticks.
func TestOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newLoop(t)
		if _, _, due := c.offer(shardName(0)); !due || c.cfg.ShardSyncIntervalMillis != 10 {
			t.Errorf("due %v, the next tick is in %d ms", due, c.cfg.ShardSyncIntervalMillis)
		}
		for range patient - 1 {
			c.loop.view.nextTick()
		}
		c.tried(shardName(0), nil)
		_, _, again := c.offer(shardName(0))
		_, _, other := c.offer(shardName(1))
		if again || other || c.loop.view.nextTick() {
			t.Errorf("offered again %v, another one %v, though it may take one", again, other)
		}
		c.loop.view.allowance = 1
		for range patient - 1 {
			if !c.loop.view.nextTick() {
				t.Error("no longer offered")
			}
		}
		if c.loop.view.nextTick() || len(c.loop.view.due) > 0 {
			t.Error("still offered")
		}
	})
}

// TestNothingIsStolenFromAFullHouse: while a lease is free, vmware hears of no worker; else once a survey.
func TestNothingIsStolenFromAFullHouse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newLoop(t)
		c.loop.view.leases[shardName(0)] = item{}
		if c.undecided() != nil {
			t.Error("a lease is free")
		}
		c.loop.view.anyFree = false
		if first, second := c.undecided(), c.undecided(); first == nil || second != nil {
			t.Error("vmware is to decide once a survey")
		}
	})
}

// TestIntervals: whatever is configured, the event loop sleeps.
func TestIntervals(t *testing.T) {
	for _, ms := range []int{1, 10, 10_000, 86_400_000} {
		for _, sync := range []int{1, 1000, 86_400_000} {
			f := newFleet(1, time.Hour)
			cfg := *f.cfg
			c := newLeaseTable(cfg.WithFailoverTimeMillis(ms).WithShardSyncIntervalMillis(sync), nil, nil)
			c.loop.trouble = 1_000_000
			c.pause(c.tick())
			if c.cfg.ShardSyncIntervalMillis < 10 || c.round() < quickTick || c.round() > max(quickTick, c.surveyInterval()) || c.surveyInterval() > c.failover() {
				t.Errorf("failover time %d, sync %d: tick %d, round %v, survey %v", ms, sync, c.cfg.ShardSyncIntervalMillis, c.round(), c.surveyInterval())
			}
		}
	}
}

// TestFreeSinceOneRule: what is due is free. Nothing else is acquired.
func TestFreeSinceOneRule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, claimMillis := range []int{1000, 60_000} {
			for _, seen := range []time.Duration{time.Second, 5 * time.Second, testFailover, time.Minute} {
				for _, owner := range []string{"", "b", "me"} {
					for _, claim := range []string{"", "me", "c"} {
						f := newFleet(1, time.Second)
						f.cfg.LeaseStealingClaimTimeoutMillis = claimMillis
						f.owns(owner, seen, 0)
						if claim != "" {
							f.set(0, claimKey, stringValue(claim))
						}
						f.choose(f.view)
						since, _ := f.freeSince(f.state(shardName(0)), f.leases[shardName(0)])
						if _, due := f.due[shardName(0)]; due && since.After(time.Now()) {
							t.Errorf("seen for %v, owner %q, claim %q within %d ms: due, and not free", seen, owner, claim, claimMillis)
						}
					}
				}
			}
		}
	})
}

// TestCourtesyReturns: that this worker once gave a lease back does not count after another one has had it.
func TestCourtesyReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(4, time.Hour)
		f.holds(0)
		id := shardName(2)
		*f.state(id) = shardState{token: "mine", givenBack: time.Now()}
		time.Sleep(time.Second)
		f.sight(id, item{timeoutKey: stringValue("2000"), ownerKey: stringValue("c"), tokenKey: stringValue("c-token")}, time.Now())
		time.Sleep(time.Hour)
		f.owns("b", time.Second, 1, 3)
		gone := item{timeoutKey: stringValue("2000")}
		f.sight(id, gone, time.Now())
		f.leases[id] = gone
		if next := time.Until(f.choose(f.view)); len(f.due) > 0 || next != testFailover/2 {
			t.Errorf("due %v, next survey in %v", f.due, next)
		}
	})
}
