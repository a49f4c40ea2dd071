package errcode

import "testing"

func TestOf(t *testing.T) {
	for code, want := range map[string]Meaning{
		"": Unknown, "InternalFailure": Unknown, "ServiceUnavailable": Unknown,
		"ProvisionedThroughputExceededException": Throttled, "KMSThrottlingException": Throttled, "ExpiredToken": Credentials,
		"RequestTimeout": Timeout, "ValidationException": Request, "RequestEntityTooLargeException": TooLarge,
		"AccessDeniedException": Permanent, "KMSDisabledException": Permanent,
	} {
		if got := Of(code, false); got != want {
			t.Errorf("%s means %d, want %d", code, got, want)
		}
	}
	if Of("KMSInternalException", true) != Unknown {
		t.Error("an error of the service's own is permanent")
	}
}
