import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findFreePorts } from '@ogong/devnet/chain/free-port';
import { GATEWAY_SCHEMA } from '@ogong/gateway/books/schema';
import { createOrLoadBoxSecret } from '@ogong/host/crypto/key-files';
import { Secret } from '@ogong/host/crypto/secret';
import { markHandedOver, markRestored } from '@ogong/host/files/data-directory';
import { formatHostPort } from '@ogong/host/link/host-port';
import { createLinkIdentity } from '@ogong/host/link/link-identity';
import { createLinkServer } from '@ogong/host/link/link-server';
import { openStore } from '@ogong/host/store/store';
import type { EraRecord } from '@ogong/protocol/beacon/threshold/era-message';
import { nobleSealedBox } from '@ogong/protocol/crypto/noble-sealed-box';
import { startLineService } from '@ogong/testing/link/line-service';
import { createEraStore } from '@ogong/validator/beacon/era-store';
import { VALIDATOR_SCHEMA } from '@ogong/validator/store/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatDiagnoses } from './diagnosis.ts';
import { doctorCommand } from './doctor-command.ts';
import { examineCertificates, seeCertificate } from './examine-certificates.ts';
import { judgeClock } from './examine-chain.ts';
import { examineDisk, examineFiles, examineProgram } from './examine-machine.ts';
import { answers, examineEndpoint, examineNat, examinePort } from './examine-ports.ts';
import { examineStores } from './examine-stores.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-doctor-'));
let server: Server;
let taken = 0;

beforeAll(async () => {
  server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  taken = (server.address() as { port: number }).port;
});

afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

describe('databases', () => {
  it("of a validator say whether it lacks its shares of the beacon's key", () => {
    const folder = join(directory, 'beacon');
    mkdirSync(folder, { mode: 0o700 });
    const store = openStore(join(folder, 'validator.db'), { schema: VALIDATOR_SCHEMA });
    const eras = createEraStore(store);
    const found = () => examineStores(folder).flatMap(({ about, status }) => (about === 'beacon' ? [status] : []));
    const member = (value: number) => ({
      ...{ address: new Uint8Array(20).fill(value), signingKey: new Uint8Array(20).fill(value), stake: 1n },
      boxKey: new Uint8Array(1_216).fill(value),
    });
    const own = { ...member(2), boxKey: nobleSealedBox.deriveKey(createOrLoadBoxSecret(folder).reveal()) };
    const put = (era: number, seats: EraRecord['seats'], shares: { ticket: number; scalar: bigint }[]) =>
      store.transact((db) => {
        const record = { generation: 1, era, seats, commitments: [new Uint8Array(48)] };
        eras.putEra(db, new Uint8Array(32).fill(era), { record, shares });
      });
    expect(found()).toEqual([]);
    put(1, [member(1), own], [{ ticket: 1, scalar: 5n }]);
    expect(found()).toEqual([]);
    put(2, [member(1), own], []);
    expect(found()).toEqual(['warning']);
    // The last agreement here may have lost on the chain, and shares of the winning one be there.
    expect(examineStores(folder).find(({ about }) => about === 'beacon')?.advice).toMatch(
      /shares_lacking confirms this/,
    );
    // It is no member of this one, or registered another box key since.
    put(3, [member(1), member(2)], []);
    expect(found()).toEqual([]);
    store.close();
  });

  it('are of this version, of another one, or no databases', () => {
    const folder = join(directory, 'stores', 'role');
    mkdirSync(folder, { recursive: true });
    const examine = () => examineStores(join(directory, 'stores'));
    openStore(join(folder, 'gateway.db'), { schema: GATEWAY_SCHEMA }).close();
    expect(examine()).toMatchObject([
      { about: 'versions', status: 'ok', found: expect.stringContaining('1 databases') },
    ]);
    openStore(join(folder, 'provider.db'), { schema: 'CREATE TABLE x (y INTEGER)' }).close();
    expect(examine()[0]).toMatchObject({ status: 'problem', found: expect.stringContaining('provider.db') });
    rmSync(join(folder, 'provider.db'));
    writeFileSync(
      join(folder, 'verifier.db'),
      'no database, but a text that is long enough to be taken for the head of one ...'.repeat(9),
    );
    expect(examine()[0]).toMatchObject({ status: 'problem', advice: expect.stringContaining('backup restore') });
    rmSync(join(folder, 'verifier.db'));
    markHandedOver(folder, 1);
    markRestored(folder, { copiedAtMs: 1, restoredAtMs: 2, isFinal: true });
    expect(examine().map(({ about, status }) => [about, status])).toEqual([
      ['versions', 'ok'],
      ['backup', 'warning'],
      ['backup', 'ok'],
    ]);
  });
});

