import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text as readText } from 'node:stream/consumers';
import { findProgram } from '../processes/find-program.ts';

export interface CommandOutcome {
  readonly code: number;
  readonly out: string;
  readonly errors: string;
}

/** A running `ogong-memoryd` on a loopback port. */
export interface MemorydProcess {
  call(
    key: string,
    method: string,
    path: string,
    body?: object,
    // biome-ignore lint/suspicious/noExplicitAny: JSON of many shapes, looked at field by field
  ): Promise<{ readonly status: number; readonly body: any }>;
  stop(): Promise<{ readonly code: number; readonly log: string }>;
}

/** Starts commands and daemons of `ogong-memoryd`. */
export interface MemorydRunner {
  /** Runs a command to its end. */
  run(...argv: readonly string[]): Promise<CommandOutcome>;
  /** Starts a daemon, and waits until it serves. @param local URL of a local mode with the models `chat` and `words`. */
  serve(folder: string, local: string, flags?: readonly string[]): Promise<MemorydProcess>;
  /** Ends the daemons that still run. */
  close(): void;
}

const PROGRAM = findProgram(new URL('../../../memory/src/bin/ogong-memoryd.ts', import.meta.url));

export function createMemorydRunner(env: Readonly<Record<string, string>> = {}): MemorydRunner {
  const running: ChildProcess[] = [];
  const start = (argv: readonly string[]): ChildProcess =>
    spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });

  return {
    async run(...argv) {
      const child = start(argv);
      const [code, out, errors] = await Promise.all([
        once(child, 'exit').then(([ended]) => ended as number),
        readText(child.stdout as NodeJS.ReadableStream),
        readText(child.stderr as NodeJS.ReadableStream),
      ]);
      return { code, out, errors };
    },
    async serve(folder, local, flags = []) {
      const models = ['--local', local, '--model', 'chat', '--embedding-model', 'words'];
      const place = ['--data-dir', folder, '--bind', '127.0.0.1:0', '--log-level', 'debug'];
      const child = start([...place, ...models, ...flags]);
      running.push(child);
      const log = readText(child.stderr as NodeJS.ReadableStream);
      const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
      const [line] = (await Promise.race([
        once(lines, 'line'),
        once(child, 'exit').then(async () => Promise.reject(new Error(await log))),
      ])) as [string];
      const { port } = (JSON.parse(line) as { address: { port: number } }).address;
      return {
        async call(key, method, path, body) {
          const response = await fetch(`http://127.0.0.1:${port}${path}`, {
            ...{ method, headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` } },
            ...(body && { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
          });
          return { status: response.status, body: await response.json() };
        },
        async stop() {
          child.kill('SIGTERM');
          const [code] = (await once(child, 'exit')) as [number];
          return { code, log: await log };
        },
      };
    },
    close() {
      for (const child of running) child.kill('SIGKILL');
    },
  };
}

const NOW = '2026-05-08T12:00:00.000Z';

/** A memory that a person wrote, as a line of an export. @param id 32 hex digits. */
export const createExportLine = (id: string, text: string) => ({
  memory: {
    ...{ id, content: text, type: 'semantic', categories: ['interests'], subject: 'user', quote: null },
    ...{ receipts: null, agent_id: '', thread_id: '', source: 'import', metadata: {}, created_at: NOW },
    ...{ updated_at: NOW, supersedes: null, superseded_at: null },
  },
  ...{ vector: 'AAAAAA==', embedding_model: 'other', calls: { extraction: null, embedding: null, update: null } },
});
