import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { markHandedOver, markRestored } from '@ogong/host/files/data-directory';
import type { LogSync } from '@ogong/host/store/log-sync';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { verifyHybrid } from '@ogong/protocol/crypto/hybrid';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import { hashBatchSummary } from '@ogong/protocol/settlement/batch';
import { encodeHeadMessage, type HeadSignature } from '@ogong/protocol/settlement/head-certificate';
import {
  MAX_SIGNER_MESSAGE_BYTES,
  signerRequestFormat,
  signerResponseFormat,
} from '@ogong/protocol/settlement/signer-message';
import { createTestDirectory } from '@ogong/testing/store/test-directory';
import { createFailingDisk, createHeldLog, type FailingDisk } from '@ogong/testing/store/test-log';
import { testValidatorSigner } from '@ogong/testing/validator/signer-compliance';
import {
  createTestLog,
  signerAccount,
  signerKey,
  signerShare,
  stateBatch,
  stateVote,
} from '@ogong/testing/validator/signer-statements';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { afterAll, describe, expect, it } from 'vitest';
import { createGuardedSigner } from './guarded-signer.ts';
import { connectSigner, describeSigner } from './remote-signer.ts';
import { runSigner } from './run-signer.ts';
import { encodeFrame, readFrame } from './signer-frame.ts';
import { createSignerServer } from './signer-server.ts';
import { GUARD_SCHEMA, summarizeGuard } from './signing-guard.ts';

const directory = createTestDirectory('signer');
afterAll(() => directory.remove());
let number = 0;
const nextPath = (): string => join(directory.path, String(number++), 's');

const headKey = createNodeHybridSigner(new Uint8Array(64).fill(5));

function openLocal(path: string, key = signerKey) {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const store = openStore(`${path}.db`, { schema: GUARD_SCHEMA });
  return {
    signer: createGuardedSigner(crypto, { key, account: signerAccount, headKey, share: signerShare, store }),
    store,
  };
}

async function serve(path: string, options: { requestTimeoutMs?: number } = {}) {
  const { signer, store } = openLocal(path);
  const server = createSignerServer({ path, ...options }, { signer, summarize: () => summarizeGuard(store) });
  await server.start();
  return {
    async close() {
      await server.stop();
      store.close();
    },
  };
}

testValidatorSigner('a key in this process', async () => {
  const path = nextPath();
  let { signer, store } = openLocal(path);
  return {
    signer,
    async restart() {
      store.close();
      ({ signer, store } = openLocal(path));
      return signer;
    },
    close: async () => store.close(),
  };
});

testValidatorSigner('a key behind a socket', async () => {
  const path = nextPath();
  let server = await serve(path);
  return {
    signer: await connectSigner(crypto, { path }, nobleBls),
    async restart() {
      await server.close();
      server = await serve(path);
      return connectSigner(crypto, { path }, nobleBls);
    },
    close: () => server.close(),
  };
});

