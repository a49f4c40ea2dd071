/** The requests that held a record, the last one last. One with the code "Expired" is no request: the record's time was up. */
export interface Attempt {
  /** Milliseconds between the attempt before, or the put, and this one. */
  delay: number;
  /** Milliseconds that it took. */
  duration: number;
  success: boolean;
  errorCode?: string;
  errorMessage?: string;
}

/** Where a record is stored. */
export interface Result {
  shardId: string;
  /** Of the stored record. All user records of one aggregate have the same. */
  sequenceNumber: string;
  attempts: Attempt[];
}

export interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
  /** When they end. A function is asked again 5 minutes before (or after half of the time, where that is later). */
  expiration?: Date | string | number;
}

export interface AdditionalMetricDimension {
  key: string;
  value: string;
  granularity: "global" | "stream" | "shard";
}

/** The KPL's settings by the Java wrapper's names. Times are milliseconds. What is absent has the KPL's default. */
export interface KPLSettings {
  /** Default true. */
  aggregationEnabled?: boolean;
  /** User records in a stored record, from 1. Default: no limit. */
  aggregationMaxCount?: number;
  /** Bytes of a stored record, 64 to 10485760. Default 51200. */
  aggregationMaxSize?: number;
  cloudwatchEndpoint?: string;
  /** 1 to 65535. */
  cloudwatchPort?: number;
  /** Stored records in a request, 1 to 500. Default 500. */
  collectionMaxCount?: number;
  /** Bytes of a request, from 52224. Default 5242880. */
  collectionMaxSize?: number;
  /** 100 to 300000. Default 6000. */
  connectTimeout?: number;
  enableCoreDumps?: boolean;
  /** Fail a put at once where the stream takes no more. Default false: try again until recordTtl. */
  failIfThrottled?: boolean;
  /** A host name, or a URL. `endpoint` is the same with a URL. */
  kinesisEndpoint?: string;
  /** 1 to 65535. */
  kinesisPort?: number;
  logLevel?: "trace" | "debug" | "info" | "warning" | "error";
  /** Requests under way, 1 to 256. Default 24. */
  maxConnections?: number;
  metricsGranularity?: "global" | "stream" | "shard";
  /** What goes to CloudWatch. Default "detailed". */
  metricsLevel?: "none" | "summary" | "detailed";
  /** 1 to 255 characters, not "AWS/…". Default "KinesisProducerLibrary". */
  metricsNamespace?: string;
  /** 1 to 60000. Default 60000. */
  metricsUploadDelay?: number;
  /** 1 to 16. */
  minConnections?: number;
  /** Percent of a shard's limits that this producer uses, from 1. Default 150. */
  rateLimit?: number;
  /** How long a record waits for others. Default 100. */
  recordMaxBufferedTime?: number;
  /** From a put to its result, from 100. Default 30000. */
  recordTtl?: number;
  /** Default: AWS_REGION, AWS_DEFAULT_REGION, then the profile's. */
  region?: string;
  /** 100 to 600000. Default 6000. */
  requestTimeout?: number;
  /** Default true. */
  verifyCertificate?: boolean;
  proxyHost?: string;
  /** 1 to 65535. */
  proxyPort?: number;
  proxyUserName?: string;
  /** Travels in the child's arguments, as the KPL's does: ps shows it. Credentials do not. */
  proxyPassword?: string;
  threadingModel?: "PER_REQUEST" | "POOLED";
  /** 0 to 4294967295. */
  threadPoolSize?: number;
  additionalMetricDims?: AdditionalMetricDimension[];
}

export type LogLevel = "debug" | "info" | "warning" | "error";

