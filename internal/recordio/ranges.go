package recordio

import (
	"fmt"
	"strings"

	"github.com/kplkit/kplkit/deagg/hashkey"
)

// rangeCache saves parsing the same hash key range again for each record of a shard.
type rangeCache struct {
	start, end string
	parsed     hashkey.Range
}

// finishRange reads the range. One of which a part can't be read, be it of its ancestors, is unknown, which drops nothing.
func (d *draft) finishRange(r *Record) {
	if d.rangeLost {
		r.HasRange = true
		return
	}
	start, end := d.texts[startingHashKeyField], d.texts[endingHashKeyField]
	if start == nil && end == nil {
		return
	}
	r.HasRange = true
	if c := &d.ranges; string(start) != c.start || string(end) != c.end || !c.parsed.IsValid() {
		parsed, err := hashkey.ParseRange(string(start), string(end))
		if err != nil {
			d.leaveOut(startingHashKeyField, nil, "and ending_hash_key can't be read: "+err.Error())
			return
		}
		*c = rangeCache{string(start), string(end), parsed}
	}
	r.HashRange = d.ranges.parsed
}

// addAncestor takes an element of ancestor_ranges.
func (d *draft) addAncestor(text string) {
	r, err := ParseRange(text)
	if err != nil {
		d.leaveOut(ancestorsField, nil, "has an element that can't be read: "+err.Error())
		return
	}
	d.ancestors = append(d.ancestors, r)
}

// ParseRange reads the hash key range START-END, both included, in decimal.
func ParseRange(text string) (hashkey.Range, error) {
	start, end, ok := strings.Cut(text, "-")
	if !ok {
		return hashkey.Range{}, fmt.Errorf("%.80q is not START-END", text)
	}
	return hashkey.ParseRange(start, end)
}
