// Package kplpb is the KPL's pipe protocol as protoc-gen-go generates it from pipe.proto. Package kplpipe reads and
// writes these messages as frames.
package kplpb

//go:generate go test -run=^TestGeneratedCodeIsCurrent$ . -update
