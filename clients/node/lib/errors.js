"use strict";

/**
 * What went wrong, and what to do about it. `code` is stable and meant for programs; `attempts` are the requests that
 * held the record, if there were any.
 */
class ProducerError extends Error {
  constructor(code, message, { attempts = [], cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ProducerError";
    this.code = code;
    this.attempts = attempts;
  }
}

// What to do about the errors of Kinesis that users meet. The child tries again by itself whatever may pass.
const advice = [
  [/Throughput|Throttl|LimitExceeded/i, "the stream takes no more: add shards, or put less"],
  [/ResourceNotFound/i, "check the stream's name, the region and the account of the credentials"],
  [/AccessDenied/i, "allow kinesis:PutRecords, kinesis:ListShards and kinesis:DescribeStreamSummary for these credentials"],
  [/UnrecognizedClient|InvalidSignature|IncompleteSignature|InvalidClientToken/i, "check the credentials"],
  [/ExpiredToken/i, "the credentials have expired: give credentials as a function that returns fresh ones"],
  [/KMS/, "check the stream's key in KMS and that these credentials may use it"],
];

function adviceFor(text) {
  const found = advice.find(([pattern]) => pattern.test(text));
  return found ? ` (${found[1]})` : "";
}

/** The error of a put that the child gave up, from the attempts of its result. */
function putFailed(stream, attempts) {
  const n = attempts.length;
  const last = attempts[n - 1] ?? {};
  const expired = last.errorCode === "Expired";
  // "Expired" is no request: the one before it says why the record was not stored in time.
  const reason = (expired && attempts[n - 2]) || last;
  const text = [reason.errorCode, reason.errorMessage].filter(Boolean).join(": ") || "the child gave no reason";
  const requests = expired ? n - 1 : n;
  const what = expired ? "was not stored within recordTtl" : "was given up";
  return new ProducerError(
    expired ? "EXPIRED" : "PUT_FAILED",
    `put into ${stream} ${what} after ${requests} request${requests === 1 ? "" : "s"}: ${text}${adviceFor(text)}`,
    { attempts },
  );
}

/** The error of a put that has no result in time. */
function putExpired({ stream, sentTo }, ttl) {
  const where = sentTo
    ? "the child has sent no result: it may be stored all the same"
    : "it waited for room (maxBuffered), for a child, or for this program, which was busy: put less at a time, or await ready() before each put";
  return new ProducerError("EXPIRED", `put into ${stream} has no result within recordTtl (${ttl} ms): ${where}`);
}

/** A producer that failed says the same at each later put. */
function again(failure) {
  return new ProducerError(failure.code, `${failure.message}\nNothing goes on after this: start another producer.`, { cause: failure });
}

module.exports = { ProducerError, again, putExpired, putFailed };
