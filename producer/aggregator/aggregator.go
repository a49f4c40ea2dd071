// Package aggregator packs user records into the KPL's aggregated record, byte for byte as the KPL does, and knows
// the exact size before it adds one. It is pure: no AWS, no goroutine, no clock, no I/O.
//
//	F3 89 9A C2 | partition keys | explicit hash keys | user records | MD5 of the three
//
// Fill an [Encoder] until Add reports that a user record does not fit, put what AppendTo appends under what Keys
// returns, Reset, go on. All user records of one aggregate should have hash keys of one shard, since Kinesis
// places the aggregate by the first of them and the Java KCL drops an aggregate that holds others: choose an
// Encoder per shard by [Record.HashKey]. There are no tags: no KPL writes them and no KCL reads them.
//
// A single user record is not aggregated: it is put plain, with its own keys and data, as the KPL does. So a user
// record whose own data starts with the magic reads back unchanged only out of an aggregate.
//
// # Compatibility
//
// The bytes are those of KPL 0.12.11 to 1.0.7 and stay so. Fields may be added to Record.
package aggregator

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// maxPartitionKey is the longest partition key, in Unicode characters (source: the API's PutRecord).
const maxPartitionKey = 256

// Kinds of user records that can't be put, for errors.Is.
var (
	ErrPartitionKey    = errors.New("partition key must be 1 to 256 Unicode characters in valid UTF-8")
	ErrExplicitHashKey = errors.New("explicit hash key must be a decimal number of 0 to 2^128-1 without leading zeros")
)

// RecordError is the error of Add: which user record can't be put, and why.
type RecordError struct {
	Index int   // the place, from 0, that the user record would have had in the aggregate
	Err   error // wraps ErrPartitionKey or ErrExplicitHashKey
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("aggregator: user record %d: %v", e.Index, e.Err)
}

// Unwrap returns Err.
func (e *RecordError) Unwrap() error { return e.Err }

// Record is a user record to put.
type Record struct {
	PartitionKey    string // 1 to 256 Unicode characters
	ExplicitHashKey string // decimal, 0 to 2^128-1; "" when absent
	Data            []byte
}

// HashKey returns the hash key by which Kinesis places r: its explicit hash key, else the MD5 of its partition key.
// The error wraps ErrPartitionKey or ErrExplicitHashKey.
func (r Record) HashKey() (hashkey.Key, error) {
	if err := r.Validate(); err != nil {
		return hashkey.Key{}, err
	}
	return hashKey(r.PartitionKey, r.ExplicitHashKey), nil
}

// Validate returns the error of HashKey, and nil if there is none.
func (r Record) Validate() error {
	if err := r.validate(); err != nil {
		return fmt.Errorf("aggregator: record %.50q of %d bytes: %w", r.PartitionKey, len(r.Data), err)
	}
	return nil
}

// hashKey takes valid keys, so Parse can't fail.
func hashKey(partitionKey, explicitHashKey string) hashkey.Key {
	if explicitHashKey == "" {
		return hashkey.Of(partitionKey)
	}
	key, _ := hashkey.Parse(explicitHashKey)
	return key
}

// validate holds the keys to the API's rules: an aggregate would be accepted with any, but the same user record
// must be accepted plain, too.
func (r Record) validate() error {
	if err := validPartitionKey(r.PartitionKey); err != nil {
		return err
	}
	return validExplicitHashKey(r.ExplicitHashKey)
}

func validPartitionKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrPartitionKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: it is not UTF-8", ErrPartitionKey)
	case len(key) > maxPartitionKey && utf8.RuneCountInString(key) > maxPartitionKey:
		return fmt.Errorf("%w: it has %d", ErrPartitionKey, utf8.RuneCountInString(key))
	}
	return nil
}

func validExplicitHashKey(key string) error {
	if key == "" {
		return nil
	}
	if _, err := hashkey.Parse(key); err != nil || key[0] == '0' && key != "0" {
		return fmt.Errorf("%w: it is %.50q", ErrExplicitHashKey, key)
	}
	return nil
}
