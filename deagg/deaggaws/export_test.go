package deaggaws

// ReadAnswer is for the fuzzer, to which a whole client is slow.
var ReadAnswer = readAnswer
