import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@ogong/host/crypto/secret';
import { startRecordedServer } from '@ogong/testing/upstream/recorded-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { doctorCommand } from '../commands/doctor-command.ts';
import { openShownLink } from '../machine/open-shown-link.ts';
import { serveConfig } from '../provider/provider-config.ts';
import { loadUpstreamModel, openUpstream } from './upstream-config.ts';

const KEY = 'sk-never-printed-0123456789';
const place = { log: { info: () => {}, warn: () => {} } };
let directory: string;
const pathOf = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  chmodSync(path, 0o600);
  return path;
};
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ogong-key-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe('a key', () => {
  it('is read from a file or given, reaches the server, and is in nothing that is printed', async () => {
    const server = await startRecordedServer({ kind: 'openai', key: KEY, model: 'm' });
    const upstream = server.address;
    const offer = { model: 'm', modelId: 'ogong/vanilla/a/b' };
    for (const given of [{ upstreamKeyFile: pathOf('key', `${KEY}\n`) }, { upstreamKey: new Secret(KEY) }]) {
      const engine = await loadUpstreamModel('x', offer, { upstream, nCtx: 64, ...given }, place);
      expect(JSON.stringify(engine.info()) + JSON.stringify(given)).not.toContain(KEY);
      await engine.close();
    }
    const refused = loadUpstreamModel('x', offer, { upstream, nCtx: 64 }, place);
    await expect(refused).rejects.toThrow(/does not take the key/);
    await server.close();
  });

  it.each<[what: string, settings: () => object, words: RegExp]>([
    ['twice', () => ({ upstreamKeyFile: pathOf('a', KEY), upstreamKey: new Secret(KEY) }), /exclude each other/],
    ['in a file that is not there', () => ({ upstreamKeyFile: join(directory, 'none') }), /--upstream-key-file/],
    ['in an empty file', () => ({ upstreamKeyFile: pathOf('b', '\n') }), /holds no key/],
    ['on two lines', () => ({ upstreamKeyFile: pathOf('c', 'a\nb') }), /holds no key/],
  ])('is not taken %s', (_what, settings, words) => {
    expect(() => openUpstream('x', { upstream: 'https://a.example', ...settings() })).toThrow(words);
  });

  it('is a secret of the configuration', () => {
    const parsed = serveConfig.parse(['--model', 'm', '--model-id', 'i', '--price', '1', '--deployment', 'd'], {
      OGONG_UPSTREAM_KEY: KEY,
    });
    if (parsed.kind !== 'run') throw new Error('no values');
    expect(JSON.stringify(parsed.values.upstreamKey)).not.toContain(KEY);
    expect(parsed.values.upstreamKey?.reveal()).toBe(KEY);
  });
});

describe('an upstream', () => {
  it.each(['http://user:word@127.0.0.1:1', 'http://127.0.0.1:1/?key=x'])(
    'is no address with a secret in it: %s',
    (upstream) => {
      expect(() => openUpstream('x', { upstream })).toThrow(/no name, password or query/);
    },
  );

  it('is sold in no tier in which answers are checked', async () => {
    const offer = { model: 'm', modelId: 'ogong/verified/a/b' };
    const loading = loadUpstreamModel('x', offer, { upstream: 'http://127.0.0.1:1' }, place);
    await expect(loading).rejects.toMatchObject({ problems: [expect.stringContaining('serve it as ogong/vanilla')] });
  });

  it('is sold in tier tee-proxy over a link that receipts can show alone', async () => {
    const offer = { model: 'm', modelId: 'ogong/tee-proxy/a/m' };
    const loading = loadUpstreamModel('x', offer, { upstream: 'https://127.0.0.1:1' }, place);
    await expect(loading).rejects.toMatchObject({ problems: [expect.stringContaining('--upstream-authority')] });
    const link = { fetch: async () => new Response(), show: () => ({ statement: new Uint8Array(), chain: [] }) };
    const renamed = loadUpstreamModel(
      'x',
      { ...offer, model: 'cheap' },
      { upstream: 'https://127.0.0.1:1', link },
      place,
    );
    await expect(renamed).rejects.toMatchObject({ problems: [expect.stringContaining('under its own name')] });
    const plain = { upstreamAuthority: [pathOf('root.pem', 'x')], upstream: 'http://127.0.0.1:1' };
    expect(() => openShownLink('x', plain)).toThrow('https');
    const absent = { upstreamAuthority: [join(directory, 'none.pem')], upstream: 'https://127.0.0.1:1' };
    expect(() => openShownLink('x', absent)).toThrow('none.pem');
    expect(openShownLink('x', { upstreamAuthority: [] })).toBeUndefined();
  });

  it('is what doctor says of it', async () => {
    const server = await startRecordedServer({ kind: 'sglang', model: 'm' });
    const run = async (...argv: string[]): Promise<string> => {
      let written = '';
      const write = (text: string): void => {
        written += text;
      };
      const output = { write, writeError: write };
      expect(await doctorCommand.run(['--upstream', server.address, ...argv], output)).toBe(0);
      return written;
    };
    const said = await run();
    expect(said).toMatch(/server +sglang/);
    expect(said).toMatch(/log-probabilities +of 20 candidates/);
    expect(said).toMatch(/hidden states +yes/);
    expect(said).toMatch(/can be served in tier vanilla: a signature only/);
    expect(said).toMatch(/cannot be served in tier verified/);
    expect(JSON.parse(await run('--json'))).toMatchObject({
      tier: 'vanilla',
      numericClass:
        'upstream/sglang/unknown/signed/unknown/unknown/usage/logprobs-20/prompt-logprobs/seeds/hidden-states/tools',
      upstream: { kind: 'sglang', hiddenStates: true, seeds: 'repeats' },
    });
    await server.close();
  });
});
