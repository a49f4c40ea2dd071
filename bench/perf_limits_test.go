package bench

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/kplkit/kplkit/internal/md5x"
)

// limits are what nothing that reads aggregates can be faster than: MD5 one by one, what of it side by side, base64, a copy.
func limits(s *session) {
	d := aggregates(8<<20, usualAggregate, 100, 10)
	messages := make([][]byte, len(d.stored))
	texts := make([][]byte, len(d.stored))
	quoted := make([][]byte, len(d.stored))
	for i, r := range d.stored {
		messages[i] = r.Data
		texts[i] = base64.StdEncoding.AppendEncode(nil, r.Data)
		quoted[i], _ = json.Marshal(r.Data)
	}
	sums, into := make([][16]byte, len(messages)), make([]byte, 2*usualAggregate)
	var lanes md5x.Hasher
	each := func(list [][]byte, f func([]byte)) func() {
		return func() {
			for _, m := range list {
				f(m)
			}
		}
	}
	spent := takeTurns(s.rounds, s.each, []contender{
		{name: "crypto/md5", pass: each(messages, func(m []byte) { md5.Sum(m) })},
		{name: "MD5 in lanes (internal/md5x)", pass: func() { lanes.Sums(messages, sums) }},
		{name: "crypto/sha256, for a signature", pass: each(messages, func(m []byte) { sha256.Sum256(m) })},
		{name: "encoding/base64, decoding", pass: each(texts, func(m []byte) { base64.StdEncoding.Decode(into, m) })},
		{name: "encoding/json, of base64", pass: each(quoted, func(m []byte) {
			var data []byte
			if json.Unmarshal(m, &data) != nil {
				panic("bytes")
			}
		})},
		{name: "copy", pass: each(messages, func(m []byte) { copy(into, m) })},
	})
	s.note("%d bytes of aggregates, %d lanes.", d.bytes, md5x.Lanes())
	s.table("limit", "GB/s of CPU time", "of crypto/md5")
	for _, name := range []string{"crypto/md5", "MD5 in lanes (internal/md5x)", "crypto/sha256, for a signature", "encoding/base64, decoding", "encoding/json, of base64", "copy"} {
		x := spent[name].per(d.bytes)
		s.row(name, number(1/x.median), number(spent["crypto/md5"].over(spent[name]).median))
	}
}
