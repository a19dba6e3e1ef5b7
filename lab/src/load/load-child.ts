import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readTreeMemory } from '../bench/process-memory.ts';
import type { AnswerMessage, AskMessage } from './answer-asks.ts';

/** A process under load, or one that answers it. */
export interface LoadChild {
  readonly url: string;
  readonly pid: number;
  /** Its message when it was ready. */
  readonly ready: unknown;
  /** Returns its answer to a question, see `answerAsks`. */
  ask<T>(what: string): Promise<T>;
  tell(news: unknown): void;
  stop(): Promise<void>;
}

interface ChildTask {
  /** Flags of node. Default: few. */
  readonly flags?: readonly string[];
  /** Its first message. Default: none. */
  readonly first?: unknown;
  /** Called with each later message that answers no question. */
  readonly onNews?: (news: unknown) => void;
}

const FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16'];

/**
 * Starts a module that sends one message once it is ready. Under load it has a `url`.
 * @param module its URL, absolute or relative to this folder.
 */
export async function forkChild(
  module: string,
  { flags = FLAGS, first, onNews = () => {} }: ChildTask = {},
): Promise<LoadChild> {
  const child = fork(new URL(module, import.meta.url), [], {
    ...{ serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    execArgv: [...flags],
  });
  const tell = (message: unknown): void => void child.send(message as never);
  if (first !== undefined) tell(first);
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${module} ended with ${code}`)));
  const [ready] = (await Promise.race([once(child, 'message'), failed])) as [{ readonly url?: string }];
  failed.catch(() => undefined);
  const asked: ((answer: unknown) => void)[] = [];
  child.on('message', (message: Partial<AnswerMessage>) => {
    if ('answer' in message) asked.shift()?.(message.answer);
    else onNews(message);
  });
  const ask = <T>(what: string): Promise<T> => {
    const answered = new Promise<unknown>((resolve) => asked.push(resolve));
    tell({ ask: what } satisfies AskMessage);
    return Promise.race([answered, failed]) as Promise<T>;
  };
  return { url: ready.url ?? '', pid: child.pid as number, ready, ask, tell, stop: () => stop(child) };
}

/** Starts a program of another author, ready once it answers. */
export async function spawnServer(args: readonly string[], url: string): Promise<LoadChild> {
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  for (let tries = 0; ; tries++) {
    const isUp = await fetch(url).then(
      async (answer) => {
        await answer.arrayBuffer();
        return true;
      },
      () => false,
    );
    if (isUp) break;
    if (tries === 200 || child.exitCode !== null) throw new Error(`${args[0]} does not answer at ${url}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const ask = () => Promise.reject(new Error('a program of another author answers no question'));
  return { url, pid: child.pid as number, ready: undefined, ask, tell() {}, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** Ticks of a second. Linux says 100 on all platforms that Node runs on. */
const TICKS = 100;

/** Processor time of a process and its children, ms; undefined where /proc is not there. */
export function readCpuMs(pid: number): number | undefined {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);
    // The name of a program may hold blanks.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    const own = ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
    return children.reduce((sum, child) => sum + (readCpuMs(Number(child)) ?? 0), own);
  } catch {
    return undefined;
  }
}

/** MiB, its children's too. */
export const readMemory = (pid: number): number | undefined => readTreeMemory([pid])?.[0];
