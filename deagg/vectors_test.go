package deagg_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/kplkit/kplkit/deagg"
	"github.com/kplkit/kplkit/deagg/hashkey"
	"github.com/kplkit/kplkit/internal/vectors"
)

var policies = map[string]deagg.Policy{"lossless": deagg.Lossless, "kcl": deagg.KCL}

var kinds = map[string]error{
	"truncated": deagg.ErrTruncated, "checksum": deagg.ErrChecksum, "wire": deagg.ErrWire, "index": deagg.ErrIndex,
}

func TestVectors(t *testing.T) {
	all, err := vectors.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		for name, policy := range policies {
			t.Run(v.Name+"/"+name, func(t *testing.T) { checkVector(t, v, v.Policies[name], policy) })
		}
	}
}

func checkVector(t *testing.T, v vectors.Vector, want vectors.Outcome, policy deagg.Policy) {
	d := deagg.Decoder{Policy: policy, HashRange: rangeOf(t, v.Range)}
	for _, a := range v.Ancestors {
		d.Ancestors = append(d.Ancestors, rangeOf(t, a))
	}
	us := collect(&d, deagg.StoredRecord{SequenceNumber: v.SequenceNumber, PartitionKey: v.PartitionKey, Data: v.Data})
	checkMarks(t, us)
	var got []string
	for _, u := range us {
		sum := sha256.Sum256(u.Data)
		got = append(got, strings.Join([]string{
			strconv.FormatInt(u.SubSequenceNumber, 10), keyText(u.PartitionKey), keyText(u.ExplicitHashKey), hex.EncodeToString(sum[:]),
		}, " "))
	}
	if diff := cmp.Diff(want.Users, got); diff != "" {
		t.Errorf("%s\n%s", v.Comment, diff)
	}
	checkExpectation(t, want.Expect, us, d.Stats())
}

// checkExpectation holds what a vector says of damage. What the KCL policy loses for a bad index or hash key has no
// user record to carry the mark: it is in the counts only.
func checkExpectation(t *testing.T, expect string, us []deagg.UserRecord, s deagg.Stats) {
	marked := slices.ContainsFunc(us, func(u deagg.UserRecord) bool {
		return errors.Is(u.Malformed, kinds[expect]) && kinds[expect] != nil
	})
	switch expect {
	case "ok", "plain":
		if s.Malformed != 0 || (expect == "plain") != (s.Aggregated == 0 && len(us) == 1 && !us[0].Aggregated) {
			t.Errorf("not %s: %+v", expect, s)
		}
	case "hash-key", "index":
		if s.Malformed != 1 || !marked && s.Dropped == 0 {
			t.Errorf("not %s: %+v", expect, s)
		}
	default:
		if s.Malformed != 1 || !marked || len(us) != 1 || us[0].Aggregated {
			t.Errorf("not %s: %+v, %+v", expect, s, us)
		}
	}
}

func rangeOf(t *testing.T, text string) (r hashkey.Range) {
	if err := r.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}

func keyText(key string) string {
	switch {
	case key == "":
		return "-"
	case !utf8.ValidString(key) || strings.ContainsRune(key, utf8.RuneError):
		return "base64:" + base64.StdEncoding.EncodeToString([]byte(key))
	}
	return key
}
