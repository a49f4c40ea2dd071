package cli

// signaller is for the tests that send signals.
func signaller() { panic("there are no signals here") }
