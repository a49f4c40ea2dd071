package wire

import "crypto/md5"

// IsAggregate reports whether data has the magic and the MD5 of an aggregated record: what is put so as a user record
// was a stored one, and becomes an aggregate in an aggregate.
func IsAggregate(data []byte) bool {
	if len(data) <= Overhead || string(data[:len(Magic)]) != Magic {
		return false
	}
	end := len(data) - DigestSize
	return md5.Sum(data[len(Magic):end]) == [DigestSize]byte(data[end:])
}
