module github.com/kplkit/kplkit

go 1.26

require google.golang.org/protobuf v1.36.12 // indirect
