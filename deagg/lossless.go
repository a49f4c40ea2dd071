package deagg

import (
	"slices"

	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/wire"
)

// lossless delivers the user records of d.agg, but for strays that are known to be stored again.
func (d *Decoder) lossless(done int64, to target) bool {
	a := &d.agg
	dropStrays, last := false, len(a.users)-1
	if d.HashRange.IsValid() && !d.allInside() {
		v := d.look()
		d.stats.Strays += int64(v.strays)
		if v.strays > 0 && d.storedAgain(v) {
			if a.stored.PartitionKey == wire.MarkKplkit {
				d.stats.Dropped += int64(len(a.users))
				return true
			}
			d.stats.Dropped += int64(v.strays)
			dropStrays, last = true, v.lastInside
		}
	}
	var faults indexErrors
	for i := range a.users {
		if dropStrays && !d.hashOf(i).belongs() {
			continue
		}
		a.fill(&d.user, i, &faults)
		d.user.Last = i == last
		if !d.deliver(done, to) {
			return false
		}
	}
	return true
}

func (d *Decoder) hashOf(i int) hashState { return d.hashes.of(&d.agg, &d.agg.users[i]) }

// view is what the hash keys of an aggregate say about its shard.
type view struct {
	strays     int
	lastInside int  // the last user record that is no stray
	allKnown   bool // every user record has a hash key
}

func (d *Decoder) allInside() bool {
	d.hashes.reset(&d.agg, d.HashRange, explicitHash)
	return d.hashes.allInside(&d.agg)
}

func (d *Decoder) look() view {
	v := view{lastInside: -1, allKnown: true}
	for i := range d.agg.users {
		h := d.hashOf(i)
		if h.belongs() {
			v.lastInside = i
		} else {
			v.strays++
		}
		v.allKnown = v.allKnown && (h == inside || h == outside)
	}
	return v
}

// storedAgain reports whether all evidence says that the writer of d.agg stores its strays again.
func (d *Decoder) storedAgain(v view) bool {
	mark := d.agg.stored.PartitionKey
	if mark != wire.MarkKPL && mark != wire.MarkKplkit || !v.allKnown || d.hashOf(0) != inside || len(d.Ancestors) == 0 {
		return false
	}
	least, greatest := d.hashes.span(&d.agg)
	return slices.ContainsFunc(d.Ancestors, func(r hashkey.Range) bool {
		return r.Contains(least) && r.Contains(greatest)
	})
}
