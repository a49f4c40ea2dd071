module github.com/kplkit/kplkit/interop

go 1.26.0

replace github.com/kplkit/kplkit => ../

require (
	github.com/aws/aws-sdk-go-v2 v1.47.0
	github.com/aws/aws-sdk-go-v2/service/kinesis v1.56.0
	github.com/aws/smithy-go v1.28.1
	github.com/awslabs/kinesis-aggregation/go/v2 v2.0.0-20211222152315-953b66f67407
	github.com/google/go-cmp v0.7.0
	github.com/kplkit/kplkit v0.0.0-00010101000000-000000000000
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream v1.7.20 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.3 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.3 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/golang/protobuf v1.5.2 // indirect
	golang.org/x/sync v0.8.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)
