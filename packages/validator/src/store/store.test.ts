import type { ChainClient } from '@ogong/chain/client';
import { bytesToHex } from '@ogong/chain/hex';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import { createWriter, equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { CommonHeader } from '@ogong/protocol/commitment/common-header';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { computeVrfPublicKey } from '@ogong/protocol/crypto/vrf';
import { type Announcement, encodeAnnouncement } from '@ogong/protocol/exchange/announcement';
import { encodeEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { encodeCandidates, MAX_LISTED_VERIFIERS, parseCandidates } from '@ogong/protocol/verdict/evidence';
import {
  createTestValidator,
  payer,
  provider,
  providerId,
  type TestValidator,
} from '@ogong/testing/validator/test-bench';
import { createTestHybrid, createTestPayee, WORD_UNTIL_MS } from '@ogong/testing/validator/test-keys';
import { MODEL_ROOT, payeeSigner, type TestOrder } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { registerValidator } from '../register.ts';
import { countOpen } from './admission-store.ts';
import { listVerifierPayees, MAX_ANNOUNCEMENTS, putAnnouncement, readAnnouncement } from './announcement-store.ts';
import { postponeAuditAttempt } from './audit-attempt-store.ts';
import { pruneBatch } from './batch-store.ts';
import { countContext, listCandidates } from './candidates.ts';
import { readReply } from './replies/reply-store.ts';
import { recordVerifier, type VerifierEvent } from './verifier-store.ts';

const NOW = 1_750_000_000_000;
const query = {
  modelRoot: MODEL_ROOT,
  serverId: providerId,
  salt: new Uint8Array(32),
  stakeOf: () => 0n,
  nowMs: NOW,
};

describe('candidates', () => {
  it('are those that announce a verifier of the model now, and never the server', async () => {
    const validator = createTestValidator();
    await validator.announceVerifier('v1');
    await validator.announceVerifier('v2');
    const find = (more = {}) =>
      listCandidates(validator.store, crypto, { ...query, ...more }).map(({ keyHash }) => toHex(keyHash));
    const idOf = (name: string) => hashHybridKey(crypto, createTestHybrid(name).publicKey);
    const before = find();
    expect(new Set(before)).toEqual(new Set(['v1', 'v2'].map((name) => toHex(idOf(name)))));
    const own = { endpoint: 'own:1', certHash: new Uint8Array(32), keyHash: providerId };
    await validator.announce(provider, { verifier: own });
    expect(find()).toEqual(before);
    expect(find({ serverId: new Uint8Array(32) })).toHaveLength(3);
    expect(find({ modelRoot: new Uint8Array(32) })).toEqual([]);
    expect(find({ nowMs: query.nowMs + 3_600_001 })).toEqual([]);
  });

  it('are there only with the signatures of their own verifier, each verifier once', async () => {
    const validator = createTestValidator();
    await validator.announceVerifier('v1');
    const find = () => listCandidates(validator.store, crypto, query);
    const before = find();
    const v1 = createTestHybrid('v1');
    const shared = { endpoint: 'v1:1', certHash: new Uint8Array(32), keyHash: hashHybridKey(crypto, v1.publicKey) };
    const squatter = createTestHybrid('squatter');
    await expect(validator.announce(squatter, { verifier: shared })).rejects.toThrow('not signed by the verifier');
    expect(find()).toEqual(before);
    for (const name of ['second', 'third']) {
      await validator.announce(createTestHybrid(name), { verifier: shared }, createTestPayee(name), v1);
    }
    expect(find()).toHaveLength(1);
    // Nobody is audited by its own verifier under another name.
    await validator.announce(provider, { verifier: shared }, payeeSigner, v1);
    expect(find()).toEqual([]);
  });
});

const name = (i: number): Uint8Array => crypto.sha256(createWriter().u32(i).finish());

/** Announcement of a verifier without stake, past all checks of signatures. */
const createFreeName = (held: Announcement, i: number, more: Partial<Announcement> = {}): Announcement => ({
  ...held,
  providerId: name(i),
  payee: name(i).subarray(0, 20),
  certHash: name(2 ** 31 + i),
  verifier: { endpoint: 'flood:1', certHash: name(2 ** 31 + i), keyHash: name(i) },
  ...more,
});

function put(store: Store, announcement: Announcement, nowMs = NOW) {
  const bytes = encodeAnnouncement(announcement);
  const { providerId, models } = announcement;
  const classes = models.map(({ modelRoot, numericClass }) => ({ modelRoot, numericClass }));
  const credential = {
    ...{ announcement: bytes, providerKey: new Uint8Array(1_344), signature: new Uint8Array(2_484) },
    payeeWord: new Uint8Array(73),
    verifierEndorsement: {
      ...{ word: encodeEndorsement({ providerId, validUntilMs: WORD_UNTIL_MS, classes }) },
      ...{ verifierKey: new Uint8Array(1_344), signature: new Uint8Array(2_484) },
    },
  };
  return store.transact((db) => putAnnouncement(db, announcement, bytes, { nowMs, credential }));
}

describe('chances', () => {
  const token = 10n ** 18n;
  const query = { modelRoot: MODEL_ROOT, serverId: providerId, salt: new Uint8Array(32), nowMs: NOW };

  it('are one, and what the payee has staked, shared among its own verifiers in the list', async () => {
    const validator = createTestValidator();
    for (const name of ['v1', 'v2']) await validator.announceVerifier(name);
    for (const name of ['k1', 'k2', 'k3']) await validator.announceVerifier(name, 'x', createTestPayee('rich'));
    const stakes = new Map([
      [toHex(createTestPayee('rich').address), 200n * token],
      [toHex(createTestPayee('v1').address), 7n * token],
    ]);
    const stakeOf = (payee: Uint8Array): bigint => stakes.get(toHex(payee)) ?? 0n;
    const weigh = (more = {}) => {
      const found = listCandidates(validator.store, crypto, { ...query, stakeOf, ...more });
      return ['v1', 'v2', 'k1', 'k2', 'k3'].map((name) => {
        const id = hashHybridKey(crypto, createTestHybrid(name).publicKey);
        return found.find((one) => equalBytes(one.providerId, id))?.weight;
      });
    };
    expect(weigh()).toEqual([8n, 1n, 67n, 67n, 67n]);
    expect(weigh({ stakeOf: () => 0n })).toEqual([1n, 1n, 1n, 1n, 1n]);
    expect(weigh({ leastStake: 7n * token })).toEqual([8n, undefined, 67n, 67n, 67n]);
    expect(weigh({ leastStake: 200n * token })).toEqual([undefined, undefined, 67n, 67n, 67n]);
    expect(weigh({ leastStake: 200n * token + 1n })).toEqual(Array(5).fill(undefined));
    const payees = listVerifierPayees(validator.store, NOW).map(toHex);
    expect(new Set(payees)).toEqual(new Set(['v1', 'v2', 'rich'].map((name) => toHex(createTestPayee(name).address))));
    expect(listVerifierPayees(validator.store, NOW + 3_600_000)).toEqual([]);
  });

  it('of a list that is cut are with those who stake, of a thousand free ones', async () => {
    const validator = createTestValidator();
    for (const name of ['v1', 'v2']) await validator.announceVerifier(name);
    const held = readAnnouncement(validator.store, hashHybridKey(crypto, createTestHybrid('v1').publicKey))!;
    for (let i = 0; i < 5 * MAX_LISTED_VERIFIERS; i++)
      expect(put(validator.store, createFreeName(held, i))).toBeUndefined();
    const staked = ['v1', 'v2'].map((name) => createTestPayee(name).address);
    const stakeOf = (payee: Uint8Array): bigint => (staked.some((one) => equalBytes(one, payee)) ? 3n * token : 0n);
    for (let i = 0; i < 5; i++) {
      const list = listCandidates(validator.store, crypto, { ...query, salt: new Uint8Array(32).fill(i), stakeOf });
      expect(list.length).toBe(MAX_LISTED_VERIFIERS);
      expect(list.filter(({ weight }) => weight === 4n).length).toBe(2);
      expect(list.filter(({ weight }) => weight === 1n).length).toBe(MAX_LISTED_VERIFIERS - 2);
      expect(parseCandidates(encodeCandidates(list))).toEqual(list);
    }
  });
});

describe('a flood of free names', () => {
  async function flood(first: number, { lifeMs = 600_000 } = {}) {
    const validator = createTestValidator();
    await validator.announceVerifier('v1');
    const id = hashHybridKey(crypto, createTestHybrid('v1').publicKey);
    const held = readAnnouncement(validator.store, id)!;
    const again = (change: Partial<Announcement>, nowMs = NOW) => put(validator.store, { ...held, ...change }, nowMs);
    const putName = (i: number, nowMs = NOW) =>
      put(validator.store, createFreeName(held, i, { issuedAtMs: nowMs, expiresAtMs: nowMs + lifeMs + i }), nowMs);
    const problems = Array.from({ length: first }, (_, i) => putName(i));
    const count = () => validator.store.prepare('SELECT count(*) AS n FROM announcements').get()?.n;
    return { validator, id, again, putName, problems, count };
  }

  it('keeps listed providers: a staked one stays, announces again, and is drawn', async () => {
    const { validator, id, again, problems, count } = await flood(MAX_ANNOUNCEMENTS + 50);
    expect(problems.filter((problem) => problem === undefined)).toHaveLength(MAX_ANNOUNCEMENTS - 1);
    expect(problems.filter((problem) => problem === 'full')).toHaveLength(51);
    expect(count()).toBe(MAX_ANNOUNCEMENTS);
    expect(again({ sequence: 2n })).toBeUndefined();
    expect(readAnnouncement(validator.store, id)?.sequence).toBe(2n);
    const staked = createTestPayee('v1').address;
    const stakeOf = (payee: Uint8Array) => (equalBytes(payee, staked) ? 10n ** 24n : 0n);
    const query = { modelRoot: MODEL_ROOT, serverId: providerId, salt: id, stakeOf, nowMs: NOW };
    expect(listCandidates(validator.store, crypto, query).map((one) => toHex(one.providerId))).toContain(toHex(id));
  });

  it('makes room after it expires, the longest expired first, unless it has a reply in progress', async () => {
    const { validator, putName, count, again } = await flood(MAX_ANNOUNCEMENTS - 1, { lifeMs: 1_000 });
    const find = (i: number) => readAnnouncement(validator.store, name(i));
    const order = { ...validator.order(0).fields, providerId: name(0) };
    validator.store
      .prepare(
        `INSERT INTO replies (reply_id, state, order_bytes, order_hash, order_signature, payer, provider_id, max_fee, expires_at)
         VALUES (x'01', 'recorded', x'', x'', x'', x'', ?, '0', 0)`,
      )
      .run(order.providerId);
    // Gone, but its bytes would still be taken again.
    expect(putName(9_000, NOW + 31_000)).toBe('full');
    expect(putName(9_000, NOW + 31_003)).toBeUndefined();
    expect([0, 1, 2, 9_000].map((i) => find(i) !== undefined)).toEqual([true, false, true, true]);
    expect(count()).toBe(MAX_ANNOUNCEMENTS);
    // A provider that was away is accepted again while its place is free.
    expect(again({ sequence: 2n, expiresAtMs: NOW + 60_000 }, NOW + 31_003)).toBeUndefined();
    expect(count()).toBe(MAX_ANNOUNCEMENTS);
  });
});

describe('verifiers that are left out', () => {
  const names = ['v1', 'v2', 'v3', 'v4', 'v5'];
  const idOf = (name: string) => hashHybridKey(crypto, createTestHybrid(name).publicKey);

  async function create() {
    const validator = createTestValidator();
    for (const name of names) await validator.announceVerifier(name);
    const find = (more: Partial<Parameters<typeof listCandidates>[2]> = {}) => {
      const found = listCandidates(validator.store, crypto, { ...query, ...more });
      return names.filter((name) => found.some(({ providerId: id }) => equalBytes(id, idOf(name))));
    };
    const record = (name: string, event: VerifierEvent) =>
      validator.store.transact((db) => recordVerifier(db, idOf(name), event, { nowMs: query.nowMs, deferMs: 60_000 }));
    return { validator, find, record };
  }

  it('is an excluded verifier, for good', async () => {
    const { find, record } = await create();
    record('v2', 'refuted');
    expect(find()).toEqual(names);
    record('v2', 'refuted');
    expect(find()).toEqual(['v1', 'v3', 'v4', 'v5']);
  });

  it('is a silent one while four others are there, for a while', async () => {
    const { find, record } = await create();
    record('v2', 'silent');
    expect(find()).toEqual(['v1', 'v3', 'v4', 'v5']);
    expect(find({ nowMs: query.nowMs + 60_000 })).toEqual(names);
    record('v3', 'silent');
    expect(find()).toEqual(names);
  });

  it('is no silent one that stakes, however many free ones there are', async () => {
    const { find, record, validator } = await create();
    const staked = createTestPayee('v1').address;
    const stakeOf = (payee: Uint8Array): bigint => (equalBytes(payee, staked) ? 10n ** 18n : 0n);
    record('v1', 'silent');
    expect(find()).toEqual(names.slice(1));
    expect(find({ stakeOf })).toEqual(names);
    // Three quarters of the stake are enough to go without it.
    await validator.announceVerifier('v6', 'x', createTestPayee('rich'));
    const rich = createTestPayee('rich').address;
    const both =
      (tokens: bigint) =>
      (payee: Uint8Array): bigint =>
        equalBytes(payee, rich) ? tokens * 10n ** 18n : stakeOf(payee);
    expect(find({ stakeOf: both(2n) })).toContain('v1');
    expect(find({ stakeOf: both(3n) })).not.toContain('v1');
  });

  it('is a verifier with less context than prompt and reply take, if three quarters of all stake announce enough', async () => {
    const { find } = await create();
    expect(find({ context: 4096 })).toEqual(names);
    // Nobody has as much: they are asked all the same, and score what fits.
    expect(find({ context: 4097 })).toEqual(names);
    const { validator, find: among } = await create();
    await validator.announceVerifier('v6', 'x', createTestPayee('v6'), { contextSize: 0xffffffff });
    expect(among({ context: 4096 })).toEqual(names);
    const stakes =
      (of: Readonly<Record<string, bigint>>) =>
      (payee: Uint8Array): bigint =>
        Object.entries(of).find(([name]) => equalBytes(createTestPayee(name).address, payee))?.[1] ?? 0n;
    const whole = 10n ** 18n;
    // A free announcement narrows nothing, neither a list with stake nor one without.
    expect(among({ context: 4097 })).toEqual(names);
    expect(among({ context: 4097, stakeOf: stakes({ v1: whole }) })).toEqual(names);
    expect(among({ context: 4097, stakeOf: stakes({ v1: whole, v6: 2n * whole }) })).toEqual(names);
    expect(among({ context: 4097, stakeOf: stakes({ v1: whole, v6: 3n * whole }) })).toEqual([]);
    const header = { endpoint: 'chat', promptTokenCount: 1_000_000, outputTokenCount: 20 } as CommonHeader;
    expect(countContext(header, new Uint8Array(300))).toBe(320);
    expect(countContext({ ...header, promptTokenCount: 7 }, new Uint8Array(300))).toBe(27);
  });

  it('is no verifier for an address or certificate that it shares with the provider', async () => {
    const { find, validator } = await create();
    const { verifier } = readAnnouncement(validator.store, idOf('v4'))!;
    await validator.announce(provider, { endpoint: 'v1:5', certHash: verifier?.certHash as Uint8Array });
    expect(find()).toEqual(names);
  });

  it('is a verifier with the payee of the provider', async () => {
    const { find, validator } = await create();
    await validator.announce(provider, {}, createTestPayee('v4'));
    expect(find()).toEqual(['v1', 'v2', 'v3', 'v5']);
  });
});

describe('data of old settlements', () => {
  it('loses bodies and openings, and keeps record, verdict and fee', async () => {
    const validator = createTestValidator({ audit: { alphaPpm: () => 0 } });
    const { reply } = await validator.deliver(0);
    await validator.certify();
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
  const vrfSeed = new Uint8Array(32).fill(1);
  const entry = { endpoint: 'a:1', certHash: new Uint8Array(32).fill(2), vrfSeed, bondAtomic: 100n };

  function createRegistry() {
    const calls: string[] = [];
    let bond = 0n;
    let members: { account: string; endpoint: string; certHash: string; vrfKey: string }[] = [];
    const vrfKey = bytesToHex(computeVrfPublicKey(vrfSeed));
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
        vrfKey: named,
      }: {
        endpoint: string;
        certHash: Uint8Array;
        vrfKey: Uint8Array;
      }) {
        expect(named).toEqual(computeVrfPublicKey(vrfSeed));
        members = [{ account: '0xaa', endpoint, certHash: bytesToHex(certHash), vrfKey }];
        calls.push('register');
      },
      async updateValidator({ endpoint, certHash }: { endpoint: string; certHash: Uint8Array }) {
        members = [{ account: '0xaa', endpoint, certHash: bytesToHex(certHash), vrfKey }];
        calls.push('update');
      },
    };
    return { calls, client: client as unknown as ChainClient };
  }

  it('bonds and registers once, and mends what has changed', async () => {
    const { calls, client } = createRegistry();
    expect(await registerValidator(client, entry)).toBe('registered');
    expect(await registerValidator(client, entry)).toBe('unchanged');
    const other = registerValidator(client, { ...entry, vrfSeed: new Uint8Array(32).fill(9) });
    await expect(other).rejects.toThrow('an address keeps its key for good');
    expect(await registerValidator(client, { ...entry, endpoint: 'b:2', bondAtomic: 150n })).toBe('updated');
    expect(calls).toEqual(['bond 100', 'register', 'bond 50', 'update']);
  });
});

describe('a postponed audit attempt', () => {
  it('has whole milliseconds, whatever part of its window it waits', async () => {
    const validator = createTestValidator();
    await validator.announce(provider);
    const { replyId } = (await validator.deliver(0)).reply.record;
    validator.store.prepare("UPDATE replies SET state = 'auditing', deadline = ? WHERE reply_id = ?").run(NOW, replyId);
    postponeAuditAttempt(validator.store, replyId, { untilMs: NOW + 5_000 / 3, byMs: 5_000 / 3, mostMs: 60_000 });
    expect(readReply(validator.store, replyId)).toMatchObject({ askAtMs: NOW + 1_667, deadlineMs: NOW + 1_667 });
  });
});

describe("a payer's open replies", () => {
  const countRows = ({ store }: Pick<TestValidator, 'store'>): unknown =>
    store
      .prepare(
        `SELECT count(*) AS n FROM replies WHERE payer = ? AND (state = 'admitted' OR sitting > 0)
         AND state IN ('admitted', 'auditing', 'waiting')`,
      )
      .get(payer.address)?.n;

  it('are counted as they come, wait and end: the count is that of the rows', async () => {
    const validator = createTestValidator();
    const { store } = validator;
    const expectCount = (n: number): void => {
      expect([countOpen(store, payer.address), countRows(validator)]).toEqual([n, n]);
    };
    expectCount(0);
    const orders = [0, 1, 2].map((n) => validator.order(n));
    for (const order of orders) await validator.intake.admit(order);
    await validator.intake.admit(orders[0] as TestOrder);
    expectCount(3);
    await validator.intake.pushRecord(validator.serve(orders[1] as TestOrder).submission);
    expectCount(2);
    const change = (sql: string, n: number): void => {
      store.prepare(`UPDATE replies SET ${sql} WHERE reply_id = ?`).run((orders[1] as TestOrder).fields.replyId);
      expectCount(n);
    };
    change("state = 'auditing'", 2);
    change('sitting = 1', 3);
    change("state = 'waiting', sitting = 2", 3);
    change("state = 'decided'", 2);
    store.prepare('DELETE FROM replies WHERE reply_id = ?').run((orders[2] as TestOrder).fields.replyId);
    expectCount(1);
  });
});
