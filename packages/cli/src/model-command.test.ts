import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '@ogong/host/log/errors';
import { createModelStore } from '@ogong/models/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelCommand } from './model-command.ts';

let modelsDir: string;
beforeEach(async () => {
  modelsDir = await mkdtemp(join(tmpdir(), 'ogong-model-command-'));
  const store = createModelStore(modelsDir);
  for (const name of ['first', 'second']) {
    const temporary = await store.temporary(name);
    await writeFile(temporary, name);
    const files = [await store.adopt(temporary, { name: `${name}.gguf` })];
    await store.publish({ name, source: `file:${name}`, files });
  }
});
afterEach(() => rm(modelsDir, { recursive: true, force: true }));

async function run(...argv: string[]): Promise<{ code: number; text: string; errors: string }> {
  const written: string[] = [];
  const errors: string[] = [];
  const output = {
    write: (piece: string) => void written.push(piece),
    writeError: (piece: string) => void errors.push(piece),
  };
  const code = await modelCommand.run([...argv, '--models-dir', modelsDir], output);
  return { code, text: written.join(''), errors: errors.join('') };
}

async function damage(content: string): Promise<string> {
  const stored = createModelStore(modelsDir).find(content);
  await writeFile(stored?.path as string, content.toUpperCase());
  return stored?.path as string;
}

describe('ogong model list', () => {
  it('prints JSON for a script', async () => {
    const { code, text } = await run('list', '--json');
    expect(code).toBe(EXIT.ok);
    expect(JSON.parse(text)).toMatchObject([
      { name: 'first', source: 'file:first', sizeBytes: 5, modelRoot: expect.stringMatching(/^[0-9a-f]{64}$/) },
      { name: 'second', sizeBytes: 6, files: [{ name: 'second.gguf', sizeBytes: 6 }] },
    ]);
    await rm(join(modelsDir, 'manifests'), { recursive: true });
    expect(await run('list', '--json')).toEqual({ code: EXIT.ok, text: '[]\n', errors: '' });
  });
});

describe('ogong model verify', () => {
  it('finds complete models', async () => {
    expect(await run('verify')).toEqual({ code: EXIT.ok, text: 'first  whole\nsecond  whole\n', errors: '' });
  });

  it('names the file that holds other bytes, and fails', async () => {
    const path = await damage('second');
    const { code, text } = await run('verify');
    expect(code).toBe(EXIT.data);
    expect(text).toBe(`first  whole\nsecond  damaged: delete ${path} and pull it again\n`);
    expect((await run('verify', 'first')).code).toBe(EXIT.ok);
  });

  it('prints JSON for a script', async () => {
    const path = await damage('second');
    const { code, text } = await run('verify', '--json');
    expect(code).toBe(EXIT.data);
    expect(JSON.parse(text)).toEqual({
      models: [
        { name: 'first', damaged: [] },
        { name: 'second', damaged: [path] },
      ],
      missing: [],
    });
  });

  it('names a file that is gone, and fails', async () => {
    const [blob = ''] = (await readdir(join(modelsDir, 'blobs'))).sort();
    await rm(join(modelsDir, 'blobs', blob));
    const { code, text } = await run('verify');
    expect(code).toBe(EXIT.data);
    expect(text).toContain(blob);
  });

  it('fails on a name that no model has', async () => {
    const { code, errors } = await run('verify', 'third');
    expect(code).toBe(EXIT.data);
    expect(errors).toMatch(/^third: not in /);
  });
});
