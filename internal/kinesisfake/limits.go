package kinesisfake

import (
	"time"

	"golang.org/x/time/rate"
)

// limits are a shard's rates. Each may be used up at once and fills up within a second.
type limits struct {
	putRecords, putBytes, reads, readBytes *rate.Limiter
}

// newLimits returns the documented rates. A record of more than a second's worth passes when nothing is used up.
func newLimits(recordSize int) *limits {
	return &limits{
		putRecords: rate.NewLimiter(1000, 1000),
		putBytes:   rate.NewLimiter(mebibyte, recordSize),
		reads:      rate.NewLimiter(5, 5),
		readBytes:  rate.NewLimiter(2*mebibyte, 2*mebibyte),
	}
}

func (l *limits) setBurst(recordSize int) {
	if l != nil {
		l.putBytes.SetBurst(recordSize)
	}
}

// put takes a record of the size, or refuses it.
func (l *limits) put(size int) bool {
	if l == nil {
		return true
	}
	now := time.Now()
	if l.putRecords.TokensAt(now) < 1 || l.putBytes.TokensAt(now) < float64(size) {
		return false
	}
	return l.putRecords.AllowN(now, 1) && l.putBytes.AllowN(now, size)
}

// read admits a GetRecords call unless the calls before it have used up the second.
func (l *limits) read() bool {
	return l == nil || l.readBytes.TokensAt(time.Now()) > 0 && l.reads.Allow()
}

// charge books what a GetRecords call returned, which may be more than a second's worth.
func (l *limits) charge(size int) {
	if l == nil {
		return
	}
	for ; size > 0; size -= l.readBytes.Burst() {
		l.readBytes.ReserveN(time.Now(), min(size, l.readBytes.Burst()))
	}
}

func exceeded(sh *shard, st *stream) error {
	return fail("ProvisionedThroughputExceededException", "Rate exceeded for shard %s in %v.", sh.id, st)
}
