package deaggaws

import (
	"math"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/internal/opaque"
	"github.com/kplkit/kplkit/seqnum"
)

// seal returns a batch as stored records of which those with the magic are sealed, with their user records. One of which
// nothing is delivered is left out. What begins without the magic is its own user record, and stays as it is.
func (w *work) seal(batch []types.Record) []types.Record {
	most := 0
	for i := range batch {
		if deagg.HasMagic(batch[i].Data) {
			most += deagg.Count(batch[i].Data)
		}
	}
	users := make([]deagg.UserRecord, 0, most)
	ends := make([]int, len(batch)) // of the user records of each in users; 0: nothing is delivered
	plain := make([]bool, len(batch))
	w.decoder.Each(w.stored, func(i int, u *deagg.UserRecord) bool {
		if plain[i] = !deagg.HasMagic(batch[i].Data); !plain[i] {
			users = append(users, *u)
			ends[i] = len(users)
		}
		return true
	})
	if len(users) < most/2 {
		users = slices.Clone(users) // most of it was damaged, or done before
	}
	out, from := make([]types.Record, 0, len(batch)), 0
	for i := range batch {
		switch {
		case plain[i]:
			out = append(out, batch[i])
		case ends[i] > 0:
			out = append(out, opaque.Seal(batch[i], users[from:ends[i]:ends[i]]))
			from = ends[i]
		}
	}
	return out
}

// appendSealed appends the user records of a sealed record to dst, and returns what userRecord does: where its stored record, if
// that was taken apart before, goes on. after is where reading began: beyond the aggregate, all of it comes.
func appendSealed(dst, users []deagg.UserRecord, after seqnum.Extended) ([]deagg.UserRecord, seqnum.Extended) {
	dst = append(dst, users...)
	last := &dst[len(dst)-1]
	position, _ := last.Position()
	switch n, isNumber := after.Number(); {
	case !last.Last:
		return dst, position
	case last.Aggregated && isNumber && !after.Whole() && last.SequenceNumber == n.String() && position.Less(after):
		last.SubSequenceNumber = math.MaxInt64
	}
	return dst, seqnum.Extended{}
}
