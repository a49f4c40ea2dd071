package kplpb

import (
	"flag"
	"testing"

	"github.com/kplkit/kplkit/internal/pbgen"
)

var update = flag.Bool("update", false, "write pipe.pb.go anew from pipe.proto")

func TestGeneratedCodeIsCurrent(t *testing.T) {
	pbgen.Check(t, "internal/kplpipe/kplpb/pipe.proto", *update)
}
