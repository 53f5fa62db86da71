/**
 * How a bench speaks with the processes that it measures. One JSON object a line: requests on the child's standard
 * input, answers on its file descriptor 3, so that whatever a library prints disturbs nothing. The child works only
 * between a request and its answer, and ends when its input does.
 */

/** Written once, when everything is loaded, compiled and warm. */
export interface ReadyAnswer {
  readonly kind: 'ready';
  /** Seconds from the child's first line of code until its libraries were loaded. */
  readonly loadSeconds: number;
  /** Seconds of the first unit of work, compilation included. */
  readonly firstSeconds: number;
  /** Seconds of a warm unit of work; rounds are sized by it. */
  readonly unitSeconds: number;
  /** Resident memory once the libraries were loaded, before any work, in bytes. */
  readonly baselineBytes: number;
  readonly threads: number;
  /** Libraries that decide the speed, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** What the first unit of work measured of itself, by name: the loss of the first update. */
  readonly values?: Readonly<Record<string, number>>;
  /** What else is worth a remark, such as a fallback to a slower engine. */
  readonly remarks?: readonly string[];
}

/** Do `units` units of work: updates of training, or batches of generation. */
export interface RoundRequest {
  readonly kind: 'round';
  readonly units: number;
}

export interface RoundAnswer {
  readonly kind: 'round';
  readonly seconds: number;
  /** What the round's last unit of work measured of itself, by name. */
  readonly values?: Readonly<Record<string, number>>;
}

/** Tell the highest resident memory so far, and end. */
export interface EndRequest {
  readonly kind: 'end';
}

export interface EndAnswer {
  readonly kind: 'end';
  /** Highest resident memory of the process, in bytes. */
  readonly peakBytes: number;
  /** Of the peak, what libraries for GPUs occupy that are loaded but not used, in bytes. */
  readonly cudaBytes?: number;
}

/** Written instead of any other answer; the child ends after it. */
export interface FailedAnswer {
  readonly kind: 'failed';
  readonly message: string;
}

export type Request = RoundRequest | EndRequest;
export type Answer = ReadyAnswer | RoundAnswer | EndAnswer | FailedAnswer;
