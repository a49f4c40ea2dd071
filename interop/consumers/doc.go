// Package consumers runs Go consumers of the field, unchanged, against kplkit local. It is a module of its own, so that
// their dependencies stay out of kplkit's. Its test takes half a minute: harlow/kinesis-consumer looks for new shards
// that often.
package consumers
