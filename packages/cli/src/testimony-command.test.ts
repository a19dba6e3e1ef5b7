import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeAttester, openAttester } from '@ogong/host/attester/tee-config';
import type { Command } from '@ogong/host/lifecycle/command';
import { testimonyCommand as makeCommand } from '@ogong/provider/commands/testimony-command';
import {
  OTHER_AUTHORITY,
  TEST_AUTHORITY,
  TEST_SERVER_CERTIFICATES,
  TEST_SERVER_KEY,
} from '@ogong/testing/net/test-authority';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testimonyCommand } from './testimony-command.ts';
import { VERIFY_EXIT } from './verify-command.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-testimony-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const save = (name: string, content: string): string => {
  writeFileSync(join(directory, name), content);
  return join(directory, name);
};

const authority = save('root.pem', TEST_AUTHORITY);
const other = save('other.pem', OTHER_AUTHORITY);
const SECRET = 'a key of the hosted API';
const headers = save('headers.json', JSON.stringify({ authorization: SECRET, 'content-type': 'application/json' }));
const body = save('request.json', '{"model":"hosted","messages":[]}');
const challenge = '5a'.repeat(32);
const tee = ['--tee', 'software', '--data-dir', join(directory, 'machine')];

const seen: { readonly method: string | undefined; readonly key: string | undefined; readonly text: string }[] = [];
const server: Server = createServer({ cert: TEST_SERVER_CERTIFICATES, key: TEST_SERVER_KEY }, (request, response) => {
  let text = '';
  request.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  request.on('end', () => {
    seen.push({ method: request.method, key: request.headers.authorization, text });
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}');
  });
});
let url = '';
let policy = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/v1/chat/completions`;
  const settings = { tee: 'software', teeSocket: '', teeFolder: '', teeEndorsements: undefined } as const;
  const attester = openAttester('test', { ...settings, dataDir: join(directory, 'machine') });
  const { image, softwareKey } = attester ? describeAttester(attester) : {};
  policy = save('policy.json', JSON.stringify({ images: [image], softwareKeys: [softwareKey] }));
});
afterAll(() => void server.close());

async function run(command: Command, ...argv: string[]): Promise<{ code: number; out: string; error: string }> {
  let [out, error] = ['', ''];
  const write = { write: (text: string) => (out += text), writeError: (text: string) => (error += text) };
  return { code: await command.run(argv, write), out, error };
}

describe('a testimony, from the command that makes it to the one that checks it', () => {
  it('contains request and answer of a hosted model, and no key', async () => {
    const file = join(directory, 'testimony.json');
    const flags = ['--authority', authority, '--body', body, '--headers', headers, '--challenge', challenge];
    const made = await run(makeCommand, url, ...tee, ...flags, '--out', file);
    expect(made).toMatchObject({ code: 0, out: '', error: expect.stringContaining('status 200, 14 bytes') });
    expect(seen.at(-1)).toEqual({ method: 'POST', key: SECRET, text: readFileSync(body, 'utf8') });
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain(SECRET);
    expect(Buffer.from(JSON.parse(text).statement as string, 'base64').toString('latin1')).not.toContain(SECRET);

    const asked = ['--machines', policy, '--challenge', challenge];
    const good = await run(testimonyCommand, file, ...asked, '--authority', authority);
    expect(good).toMatchObject({ code: VERIFY_EXIT.ok, error: '' });
    expect(good.out).toContain(`POST ${url}: status 200, `);
    expect(good.out).toMatch(/^ok +server +127\.0\.0\.1 showed these certificates/m);
    const json = JSON.parse((await run(testimonyCommand, file, ...asked, '--authority', authority, '--json')).out);
    expect(json).toMatchObject({ ok: true, exchange: { method: 'POST', url, status: 200 } });

    expect((await run(testimonyCommand, file, ...asked)).code).toBe(VERIFY_EXIT.unchecked);
    expect((await run(testimonyCommand, file, ...asked, '--allow', 'authority')).code).toBe(VERIFY_EXIT.ok);
    const strange = await run(testimonyCommand, file, ...asked, '--authority', other);
    expect([strange.code, strange.out]).toEqual([VERIFY_EXIT.failed, expect.stringMatching(/^FAIL +authority /m)]);
    // Without a policy no machine is accepted.
    const bare = await run(testimonyCommand, file, '--authority', authority, '--challenge', challenge);
    expect([bare.code, bare.out]).toEqual([VERIFY_EXIT.failed, expect.stringMatching(/^FAIL +cpu-vendor /m)]);
    const bent = save('bent.json', JSON.stringify({ ...JSON.parse(text), response: 'e30=' }));
    const changed = await run(testimonyCommand, bent, ...asked, '--authority', authority);
    expect([changed.code, changed.out]).toEqual([VERIFY_EXIT.failed, expect.stringMatching(/^FAIL +response /m)]);
    for (const broken of ['nothing', '{}', JSON.stringify({ ...JSON.parse(text), chain: [] })])
      expect((await run(testimonyCommand, save('broken.json', broken), ...asked)).code).toBe(VERIFY_EXIT.unusable);
  });

  it('contains the read part of a source', async () => {
    const made = await run(makeCommand, url, ...tee, '--authority', authority);
    expect(seen.at(-1)).toMatchObject({ method: 'GET', key: undefined, text: '' });
    const file = save('source.json', made.out);
    const checked = await run(
      testimonyCommand,
      file,
      '--machines',
      policy,
      '--authority',
      authority,
      '--allow',
      'challenge',
    );
    expect(checked).toMatchObject({ code: VERIFY_EXIT.ok });
    expect(checked.out).toContain(`GET ${url}: status 200`);
  });

  it('is not made without a machine, an authority that was named, or headers that can be read', async () => {
    const requests = seen.length;
    await expect(run(makeCommand, url, '--authority', authority)).rejects.toThrow('--tee');
    await expect(run(makeCommand, url, ...tee)).rejects.toThrow('--authority');
    await expect(run(makeCommand, url, ...tee, '--authority', other)).rejects.toMatchObject({ code: 'untrusted' });
    for (const wrong of ['[]', '{"a":1}', SECRET])
      await expect(
        run(makeCommand, url, ...tee, '--authority', authority, '--headers', save('wrong.json', wrong)),
      ).rejects.toThrow(/a JSON object of texts is expected/);
    expect(seen).toHaveLength(requests);
  });
});
