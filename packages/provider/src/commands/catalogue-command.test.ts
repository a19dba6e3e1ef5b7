import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMIT, listed, sha, startHub } from '@ogong/testing/models/hub';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { catalogueCommand } from './catalogue-command.ts';

let folder: string;
let hub: Awaited<ReturnType<typeof startHub>>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-catalogue-'));
  hub = await startHub();
});

afterEach(async () => {
  await hub.close();
  rmSync(folder, { recursive: true });
});

async function run(...argv: string[]): Promise<{ code: number; text: string; error: string }> {
  const written: string[] = [];
  const errors: string[] = [];
  const code = await catalogueCommand.run([...argv, ...(argv.length > 0 ? ['--models-dir', folder] : [])], {
    write: (text) => void written.push(text),
    writeError: (text) => void errors.push(text),
  });
  return { code, text: written.join(''), error: errors.join('') };
}

const namesOf = async (...argv: string[]): Promise<string[]> =>
  (JSON.parse((await run('list', '--json', ...argv)).text) as { name: string }[]).map(({ name }) => name);

/** Two models, of which the hub knows one. */
function writeSmall(): string {
  const path = join(folder, 'small.json');
  const model = (name: string) => ({
    ...{ name, repository: `good/${name}-GGUF`, sources: ['paper'] },
    quantisations: [{ quant: 'Q8_0', files: [{ path: `${name}-Q8_0.gguf` }] }],
  });
  const catalogue = { version: 1, sources: { paper: 'https://example.org' }, models: [model('known'), model('gone')] };
  writeFileSync(path, JSON.stringify(catalogue));
  hub.repositories.set('good/known-GGUF', {
    about: { sha: COMMIT, cardData: { license: 'mit' } },
    tree: [listed('known-Q8_0.gguf', 2e9, sha('1'))],
  });
  return path;
}

it('list filters by name, licence and size', async () => {
  const all = await namesOf();
  expect(all.length).toBeGreaterThanOrEqual(40);
  const small = await namesOf('qwen', '--licence', 'apache-2.0', '--max-size', '3');
  expect(small).toContain('qwen3-4b');
  expect(small).not.toContain('qwen3-8b');
  expect(await namesOf('--max-size', '0')).toEqual([]);
  expect(await namesOf('--fits')).not.toContain('qwen3-coder-480b-a35b-instruct');
  expect((await run('list', 'no-such-model')).error).toContain('has no such model');
});

it('list says the size, and where it is an estimate', async () => {
  const { text } = await run('list');
  expect(text).toMatch(/^gpt-oss-20b +20B +apache-2\.0 +MXFP4 +12\.11 GB$/m);
  expect(text).toMatch(/^qwen3-8b +8B +apache-2\.0 +Q4_K_M +about 5\.50 GB$/m);
  expect(text).toMatch(/^gemma-3n-e2b-it +unknown +gemma +Q8_0 +unknown$/m);
});

it('show says how to pull a model, its hashes, and where the facts are from', async () => {
  const { text } = await run('show', 'qwen3-8b');
  expect(text).toContain('ogong-provider pull hf:MaziyarPanahi/Qwen3-8B-GGUF:q4_k_m');
  expect(text).toMatch(/sha256 376902d50612/);
  expect(text).toMatch(/^draft +qwen3-0\.6b$/m);
  expect(text).toMatch(/^source +https:\/\//m);
  await expect(run('show', 'no-such-model')).rejects.toThrow('is not in the catalogue');
});

it('refresh writes what the hub says, and names what it does not', async () => {
  const small = writeSmall();
  const argv = ['refresh', '--catalogue', small, '--hub-endpoint', hub.endpoint];
  const { code, text, error } = await run(...argv);
  expect([code, text]).toEqual([69, '']);
  expect(error).toMatch(/^1 of 2 {2}known\n2 of 2 {2}gone\ngone stays as it was: .*404.*\n1 of 2 models changed/);
  expect((await run('show', 'known')).text).toContain(`2.00 GB: ogong-provider pull hf:good/known-GGUF@${COMMIT}:q8_0`);
  expect(await namesOf()).toContain('qwen3-8b');
  const path = join(folder, 'catalogue.json');
  const first = readFileSync(path, 'utf8');
  const again = await run('refresh', '--catalogue', path, '--hub-endpoint', hub.endpoint, '--json');
  expect(JSON.parse(again.text)).toMatchObject({ path, models: 2, changed: [], kept: [{ model: 'gone' }] });
  expect([again.error, readFileSync(path, 'utf8')]).toEqual(['', first]);
});

it('refresh writes where it is told to', async () => {
  const out = join(folder, 'deep', 'out.json');
  await run('refresh', '--catalogue', writeSmall(), '--hub-endpoint', hub.endpoint, '--out', out);
  expect(await namesOf('--catalogue', out)).toEqual(['known', 'gone']);
});

it('a broken catalogue is refused with a reason', async () => {
  const path = join(folder, 'catalogue.json');
  writeFileSync(path, '{"version":1,"sources":{},"models":[{}]}');
  await expect(run('list')).rejects.toThrow(/catalogue\.json is no catalogue: models\.0/);
});

it('its help names its commands', async () => {
  const { code, text } = await run();
  expect(code).toBe(64);
  expect(text).toBe('');
  const help = await catalogueCommand.run(['--help'], { write: () => undefined, writeError: () => undefined });
  expect(help).toBe(0);
});
