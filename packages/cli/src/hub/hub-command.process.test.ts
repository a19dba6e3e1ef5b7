import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { llamaQuantizer } from '@ogong/engine/llama-cpp/llama-quantizer';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { EXIT } from '@ogong/host/log/errors';
import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { hashModelFile } from '@ogong/models/model-root';
import { toHex } from '@ogong/protocol/base/bytes';
import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { startTestLedger, type TestLedger, unit } from '@ogong/testing/chain/test-ledger';
import { createSafetensors } from '@ogong/testing/hub/hub-model';
import { type PlaceServer, type PlaceServerOptions, startPlaceServer } from '@ogong/testing/hub/place-server';
import { createTestEvaluation, encodeTestEvaluation } from '@ogong/testing/hub/test-evaluation';
import { createRandomTransformer, writeTransformer } from '@ogong/testing/models/transformers/random-transformer';
import { findProgram } from '@ogong/testing/processes/find-program';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hubCommand } from './hub-command.ts';

const GGUF = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const PROGRAM = findProgram(new URL('../bin/ogong.ts', import.meta.url));
const KILLS = process.env.OGONG_LONG === undefined ? 3 : 10;
/** Blocks that a server sends before a kill. A pull may have 24 of them, and one more for each that it keeps, before it keeps the next one. */
const SENT_BLOCKS = 29;
const BIG_BYTES = (SENT_BLOCKS + 1) * KILLS * BLOCK_BYTES;

let directory: TestDirectory;
let ledger: TestLedger;
const servers: PlaceServer[] = [];
const at = (...parts: string[]): string => join(directory.path, ...parts);

beforeAll(async () => {
  directory = createTestDirectory('hub-command');
  ledger = await startTestLedger({ delays: { notice: 0 } });
  writeFileSync(at('deployment.json'), JSON.stringify({ ...ledger.deployment, rpcUrl: ledger.chain.rpcUrl }));
  for (const name of ['maker', 'stranger']) {
    const { privateKey } = await ledger.createMember(2_000n * unit);
    writeFileSync(at(`${name}.key`), privateKey.slice(2), { mode: 0o600 });
  }
  mkdirSync(at('small'));
  cpSync(GGUF, at('small', 'stories.gguf'));
  writeFileSync(at('small', 'README.md'), '# Stories\nTales \u202eof lighthouses.\n');
});
afterAll(async () => {
  for (const server of servers) await server.close();
  await ledger.stop();
  directory.remove();
});

interface Ran {
  readonly code: number | string;
  readonly text: string;
  readonly error: string;
}

/** @param machine folder of one machine's models. */
async function run(machine: string, ...argv: string[]): Promise<Ran> {
  const [written, errors]: [string[], string[]] = [[], []];
  const output = {
    write: (text: string) => void written.push(text),
    writeError: (text: string) => void errors.push(text),
  };
  // A removal asks no chain.
  const chain = argv[0] === 'remove' ? [] : ['--deployment', at('deployment.json')];
  try {
    const code = await hubCommand.run([...argv, ...chain, '--models-dir', at(machine)], output);
    return { code, text: written.join(''), error: errors.join('') };
  } catch (error) {
    return { code: (error as { code: string }).code, text: '', error: (error as Error).message };
  }
}

const read = async (machine: string, ...argv: string[]) => {
  const { code, text, error } = await run(machine, ...argv, '--json');
  expect([code, error]).toEqual([EXIT.ok, expect.anything()]);
  return JSON.parse(text);
};

const push = (key: string, name: string, path: string, ...more: string[]) =>
  run(key, 'push', name, at(path), '--licence', 'MIT', '--keypair', at(`${key}.key`), '--claim', ...more);

async function serve(folder: string, options?: PlaceServerOptions): Promise<string> {
  const server = await startPlaceServer(at(folder), options);
  servers.push(server);
  return server.url;
}

