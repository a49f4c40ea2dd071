package hashkey

import (
	"fmt"
	"strings"
)

// Range is an inclusive range of hash keys, as a shard owns it. It is comparable. The zero value is no range at all and
// contains nothing, unlike ParseRange("0", "0"), which contains the key 0.
type Range struct {
	start, end Key
	valid      bool
}

// Whole returns the range of all hash keys, which the only shard of a stream owns.
func Whole() Range { return Range{Key{}, Max(), true} }

// NewRange returns the range from start to end, both included. It is an error if end is less than start.
func NewRange(start, end Key) (Range, error) {
	if start.Compare(end) > 0 {
		return Range{}, fmt.Errorf("hashkey: range starts at %v, after its end %v", start, end)
	}
	return Range{start, end, true}, nil
}

// ParseRange reads the two ends of a range as ListShards gives them: decimal, both included.
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

// Split returns n ranges that cover r, in order: of Whole the shards of a new stream, of a shard's range the children
// that it has once it is split evenly. They are equal, but the last one also takes what does not divide. It returns nil
// for n less than 1, for n larger than the number of keys in r, and if r is no range.
func (r Range) Split(n int) []Range {
	if n < 1 || !r.valid {
		return nil
	}
	size, rest := r.end.sub(r.start).divmod(uint64(n)) // of one key less: all 2^128 would not fit
	switch {
	case rest == uint64(n)-1: // with that key they divide evenly
		size = size.Next()
	case size == Key{}:
		return nil
	}
	ranges := make([]Range, n)
	start := r.start
	for i := range ranges {
		next := start.add(size)
		ranges[i] = Range{start, next.Prev(), true}
		start = next
	}
	ranges[n-1].end = r.end
	return ranges
}

// Start returns the first key of r.
func (r Range) Start() Key { return r.start }

// End returns the last key of r.
func (r Range) End() Key { return r.end }

// IsValid reports whether r is a range, and not the zero Range.
func (r Range) IsValid() bool { return r.valid }

// Contains reports whether k lies in r.
func (r Range) Contains(k Key) bool {
	return r.valid && !k.less(r.start) && !r.end.less(k)
}

// String returns START-END, both in decimal and included, or "no range" for the zero Range.
func (r Range) String() string {
	if !r.valid {
		return "no range"
	}
	return r.start.String() + "-" + r.end.String()
}

// MarshalText returns START-END as String does, but nothing for the zero Range.
func (r Range) MarshalText() ([]byte, error) {
	if !r.valid {
		return nil, nil
	}
	return []byte(r.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (r *Range) UnmarshalText(text []byte) (err error) {
	if len(text) == 0 {
		*r = Range{}
		return nil
	}
	start, end, ok := strings.Cut(string(text), "-")
	if !ok {
		return fmt.Errorf("hashkey: %w: %s is not START-END", ErrSyntax, quote(string(text)))
	}
	*r, err = ParseRange(start, end)
	return err
}
