module github.com/kplkit/kplkit

go 1.26
