package multilang

import (
	"io"
	"os"
)

// takeStdout keeps out for the daemon alone, if it is os.Stdout: all else that is written there goes to the standard error until
// restore. It returns what writes to the daemon.
func takeStdout(out io.Writer) (daemon io.Writer, restore func(), err error) {
	if f, ok := out.(*os.File); !ok || f != os.Stdout {
		return out, func() {}, nil
	}
	return redirect()
}

// swap leads the variable alone, where there is no file descriptor 1 to lead elsewhere.
func swap() (daemon io.Writer, restore func(), err error) {
	was := os.Stdout
	os.Stdout = os.Stderr
	return was, func() { os.Stdout = was }, nil
}
