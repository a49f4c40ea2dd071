package cli

import (
	"strings"
	"testing"
)

// regions has one region of each partition that the SDK knows, and one that it does not know yet.
var regions = []string{"us-east-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1", "eu-nowhere-9"}

// All names that the SDK may call Kinesis by are AWS's, and so is a VPC endpoint under each, with the region in them.
func TestAWSHostOfEachPartition(t *testing.T) {
	for _, region := range regions {
		suffixes := awsSuffixes(region)
		if len(suffixes) != 4 {
			t.Errorf("%s: %q, want plain, FIPS, dual-stack and both", region, suffixes)
		}
		for _, suffix := range suffixes {
			for _, name := range []string{"kinesis.", "kinesis-fips.", "KINESIS.", "123456789012.data-kinesis.", "vpce-0a1b2c3d4e5f-abcd1234.kinesis.", "vpce-0a1b2c3d4e5f-abcd1234-" + region + "a.kinesis."} {
				for _, host := range []string{name + region + suffix, name + region + suffix + ".", name + region + ".vpce" + suffix} {
					if got, isAWS := awsHost(host, ""); !isAWS || got != region {
						t.Errorf("%s: %q, %v, want %s", host, got, isAWS, region)
					}
				}
			}
		}
	}
}

func TestAWSHost(t *testing.T) {
	for _, tt := range []struct {
		host, configured, region string
		isAWS                    bool
	}{
		// As AWS's pages have them, so that the SDK's data is not checked by itself alone.
		{"kinesis.eu-west-1.amazonaws.com", "", "eu-west-1", true},
		{"kinesis-fips.us-gov-east-1.amazonaws.com", "", "us-gov-east-1", true},
		{"kinesis.eu-west-1.api.aws", "", "eu-west-1", true},
		{"kinesis-fips.us-east-2.api.aws", "", "us-east-2", true},
		{"kinesis.cn-northwest-1.amazonaws.com.cn", "", "cn-northwest-1", true},
		{"kinesis.cn-north-1.api.amazonwebservices.com.cn", "", "cn-north-1", true},
		{"kinesis.eusc-de-east-1.amazonaws.eu", "", "eusc-de-east-1", true},
		{"kinesis.eusc-de-east-1.api.amazonwebservices.eu", "", "eusc-de-east-1", true},
		{"kinesis.us-iso-west-1.c2s.ic.gov", "", "us-iso-west-1", true},
		{"kinesis.us-isob-east-1.sc2s.sgov.gov", "", "us-isob-east-1", true},
		{"vpce-0d1a2b3c4d5e6f708-abcd1234-us-east-1a.kinesis.us-east-1.vpce.amazonaws.com", "", "us-east-1", true},
		{"vpce-0d1a2b3c4d5e6f708-abcd1234.kinesis.cn-north-1.vpce.amazonaws.com.cn", "", "cn-north-1", true},
		{"vpce-abcdef-12345678.kinesis.us-east-1.vpce.amazonaws.com", "", "us-east-1", true},
		{"kinesis.amazonaws.com", "", "", true}, // without a region
		{"kinesis.amazonaws.com.cn", "cn-north-1", "", true},

		{"localhost", "", "", false},
		{"127.0.0.1", "", "", false},
		{"::1", "", "", false},
		{"10.1.2.3", "eu-west-1", "", false},
		{"kinesis", "", "", false},                        // in a Docker network
		{"kinesis-local-1", "", "kinesis-local-1", false}, // not a region: it is for AWS's names only
		{"kinesis.us-east-1.localhost.localstack.cloud", "us-east-1", "us-east-1", false},
		{"proxy.corp.example.com", "us-east-1", "", false},
		{"amazonaws.com.example.com", "", "", false},
		{"kinesis.us-east-1.amazonaws.com.example.com", "", "us-east-1", false},
		{"notamazonaws.com", "", "", false},
		{"kinesis.us-east-1.myapi.aws", "", "us-east-1", false},
	} {
		if region, isAWS := awsHost(tt.host, tt.configured); region != tt.region || isAWS != tt.isAWS {
			t.Errorf("%s: %q, %v, want %q, %v", tt.host, region, isAWS, tt.region, tt.isAWS)
		}
	}
}

func TestIsLoopback(t *testing.T) {
	for _, host := range strings.Fields("localhost LOCALHOST 127.0.0.1 127.1.2.3 ::1 ::ffff:127.0.0.1") {
		if !isLoopback(host) {
			t.Errorf("%s is this machine", host)
		}
	}
	for _, host := range strings.Fields("kinesis 10.0.0.1 192.168.1.1 127.0.0.1.example.com localhost.example.com ::2") {
		if isLoopback(host) {
			t.Errorf("%s may be another machine", host)
		}
	}
}