describe('certificates', () => {
  const peers = ['a:1', 'b:2', 'c:3'].map((endpoint) => ({ endpoint, certHash: new Uint8Array(32) }));
  it.each([
    [['same', 'same', 'unseen'], 'ok', '2 validators'],
    [['same', 'other', 'same'], 'problem', 'b:2'],
    [['unseen', 'unseen', 'unseen'], 'skipped', 'no validator'],
  ] as const)('of validators that are %j: %s', async (seen, status, found) => {
    const see = async ({ endpoint }: { endpoint: string }) => seen['abc'.indexOf(endpoint[0] as string)] ?? 'unseen';
    expect(await examineCertificates(peers, see)).toMatchObject({ status, found: expect.stringContaining(found) });
  });

  it('are seen without a call: the same, another one, and none', async () => {
    const identity = createLinkIdentity(new Secret(new Uint8Array(32).fill(7)));
    const door = createLinkServer({
      bind: { host: '127.0.0.1', port: 0 },
      identity,
      authorize: () => true,
      routes() {},
    });
    await door.start();
    const endpoint = `127.0.0.1:${door.address().port}`;
    expect(await seeCertificate({ endpoint, certHash: identity.id }, 'any')).toBe('same');
    expect(await seeCertificate({ endpoint, certHash: new Uint8Array(32) }, 'any')).toBe('other');
    await door.stop();
    expect(await seeCertificate({ endpoint, certHash: identity.id }, 'any')).toBe('unseen');
    expect(await seeCertificate({ endpoint: 'no address', certHash: identity.id }, 'any')).toBe('unseen');
  });

  it('are not looked for at loopback off local chains', async () => {
    const service = await startLineService();
    const endpoint = formatHostPort(service.at);
    expect(await seeCertificate({ endpoint, certHash: new Uint8Array(32) }, 'public')).toBe('unseen');
    expect(await answers(service.at, 'public')).toBe(false);
    expect(service.connections()).toBe(0);
    expect(await answers(service.at, 'any')).toBe(true);
    await service.stop();
  });
});

describe('an announced address', () => {
  it.each([
    ['10.0.0.7', 'ok'],
    ['203.0.113.9', 'warning'],
    ['nowhere.invalid', 'problem'],
  ])('%s: %s', async (host, status) => {
    const resolve = async (name: string) => {
      if (name === 'nowhere.invalid') throw new Error('ENOTFOUND');
      return [name];
    };
    expect((await examineNat({ host, port: 4541 }, { own: ['10.0.0.7', '::1'], resolve })).status).toBe(status);
  });
});

describe('the machine', () => {
  it('needs a Node of today', () => {
    expect(examineProgram('24.21.0').status).toBe('ok');
    expect(examineProgram('20.20.2')).toMatchObject({ status: 'problem', advice: expect.stringContaining('24') });
  });

  it.each([
    [20e9, 'ok'],
    [5e9, 'warning'],
    [1e8, 'problem'],
  ] as const)('with %d free bytes is: %s', (free, status) => {
    expect(examineDisk(directory, free).status).toBe(status);
  });

  it('shows free space by default, and skips missing folders', () => {
    expect(examineDisk(directory).found).toMatch(/^\d+\.\d GB free/);
    expect(examineDisk(join(directory, 'absent')).status).toBe('skipped');
  });

  it('keeps keys and databases to their owner', () => {
    const folder = join(directory, 'data', 'provider');
    expect(examineFiles(join(directory, 'data')).status).toBe('skipped');
    mkdirSync(folder, { recursive: true });
    const key = join(folder, 'hybrid.key');
    writeFileSync(key, 'secret', { mode: 0o600 });
    writeFileSync(join(folder, 'notes.txt'), 'open to all', { mode: 0o644 });
    expect(examineFiles(join(directory, 'data'))).toMatchObject({
      status: 'ok',
      found: expect.stringMatching(/closed to others: 1$/),
    });
    chmodSync(key, 0o640);
    expect(examineFiles(join(directory, 'data'))).toMatchObject({ status: 'problem', advice: `chmod 600 ${key}` });
  });
});

describe('the network', () => {
  it('a port is free or taken', async () => {
    expect((await examinePort(taken)).found).toBe('taken by another program');
    const [port = 0] = await findFreePorts(1);
    expect(await examinePort(port)).toMatchObject({ status: 'ok', found: 'free' });
  });

  it.each(['10.1.2.3', '192.168.0.2', '172.20.0.1', '100.64.0.9', '127.0.0.1', 'fd00::1', '::1'])(
    '%s is of a private network',
    async (host) => {
      const found = await examineEndpoint({ host, port: 4541 }, async () => true);
      expect(found).toMatchObject({ status: 'warning', advice: expect.stringContaining('public address') });
    },
  );

  it('a public address answers or does not', async () => {
    const endpoint = { host: '203.0.113.7', port: 4541 };
    expect((await examineEndpoint(endpoint, async () => true)).status).toBe('ok');
    expect((await examineEndpoint(endpoint, async () => false)).status).toBe('warning');
  });

  it.each([
    [5, 'ok'],
    [-20, 'ok'],
    [-31, 'problem'],
    [901, 'warning'],
  ] as const)('a newest block of %d s ago is: %s', (age, status) => {
    expect(judgeClock(age).status).toBe(status);
  });
});

describe('the command', () => {
  const run = async (...argv: string[]): Promise<{ code: number; text: string }> => {
    let written = '';
    const none = ['--mesh-dir', join(directory, 'no-mesh'), '--data-dir', join(directory, 'nothing')];
    const code = await doctorCommand.run([...none, ...argv], {
      write: (each) => (written += each),
      writeError: () => {},
    });
    return { code: code ?? -1, text: written };
  };

  it('exits with 1 if there is a problem, with advice', async () => {
    const { code, text } = await run('--port', String(taken));
    expect(code).toBe(1);
    expect(text).toMatch(new RegExp(`PROBLEM {2}port ${taken} +taken by another program\n +stop what listens there`));
    expect(text).toContain('name one with --deployment');
  });

  it('exits with 0 if there is none, and prints JSON', async () => {
    const { code, text } = await run('--json');
    expect(code).toBe(0);
    expect(JSON.parse(text).map(({ about }: { about: string }) => about)).toEqual([
      'program',
      'disk',
      'files',
      'versions',
      'chain',
    ]);
  });

  it('aligns its findings', () => {
    expect(
      formatDiagnoses([
        { about: 'a', status: 'ok', found: 'fine' },
        { about: 'long', status: 'problem', found: 'bad', advice: 'mend it' },
      ]),
    ).toBe('ok       a     fine\nPROBLEM  long  bad\n               mend it\n');
  });
});
