package separate

import (
	"errors"
	"os"
	"syscall"

	"github.com/kplkit/kplkit/internal/kplpipe/kplpb"
)

func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

func killGroup(p *os.Process) { p.Kill() }

func startNative([]string, *kplpb.Credentials) (process, error) {
	return nil, errors.New("the KPL's native binary needs FIFOs, which Windows does not have: set Config.Command to {\"/path/to/kplkit\", \"daemon\"}")
}
