package deagg

import "github.com/kplkit/kplkit/deagg/hashkey"

// kcl delivers the user records of d.agg that Java's AggregatorUtil would.
func (d *Decoder) kcl(done int64, to target) bool {
	a := &d.agg
	for i, key := range a.partitionKeys {
		a.partitionKeys[i] = javaString(key)
	}
	for i, key := range a.explicitHashKeys {
		a.explicitHashKeys[i] = javaString(key)
	}
	keep := d.kept()
	d.stats.Dropped += int64(len(a.users) - keep)
	var faults indexErrors
	for i := range keep {
		a.fill(&d.user, i, &faults)
		d.user.Last = i == keep-1
		if !d.deliver(done, to) {
			return false
		}
	}
	return true
}

// kept returns how many user records of d.agg, from its first, AggregatorUtil keeps: those before the first that it
// can't read, but none if it meets one outside the range before that.
func (d *Decoder) kept() int {
	d.hashes.reset(&d.agg, d.HashRange, javaExplicitHash)
	strays := 0
	for i := range d.agg.users {
		switch h := d.javaHashOf(i); {
		case strays == 0 && (h == lost || h == noNumber):
			d.stats.Malformed++
			return i
		case h == outside:
			strays++ // the rest is looked at only to count
		}
	}
	d.stats.Strays += int64(strays)
	if strays > 0 {
		return 0
	}
	return len(d.agg.users)
}

// javaHashOf returns where user record i lies for Java. Without a range Java takes 0…2^128−1, in which the hash of any
// partition key lies: it is not computed then.
func (d *Decoder) javaHashOf(i int) hashState {
	a, s := &d.agg, &d.agg.users[i]
	if !d.HashRange.IsValid() && s.explicitHashKey == noIndex && s.partitionKey < uint32(len(a.partitionKeys)) {
		return inside
	}
	return d.hashes.of(a, s)
}

// javaExplicitHash reads an explicit hash key as Java's BigInteger does.
func javaExplicitHash(text string) (hashkey.Key, hashState) {
	digits, negative, ok := javaDigits(text)
	if !ok {
		return hashkey.Key{}, noNumber
	}
	key, err := hashkey.Parse(digits)
	if err != nil || negative && key != (hashkey.Key{}) {
		return hashkey.Key{}, outside // more than 128 bits, or below 0
	}
	return key, inside
}
