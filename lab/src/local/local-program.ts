import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findJoinedProgram } from '@ogong/devnet/mesh/joined-program';

const JOINED = process.env.OGONG_PROGRAMS;
const SOURCE = fileURLToPath(import.meta.resolve('@ogong/provider/bin/ogong-provider'));
/** As `npm run ogong-provider` runs it: joined with all that it imports, where `scripts/run.mjs` has made that. */
const PROGRAM = findJoinedProgram(SOURCE, JOINED);
const COMPILED = JOINED === undefined ? {} : { NODE_COMPILE_CACHE: resolve(JOINED, '../../compile') };
const NODE_FLAGS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16'];

/** Local mode as a process of its own, with its own folder. */
export interface LocalProgram {
  readonly pid: number;
  readonly base: string;
  readonly dataDir: string;
  /** From its start to its ready line. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** @throws Error where it ends before it is ready. */
export async function startLocalProgram({
  modelPath,
  modelsDir,
  sequences,
  threads,
  env = {},
  nodeFlags = [],
  fromSources = false,
}: {
  readonly modelPath: string;
  readonly modelsDir: string;
  readonly sequences: number;
  /** Of the engine. Default: its choice. */
  readonly threads?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Beside those that the program has. */
  readonly nodeFlags?: readonly string[];
  /** As a profile by files needs it. Default: joined files, if there are any. */
  readonly fromSources?: boolean;
}): Promise<LocalProgram> {
  const dataDir = mkdtempSync(join(tmpdir(), 'ogong-local-'));
  const startedMs = performance.now();
  const args = [
    ...['local', '--model', `file:${modelPath}`, '--listen', '127.0.0.1:0', '--log-level', 'fatal'],
    ...['--data-dir', dataDir, '--models-dir', modelsDir, '--sequences', String(sequences)],
    ...(threads === undefined ? [] : ['--threads', String(threads)]),
  ];
  const program = fromSources ? SOURCE : PROGRAM;
  const child = spawn(process.execPath, [...NODE_FLAGS, ...nodeFlags, program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...COMPILED, ...process.env, ...env },
  });
  const exited = once(child, 'exit');
  const ready = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>;
  const first = await Promise.race([ready, exited.then(() => undefined)]);
  if (first === undefined) throw new Error('ogong-provider local ended before it was ready');
  const { address } = JSON.parse(first[0]) as { address: { port: number } };
  return {
    pid: child.pid as number,
    base: `http://127.0.0.1:${address.port}`,
    dataDir,
    startMs: performance.now() - startedMs,
    async stop() {
      child.kill('SIGTERM');
      await exited;
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** How long a command of the program takes, from its start to its end, in ms. @throws Error where it fails. */
export async function timeCommand(argv: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const child = spawn(process.execPath, [...NODE_FLAGS, PROGRAM, ...argv], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...COMPILED, ...process.env },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`ogong-provider ${argv.join(' ')} ended with ${code}`);
  return performance.now() - startedMs;
}
