package kinesisfake

import "strings"

// resourceName is what an ARN of a stream or of a consumer names:
//
//	arn:aws:kinesis:us-east-1:000000000000:stream/NAME
//	arn:aws:kinesis:us-east-1:000000000000:stream/NAME/consumer/CONSUMER:CREATED
type resourceName struct {
	account, stream string
	consumer        string // with its time of creation; "" for a stream
}

func parseARN(text string) (resourceName, error) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] != "kinesis" {
		return resourceName{}, invalidArgument("%.300q is not an ARN of Kinesis.", text)
	}
	path, isStream := strings.CutPrefix(parts[5], "stream/")
	name, consumer, _ := strings.Cut(path, "/consumer/")
	if !isStream || name == "" || strings.Contains(name, "/") {
		return resourceName{}, invalidArgument("%.300q is not an ARN of a stream.", text)
	}
	return resourceName{parts[4], name, consumer}, nil
}
