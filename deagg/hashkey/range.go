package hashkey

import "fmt"

// Range is an inclusive range of hash keys, as a shard owns it. It is comparable; its zero value is no range at
// all and contains nothing, unlike ParseRange("0", "0").
type Range struct {
	start, end Key
	valid      bool
}

// NewRange returns the range of start to end, both included. It is an error if end is less than start.
func NewRange(start, end Key) (Range, error) {
	if start.Compare(end) > 0 {
		return Range{}, fmt.Errorf("hashkey: range starts at %v, behind its end %v", start, end)
	}
	return Range{start, end, true}, nil
}

// ParseRange reads the two ends of a range as Kinesis tells them: decimal, both included.
func ParseRange(start, end string) (Range, error) {
	s, err := Parse(start)
	if err != nil {
		return Range{}, fmt.Errorf("%w (start of a range)", err)
	}
	e, err := Parse(end)
	if err != nil {
		return Range{}, fmt.Errorf("%w (end of a range)", err)
	}
	return NewRange(s, e)
}

// Equal returns the n equal ranges that a new stream of n shards has. The last one takes what does not divide.
// It returns nil for n less than 1.
func Equal(n int) []Range {
	if n < 1 {
		return nil
	}
	width, rest := Max().divmod(uint64(n))
	if rest == uint64(n)-1 { // Max is 2^128-1: one more divides evenly
		width = width.Next()
	}
	ranges := make([]Range, n)
	var start Key
	for i := range ranges {
		next, _ := width.mulAdd(uint64(i+1), 0)
		ranges[i] = Range{start, next.Prev(), true}
		start = next
	}
	ranges[n-1].end = Max()
	return ranges
}

// Start returns the first key of r.
func (r Range) Start() Key { return r.start }

// End returns the last key of r.
func (r Range) End() Key { return r.end }

// IsValid reports whether r is a range.
func (r Range) IsValid() bool { return r.valid }

// Contains reports whether k lies in r.
func (r Range) Contains(k Key) bool {
	return r.valid && r.start.Compare(k) <= 0 && k.Compare(r.end) <= 0
}

// String returns "START-END" in decimal, or "no range" for the zero value.
func (r Range) String() string {
	if !r.valid {
		return "no range"
	}
	return r.start.String() + "-" + r.end.String()
}
