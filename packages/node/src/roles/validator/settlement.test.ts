import { create } from '@bufbuild/protobuf';
import { ChainError } from '@ogong/chain/errors';
import { buildSettlement, encodeSettlement, parseSettlement, type Settlement } from '@ogong/protocol/batch';
import { toHex } from '@ogong/protocol/bytes';
import { type CosignBatchRequest, CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { OPENING_KEPT_MS } from '@ogong/protocol/opening';
import { parseOrder } from '@ogong/protocol/order';
import { signProviderPayee } from '@ogong/protocol/provider-payee';
import {
  computeEntryHash,
  computeGenesisPosition,
  encodeVerdictEntry,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/verdict-log';
import { describe, expect, it } from 'vitest';
import { nodeCrypto as crypto } from '../../crypto/node-crypto.ts';
import { LinkError } from '../../link/link-error.ts';
import { readChannel } from './channel-store.ts';
import { type Attempt, encodeEvidence, parseEvidence } from './evidence.ts';
import type { CosignRequest } from './settlement.ts';
import { type BenchOptions, ledger, payer, provider, type TestValidator } from './test-bench.ts';
import { createFour } from './test-four.ts';
import { payeeSigner, type ServeInput, serveTestReply } from './test-reply.ts';

const cheat: Partial<ServeInput> = {
  bend: { row: (row, i) => (i === 7 ? { ...row, rank: (row.rank + 1) % 20 } : row) },
};

/** An accepted, a rejected and an abandoned reply. */
async function decideThree({ own, clock, certifyAll }: Awaited<ReturnType<typeof createFour>>) {
  const unserved = own.order(2);
  await own.intake.admit(unserved);
  const good = await own.deliver(0);
  const bad = await own.deliver(1, cheat);
  await certifyAll(1n);
  await own.runAudits();
  clock.advance(200_000);
  await own.runAudits();
  return { good, bad, unserved };
}

describe('settlement', () => {
  it('pays what is owed once a quorum has come to the same verdicts', async () => {
    const four = await createFour();
    const { good, bad, unserved } = await decideThree(four);
    expect(four.own.decided.map(({ verdict }) => verdict).sort()).toEqual(['abandoned', 'accept', 'reject']);
    expect(await four.own.settlement.step()).toBe(true);
    const [call] = four.chain.settled;
    expect(call?.lines).toMatchObject([{ gross: 86_000n }]);
    expect(call?.debits).toMatchObject([{ amount: 86_000n, cumulative: 3_000_000n }]);
    expect(call?.ejections.length).toBe(1);
    for (const id of [good.reply.record.replyId, bad.reply.record.replyId, unserved.fields.replyId]) {
      expect(four.own.find(id)).toMatchObject({ state: 'settled', sequence: 1n });
    }
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n, outstanding: 0n });
    expect(await four.own.settlement.step()).toBe(false);
  });

  it('continues the log in the next batch', async () => {
    const four = await createFour();
    for (let number = 0; number < 3; number++) {
      await four.own.deliver(number);
      await four.certifyAll(BigInt(number + 1));
      await four.own.runAudits();
      expect(await four.own.settlement.step()).toBe(true);
    }
    expect(four.chain.settled.map(({ batch }) => [batch.sequence, batch.logLength])).toEqual([
      [1n, 1n],
      [2n, 2n],
      [3n, 3n],
    ]);
  });

  it('waits, and loses nothing, while there is no quorum or no chain', async () => {
    const four = await createFour();
    await decideThree(four);
    four.offline.add(1).add(2);
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum', retryable: true });
    four.chain.isDown = true;
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'rpc-unreachable' });
    four.offline.clear();
    four.chain.isDown = false;
    // What is decided meanwhile goes into the next batch: the log of a proposed one never changes.
    await four.own.intake.admit(four.own.order(9, { cumulativeAtomic: 9_000_000n })).catch(() => undefined);
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled.length).toBe(1);
  });

  it('stops where the chain has gone back behind its batch', async () => {
    const four = await createFour();
    await decideThree(four);
    four.chain.settle = async () => {
      throw new ChainError('reverted', 'another number is due', { revert: { name: 'WrongSequence', args: [] } });
    };
    await expect(four.own.settlement.step()).rejects.toThrow('another number is due');
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 0n, owed: 86_000n });
  });

  it('books a batch that somebody else submitted', async () => {
    const four = await createFour();
    await decideThree(four);
    const { settle } = four.chain;
    four.chain.settle = async (call) => {
      await settle(call);
      return settle(call);
    };
    expect(await four.own.settlement.step()).toBe(true);
    four.chain.settle = settle;
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled.length).toBe(1);
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n });
  });

  it('books a batch that the chain took while nobody heard of it', async () => {
    const four = await createFour();
    await decideThree(four);
    four.chain.afterSettle = () => {
      throw new Error('the connection was lost');
    };
    await expect(four.own.settlement.step()).rejects.toThrow('connection');
    four.chain.afterSettle = () => {};
    expect(await four.own.settlement.step()).toBe(true);
    expect(await four.own.settlement.step()).toBe(false);
    expect(four.chain.settled.length).toBe(1);
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 86_000n, owed: 0n });
  });
});

