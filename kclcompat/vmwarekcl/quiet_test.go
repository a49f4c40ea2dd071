package vmwarekcl_test

import "github.com/vmware/vmware-go-kcl-v2/logger"

// quiet is a logger for worlds: errors are expected in them by the thousand.
type quiet struct{}

func (quiet) Debugf(string, ...any)                    {}
func (quiet) Infof(string, ...any)                     {}
func (quiet) Warnf(string, ...any)                     {}
func (quiet) Errorf(string, ...any)                    {}
func (quiet) Fatalf(format string, args ...any)        { panic(format) }
func (quiet) Panicf(format string, args ...any)        { panic(format) }
func (q quiet) WithFields(logger.Fields) logger.Logger { return q }
