package scale

import (
	"fmt"
	"time"

	"github.com/vmware/vmware-go-kcl-v2/clientlibrary/config"
)

// stealing: one worker has all shards, and more join. reached is the time until all have their share.
func stealing(f *fleet, s size) (r figures) {
	f.configure = func(c *config.KinesisClientLibConfiguration) { c.WithLeaseStealing(true) }
	f.setUp(s)
	f.start(s.joining)
	r.reached = until(patience, func() bool {
		r.shares = f.ledger.shares(f.live())
		return figures{size: s, shares: r.shares}.isEven() && f.ledger.owned() == s.shards
	})
	time.Sleep(time.Minute) // nothing moves any more
	r.turnover, r.shares, r.owned = f.ledger.lap(), f.ledger.shares(f.live()), f.ledger.owned()
	return r
}

var stealingColumns = []column{
	reachedColumn("even, within a tenth, after"), sharesColumn, movesColumn, gapColumn, lostColumn,
	{"... while others were free", func(f figures) string { return fmt.Sprint(f.lostWhileFree) }},
}
