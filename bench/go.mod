module github.com/kplkit/kplkit/bench

go 1.26.0

replace github.com/kplkit/kplkit => ../

require (
	github.com/a8m/kinesis-producer v0.2.0
	github.com/kplkit/kplkit v0.0.0-00010101000000-000000000000
)

require (
	github.com/aws/aws-sdk-go v1.55.8 // indirect
	github.com/golang/protobuf v1.5.4 // indirect
	github.com/jmespath/go-jmespath v0.4.0 // indirect
	github.com/jpillora/backoff v1.1.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
