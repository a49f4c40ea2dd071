package deaggaws

import "unsafe"

// keyPointers makes pointers to the partition keys of an aggregate. User records of the same key share one, as a rule:
// the last keys are known by where they stand in the aggregate, which takes no time.
type keyPointers struct {
	last [64]*string
	slab []string // where pointers point to; never shared with another aggregate, which it would pin
	more int      // of them, at most
}

// begin begins with another aggregate, of at most n user records.
func (k *keyPointers) begin(n int) { *k = keyPointers{more: n} }

func (k *keyPointers) of(key string) *string {
	start := unsafe.StringData(key)
	last := &k.last[uintptr(unsafe.Pointer(start))%uintptr(len(k.last))]
	if *last != nil && len(**last) == len(key) && unsafe.StringData(**last) == start {
		return *last
	}
	if len(k.slab) == cap(k.slab) {
		k.slab = make([]string, 0, max(1, min(2*cap(k.slab)+16, 256, k.more)))
		k.more -= cap(k.slab)
	}
	k.slab = append(k.slab, key)
	*last = &k.slab[len(k.slab)-1]
	return *last
}
