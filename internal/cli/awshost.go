package cli

import (
	"cmp"
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
)

// regionName is what all names of regions look like, those to come included: us-east-1, us-gov-west-1, eusc-de-east-1.
var regionName = regexp.MustCompile(`^[a-z]+(-[a-z]+)+-[0-9]+$`)

// awsHost reports whether a host is AWS's, which may be a VPC endpoint, and the region in its name, if there is one.
// Where there is none, it is asked for in the region that is configured.
//
// The SDK's partitions, which it has no other way to, say what ends AWS's names in a region.
func awsHost(host, configured string) (region string, isAWS bool) {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	labels := strings.Split(host, ".")
	slices.Reverse(labels) // a VPC endpoint's id comes before its region, and may look like one
	if i := slices.IndexFunc(labels, regionName.MatchString); i >= 0 {
		region = labels[i]
	}
	return region, slices.ContainsFunc(awsSuffixes(cmp.Or(region, configured, "us-east-1")), func(suffix string) bool {
		return strings.HasSuffix(host, suffix)
	})
}

// awsSuffixes returns what follows the region in the names of a region's endpoints: plain, FIPS and dual-stack.
func awsSuffixes(region string) (suffixes []string) {
	resolver := kinesis.NewDefaultEndpointResolverV2()
	for _, fips := range []bool{false, true} {
		for _, dualStack := range []bool{false, true} {
			endpoint, err := resolver.ResolveEndpoint(context.Background(), kinesis.EndpointParameters{
				Region: &region, UseFIPS: &fips, UseDualStack: &dualStack,
			})
			if _, suffix, found := strings.Cut(endpoint.URI.Hostname(), "."+region+"."); err == nil && found {
				suffixes = append(suffixes, "."+suffix)
			}
		}
	}
	return suffixes
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback() || strings.EqualFold(host, "localhost")
}
