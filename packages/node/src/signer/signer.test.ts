import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { createNodeHybridSigner } from '@ogong/host/crypto/signers';
import { markHandedOver, markRestored } from '@ogong/host/files/data-directory';
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
      // Its notes are those of the signing key.
      await expect(say(['a', 'c'])).rejects.toMatchObject({ code: 'conflict' });
      await expect(signer.sign(stateBatch(createTestLog(['a', 'c'])))).rejects.toMatchObject({ code: 'conflict' });
      local?.store.close();
      await server?.close();
    },
  );

  it('is absent where the signer has none', async () => {
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

describe('the socket of a signer', () => {
  /** What comes back for these bytes. */
  async function say(path: string, bytes: Uint8Array): Promise<unknown> {
    const socket = connect({ path });
    try {
      const answer = readFrame(socket, { timeoutMs: 2_000 });
      socket.write(bytes);
      const response = signerResponseFormat.decode(await answer);
      return response.kind === 'refused' ? response.code : response.kind;
    } finally {
      socket.destroy();
    }
  }

  it('is for its user alone, also where its directory was open', async () => {
    const path = nextPath();
    mkdirSync(dirname(path), { recursive: true });
    chmodSync(dirname(path), 0o755);
    const server = await serve(path);
    expect([statSync(dirname(path)).mode & 0o777, statSync(path).mode & 0o777]).toEqual([0o700, 0o600]);
    await server.close();
  });

  it('takes typed requests alone, of a bounded size, within a time', async () => {
    const path = nextPath();
    const server = await serve(path, { requestTimeoutMs: 100 });
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
