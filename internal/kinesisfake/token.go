package kinesisfake

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"
)

// tokenLife is how long shard iterators and next tokens are good for.
const tokenLife = 5 * time.Minute

// A token carries all that the server needs to go on, and a checksum that tells it from garbage; nothing about it
// is remembered. Its fields hold no line ends.
func sealToken(kind string, fields ...string) string {
	text := kind + "\n" + strconv.FormatInt(time.Now().UnixMilli(), 10) + "\n" + strings.Join(fields, "\n")
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(append(sum[:8:8], text...))
}

// openToken returns the n fields of a token of the kind, and when it was sealed.
func openToken(token, kind string, n int) (fields []string, sealed time.Time, ok bool) {
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(raw) < 8 {
		return nil, sealed, false
	}
	sum := sha256.Sum256(raw[8:])
	parts := strings.Split(string(raw[8:]), "\n")
	if string(sum[:8]) != string(raw[:8]) || len(parts) != n+2 || parts[0] != kind {
		return nil, sealed, false
	}
	ms, err := strconv.ParseInt(parts[1], 10, 64)
	return parts[2:], time.UnixMilli(ms), err == nil
}

// iterator is a position in a shard, as a shard iterator carries it.
type iterator struct {
	stream   string
	created  int64 // of the stream, in nanoseconds: another stream of the name is another stream
	shard    int
	position int
}

func (st *stream) iterator(sh *shard, position int) string {
	return sealToken("iterator", st.name, strconv.FormatInt(st.created.UnixNano(), 10),
		strconv.Itoa(sh.number), strconv.Itoa(position))
}

func openIterator(token string) (it iterator, sealed time.Time, ok bool) {
	f, sealed, ok := openToken(token, "iterator", 4)
	if !ok {
		return it, sealed, false
	}
	it.stream = f[0]
	var err1, err2, err3 error
	it.created, err1 = strconv.ParseInt(f[1], 10, 64)
	it.shard, err2 = strconv.Atoi(f[2])
	it.position, err3 = strconv.Atoi(f[3])
	return it, sealed, err1 == nil && err2 == nil && err3 == nil
}

// openNextToken is openToken for the tokens of list operations, with their errors.
func openNextToken(token, kind string, n int) ([]string, error) {
	fields, sealed, ok := openToken(token, kind, n)
	switch {
	case !ok:
		return nil, invalidArgument("Invalid NextToken.")
	case time.Since(sealed) > tokenLife:
		return nil, fail("ExpiredNextTokenException", "NextToken expired. It was created at %v, and now is %v.",
			sealed.UTC(), time.Now().UTC())
	}
	return fields, nil
}
