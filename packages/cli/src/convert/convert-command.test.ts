import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EXIT } from '@ogong/host/log/errors';
import { hashModelFile } from '@ogong/models/model-root';
import { toHex } from '@ogong/protocol/base/bytes';
import { createRandomTransformer, writeTransformer } from '@ogong/testing/models/transformers/random-transformer';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { convertToGguf } from './convert-command.ts';

let directory: TestDirectory;
const at = (...parts: string[]): string => join(directory.path, ...parts);
beforeEach(() => {
  directory = createTestDirectory('convert-command');
  writeTransformer(at('tiny'), createRandomTransformer('qwen3', 2), { dtype: 'BF16' });
});
afterEach(() => directory.remove());

async function run(...argv: string[]): Promise<{ readonly code: number; readonly text: string }> {
  const written: string[] = [];
  const write = (text: string): void => void written.push(text);
  const code = await convertToGguf(argv, { write, writeError: () => undefined });
  return { code, text: written.join('') };
}

it('writes a file that it does not replace, and prints its root', async () => {
  const { code, text } = await run(at('tiny'), '--to', at('tiny.gguf'), '--json');
  const { modelRoot } = await hashModelFile(at('tiny.gguf'));
  expect([code, JSON.parse(text)]).toMatchObject([EXIT.ok, { architecture: 'qwen3', modelRoot: toHex(modelRoot) }]);
  await expect(run(at('tiny'), '--to', at('tiny.gguf'))).rejects.toThrow(/exists already/);
  expect((await run(at('tiny'), '--to', at('again.gguf'))).text).toContain(`root ${toHex(modelRoot)}\n`);
});

it('refuses a target that is no GGUF file, a missing folder, and a model without a converter', async () => {
  await expect(run(at('tiny'), '--to', at('tiny.bin'))).rejects.toThrow(/ends with \.gguf/);
  await expect(run(at('tiny'), '--to', at('none', 'tiny.gguf'))).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(run(at('none'), '--to', at('none.gguf'))).rejects.toThrow(/there is no model folder/);
  mkdirSync(at('other'));
  writeFileSync(at('other', 'config.json'), '{"model_type":"mamba"}');
  await expect(run(at('other'), '--to', at('other.gguf'))).rejects.toMatchObject({ code: 'not-convertible' });
  expect(existsSync(at('other.gguf'))).toBe(false);
});
