// Package consumers runs Go consumers of the field, unchanged, against kplkit local. It is a module of its own, so that
// their dependencies stay out of kplkit's.
package consumers
