package vmwarekcl_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/internal/kinesisfake"
	"github.com/kplkit/kplkit/internal/sim"
)

// leaseItem is an item of the table.
type leaseItem struct {
	AssignedTo, LeaseTimeout, Checkpoint, ClaimRequest string
	KplkitPosition, KplkitToken                        string
}

// position is where the next worker with kplkit starts.
func (l leaseItem) position() string {
	if base, exact, ok := strings.Cut(l.KplkitPosition, "|"); ok && base == l.Checkpoint {
		return exact
	}
	return l.Checkpoint
}

// leases watches every write to the lease table, in the instant in which it happens.
type leases struct {
	world  *world
	table  http.RoundTripper
	stream *kinesis.Client // without the network between

	mu        sync.Mutex
	items     map[string]leaseItem // by shard
	processes map[string]*process
	holders   map[string]string    // host names by token
	starts    map[string]string    // by host and shard: the position at its last acquisition
	taken     map[string]string    // by host and shard: the token of its last acquisition
	renewed   map[string]time.Time // by token: when the lease was last written with another time
}

func watchLeases(w *world) *leases {
	l := &leases{world: w, items: map[string]leaseItem{}, processes: map[string]*process{}, holders: map[string]string{}, starts: map[string]string{},
		taken: map[string]string{}, renewed: map[string]time.Time{}}
	w.Intercept(sim.DynamoDB, func(table http.RoundTripper) http.RoundTripper {
		l.table = table
		return l
	})
	l.stream = kinesis.New(kinesis.Options{
		Region: "us-east-1", Credentials: aws.AnonymousCredentials{}, HTTPClient: &http.Client{Transport: w.Kinesis.Transport()},
	})
	return l
}

func (l *leases) know(p *process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.processes[p.name] = p
}

func (l *leases) of(shard string) leaseItem {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.items[shard]
}

func (l *leases) listShards() []types.Shard {
	out, err := l.stream.ListShards(context.Background(), &kinesis.ListShardsInput{StreamName: aws.String("s")})
	if err != nil {
		panic(err)
	}
	return out.Shards
}

// RoundTrip carries a request out, and looks at what a write has changed.
func (l *leases) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if operation != "PutItem" && operation != "UpdateItem" && operation != "DeleteItem" {
		return l.table.RoundTrip(r)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	shard, err := shardOf(r)
	if err != nil {
		return nil, err
	}
	response, err := l.table.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	before, after := l.items[shard], l.read(r, shard)
	if l.items[shard] = after; before != after {
		l.changed(l.processes[r.Header.Get(kinesisfake.HostHeader)], shard, before, after)
	}
	return response, nil
}

// shardOf reads the key of a request, which it leaves as it was.
func shardOf(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct {
		Key, Item struct{ ShardID struct{ S string } }
	}
	if err == nil {
		err = json.Unmarshal(body, &in)
	}
	return in.Key.ShardID.S + in.Item.ShardID.S, err
}

// read reads a lease.
func (l *leases) read(r *http.Request, shard string) (now leaseItem) {
	get := r.Clone(r.Context())
	get.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
	get.Body = io.NopCloser(strings.NewReader(fmt.Sprintf(`{"TableName":"app","Key":{"ShardID":{"S":%q}}}`, shard)))
	response, err := l.table.RoundTrip(get)
	if err != nil {
		panic(err)
	}
	var out struct {
		Item struct{ AssignedTo, LeaseTimeout, Checkpoint, ClaimRequest, KplkitPosition, KplkitToken struct{ S string } }
	}
	if err := json.NewDecoder(response.Body).Decode(&out); err != nil {
		panic(err)
	}
	it := out.Item
	return leaseItem{it.AssignedTo.S, it.LeaseTimeout.S, it.Checkpoint.S, it.ClaimRequest.S, it.KplkitPosition.S, it.KplkitToken.S}
}

// plain is what a worker without kplkit can go on from.
var plain = regexp.MustCompile(`^([0-9]+|SHARD_END)?$`)

func (l *leases) changed(p *process, shard string, before, after leaseItem) {
	l.world.Tracef("%s of %s: %+v -> %+v", shard, p.name, before, after)
	if !plain.MatchString(after.Checkpoint) {
		l.fail(p, shard, "wrote %q, which workers without kplkit can't read", after.Checkpoint)
	}
	if after.KplkitToken != "" && after.LeaseTimeout != before.LeaseTimeout {
		l.renewed[after.KplkitToken] = time.Now()
	}
	if p.bare {
		l.changedByBare(shard, before, after)
		return
	}
	if after.KplkitToken != "" && after.KplkitToken != before.KplkitToken {
		l.acquired(p, shard, before, after)
	}
	if before.position() != after.position() {
		l.moved(p, shard, before, after)
	}
	if after.KplkitToken == "" && before.KplkitToken != "" && l.holders[before.KplkitToken] != p.name {
		l.fail(p, shard, "released it, though %q holds it", l.holders[before.KplkitToken])
	}
}

