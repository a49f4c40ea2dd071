// Package parentpid reads who started this process before nearly all other packages are made ready, which takes 10 ms: a
// parent may die within them. It must import nothing but syscall, since that decides when its turn is.
package parentpid

import "syscall"

// AtStart is the process id of the parent.
var AtStart = syscall.Getppid()