describe('ogong hub', () => {
  it('pushes a model to a folder, and another machine pulls it by its name from the chain alone', async () => {
    const place = await serve('maker/hub');
    const dry = await push('maker', 'acme/stories@1.0.0', 'small', '--dry-run', '--store', at('dry'));
    expect([dry.code, dry.text]).toEqual([EXIT.ok, expect.stringContaining('nothing was written or sent')]);
    expect(statSync(at('dry'), { throwIfNoEntry: false })).toBeUndefined();
    const pushed = JSON.parse((await push('maker', 'acme/stories@1.0.0', 'small', '--place', place, '--json')).text);
    const { modelRoot } = await hashModelFile(GGUF);
    expect(pushed).toMatchObject({
      modelRoot: `0x${toHex(modelRoot)}`,
      isNew: true,
      files: ['README.md', 'stories.gguf'],
    });
    expect(pushed.sources).toEqual([`hub:${pushed.manifest}`, `hub+${place}`]);
    // The same push again does nothing, and keeps the places.
    const again = await push('maker', 'acme/stories@1.0.0', 'small');
    expect(again.text).toContain('was published already');
    expect((await push('maker', 'acme/stories@1.0.0', 'small', '--notes', 'Other.')).error).toContain(
      'raise the number',
    );

    const pulled = await read('reader', 'pull', 'acme/stories');
    expect(pulled).toMatchObject({ version: '1.0.0', isNew: true, licence: 'MIT', modelRoot: toHex(modelRoot) });
    expect(pulled.path).toBe(at('reader/hub/models/acme/stories/1.0.0/stories.gguf'));
    expect(toHex((await hashModelFile(pulled.path)).modelRoot)).toBe(toHex(modelRoot));
    expect(await read('reader', 'pull', 'acme/stories')).toMatchObject({ path: pulled.path, isNew: false });

    expect((await read('reader', 'search', 'lighthouses')).models).toMatchObject([{ name: 'acme/stories' }]);
    expect((await run('reader', 'search', 'nothing')).code).toBe(EXIT.data);
    const card = await run('reader', 'card', 'acme/stories');
    expect(card.text).toMatch(
      /acme\/stories 1\.0\.0 by 0x[0-9a-f]{40}\nlicence MIT\n[\s\S]*Tales \ufffdof lighthouses/,
    );

    const evaluation = encodeTestEvaluation(createTestEvaluation(crypto, { modelRoot }));
    writeFileSync(at('evaluation.jsonl'), Buffer.concat(evaluation));
    const evaluated = ['--notes', 'Same weights.', '--evaluation', at('evaluation.jsonl')];
    await push('maker', 'acme/stories@1.1.0', 'small', ...evaluated);
    const { evaluations } = await read('reader', 'card', 'acme/stories');
    expect(evaluations).toEqual([toHex(crypto.sha256(...evaluation))]);
    const kept = await fetch(`${place}evaluations/${evaluations[0]}`);
    expect(toHex(crypto.sha256(await kept.bytes()))).toBe(evaluations[0]);
    const copied = await read('copier', 'mirror', 'acme/stories@1.1.0', '--store', at('evaluated'));
    expect(copied.evaluations).toEqual(evaluations);
    expect(readdirSync(at('evaluated/evaluations'))).toEqual(evaluations);
    const forged = Buffer.from(readFileSync(at('evaluated/evaluations', evaluations[0]))).fill(7, 5, 6);
    writeFileSync(at('evaluated/evaluations', evaluations[0]), forged);
    const bring = (machine: string, from: string) =>
      run(machine, 'pull', 'acme/stories@1.1.0', '--evaluations', '--from', from);
    const brought = await bring('examiner', at('evaluated'));
    const path = at('examiner/hub/evaluations', evaluations[0]);
    expect([brought.code, brought.text]).toEqual([EXIT.ok, expect.stringContaining(`evaluation ${path}`)]);
    expect(toHex(crypto.sha256(readFileSync(path)))).toBe(evaluations[0]);
    // Its receipts are of another ledger, and the manifest names it all the same.
    const check = async (version: string) =>
      (await run('reader', 'check-evaluation', at('evaluation.jsonl'), '--of', `acme/stories@${version}`)).text;
    expect(await check('1.1.0')).toMatch(/^ok +manifest .*1\.1\.0 names this file$/m);
    expect(await check('1.0.0')).toMatch(/^FAIL +manifest .*1\.0\.0 does not name this file$/m);
    const { versions } = await read('reader', 'versions', 'acme/stories');
    expect(versions).toMatchObject([
      { version: '1.1.0', isInForce: true, isMajor: false, notes: 'Same weights.' },
      { version: '1.0.0', isInForce: false, isMajor: true },
    ]);
    expect(await read('reader', 'pull', 'acme/stories@1.1.0')).toMatchObject({ version: '1.1.0', isNew: true });
    expect((await run('reader', 'pull', 'acme/stories@3.0.0')).code).toBe('not-listed');
  });

  it('mirrors a model, pins its files, and takes the rest from another place if a mirror is poisoned', async () => {
    const place = await serve('maker/hub');
    await push('maker', 'acme/copied@1.0.0', 'small', '--place', place);
    await read('keeper', 'mirror', 'acme/copied', '--store', at('mirror'));
    expect(readdirSync(at('keeper/hub'))).not.toContain('blobs');
    expect(readdirSync(at('mirror')).sort()).toEqual(expect.arrayContaining(['blobs', 'lists', 'manifests']));
    const poisoned = await serve('mirror', {
      change: (path, pieces) => (path.startsWith('/blobs/') ? flip(pieces) : pieces),
    });
    const { code, error } = await run('victim', 'pull', 'acme/copied', '--from', poisoned);
    expect([code, error]).toEqual([EXIT.ok, expect.stringContaining(`${poisoned} is asked no more: wrong-block`)]);
    const alone = await run('loner', 'pull', 'acme/copied', '--from', at('mirror'));
    expect(alone.code).toBe(EXIT.ok);

    expect((await run('nobody', 'pin', 'acme/copied')).code).toBe('not-listed');
    await read('keeper', 'pull', 'acme/copied', '--to', at('apart'));
    const apart = await read('keeper', 'remove', 'acme/copied@1.0.0', '--store', at('apart'));
    expect([apart.versions, readdirSync(at('apart/blobs'))]).toEqual([['1.0.0'], []]);
    await read('keeper', 'pull', 'acme/copied');
    expect(await read('keeper', 'pin', 'acme/copied')).toMatchObject({ isPinned: true });
    expect(readdirSync(at('keeper/hub/pins'))).toHaveLength(2);
    const remove = (...more: string[]) => run('keeper', 'remove', 'acme/copied', ...more);
    expect((await remove()).error).toContain('unpin acme/copied@1.0.0');
    expect(await read('keeper', 'unpin', 'acme/copied')).toMatchObject({ isPinned: false });
    expect(readdirSync(at('keeper/hub/pins'))).toHaveLength(0);
    expect((await remove('--dry-run')).text).toMatch(/^nothing was removed.* acme\/copied 1\.0\.0 .*become free$/m);
    expect(readdirSync(at('keeper/hub/blobs'))).toHaveLength(2);
    const sizeBytes = ['stories.gguf', 'README.md'].reduce((sum, name) => sum + statSync(at('small', name)).size, 0);
    const removed = await read('keeper', 'remove', 'acme/copied');
    expect(removed).toMatchObject({ versions: ['1.0.0'], kept: [] });
    expect(removed.freedBytes).toBeGreaterThanOrEqual(sizeBytes);
    expect(readdirSync(at('keeper/hub/models'))).toEqual([]);
    expect(await read('keeper', 'remove', 'acme/copied')).toMatchObject({ versions: [], freedBytes: 0 });
  });

  it("refuses a stranger's manifest, a name of another key, and files that the hub does not take", async () => {
    await push('maker', 'acme/forged@1.0.0', 'small');
    const { code, error } = await push('stranger', 'acme/forged@2.0.0', 'small');
    expect([code, error]).toEqual(['usage', expect.stringMatching(/the name acme belongs to 0x\w+, and the key is/)]);
    // The stranger signs the maker's words with its own key, in a manifest for the maker's hash.
    const listed = await read('maker', 'card', 'acme/forged');
    const hash = (listed.sources[0] as string).slice('hub:'.length);
    const signed = readFileSync(at('maker/hub/manifests', hash));
    mkdirSync(at('forged/manifests'), { recursive: true });
    writeFileSync(at('forged/manifests', hash), signed.fill(7, signed.length - 65));
    const forged = await serve('forged');
    const chain = await ledger.connect(`0x${readFileSync(at('maker.key'), 'utf8')}`);
    const [before] = (await chain.modelVersions({ maker: 'acme', model: 'forged' })).slice(-1);
    if (before === undefined) throw new Error('the model has versions');
    await chain.publishModel(
      { maker: 'acme', model: 'forged' },
      { ...before, sources: [`hub:${hash}`, `hub+${forged}`] },
    );
    const refused = await run('fresh', 'pull', 'acme/forged');
    expect([refused.code, refused.error]).toEqual(['bad-manifest', expect.stringContaining('did not sign it')]);

    writeFileSync(at('small', 'run.py'), 'print(1)\n');
    expect((await push('maker', 'acme/forged@2.0.0', 'small')).error).toContain('move this file away');
    rmSync(at('small', 'run.py'));
    const origin = `${'ab'.repeat(32)}:CC-BY-ND-4.0`;
    const derived = await push('maker', 'acme/forged@2.0.0', 'small', '--quantised-from', origin);
    expect([derived.code, derived.error]).toEqual(['bad-content', expect.stringContaining('CC-BY-ND')]);
    expect((await push('maker', 'acme/forged', 'small')).error).toContain('write acme/forged@1.0.0');
  });

  it('pushes safetensors with their GGUF file, and repeats the steps between models', async () => {
    const place = await serve('maker/hub');
    writeTransformer(at('tiny'), createRandomTransformer('qwen2', 9), { dtype: 'F16', shards: 2 });
    writeFileSync(at('tiny', 'LICENSE'), 'Do as you please.\n');
    const plain = await push('maker', 'acme/plain@1.0.0', 'tiny', '--dry-run');
    expect([plain.code, plain.error]).toEqual([EXIT.ok, expect.stringContaining('push again with --convert')]);
    const both = await push('maker', 'acme/tiny@1.0.0', 'tiny', '--place', place, '--convert', '--json');
    const [original, converted] = JSON.parse(both.text);
    expect([original.name, converted.name]).toEqual(['acme/tiny', 'acme/tiny-gguf']);
    expect(converted.files).toEqual(['LICENSE', 'tiny.gguf']);
    expect(readdirSync(at('maker/hub/converting'))).toEqual([]);
    const { lineage } = await read('reader', 'card', 'acme/tiny-gguf');
    expect(lineage).toEqual([{ relation: 'converted-from', modelRoot: original.modelRoot.slice(2), licence: 'MIT' }]);
    const check = (name: string) => run('reader', 'check-lineage', name);
    expect(await check('acme/tiny-gguf')).toMatchObject({
      code: EXIT.ok,
      text: expect.stringMatching(/^repeated: converted-from acme\/tiny 1\.0\.0: the same file$/m),
    });

    const { path } = await read('reader', 'pull', 'acme/tiny-gguf');
    mkdirSync(at('eight'));
    await llamaQuantizer.quantize(path, at('eight', 'eight.gguf'), 'q8_0');
    const from = (flag: string, { modelRoot }: { modelRoot: string }) => [flag, `${modelRoot}:MIT`, '--place', place];
    await push('maker', 'acme/eight@1.0.0', 'eight', ...from('--quantised-from', converted));
    expect((await check('acme/eight')).text).toMatch(/^repeated: quantised-from acme\/tiny-gguf 1\.0\.0: /m);

    // One weight of the copy is another one.
    mkdirSync(at('changed'));
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    writeFileSync(at('changed', 'changed.gguf'), bytes);
    await push('maker', 'acme/changed@1.0.0', 'changed', ...from('--converted-from', original));
    expect(await check('acme/changed')).toMatchObject({
      code: EXIT.data,
      text: expect.stringMatching(/^DIFFERS: converted-from acme\/tiny 1\.0\.0: .*gives another file$/m),
    });
    const unknown = { modelRoot: 'ab'.repeat(32) };
    await push('maker', 'acme/changed@1.1.0', 'changed', ...from('--adapter-of', unknown));
    expect(await check('acme/changed')).toMatchObject({
      code: EXIT.unavailable,
      text: expect.stringMatching(
        /^cannot be repeated: adapter-of ab+.*: no model of this registry has these weights$/m,
      ),
    });
  });

  it(`continues a pull whose process was killed at ${KILLS} random points`, { timeout: 300_000 }, async () => {
    mkdirSync(at('big'));
    writeFileSync(at('big', 'model.safetensors'), createSafetensors(BIG_BYTES));
    // Streams of a killed process end late, so each process has its own count.
    let count = { sent: 0, limit: Number.POSITIVE_INFINITY };
    const watch = async function* (path: string, pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      const own = count;
      for await (const piece of pieces) {
        if (path.startsWith('/blobs/')) own.sent += piece.length;
        yield piece;
        if (own.sent > own.limit) break;
      }
      if (own.sent > own.limit) await new Promise(() => undefined);
    };
    const place = await serve('maker/hub', { change: watch });
    expect((await push('maker', 'acme/big@1.0.0', 'big', '--place', place)).code).toBe(EXIT.ok);
    const flags = ['--json', '--deployment', at('deployment.json'), '--models-dir', at('killed')];
    const start = (limit: number) => {
      count = { sent: 0, limit };
      const argv = ['--disable-warning=ExperimentalWarning', PROGRAM, 'hub', 'pull', 'acme/big', ...flags];
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
      const written = { text: '', error: '' };
      child.stdout.on('data', (piece) => (written.text += piece));
      child.stderr.on('data', (piece) => (written.error += piece));
      return { child, written };
    };
    const random = createSeededRandom(11);
    let kept = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const wanted = kept + Math.ceil((1 + random()) * BLOCK_BYTES);
      const { child, written } = start(SENT_BLOCKS * BLOCK_BYTES);
      const timer = setInterval(() => void (measureKept() >= wanted && child.kill('SIGKILL')), 5);
      expect([...(await once(child, 'close')), written.error]).toEqual([null, 'SIGKILL', expect.anything()]);
      clearInterval(timer);
      kept = measureKept() - (measureKept() % BLOCK_BYTES);
      expect(readdirSync(at('killed/hub')).includes('models')).toBe(false);
    }
    const { child, written } = start(Number.POSITIVE_INFINITY);
    expect([...(await once(child, 'close')), written.error]).toEqual([0, null, expect.anything()]);
    // Blocks of the killed processes are not fetched again.
    expect(count.sent).toBeLessThanOrEqual(statSync(at('big', 'model.safetensors')).size - kept);
    const { path } = JSON.parse(written.text) as { readonly path: string };
    expect(readFileSync(path).equals(readFileSync(at('big', 'model.safetensors')))).toBe(true);
  });
});

/** Bytes that a pull of the killed machine has kept. */
function measureKept(): number {
  const folder = at('killed/hub/unfinished');
  if (statSync(folder, { throwIfNoEntry: false }) === undefined) return 0;
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

async function* flip(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    piece[0] = (piece[0] as number) ^ 1;
    yield piece;
  }
}
