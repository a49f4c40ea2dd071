// Package childproc keeps a child process apart from what a terminal says to its parent, and ends it with what it has started.
package childproc

import "os/exec"

// OwnGroup has a command start in a process group of its own, so that Ctrl-C at the terminal leaves it to its parent. Call it before
// its Start.
func OwnGroup(cmd *exec.Cmd) { cmd.SysProcAttr = ownGroup() }

// EndWithParent has the system kill a command when the thread that has started it ends, which is at the parent's end if
// runtime.LockOSThread keeps the thread until the command's end. It does so on Linux alone; elsewhere a child has to see by its
// standard input that its parent is gone. Call it after OwnGroup.
func EndWithParent(cmd *exec.Cmd) { endWithParent(cmd.SysProcAttr) }
