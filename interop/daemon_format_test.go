package interop

import (
	"crypto/md5"
	"fmt"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// lies is a user record where it lies, by a reading of the format that shares nothing with deagg.
type lies struct{ shard, number, key, hashKey, data string }

// plain is a stored record as a user record: with the explicit hash key that it was put with, which no reader is told.
// The native binary puts the partition key's hash there where its user gave none.
func (r lying) plain() lies {
	hashKey := r.hashKey
	if hashKey == hashkey.Of(r.PartitionKey).String() {
		hashKey = ""
	}
	return lies{r.shard, r.SequenceNumber, r.PartitionKey, hashKey, string(r.Data)}
}

// takeApart returns the user records of a stored record.
func takeApart(r lying) (users []lies, err error) {
	body, isAggregate := strings.CutPrefix(string(r.Data), "\xf3\x89\x9a\xc2")
	if !isAggregate {
		return []lies{r.plain()}, nil
	}
	sum := md5.Sum([]byte(body[:max(0, len(body)-md5.Size)]))
	if !strings.HasSuffix(body, string(sum[:])) {
		return nil, fmt.Errorf("%s: the MD5 does not fit", r.SequenceNumber)
	}
	var keys, hashKeys []string
	err = fields(body[:len(body)-md5.Size], func(number protowire.Number, _ uint64, value string) error {
		switch number {
		case 1:
			keys = append(keys, value)
		case 2:
			hashKeys = append(hashKeys, value)
		case 3:
			u := lies{shard: r.shard, number: r.SequenceNumber}
			key, hashKey := -1, -1
			err := fields(value, func(number protowire.Number, n uint64, value string) error {
				switch number {
				case 1:
					key = int(n)
				case 2:
					hashKey = int(n)
				case 3:
					u.data = value
				}
				return nil
			})
			if err != nil || key < 0 || key >= len(keys) || hashKey >= len(hashKeys) {
				return fmt.Errorf("%s: user record with the keys %d and %d: %v", r.SequenceNumber, key, hashKey, err)
			}
			u.key = keys[key]
			if hashKey >= 0 {
				u.hashKey = hashKeys[hashKey]
			}
			users = append(users, u)
		}
		return nil
	})
	return users, err
}

// fields calls fn with each field of a protobuf: its number, and a number or bytes.
func fields(message string, fn func(protowire.Number, uint64, string) error) error {
	for rest := []byte(message); len(rest) > 0; {
		number, kind, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		rest = rest[n:]
		var value []byte
		var integer uint64
		switch kind {
		case protowire.VarintType:
			integer, n = protowire.ConsumeVarint(rest)
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(rest)
		default:
			n = -1
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		rest = rest[n:]
		if err := fn(number, integer, string(value)); err != nil {
			return err
		}
	}
	return nil
}