export interface Options extends KPLSettings {
  /** The child and its first arguments. Default ["kplkit", "daemon"], looked up in PATH. */
  command?: string[];
  /**
   * URL of Kinesis. Default: AWS_ENDPOINT_URL_KINESIS, then AWS_ENDPOINT_URL (unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS is
   * true), then AWS's own for the region. Where it is on this machine (localhost, 127.0.0.1, ::1), metricsLevel is "none" by
   * default, unless cloudwatchEndpoint is given.
   */
  endpoint?: string;
  /**
   * Default: the keys in the environment, then those of the profile in ~/.aws. "child": kplkit finds them itself, where
   * AWS's tools do, the machine's or container's role included.
   */
  credentials?: Credentials | "child" | (() => Credentials | Promise<Credentials>);
  /** Of ~/.aws. Default: AWS_PROFILE, then "default". One that is given here wins over keys in the environment. */
  profile?: string;
  /** Bytes of memory for puts that the child has and that have no result, 2 MiB to 250 MiB; further puts wait. Default 64 MiB. */
  maxBuffered?: number;
  /** A child that gives no sign of life for so long is started again, 1000 to 3600000. Default 30000. */
  hangTimeout?: number;
  /** Gets what the child and the client log. Default: warnings and errors go to console.warn. */
  log?: (level: LogLevel, message: string) => void;
}

export interface PutOptions {
  /** Decimal digits, or a BigInt, below 2^128: chooses the shard instead of the partition key's MD5. */
  explicitHashKey?: string | bigint;
}

export interface FlushOptions {
  /** Milliseconds, then the promise rejects with code TIMEOUT; the puts go on. Default: until recordTtl ends them. */
  timeout?: number;
  /** Called every half second and at the end. */
  onProgress?: (progress: { done: number; total: number }) => void;
}

export interface Stats {
  /** Those with a result and those without. */
  puts: number;
  succeeded: number;
  failed: number;
  /** How often a child was started after one that ended. */
  restarts: number;
  /** Puts that were given to another child again: each may be stored twice. */
  resent: number;
  /** Results that nobody waited for: second ones, and those that came too late. */
  ignored: number;
  outstanding: number;
  /** Bytes of memory that outstanding puts take, those that wait included; 400 are reckoned for a put besides its data. */
  outstandingBytes: number;
}

export type ErrorCode =
  /** A setting is unknown or out of its limits; the message names it. */
  | "BAD_SETTING"
  /** Kinesis would never take this record. */
  | "BAD_RECORD"
  /** None were found, or the function that gives them failed. */
  | "NO_CREDENTIALS"
  /** The child could not be started, or never said a word. */
  | "NO_CHILD"
  /** Child after child ended before it stored a record; the message has the last one's words. */
  | "CRASH_LOOP"
  /** No result within recordTtl. Where the child got it, the record may be stored all the same. */
  | "EXPIRED"
  /** Kinesis refused the record; see attempts. */
  | "PUT_FAILED"
  /** put after close, or close gave up waiting. */
  | "CLOSED"
  /** The timeout of flush or close. */
  | "TIMEOUT";

export class ProducerError extends Error {
  readonly name: "ProducerError";
  readonly code: ErrorCode;
  /** The requests that held the record; empty where there was none. */
  readonly attempts: Attempt[];
  private constructor();
}

/** Puts records into Kinesis by a child process. A crash of the child loses nothing: all that has no result is put again. */
export class Producer {
  private constructor();

  /** Starts the child; resolves when it has taken its settings and answered. */
  static start(options?: Options): Promise<Producer>;

  /**
   * Puts one record. The promise has exactly one result, after recordTtl at the latest; handle its rejection. `data` is
   * copied. Texts are stored as UTF-8.
   */
  put(stream: string, partitionKey: string, data: string | Uint8Array, options?: PutOptions): Promise<Result>;

  /** Whether there is no room: a put now would wait in this process's memory. */
  readonly needDrain: boolean;

  /** Resolves when there is room. `await p.ready()` before each put bounds the memory, however fast the caller is. */
  ready(): Promise<void>;

  /** Sends all that is held now. Resolves when all puts made before have their results, with how many had which. */
  flush(options?: FlushOptions): Promise<{ succeeded: number; failed: number }>;

  /** Refuses further puts, flushes, and ends the child. With a timeout it then gives up what has no result, and rejects. */
  close(options?: { timeout?: number }): Promise<void>;

  /** The process id of the child that runs now; undefined while there is none. */
  readonly pid: number | undefined;

  stats(): Stats;
}
