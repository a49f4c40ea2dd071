package scale

import "time"

// outage: DynamoDB refuses every request for a time. reached is the time from its end until every shard has an owner,
// for good.
func outage(f *fleet, s size) (r figures) {
	f.setUp(s)
	stop := f.produce(s.rate)
	time.Sleep(30 * time.Second)
	f.ledger.lap()
	f.refuse(s.refusing)
	time.Sleep(s.refusing)
	r.reached = f.recovery(s.shards)
	stop()
	r.turnover, r.shares, r.owned = f.ledger.lap(), f.ledger.shares(f.live()), f.ledger.owned()
	r.delivery = f.drain()
	return r
}

// recovery tells how long it takes until every shard has an owner, and has one for half a minute.
func (f *fleet) recovery(shards int) time.Duration {
	began := time.Now()
	last := began // when a shard had none
	if until(patience, func() bool {
		if f.ledger.owned() < shards {
			last = time.Now()
		}
		return time.Since(last) > 3*failover
	}) == never {
		return never
	}
	return last.Sub(began)
}

var outageColumns = []column{
	lostColumn, reachedColumn("every shard is owned, after its end"), gapColumn, ackedColumn, deliveryColumn, repeatsColumn, latencyColumn,
}

// reshard: every shard is split, and a minute later every two are merged again, while records are put. reached is the
// longer of the times from the end of that until every open shard has an owner.
func reshard(f *fleet, s size) (r figures) {
	f.setUp(s)
	stop := f.produce(s.rate)
	time.Sleep(30 * time.Second)
	f.ledger.lap()
	for _, change := range []func(string){f.SplitAll, f.MergeAll} {
		change(stream)
		open := f.OpenShards(stream)
		took := until(patience, func() bool { return f.ledger.ownedOf(open) == len(open) })
		if r.owned = f.ledger.ownedOf(open); took == never || r.reached == never {
			r.reached = never
		} else {
			r.reached = max(r.reached, took)
		}
		time.Sleep(time.Minute)
	}
	stop()
	r.turnover, r.shares = f.ledger.lap(), f.ledger.shares(f.live())
	r.delivery = f.drain()
	return r
}

var reshardColumns = []column{
	reachedColumn("every open shard is owned after"), sharesColumn, lostColumn, ackedColumn, deliveryColumn, repeatsColumn, latencyColumn,
}
