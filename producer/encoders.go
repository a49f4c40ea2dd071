package producer

import "github.com/kplkit/kplkit/producer/aggregator"

// encoders are aggregators that no lane fills, with the memory that they have got. Lanes take them by turns, since there may be
// ten thousand lanes, and few fill at a time: what was used last is in the processor's cache, too. All together they
// keep as much as half of the buffer.
type encoders struct {
	free []*aggregator.Encoder
	most int
}

func newEncoders(c *config) *encoders {
	return &encoders{most: c.maxBuffered / 2 / c.maxAggregateBytes}
}

// take returns an empty one.
func (x *encoders) take(maxBytes int, maxCount uint32) *aggregator.Encoder {
	e := &aggregator.Encoder{}
	if last := len(x.free) - 1; last >= 0 {
		e, x.free = x.free[last], x.free[:last]
	}
	e.MaxBytes, e.MaxCount = maxBytes, maxCount
	return e
}

func (x *encoders) give(e *aggregator.Encoder) {
	if len(x.free) < x.most {
		e.Reset()
		x.free = append(x.free, e)
	}
}
