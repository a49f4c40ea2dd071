package aggpb

import (
	"flag"
	"testing"

	"github.com/kplkit/kplkit/internal/pbgen"
)

var update = flag.Bool("update", false, "write kpl.pb.go anew from kpl.proto")

func TestGeneratedCodeIsCurrent(t *testing.T) {
	pbgen.Check(t, "internal/aggpb/kpl.proto", *update)
}