type Message = CosignBatchRequest;

describe('a co-signer', () => {
  async function proposed(options: BenchOptions = {}) {
    const four = await createFour(options);
    await decideThree(four);
    four.offline.add(1).add(2).add(3);
    await four.own.settlement.step().catch(() => undefined);
    four.offline.clear();
    const request = four.own.requests[0] as CosignRequest;
    const [peer, other] = four.peers as [TestValidator, TestValidator];
    /** A batch that is consistent in itself, with entries and messages bent. */
    const bent = async (
      bendEntry: (entry: VerdictEntry) => VerdictEntry,
      bendMessage: (message: Message) => void = () => {},
      bendSettlement: (settlement: Settlement) => Settlement = (same) => same,
    ): Promise<Message> => {
      const message = create(CosignBatchRequestSchema, structuredClone(request));
      const rebuilt = await rebuild(four.own, message, bendEntry, bendSettlement);
      bendMessage(rebuilt);
      return rebuilt;
    };
    return { ...four, peer, other, request: create(CosignBatchRequestSchema, structuredClone(request)), bent };
  }

  async function rebuild(
    own: TestValidator,
    message: Message,
    bendEntry: (entry: VerdictEntry) => VerdictEntry,
    bendSettlement: (settlement: Settlement) => Settlement,
  ): Promise<Message> {
    let { head } = computeGenesisPosition(crypto, { chainId: 31_337n, validator: own.signer.address });
    for (const item of message.entries) {
      item.logEntry = encodeVerdictEntry({ ...bendEntry(parseVerdictEntry(item.logEntry)), previousHash: head });
      head = computeEntryHash(crypto, item.logEntry);
    }
    const vouchers = parseSettlement(message.batch).debits;
    const entries = message.entries.map(({ logEntry }) => logEntry);
    const settlement = buildSettlement(crypto, {
      validator: own.signer.address,
      sequence: 1n,
      position: { length: BigInt(entries.length), head },
      entries,
      vouchers,
    });
    message.batch = encodeSettlement(bendSettlement(settlement));
    return message;
  }

  const on =
    (verdict: string, change: Partial<VerdictEntry>) =>
    (entry: VerdictEntry): VerdictEntry =>
      entry.verdict === verdict ? { ...entry, ...change } : entry;

  it('signs what holds, again and again, and nothing else under the same number', async () => {
    const { own, peer, request, bent } = await proposed();
    const first = await peer.cosigner.cosign(own.signer.address, request);
    const again = await peer.cosigner.cosign(own.signer.address, request);
    expect(toHex(again.signature)).toBe(toHex(first.signature));
    const other = await bent((entry) => ({ ...entry, timeMs: entry.timeMs - 1 }));
    await expect(peer.cosigner.cosign(own.signer.address, other)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('signs for nobody else', async () => {
    const { peer, other, request } = await proposed();
    await expect(peer.cosigner.cosign(other.signer.address, request)).rejects.toMatchObject({ code: 'refuted' });
  });

  const stranger = new Uint8Array(20).fill(9);
  it.each<[string, string, (entry: VerdictEntry) => VerdictEntry]>([
    ['a higher fee', 'a fee of', on('accept', { feeAtomic: 90_000n })],
    ['another payee', 'pays another', on('accept', { payee: stranger })],
    ['another payer', 'differs from its order', on('reject', { payer: payer.address.map((byte) => byte ^ 1) })],
    ['another router', 'differs from its order', on('accept', { router: stranger })],
    ['another provider', 'differs from its order', on('accept', { providerId: new Uint8Array(32) })],
    ['another reply', 'differs from its order', on('accept', { replyId: new Uint8Array(16) })],
    ['another record', 'another record', on('accept', { recordHash: new Uint8Array(32).fill(1) })],
    ['other evidence', 'other evidence', on('accept', { evidenceHash: new Uint8Array(32).fill(1) })],
    [
      'a reject turned into an accept',
      'says reject',
      on('reject', { verdict: 'accept', ejects: false, feeAtomic: 86_000n }),
    ],
    ['an accept turned into a reject', 'says accept', on('accept', { verdict: 'reject', feeAtomic: 0n })],
    ['an accept turned into doubt', 'says accept', on('accept', { verdict: 'inconclusive' })],
    ['weaker evidence than there is', 'evidence is exact', on('accept', { evidence: 'statistical' })],
    ['a cheat that is not ejected', 'exact evidence ejects', on('reject', { ejects: false })],
    ['other verifiers', 'other verifiers', on('accept', { verifierIds: [] })],
    ['an unknown beacon', 'not known', on('accept', { beaconEpoch: 9n })],
    ['an audit passed over', 'evidence without an audit', on('accept', { verdict: 'unaudited' })],
    ['a verdict of the future', 'future', on('accept', { timeMs: 1_760_000_000_000 })],
    ['an early abandonment', 'before the order expired', on('abandoned', { timeMs: 1_750_000_000_000 })],
    ['a delivered reply called abandoned', 'no evidence', on('accept', { verdict: 'abandoned', feeAtomic: 0n })],
  ])('refuses %s', async (_name, message, bend) => {
    const { own, peer, bent } = await proposed();
    await expect(peer.cosigner.cosign(own.signer.address, await bent(bend))).rejects.toThrow(message);
  });

  const signWord = (providerId: Uint8Array): Uint8Array =>
    signProviderPayee(crypto, payeeSigner, { ledger, providerId });
  const inAccept = (change: (entry: Message['entries'][number]) => void) => (message: Message) => {
    for (const entry of message.entries) if (parseVerdictEntry(entry.logEntry).verdict === 'accept') change(entry);
  };
  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte));

  it.each<[string, string, (message: Message) => void]>([
    [
      'a forged order',
      'order',
      inAccept(({ record }) => {
        record!.order!.signature = flip(record!.order!.signature);
      }),
    ],
    [
      'a forged record',
      'record',
      inAccept(({ record }) => {
        record!.record!.signature = flip(record!.record!.signature);
      }),
    ],
    [
      'another response',
      'response',
      inAccept(({ record }) => {
        record!.response = flip(record!.response);
      }),
    ],
    [
      'another request',
      'request',
      inAccept(({ record }) => {
        record!.request = flip(record!.request);
      }),
    ],
    [
      "no word of its payee's",
      'has not signed',
      inAccept(({ record }) => {
        record!.payeeSignature = new Uint8Array(0);
      }),
    ],
    [
      "its payee's word for another provider",
      'has not signed',
      inAccept(({ record }) => {
        record!.payeeSignature = signWord(new Uint8Array(32).fill(1));
      }),
    ],
    [
      'no reply',
      'missing',
      inAccept(({ record }) => {
        record!.header = new Uint8Array(0);
      }),
    ],
    [
      'no order',
      'no order',
      inAccept((entry) => {
        entry.record = undefined as never;
      }),
    ],
    [
      'an entry left out',
      'log',
      (message) => {
        message.entries.pop();
      },
    ],
    [
      'no entries',
      'empty',
      (message) => {
        message.entries = [];
      },
    ],
    [
      'bytes that are no batch',
      'parse',
      (message) => {
        message.batch = new Uint8Array(3);
      },
    ],
  ])('refuses %s', async (_name, reason, bend) => {
    const { own, peer, bent } = await proposed();
    await expect(peer.cosigner.cosign(own.signer.address, await bent((entry) => entry, bend))).rejects.toThrow(reason);
  });

  it('refuses reports that were tampered with, or come from another verifier than drawn', async () => {
    const { own, peer, request } = await proposed();
    const position = request.entries.findIndex(({ logEntry }) => parseVerdictEntry(logEntry).verdict === 'accept');
    const evidence = parseEvidence(request.entries[position]!.evidence);
    if (evidence.kind !== 'audit') throw new Error('not an audit');
    const [attempt] = evidence.attempts as [Attempt];
    const opened = attempt.opened as NonNullable<Attempt['opened']>;
    const committed = attempt.committed as NonNullable<Attempt['committed']>;
    const bend = (change: Partial<Attempt>) => ({ ...evidence, attempts: [{ ...attempt, ...change }] });
    const cases = [
      bend({ opened: { ...opened, report: flip(opened.report) } }),
      bend({ opened: { ...opened, salt: flip(opened.salt) } }),
      bend({ opened: { ...opened, signature: flip(opened.signature) } }),
      bend({ committed: { ...committed, digest: flip(committed.digest) } }),
      bend({ committed: { ...committed, signature: flip(committed.signature) } }),
      bend({ nonce: flip(attempt.nonce) }),
      bend({ round: 1 }),
      bend({ verifierId: new Uint8Array(32) }),
      // Opened alone, and shown as if another had committed at the same time.
      { ...evidence, attempts: [attempt, { ...attempt, opened: undefined }] },
      { ...evidence, candidates: [] },
      { ...evidence, opening: new Uint8Array(5) },
    ];
    for (const bad of cases) {
      const bytes = encodeEvidence(bad);
      const message = await rebuild(
        own,
        create(CosignBatchRequestSchema, structuredClone(request)),
        on('accept', { evidenceHash: crypto.sha256(bytes) }),
        (same) => same,
      );
      message.entries[position]!.evidence = bytes;
      await expect(peer.cosigner.cosign(own.signer.address, message)).rejects.toMatchObject({ code: 'refuted' });
    }
  });

  it.each<[string, (settlement: Settlement) => Settlement]>([
    ['pays a line to another', (s) => ({ ...s, lines: s.lines.map((line) => ({ ...line, provider: stranger })) })],
    ['draws on another payer', (s) => ({ ...s, debits: s.debits.map((debit) => ({ ...debit, payer: stranger })) })],
    [
      'draws more',
      (s) => ({
        ...s,
        debits: s.debits.map((debit) => ({ ...debit, amount: debit.amount + 1n })),
        lines: s.lines.map((line) => ({ ...line, gross: line.gross + 1n })),
      }),
    ],
    ['ejects nobody', (s) => ({ ...s, ejections: [] })],
    ['ejects another', (s) => ({ ...s, ejections: [new Uint8Array(32)] })],
    ['names another root', (s) => ({ ...s, batch: { ...s.batch, recordsRoot: new Uint8Array(32) } })],
    ['names another head', (s) => ({ ...s, batch: { ...s.batch, logHead: new Uint8Array(32) } })],
    ['skips a number', (s) => ({ ...s, batch: { ...s.batch, sequence: 2n } })],
  ])('refuses a batch that %s', async (_name, bend) => {
    const { own, peer, bent } = await proposed();
    const message = await bent((entry) => entry, undefined, bend);
    await expect(peer.cosigner.cosign(own.signer.address, message)).rejects.toThrow();
    expect(peer.store.prepare('SELECT count(*) AS n FROM cosigned').get()?.n).toBe(0);
  });

  it('lets no reply settle twice: not in one batch, not in a later one, not by another validator', async () => {
    const { own, peer, other, request, chain } = await proposed();
    const twice = create(CosignBatchRequestSchema, structuredClone(request));
    twice.entries.push(structuredClone(twice.entries[0]!));
    let index = 0n;
    const doubled = await rebuild(
      own,
      twice,
      (entry) => ({ ...entry, index: index++ }),
      (same) => same,
    );
    await expect(peer.cosigner.cosign(own.signer.address, doubled)).rejects.toThrow('stands twice');

    expect(await own.settlement.step()).toBe(true);
    // A later batch of the same validator, with the same reply at the end of the settled log.
    const anchor = await chain.anchorOf(own.signer.address);
    const again = create(CosignBatchRequestSchema, structuredClone(request));
    again.entries = again.entries.slice(0, 1);
    const bytes = encodeVerdictEntry({
      ...parseVerdictEntry(again.entries[0]!.logEntry),
      index: anchor.logLength,
      previousHash: Uint8Array.from(Buffer.from(anchor.logHead.slice(2), 'hex')),
    });
    again.entries[0]!.logEntry = bytes;
    again.batch = encodeSettlement(
      buildSettlement(crypto, {
        validator: own.signer.address,
        sequence: 2n,
        position: { length: anchor.logLength + 1n, head: computeEntryHash(crypto, bytes) },
        entries: [bytes],
        vouchers: parseSettlement(request.batch).debits,
      }),
    );
    await expect(peer.cosigner.cosign(own.signer.address, again)).rejects.toMatchObject({ code: 'conflict' });

    // Another validator cannot have it: the order names one.
    const stolen = create(CosignBatchRequestSchema, structuredClone(request));
    const rebuilt = await rebuild(
      other,
      stolen,
      (entry) => entry,
      (same) => same,
    );
    await expect(peer.cosigner.cosign(other.signer.address, rebuilt)).rejects.toThrow('another validator');
  });

  it('holds its peer to the coverage that the network asks for', async () => {
    const four = await createFour({ audit: { alphaPpm: () => 0 } });
    await four.own.deliver(0);
    await four.certifyAll(1n);
    await four.own.runAudits();
    expect(four.own.decided[0]?.verdict).toBe('unaudited');
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });

    const lax = await createFour({ audit: { alphaPpm: () => 0 }, cosign: { alphaPpm: () => 0 } });
    await lax.own.deliver(0);
    await lax.certifyAll(1n);
    await lax.own.runAudits();
    expect(await lax.own.settlement.step()).toBe(true);
  });

  it('allows for a coverage that was raised after the reply was passed over, by what was in force then', async () => {
    const asked: number[] = [];
    const coverage = { least: 0 as number | undefined };
    const findLeastAlphaPpm = async (sinceMs: number) => {
      asked.push(sinceMs);
      return coverage.least;
    };
    const four = await createFour({ audit: { alphaPpm: () => 0 }, cosign: { findLeastAlphaPpm } });
    const order = (await four.own.deliver(0)).reply.record;
    await four.certifyAll(1n);
    await four.own.runAudits();
    for (const least of [undefined, 1_000_000]) {
      coverage.least = least;
      await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
    }
    coverage.least = 0;
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.own.find(order.replyId)).toMatchObject({ state: 'settled', verdict: 'unaudited' });
    const [entry] = four.own.decided;
    expect(Math.max(...asked)).toBeLessThan(entry!.timeMs);
  });

  it('does not let an entry claim a time before its order', async () => {
    const asked: number[] = [];
    const findLeastAlphaPpm = async (sinceMs: number) => asked.push(sinceMs) && undefined;
    const four = await createFour({
      audit: { alphaPpm: () => 0 },
      cosign: { findLeastAlphaPpm, maxOrderLifeMs: 1_000 },
    });
    await four.own.deliver(0);
    await four.certifyAll(1n);
    await four.own.runAudits();
    await four.own.settlement.step().catch(() => undefined);
    // The order expires two minutes after the entry's time: with a life of one second it was signed after it.
    expect(asked[0]).toBe(four.own.decided[0]!.timeMs + 119_000 - 3_600_000);
  });

  it('lets a reply go unasked only once its provider need not have the opening any more', async () => {
    let asked = 0;
    const getOpening = () => {
      asked++;
      return Promise.reject(new LinkError('remote', 'no opening any more', { refusal: 'not-found' }));
    };
    const four = await createFour({ getOpening, audit: { retryMs: 1 } });
    await four.own.deliver(0);
    await four.certifyAll(1n);
    four.clock.advance(OPENING_KEPT_MS + 600_000);
    await four.own.runAudits();
    const [entry] = four.own.decided;
    expect(asked).toBe(1);
    expect(entry).toMatchObject({ verdict: 'inconclusive', evidence: 'none', ejects: false });
    four.offline.add(1).add(2).add(3);
    await four.own.settlement.step().catch(() => undefined);
    four.offline.clear();
    const [peer] = four.peers as [TestValidator];
    const sent = create(CosignBatchRequestSchema, structuredClone(four.own.requests[0] as CosignRequest));
    const early = await rebuild(
      four.own,
      create(CosignBatchRequestSchema, structuredClone(sent)),
      on('inconclusive', { timeMs: entry!.timeMs - 600_000 }),
      (same) => same,
    );
    await expect(peer.cosigner.cosign(four.own.signer.address, early)).rejects.toThrow('still time');
    await peer.cosigner.cosign(four.own.signer.address, sent);
  });

  it('says so when it cannot check now', async () => {
    const { own, peer, request, chain } = await proposed();
    chain.isDown = true;
    await expect(peer.cosigner.cosign(own.signer.address, request)).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
  });

  it('that is older than the words signs replies of that time without one, and none with a wrong one', async () => {
    const { own, peer, request, bent } = await proposed();
    const sign = (message: Message) => peer.cosigner.cosign(own.signer.address, message);
    const withWord = (payeeSignature: Uint8Array) =>
      bent(
        (entry) => entry,
        inAccept(({ record }) => {
          record!.payeeSignature = payeeSignature;
        }),
      );
    const none = await withWord(new Uint8Array(0));
    const { expiresAtMs } = parseOrder(request.entries[0]!.record!.order!.order);
    const grant = (until: bigint) =>
      peer.store.prepare('INSERT OR REPLACE INTO payee_word_grace VALUES (0, ?)').run(until);
    grant(expiresAtMs - 1n);
    await expect(sign(none)).rejects.toThrow('has not signed');
    grant(expiresAtMs);
    await expect(sign(await withWord(signWord(new Uint8Array(32))))).rejects.toThrow('has not signed');
    await sign(none);
  });

  it('settles what waited, unpaid, from before there were words', async () => {
    const { own, peers, certifyAll, clock, chain } = await createFour();
    const { replyId } = (await own.deliver(0)).reply.record;
    own.store.prepare('UPDATE replies SET payee_signature = NULL WHERE reply_id = ?').run(replyId);
    await certifyAll(1n);
    await own.runAudits();
    await expect(own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
    for (const { store } of peers) {
      store.prepare('INSERT INTO payee_word_grace VALUES (0, ?)').run(clock.nowMs() + 86_400_000);
    }
    expect(await own.settlement.step()).toBe(true);
    expect(chain.settled[0]?.lines).toMatchObject([{ gross: 86_000n }]);
  });

  it('is handed the word with the reply', async () => {
    const { request } = await proposed();
    const words = request.entries.map(({ record }) => record?.payeeSignature.length);
    // What was abandoned has no reply.
    expect(words.sort()).toEqual([0, 65, 65]);
  });

  it('sees no payee beside a reply that nobody handed in', async () => {
    const four = await createFour();
    const order = four.own.order(0);
    await four.own.intake.admit(order);
    const { reply, submission } = four.own.serve(order, cheat);
    const opening = reply.openingBytes;
    await four.own.intake.complain({ order, reason: 'draw-replay', opening, record: submission.record });
    four.offline.add(1).add(2).add(3);
    await four.own.settlement.step().catch(() => undefined);
    four.offline.clear();
    const [peer] = four.peers as [TestValidator];
    const sent = create(CosignBatchRequestSchema, structuredClone(four.own.requests[0] as CosignRequest));
    const blamed = await rebuild(
      four.own,
      create(CosignBatchRequestSchema, structuredClone(sent)),
      on('reject', { payee: payeeSigner.address }),
      (same) => same,
    );
    await expect(peer.cosigner.cosign(four.own.signer.address, blamed)).rejects.toThrow('names a payee');
    await peer.cosigner.cosign(four.own.signer.address, sent);
  });

  it('takes a second record for what it is', async () => {
    const four = await createFour();
    await four.own.deliver(0);
    const order = four.own.order(0);
    const beacon = four.own.archive.find(0n) as { value: Uint8Array; previous: Uint8Array };
    const second = serveTestReply(order, { provider, payer, ledger, beacon, text: 'another story' });
    await four.own.intake.pushRecord(second.submission).catch(() => undefined);
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.chain.settled[0]?.ejections.length).toBe(1);
  });
});
