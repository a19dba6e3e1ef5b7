import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMIT, listed, startHub } from '@ogong/testing/models/hub';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { bringModel } from './bring-model.ts';
import { meshCommand } from './mesh-command.ts';

const MODEL = readFileSync(new URL('../../models/models/stories260K.gguf', import.meta.url));
const HASH = createHash('sha256').update(MODEL).digest('hex');
const REFERENCE = 'hf:maker/tiny-GGUF:q8_0';
const ANEW = '\r\u001b[K';

let folder: string;
let hub: Awaited<ReturnType<typeof startHub>>;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-bring-'));
  hub = await startHub();
  hub.repositories.set('maker/tiny-GGUF', { about: {}, tree: [listed('model-q8_0.gguf', MODEL.length, HASH)] });
  hub.answers.set('/api/models/maker/tiny-GGUF/revision/main', (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ sha: COMMIT }));
  });
  hub.answers.set(`/maker/tiny-GGUF/resolve/${COMMIT}/model-q8_0.gguf`, (response) => {
    response.writeHead(200, { 'content-length': MODEL.length, etag: '"one"' }).end(MODEL);
  });
  vi.stubEnv('HF_ENDPOINT', hub.endpoint);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  await hub.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Brings the model with standard error as a terminal or not. @returns the text of standard error. */
async function bring(isTerminal: boolean): Promise<string> {
  const written: string[] = [];
  const writeError = (text: string): void => void written.push(text);
  const own = Object.getOwnPropertyDescriptor(process.stderr, 'isTTY');
  Object.defineProperty(process.stderr, 'isTTY', { value: isTerminal, configurable: true });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    writeError(String(text));
    return true;
  });
  try {
    await bringModel(REFERENCE, { modelsDir: folder, output: { writeError } });
  } finally {
    if (own) Object.defineProperty(process.stderr, 'isTTY', own);
    else Reflect.deleteProperty(process.stderr, 'isTTY');
  }
  return written.join('');
}

describe('the lines of a download', () => {
  it('are one line on a terminal, and nothing if the model is here', async () => {
    const text = await bring(true);
    expect(text.startsWith(ANEW)).toBe(true);
    expect(text.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/model-q8_0\.gguf {2}100 % {2}/),
      'model-q8_0.gguf is here',
    ]);
    expect(await bring(true)).toBe('');
  });

  it('are at most one for each tenth elsewhere', async () => {
    const text = await bring(false);
    expect(text).not.toContain('\r');
    const lines = text.trimEnd().split('\n');
    expect(lines.length).toBeLessThanOrEqual(11);
    for (const line of lines) expect(line).toMatch(/^model-q8_0\.gguf {2}\d+ % {2}/);
    expect(lines.at(-1)).toContain(' 100 %');
  });
});

it('ogong mesh up shows the download of its model on standard error', async () => {
  const out: string[] = [];
  const error: string[] = [];
  const output = { write: (text: string) => void out.push(text), writeError: (text: string) => void error.push(text) };
  const flags = ['--dir', join(folder, 'mesh'), '--models-dir', folder, '--model', REFERENCE];
  // The network does not start with another model than the one that was demanded.
  await expect(meshCommand.run(['up', ...flags, '--model-root', 'ab'.repeat(32)], output)).rejects.toThrow('has root');
  expect([out, error.at(-1)]).toEqual([[], expect.stringMatching(/^model-q8_0\.gguf {2}100 %/)]);
});