// acquired is called when a worker has taken a lease.
func (l *leases) acquired(p *process, shard string, before, after leaseItem) {
	former := l.holders[before.KplkitToken]
	l.holders[after.KplkitToken] = p.name
	l.starts[p.name+shard] = after.position()
	l.taken[p.name+shard] = after.KplkitToken
	if d := time.Since(l.renewed[before.KplkitToken]); before.AssignedTo != "" && before.KplkitToken != "" && d < failover && former != p.name {
		l.fail(p, shard, "took it from %s, which renewed it %v ago", before.AssignedTo, d)
	}
	if before.Checkpoint == "SHARD_END" {
		l.fail(p, shard, "took it, though it is finished")
	}
	for _, parent := range l.parents(shard) {
		if end := l.items[parent].Checkpoint; end != "SHARD_END" {
			l.fail(p, shard, "took it, though its parent %s is at %q", parent, end)
		}
		if n, first := l.world.ledger.missing(parent); n > 0 {
			l.fail(p, shard, "took it, though %d user records of its parent %s were never delivered, the first is %s", n, parent, first)
		}
	}
}

func (l *leases) parents(shard string) (ids []string) {
	all := l.listShards()
	i := slices.IndexFunc(all, func(s types.Shard) bool { return *s.ShardId == shard })
	for _, id := range []*string{all[i].ParentShardId, all[i].AdjacentParentShardId} {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids
}

// moved is called when a worker with kplkit has changed the position.
func (l *leases) moved(p *process, shard string, before, after leaseItem) {
	was, is := before.position(), after.position()
	isStart := was == "" && (is == "TRIM_HORIZON" || strings.HasPrefix(is, "AT_TIMESTAMP:"))
	if l.holders[before.KplkitToken] != p.name && !isStart {
		l.fail(p, shard, "moved it from %q to %q, though %q holds it", was, is, l.holders[before.KplkitToken])
	}
	if was == "SHARD_END" || is != "SHARD_END" && l.world.ledger.before(shard, is) < l.world.ledger.before(shard, was) {
		l.fail(p, shard, "moved it back from %q to %q", was, is)
	}
	if _, _, inside := strings.Cut(is, ":"); inside && !strings.HasPrefix(is, "AT_") && !l.world.latest {
		l.repeats(p, shard, after)
	}
}

// repeats checks that a rollback at this moment would repeat at most one aggregate.
func (l *leases) repeats(p *process, shard string, now leaseItem) {
	if n, mixed := l.world.ledger.storedBetween(shard, now.Checkpoint, now.position()); n-mixed > 1 {
		l.fail(p, shard, "a rollback would repeat %d stored records: %q for %q", n, now.Checkpoint, now.position())
	}
	if l.world.ledger.before(shard, now.Checkpoint) > l.world.ledger.before(shard, now.position()) {
		l.fail(p, shard, "a rollback would lose records: %q for %q", now.Checkpoint, now.position())
	}
}

// changedByBare takes what vmware's own checkpointer does as it is: its renewals write the checkpoint that it has read
// before, whoever has moved it since.
func (l *leases) changedByBare(shard string, before, after leaseItem) {
	was, is := before.position(), after.position()
	if was == "SHARD_END" && is != was || l.world.ledger.before(shard, is) < l.world.ledger.before(shard, was) {
		l.world.ledger.revoke(shard, is)
		totals.add(func(n *figures) { n.bareBack++ })
	}
}

// acknowledged is called when a worker with kplkit was told that a checkpoint is stored.
func (l *leases) acknowledged(shard, position string) {
	stored := l.of(shard).position()
	if !l.world.bareSecond && l.world.ledger.before(shard, stored) < l.world.ledger.before(shard, position) {
		l.world.T.Errorf("%s: %q was acknowledged, stored is %q", shard, position, stored)
	}
}

func (l *leases) fail(p *process, shard, format string, args ...any) {
	l.world.T.Errorf("after %v, %v: %s: %s", time.Since(l.world.born), p, shard, fmt.Sprintf(format, args...))
}

// mayStart checks that a batch is handed out under a lease that lasts, and that nobody else has taken.
func (l *leases) mayStart(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.process.Dead() {
		return
	}
	if now := l.items[s.shard].KplkitToken; now != s.token && !l.world.bareSecond {
		l.fail(s.process, s.shard, "was handed a batch, though %q holds it", l.holders[now])
	}
	if d := time.Since(l.renewed[s.token]); d >= failover && !l.world.bareSecond {
		l.fail(s.process, s.shard, "was handed a batch %v after the lease was last renewed", d)
	}
}

// ended checks that a context has ended with its lease, and not later.
func (l *leases) ended(s *session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d := time.Since(l.renewed[s.token]); d > failover && !s.process.Dead() && !l.world.bareSecond {
		l.fail(s.process, s.shard, "its context has ended %v after the lease was last renewed", d)
	}
}

// begin notes that a worker with kplkit starts to process a shard that it has acquired.
func (w *world) begin(p *process, shard string) *session {
	w.leases.mu.Lock()
	start, token := w.leases.starts[p.name+shard], w.leases.taken[p.name+shard]
	w.leases.mu.Unlock()
	s := w.ledger.begin(p, shard, start)
	s.token = token
	return s
}

// untilAllRead waits until a position is stored for every shard.
func (w *world) untilAllRead() {
	for range 300 {
		time.Sleep(time.Second)
		if !slices.ContainsFunc(w.leases.listShards(), func(s types.Shard) bool { return w.leases.of(*s.ShardId).position() == "" }) {
			time.Sleep(time.Second)
			return
		}
	}
	w.T.Error("some shard was never read")
}
