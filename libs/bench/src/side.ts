/** One side of a comparison: a process that does the same work as the other side, when it is asked to. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import { BenchError } from './bench.js';
import type { Answer, EndAnswer, ReadyAnswer, Request, RoundAnswer } from './protocol.js';

export interface SideCommand {
  /** `ours` or the peer's name. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Absent: this process's. */
  readonly env?: NodeJS.ProcessEnv;
}

/** How much of what a child prints is kept for the message when it fails. */
const KEPT_LINES = 20;

export class Side {
  readonly name: string;
  private readonly child: ChildProcess;
  private readonly answers: AsyncIterator<string>;
  private readonly printed: string[] = [];
  private readonly closed: Promise<void>;
  private failure: string | null = null;
  private readyAnswer: ReadyAnswer | null = null;

  private constructor({ name, command, args, env }: SideCommand) {
    this.name = name;
    this.child = spawn(command, [...args], { env, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
    const [stdin, stdout, stderr, pipe] = this.child.stdio;
    for (const stream of [stdout, stderr]) {
      createInterface({ input: stream as Readable }).on('line', (line) => {
        this.printed.push(line);
        if (this.printed.length > KEPT_LINES) this.printed.shift();
      });
    }
    // A child that has died is seen by the end of its answers.
    stdin?.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.failure = error.message;
        resolve();
      });
      this.child.once('close', (code, signal) => {
        this.failure ??= `ended early (${signal ?? `exit code ${code}`})`;
        resolve();
      });
    });
    const lines: Interface = createInterface({ input: pipe as Readable });
    this.answers = lines[Symbol.asyncIterator]();
  }

  /** Starts the process and waits until it is warm. @throws BenchError with what the process printed */
  static async start(command: SideCommand): Promise<Side> {
    const side = new Side(command);
    try {
      side.readyAnswer = await side.answer('ready');
      return side;
    } catch (error) {
      await side.kill();
      throw error;
    }
  }

  get ready(): ReadyAnswer {
    if (!this.readyAnswer) throw new BenchError(`${this.name} is not ready`);
    return this.readyAnswer;
  }

  /** Does `units` units of work. */
  async round(units: number): Promise<RoundAnswer> {
    this.request({ kind: 'round', units });
    return this.answer('round');
  }

  /** Ends the process. */
  async end(): Promise<EndAnswer> {
    this.request({ kind: 'end' });
    const answer = await this.answer('end');
    this.child.stdin?.end();
    await this.closed;
    return answer;
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.closed;
  }

  private request(request: Request): void {
    this.child.stdin?.write(`${JSON.stringify(request)}\n`);
  }

  private async answer<Kind extends Answer['kind']>(kind: Kind): Promise<Extract<Answer, { kind: Kind }>> {
    const line = await this.answers.next();
    if (line.done === true) {
      await this.closed;
      throw new BenchError([`${this.name}: ${this.failure}`, ...this.printed].join('\n  '));
    }
    const answer = parse(line.value);
    if (answer?.kind === 'failed') throw new BenchError(`${this.name}: ${answer.message}`);
    if (answer?.kind !== kind) throw new BenchError(`${this.name}: expected ${kind}, got ${line.value}`);
    return answer as Extract<Answer, { kind: Kind }>;
  }
}

function parse(line: string): Answer | null {
  try {
    return JSON.parse(line) as Answer;
  } catch {
    return null;
  }
}
