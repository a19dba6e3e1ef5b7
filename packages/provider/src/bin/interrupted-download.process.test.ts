import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createModelStore } from '@ogong/models/store';
import { COMMIT, listed, startHub } from '@ogong/testing/models/hub';
import { findProgram } from '@ogong/testing/processes/find-program';
import { afterEach, beforeEach, expect, it } from 'vitest';

const PROGRAM = findProgram(new URL('./ogong-provider.ts', import.meta.url));
const MODEL = readFileSync(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const HASH = createHash('sha256').update(MODEL).digest('hex');
const ABOUT = '/api/models/maker/tiny-GGUF/revision/main';
const FILE = `/maker/tiny-GGUF/resolve/${COMMIT}/model-q8_0.gguf`;

let folder: string;
let hub: Awaited<ReturnType<typeof startHub>>;
let child: ChildProcessByStdio<null, Readable, Readable> | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-interrupted-'));
  hub = await startHub();
  hub.repositories.set('maker/tiny-GGUF', {
    about: {},
    tree: [listed('model-q8_0.gguf', MODEL.length, HASH)],
  });
  answerWhole();
});
afterEach(async () => {
  child?.kill('SIGKILL');
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
});

function start(argv: readonly string[]) {
  const flags = ['--data-dir', folder, '--models-dir', folder, '--hub-endpoint', hub.endpoint];
  child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM, ...argv, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const started = child;
  let said = '';
  for (const stream of [started.stdout, started.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
  }
  return { started, said: () => said };
}

/** Answers a request of the hub by the first part of what it asked for, and then nothing more. */
function stall(path: string, first: Uint8Array, headers: Readonly<Record<string, string | number>>): Promise<void> {
  return new Promise((resolve) => {
    hub.answers.set(path, (response: ServerResponse) => {
      response.writeHead(200, headers).write(first);
      resolve();
    });
  });
}

function answerWhole(): void {
  hub.answers.set(ABOUT, (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ sha: COMMIT }));
  });
  hub.answers.set(FILE, (response) => {
    response.writeHead(200, { 'content-length': MODEL.length, etag: '"one"' }).end(MODEL);
  });
}

/** Bytes of the file that are on the disk. */
function countKept(): number {
  const partial = join(folder, 'partial');
  const files = existsSync(partial) ? readdirSync(partial).filter((name) => name.endsWith('.part')) : [];
  return files.reduce((sum, name) => sum + statSync(join(partial, name)).size, 0);
}

const NAME = 'hf:maker/tiny-GGUF';
const COMMANDS = [
  ['pull', ['pull', NAME]],
  ['run', ['run', NAME, 'hello']],
  ['local', ['local', '--model', NAME, '--listen', '127.0.0.1:0']],
] as const;

it.each(COMMANDS)('%s ends at once in the middle of a file, and keeps what came', async (_name, argv) => {
  const asked = stall(FILE, MODEL.subarray(0, 300_000), { 'content-length': MODEL.length, etag: '"one"' });
  const { started, said } = start(argv);
  await asked;
  await expect.poll(countKept).toBeGreaterThan(0);
  started.kill('SIGINT');
  expect(await once(started, 'exit')).toEqual([130, null]);
  expect(said()).not.toMatch(/\bat .*\.ts:\d+|AbortError/);
  expect(await createModelStore(folder).listUnfinished()).toHaveLength(1);
});

it('ends at once while the hub says nothing, leaves nothing, and the next pull has the model', async () => {
  const asked = stall(ABOUT, Buffer.from('{'), { 'content-type': 'application/json' });
  const { started } = start(COMMANDS[2][1]);
  await asked;
  started.kill('SIGINT');
  expect(await once(started, 'exit')).toEqual([130, null]);
  expect(await createModelStore(folder).listUnfinished()).toEqual([]);
  answerWhole();
  const again = start(['pull', NAME]);
  expect([await once(again.started, 'exit'), again.said()]).toEqual([[0, null], expect.stringContaining('is here')]);
});
