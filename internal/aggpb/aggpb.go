// Package aggpb is the KPL's aggregated record as protoc-gen-go generates it from kpl.proto.
//
// It is the oracle that tests and tools compare the hand-written reader (deagg) and writer (producer/aggregator)
// with. Neither imports it: the hot path works on the bytes and never builds these messages.
package aggpb

//go:generate go test -run=^TestGeneratedCodeIsCurrent$ . -update
