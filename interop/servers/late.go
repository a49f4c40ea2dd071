package servers

import (
	"net/http"
	"time"
)

// Late is an answer whose first byte comes a while after the server has done what was asked, so that something may come
// between.
func Late(w http.ResponseWriter, by time.Duration) http.ResponseWriter { return lateAnswer{w, by} }

type lateAnswer struct {
	http.ResponseWriter
	by time.Duration
}

func (a lateAnswer) WriteHeader(status int) {
	time.Sleep(a.by)
	a.ResponseWriter.WriteHeader(status)
}
