//go:build !purego

package md5x

// pins reports whether h points to a message.
func pins(h *Hasher) bool { return h.lanes.at != [maxLanes]*byte{} }
