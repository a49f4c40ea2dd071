package separate

import (
	"errors"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

func startNative([]string, *kplpb.Credentials) (process, error) {
	return nil, errors.New("the KPL's native binary needs FIFOs, which Windows does not have: set Config.Command to {\"/path/to/kplkit\", \"daemon\"}")
}
