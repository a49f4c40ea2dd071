package separate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// BuildKplkit makes the real kplkit once, and returns its path. TestMain removes it.
var BuildKplkit = sync.OnceValues(func() (path string, err error) {
	if buildFolder, err = os.MkdirTemp("", "kplkit-separate-test-"); err != nil {
		return "", err
	}
	path = filepath.Join(buildFolder, "kplkit")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/kplkit").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

var buildFolder string
