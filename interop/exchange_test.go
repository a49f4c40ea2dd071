package interop

import (
	"testing"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
)

// storedRecord is a line that peers read. Without the two hash keys the shard's range is not known.
type storedRecord struct {
	SequenceNumber  string `json:"sequence_number"`
	PartitionKey    string `json:"partition_key"`
	Data            []byte `json:"data"`
	StartingHashKey string `json:"starting_hash_key,omitempty"`
	EndingHashKey   string `json:"ending_hash_key,omitempty"`
}

// userRecord is a line that peers write. SequenceNumber tells which stored record it was in. What a peer does not
// tell is nil. Error stands alone: the peer failed on the stored record.
type userRecord struct {
	SequenceNumber    string  `json:"sequence_number"`
	SubSequenceNumber *int64  `json:"sub_sequence_number"`
	Aggregated        *bool   `json:"aggregated"`
	PartitionKey      string  `json:"partition_key"`
	ExplicitHashKey   *string `json:"explicit_hash_key"` // nil also where the user record has none
	Data              []byte  `json:"data"`
	Error             string  `json:"error"`
}

// ours returns the user records of r as deagg sees them under a policy, and its counts.
func ours(t *testing.T, r storedRecord, policy deagg.Policy) ([]userRecord, deagg.Stats) {
	d := deagg.Decoder{Policy: policy, HashRange: r.hashRange(t)}
	users := []userRecord{}
	stored := deagg.StoredRecord{SequenceNumber: r.SequenceNumber, PartitionKey: r.PartitionKey, Data: r.Data}
	for u := range d.UserRecords(stored) {
		line := userRecord{
			SequenceNumber: u.SequenceNumber, SubSequenceNumber: &u.SubSequenceNumber, Aggregated: &u.Aggregated,
			PartitionKey: u.PartitionKey, Data: u.Data,
		}
		if u.ExplicitHashKey != "" {
			line.ExplicitHashKey = &u.ExplicitHashKey
		}
		users = append(users, line)
	}
	return users, d.Stats()
}

func (r storedRecord) hashRange(t *testing.T) hashkey.Range {
	if r.StartingHashKey == "" {
		return hashkey.Range{}
	}
	known, err := hashkey.ParseRange(r.StartingHashKey, r.EndingHashKey)
	if err != nil {
		t.Fatal(err)
	}
	return known
}
