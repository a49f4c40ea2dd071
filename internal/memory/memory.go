// Package memory measures what calls take of memory for their input, and holds it against a document, for tests. It counts
// bytes allocated and bytes reachable, which depend neither on when the garbage collector runs nor on the machine.
package memory

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// Factor is what a call takes, in bytes for each byte of its input.
type Factor struct {
	Allocated float64 // in all: the heap never grows by more, whenever it is collected
	Kept      float64 // by the result, once the garbage is collected
}

// Of returns the factor of f for an input of size bytes. What f already holds is not counted.
func Of(size int, f func() any) Factor {
	var before, after, collected runtime.MemStats
	runtime.GC()
	runtime.GC() // what the first one has only taken out of pools
	runtime.ReadMemStats(&before)
	result := f()
	runtime.ReadMemStats(&after)
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&collected)
	runtime.KeepAlive(result)
	runtime.KeepAlive(f)
	return Factor{
		Allocated: float64(after.TotalAlloc-before.TotalAlloc) / float64(size),
		Kept:      max(0, float64(collected.HeapAlloc)-float64(before.HeapAlloc)) / float64(size),
	}
}

// Stated is what a document says of calls, by their names: the rows of its table "| call | allocated | for | kept | for |".
type Stated map[string][]string

// Read reads the table of a document.
func Read(t *testing.T, file string) Stated {
	t.Helper()
	if strconv.IntSize != 64 {
		t.Skip("the documents state what a machine of 64 bits takes")
	}
	if RaceDetector {
		t.Skip("the race detector allocates by itself")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := Stated{}
	_, table, _ := strings.Cut(string(text), "\n| call | allocated | for | kept | for |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) == 5 {
			s[cells[0]] = cells[1:]
		}
	}
	return s
}

// Hold measures a call with each input and fails unless the largest factors are those that the document states: not more
// than a fifth above them, and not so far below that the document is out of date.
func (s Stated) Hold(t *testing.T, call string, inputs []Input, f func(in Input) any) {
	t.Helper()
	var allocated, kept float64
	var names [2]string
	for _, in := range inputs {
		got := Of(len(in.Data), func() any { return f(in) })
		t.Logf("%s, %s: %.1f allocated, %.1f kept", call, in.Name, got.Allocated, got.Kept)
		if got.Allocated > allocated {
			allocated, names[0] = got.Allocated, in.Name
		}
		if got.Kept > kept {
			kept, names[1] = got.Kept, in.Name
		}
	}
	row := s[call]
	if row == nil {
		row = make([]string, 4)
	}
	for i, got := range []float64{allocated, kept} {
		want, _ := strconv.ParseFloat(row[2*i], 64)
		if got > 1.2*want+0.1 || got < want/1.2-0.1 {
			t.Errorf("the document states %q (%s); measured: | %s | %.1f | %s | %.1f | %s |", row[2*i], row[2*i+1], call, allocated, names[0], kept, names[1])
		}
	}
}

// Input is what costs much memory for its size.
type Input struct {
	Name string
	Data []byte
}

// Size is how large inputs are: large enough that nothing else counts.
const Size = 256 << 10

// Aggregates returns the worst of about size bytes that the format has: the smallest user records, tables of the smallest
// keys, and a key, a hash key or a fault for each user record.
func Aggregates(size int) []Input {
	group := []byte{9<<3 | 3, 9<<3 | 4} // a field that nobody knows, and that a length does not close
	return []Input{
		{"empty user records", Repeat(size, "k", func(b *Builder, _ int) { b.Record(0, -1, "") })},
		{"empty user records after a group", Repeat(size, "k", func(b *Builder, i int) {
			if i == 0 {
				b.body = append(b.body, group...)
			}
			b.Record(0, -1, "")
		})},
		{"one-byte user records", Repeat(size, "k", func(b *Builder, _ int) { b.Record(0, -1, "x") })},
		{"a key each", Repeat(size, "", func(b *Builder, i int) { b.Key(fmt.Sprint(i)).Record(i+1, -1, "") })},
		{"a hash key each", Repeat(size, "k", func(b *Builder, i int) { b.HashKey(fmt.Sprint(i)).Record(0, i, "") })},
		{"a hash key each that is not a number", Repeat(size, "k", func(b *Builder, i int) { b.HashKey("-").Record(0, i, "") })},
		{"a bad index each", Repeat(size, "k", func(b *Builder, _ int) { b.Record(9, -1, "") })},
		{"a bad hash key index each", Repeat(size, "k", func(b *Builder, _ int) { b.Record(0, 9, "") })},
		{"empty keys", Repeat(size, "", func(b *Builder, _ int) { b.Key("") })},
		{"empty hash keys", Repeat(size, "", func(b *Builder, _ int) { b.HashKey("") })},
		{"groups", Repeat(size, "", func(b *Builder, _ int) { b.body = append(b.body, group...) })},
	}
}

// Magic returns the worst aggregates for who wraps what starts with the magic: user records of nothing else, with the
// longest key that is kept, and with one that is longer.
func Magic(size int) (inputs []Input) {
	for _, key := range []int{1, 1024, size / 2} {
		inputs = append(inputs, Input{fmt.Sprintf("user records of the magic alone, and a key of %d bytes", key),
			Repeat(size, strings.Repeat("k", key), func(b *Builder, _ int) { b.Record(0, -1, "\xf3\x89\x9a\xc2") })})
	}
	return inputs
}
