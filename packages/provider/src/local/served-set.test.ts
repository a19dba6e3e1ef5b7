import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { localConfig, serveConfig } from '../provider/provider-config.ts';
import { openLocalModels } from './open-local-models.ts';
import { readServedSet } from './served-set.ts';

const read = (given: string) => readServedSet('ogong-provider local', given);

it('reads models from an argument or a file, by model or path', () => {
  const text =
    '[{"id":"big","kind":"Text","path":"/models/big.gguf","args":[]},{"model":"stories15M","nCtx":512,"kvType":"f32"}]';
  const expected = [
    { id: 'big', model: '/models/big.gguf' },
    { id: 'stories15M', model: 'stories15M', nCtx: 512, kvType: 'f32' },
  ];
  expect(read(text)).toEqual(expected);
  const folder = mkdtempSync(join(tmpdir(), 'ogong-served-set-'));
  try {
    const file = join(folder, 'models.json');
    writeFileSync(file, `{"models": ${text}}`);
    expect(read(file)).toEqual(expected);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it.each([
  ['[', 'no JSON'],
  ['/nowhere/models.json', '--served-models /nowhere/models.json: no such file'],
  ['[]', 'the JSON: '],
  ['{"models": [{"model": "a", "price": "1"}]}', 'models.0: '],
  ['[{"id": "a"}]', '0: expected either model or path'],
  ['[{"model": "a", "path": "b"}]', '0: expected either model or path'],
  ['[{"model": "a", "kind": "Image"}]', '0.kind: this server answers texts, embeddings, pictures and tensors'],
  ['[{"model": "a", "args": ["--tensor-split", "1,1"]}]', '0.args: the engine takes no flags of llama-server'],
  ['[{"id": "x", "model": "a"}, {"id": "x", "model": "b"}]', 'id x is given more than once'],
  ['[{"id": "x", "model": "a"}, {"id": "y", "model": "a"}]', 'model a is given more than once'],
])('refuses %s', (given, problem) => {
  expect(() => read(given)).toThrow(problem);
});

it('serves these models alone, by their ids, and loads none before it is asked for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ogong-served-set-'));
  const path = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
  const settings = { isa: 'auto', threads: undefined, sequences: 1, nCtx: undefined, keepAlive: 0, adapter: [] };
  const log = { info: () => {}, warn: () => {} };
  try {
    const { shelf, loaded, names } = await openLocalModels(
      { ...settings, modelsDir: folder, model: ['missing'], served: [{ id: 'tiny', model: path, nCtx: 64 }] },
      { log },
    );
    expect([names, loaded.list()]).toEqual([['tiny'], []]);
    expect(await shelf.list()).toMatchObject([{ name: 'tiny', path }]);
    await loaded.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('a projector in a GGUF file is a flag of local mode and of the network', () => {
  const flags = ['--mmproj', 'mmproj.gguf'];
  expect(localConfig.parse(flags, {})).toMatchObject({ values: { mmproj: 'mmproj.gguf' } });
  const serving = ['--model', 'a', '--model-id', 'ogong/verified/a/b', '--price', '1', '--deployment', 'd.json'];
  expect(serveConfig.parse([...serving, ...flags], {})).toMatchObject({ values: { mmproj: 'mmproj.gguf' } });
});