describe('the key for heads of logs', () => {
  it.each(['in this process', 'behind a socket'])(
    'signs what the signing key may sign, and no other log: %s',
    async (where) => {
      const path = nextPath();
      const isHere = where === 'in this process';
      const local = isHere ? openLocal(path) : undefined;
      const server = isHere ? undefined : await serve(path);
      const signer = local?.signer ?? (await connectSigner(crypto, { path }));
      expect(signer.headKey).toEqual(headKey.publicKey);
      const say = (names: readonly string[]) => {
        const { kind: _kind, ...statement } = stateBatch(createTestLog(names));
        return signer.signHead?.(statement);
      };
      const { kind: _kind, ...statement } = stateBatch(createTestLog(['a', 'b']));
      const { publicKey, signature } = (await say(['a', 'b'])) as HeadSignature;
      const message = encodeHeadMessage(hashBatchSummary(crypto, statement.domain, statement.summary));
      expect(verifyHybrid(crypto, { publicKey, message, signature })).toBe(true);
      // The batch is noted, and a note proves nothing about other entries.
      const { entries } = createTestLog(['a', 'c']);
      await expect(signer.signHead?.({ ...statement, entries })).rejects.toMatchObject({ code: 'malformed' });
      // Its notes are those of the signing key.
      await expect(say(['a', 'c'])).rejects.toMatchObject({ code: 'conflict' });
      await expect(signer.sign(stateBatch(createTestLog(['a', 'c'])))).rejects.toMatchObject({ code: 'conflict' });
      local?.store.close();
      await server?.close();
    },
  );

  it('is absent if the signer has none', async () => {
    const path = nextPath();
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const store = openStore(`${path}.db`, { schema: GUARD_SCHEMA });
    const bare = createGuardedSigner(crypto, { key: signerKey, account: signerAccount, store });
    const server = createSignerServer({ path }, { signer: bare, summarize: () => summarizeGuard(store) });
    await server.start();
    const signer = await connectSigner(crypto, { path });
    expect([bare.headKey, bare.signHead, signer.headKey, signer.signHead]).toEqual(Array(4).fill(undefined));
    await server.stop();
    store.close();
  });
});

describe('notes that are synced aside', () => {
  const open = (path: string, makeLog?: (path: string) => LogSync) => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const store = openStore(`${path}.db`, { schema: GUARD_SCHEMA });
    const keys = { key: signerKey, account: signerAccount, headKey, share: signerShare };
    return { store, signer: createGuardedSigner(crypto, { ...keys, store, log: makeLog?.(store.path) }) };
  };
  /** Each with one that contradicts it. */
  const statements = [
    [stateVote('v'), stateVote('w')],
    [stateBatch(createTestLog(['a'])), stateBatch(createTestLog(['z']))],
    [stateBatch(createTestLog(['a', 'b'])), stateBatch(createTestLog(['a', 'z']))],
    [stateVote('v', { epoch: 9n, view: 2 }), stateVote('w', { epoch: 9n, view: 2 })],
  ] as const;

  it('are on the disk before a signature leaves, also if the same is signed again meanwhile', async () => {
    const { log, begun, fail } = createHeldLog();
    const { signer, store } = open(nextPath(), () => log);
    const left: string[] = [];
    const sign = (name: string) => signer.sign(stateVote('v')).then(() => left.push(name));
    const [first, again] = [sign('first'), sign('again')];
    await expect(signer.sign(stateVote('w'))).rejects.toMatchObject({ code: 'conflict' });
    await new Promise((resolve) => setImmediate(resolve));
    expect([left, begun.length]).toEqual([[], 2]);
    begun[0]?.end();
    await first;
    expect(left).toEqual(['first']);
    fail(1);
    await expect(again).rejects.toMatchObject({ code: 'io' });
    store.close();
  });

  it('hold after a power failure for all that was signed, whichever sync fails', async () => {
    let syncs = 1;
    const counts: number[] = [];
    for (let failsAt = 0; failsAt <= syncs; failsAt++) {
      const path = nextPath();
      let disk: FailingDisk | undefined;
      const { signer, store } = open(path, (at) => {
        disk = createFailingDisk(at, failsAt);
        return disk.log;
      });
      const signed = await Promise.allSettled(
        statements.flatMap(([statement]) => [signer.sign(statement), signer.signShare?.(statement)]),
      );
      store.close();
      disk?.cutPower();
      const after = open(path);
      for (const [i, [, other]] of statements.entries()) {
        const hasLeft = [signed[2 * i], signed[2 * i + 1]].some((one) => one?.status === 'fulfilled');
        if (hasLeft) await expect(after.signer.sign(other)).rejects.toMatchObject({ code: 'conflict' });
      }
      after.store.close();
      syncs = Math.max(syncs, disk?.syncs() ?? 0);
      counts.push(signed.filter(({ status }) => status === 'fulfilled').length);
    }
    expect([counts[0], counts.at(-1)]).toEqual([0, 2 * statements.length]);
  });

  it('are brought to the disk by a signer that starts without a log, which starts on no store that others read', async () => {
    const [first, second, third] = [nextPath(), nextPath(), nextPath()];
    const { log } = createHeldLog();
    const before = open(first, () => log);
    void before.signer.sign(stateVote('v'));
    await new Promise((resolve) => setImmediate(resolve));
    // The process dies before the sync: memory has the log, and the disk has not.
    mkdirSync(dirname(second), { recursive: true, mode: 0o700 });
    for (const end of ['', '-wal']) copyFileSync(`${first}.db${end}`, `${second}.db${end}`);
    before.store.close();
    const reader = openStore(`${second}.db`, { schema: GUARD_SCHEMA });
    reader.database.exec('BEGIN; SELECT * FROM sqlite_master');
    expect(() => open(second)).toThrow(expect.objectContaining({ code: 'busy' }));
    reader.close();
    const again = open(second);
    await again.signer.sign(stateVote('v'));
    // The power fails: notes that were only in the log are gone.
    mkdirSync(dirname(third), { recursive: true, mode: 0o700 });
    copyFileSync(`${second}.db`, `${third}.db`);
    again.store.close();
    const after = open(third);
    await expect(after.signer.sign(stateVote('w'))).rejects.toMatchObject({ code: 'conflict' });
    after.store.close();
  });

  it('are asked for nothing if nothing is noted', async () => {
    const { log, begun } = createHeldLog();
    const { signer, store } = open(nextPath(), () => log);
    const domain = stateVote('v').domain;
    const admission = { epoch: 1n, timeMs: 2n, validator: signerAccount, orderHash: new Uint8Array(32) };
    await signer.sign({ kind: 'admission', domain, ...admission });
    expect(begun.length).toBe(0);
    store.close();
  });
});

