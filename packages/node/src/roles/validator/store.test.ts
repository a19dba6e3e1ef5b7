import type { ChainClient } from '@ogong/chain/client';
import { bytesToHex } from '@ogong/chain/hex';
import { hashHybridKey } from '@ogong/protocol/hybrid';
import { computeVrfPublicKey } from '@ogong/protocol/vrf';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../../crypto/node-crypto.ts';
import { listCandidates } from './announcement-store.ts';
import { pruneBatch } from './batch-store.ts';
import { deriveVrfSeed, registerValidator } from './register.ts';
import { createTestHybrid, createTestValidator, provider, providerId } from './test-bench.ts';
import { MODEL_ROOT } from './test-reply.ts';

describe('candidates', () => {
  const query = { modelRoot: MODEL_ROOT, serverId: providerId, salt: new Uint8Array(32), nowMs: 1_750_000_000_000 };

  it('are those that announce a verifier of the model now, each key for who named it first, and never the server', async () => {
    const validator = createTestValidator();
    await validator.announceVerifier('v1');
    await validator.announceVerifier('v2');
    const find = (more = {}) =>
      listCandidates(validator.store, crypto, { ...query, ...more }).map(({ keyHash }) => keyHash);
    const [v1, v2] = ['v1', 'v2'].map((name) => hashHybridKey(crypto, createTestHybrid(name).publicKey));
    expect(find().length).toBe(2);
    const shared = { endpoint: 'v1:1', certHash: new Uint8Array(32), keyHash: v1 as Uint8Array };
    const before = find();
    // Naming somebody else's key moves nobody out, whoever has the smaller id, and be it the provider under audit.
    for (let i = 0; i < 8; i++) await validator.announce(createTestHybrid(`squatter ${i}`), { verifier: shared });
    await validator.announce(provider, { verifier: shared });
    expect(find()).toEqual(before);
    const own = { ...shared, keyHash: new Uint8Array(32).fill(7) };
    await validator.announce(provider, { verifier: own, sequence: 9n });
    expect(find()).toEqual(before);
    expect(before).toContainEqual(v1);
    expect(before).toContainEqual(v2);
    expect(find({ modelRoot: new Uint8Array(32) })).toEqual([]);
    expect(find({ nowMs: query.nowMs + 3_600_001 })).toEqual([]);
  });
});

describe('what was settled long ago', () => {
  it('loses bodies and openings, and keeps record, verdict and fee', async () => {
    const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
    const { reply } = await validator.deliver(0);
    await validator.certify(1n);
    await validator.runAudits();
    expect(await validator.settlement.step()).toBe(true);
    const nowMs = validator.clock.nowMs();
    expect(await validator.group.write((db) => pruneBatch(db, nowMs))).toBe(false);
    expect(await validator.group.write((db) => pruneBatch(db, nowMs + 1))).toBe(true);
    expect(await validator.group.write((db) => pruneBatch(db, nowMs + 1))).toBe(false);
    const row = validator.find(reply.record.replyId);
    expect(row).toMatchObject({ state: 'settled', verdict: 'unaudited', feeAtomic: 86_000n, submission: undefined });
    expect(row.signedRecord?.record).toEqual(reply.recordBytes);
  });
});

describe('registration', () => {
  const vrfSeed = deriveVrfSeed(crypto, new Uint8Array(32).fill(1));
  const entry = { endpoint: 'a:1', certHash: new Uint8Array(32).fill(2), vrfSeed, bondAtomic: 100n };

  function createRegistry() {
    const calls: string[] = [];
    let bond = 0n;
    let members: { signer: string; endpoint: string; certHash: string }[] = [];
    const client = {
      address: '0xaa',
      bondOf: async () => ({ amount: bond }),
      async bond(amount: bigint) {
        bond += amount;
        calls.push(`bond ${amount}`);
      },
      validators: async () => members,
      async registerValidator({
        endpoint,
        certHash,
        vrfKey,
      }: {
        endpoint: string;
        certHash: Uint8Array;
        vrfKey: Uint8Array;
      }) {
        expect(vrfKey).toEqual(computeVrfPublicKey(vrfSeed));
        members = [{ signer: '0xaa', endpoint, certHash: bytesToHex(certHash) }];
        calls.push('register');
      },
      async updateValidator({ endpoint, certHash }: { endpoint: string; certHash: Uint8Array }) {
        members = [{ signer: '0xaa', endpoint, certHash: bytesToHex(certHash) }];
        calls.push('update');
      },
    };
    return { calls, client: client as unknown as ChainClient };
  }

  it('bonds and registers once, and mends what has changed', async () => {
    const { calls, client } = createRegistry();
    expect(await registerValidator(client, entry)).toBe('registered');
    expect(await registerValidator(client, entry)).toBe('unchanged');
    expect(await registerValidator(client, { ...entry, endpoint: 'b:2', bondAtomic: 150n })).toBe('updated');
    expect(calls).toEqual(['bond 100', 'register', 'bond 50', 'update']);
  });
});