describe('the socket of a signer', () => {
  /** Sends these bytes and returns the answer. */
  async function say(path: string, bytes: Uint8Array): Promise<unknown> {
    const socket = connect({ path });
    try {
      const answer = readFrame(socket, { timeoutMs: 30_000 });
      socket.write(bytes);
      const response = signerResponseFormat.decode(await answer);
      return response.kind === 'refused' ? response.code : response.kind;
    } finally {
      socket.destroy();
    }
  }

  it('is for its user alone, also if its directory was open', async () => {
    const path = nextPath();
    mkdirSync(dirname(path), { recursive: true });
    chmodSync(dirname(path), 0o755);
    const server = await serve(path);
    expect([statSync(dirname(path)).mode & 0o777, statSync(path).mode & 0o777]).toEqual([0o700, 0o600]);
    await server.close();
  });

  it('takes typed requests alone, of a bounded size, within a time', async () => {
    const path = nextPath();
    const server = await serve(path, { requestTimeoutMs: 1_000 });
    const digest = encodeFrame(crypto.sha256(new Uint8Array(3)));
    expect(await say(path, digest)).toBe('malformed');
    const vote = signerRequestFormat.encode({ kind: 'sign', statement: stateVote('v') });
    expect(await say(path, encodeFrame(vote))).toBe('signed');
    // The kind of the statement stands behind the tag and the kind of the request.
    const unknown = vote.slice();
    unknown['ogong-signer-request-v1\n'.length + 1] = 99;
    expect(await say(path, encodeFrame(unknown))).toBe('malformed');
    expect(await say(path, encodeFrame(vote.subarray(0, -1)))).toBe('malformed');
    const huge = new Uint8Array(4);
    new DataView(huge.buffer).setUint32(0, MAX_SIGNER_MESSAGE_BYTES + 1);
    expect(await say(path, huge)).toBe('malformed');
    // Half a request: the server ends it, and goes on with others.
    expect(await say(path, encodeFrame(vote).subarray(0, 20))).toBe('unavailable');
    expect(await say(path, encodeFrame(signerRequestFormat.encode({ kind: 'describe' })))).toBe('described');
    await server.close();
  });

  it('answers several requests on a connection, and closes it after a silence without a refusal', async () => {
    const path = nextPath();
    const { signer, store } = openLocal(path);
    const refused: unknown[] = [];
    const server = createSignerServer(
      { path, requestTimeoutMs: 300 },
      { signer, summarize: () => summarizeGuard(store), onRefused: (error) => refused.push(error) },
    );
    await server.start();
    const socket = connect({ path });
    const ask = async (request: Uint8Array): Promise<string> => {
      const answer = readFrame(socket, { timeoutMs: 30_000 });
      socket.write(encodeFrame(request));
      return signerResponseFormat.decode(await answer).kind;
    };
    const vote = (what: string) => signerRequestFormat.encode({ kind: 'sign', statement: stateVote(what) });
    const kinds = [await ask(vote('v')), await ask(vote('w')), await ask(new Uint8Array(3)), await ask(vote('v'))];
    expect(kinds).toEqual(['signed', 'refused', 'refused', 'signed']);
    const received = socket.bytesRead;
    await once(socket.resume(), 'close');
    expect(socket.bytesRead).toBe(received);
    expect(refused).toHaveLength(2);
    await server.stop();
    store.close();
  });

  it('takes the largest batch', async () => {
    const path = nextPath();
    const server = await serve(path);
    const log = createTestLog(Array.from({ length: 1_000 }, (_, i) => `reply ${i}`));
    const signer = await connectSigner(crypto, { path });
    expect(await signer.sign(stateBatch(log))).toHaveLength(65);
    await signer.sign(stateVote('v', { epoch: 9n, view: 2 }));
    expect(await describeSigner({ path })).toMatchObject({ positions: 1_000n, epoch: 9n, view: 2 });
    await server.close();
  });

  it('is taken over from a signer that is gone, and from none that answers, or that is no socket', async () => {
    const path = nextPath();
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const first = await serve(path);
    await expect(serve(path)).rejects.toMatchObject({ code: 'unavailable' });
    await first.close();
    await (await serve(path)).close();
    writeFileSync(path, 'a file');
    await expect(serve(path)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('that does not answer, or answers for another key, is an error with its reason', async () => {
    const path = nextPath();
    await expect(connectSigner(crypto, { path })).rejects.toMatchObject({ code: 'unreachable', retryable: true });
    const server = await serve(path);
    const signer = await connectSigner(crypto, { path });
    await server.close();
    await expect(signer.sign(stateVote('v'))).rejects.toMatchObject({ code: 'unreachable' });
    const other = createTestLedgerSigner(seedOf('another key'));
    const { signer: wrong, store } = openLocal(path, other);
    const liar = createSignerServer({ path }, { signer: wrong, summarize: () => summarizeGuard(store) });
    await liar.start();
    await expect(signer.sign(stateVote('v'))).rejects.toMatchObject({ code: 'foreign' });
    await liar.stop();
    store.close();
    // One that takes connections and says nothing.
    const silent = createServer(() => {}).listen(path);
    await once(silent, 'listening');
    await expect(connectSigner(crypto, { path, timeoutMs: 50 })).rejects.toMatchObject({ code: 'unreachable' });
    silent.close();
    silent.unref();
    expect(toHex(signer.signingKey)).toBe(toHex(signerKey.address));
  });
});

it('starts from no copy that may be older than what its key has signed', async () => {
  const dataDir = join(directory.path, 'restored');
  mkdirSync(dataDir, { mode: 0o700 });
  const flags = ['--account', `0x${toHex(signerAccount)}`, '--data-dir', dataDir, '--socket', `${nextPath()}.sock`];
  markRestored(dataDir, { copiedAtMs: 1, restoredAtMs: 2, isFinal: false });
  await expect(runSigner(flags, {})).rejects.toMatchObject({ code: 'older-copy' });
  markHandedOver(dataDir, 3);
  await expect(runSigner(flags, {})).rejects.toMatchObject({ code: 'handed-over' });
  expect(existsSync(join(dataDir, 'signer.db'))).toBe(false);
});
