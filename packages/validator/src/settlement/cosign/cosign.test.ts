import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { parseAnnouncement, signAnnouncement } from '@ogong/protocol/exchange/announcement';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { type OrderConsent, signConsent } from '@ogong/protocol/exchange/order-consent';
import { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { summarizeRequest } from '@ogong/protocol/modality/request-hash';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import { buildSettlement, encodeSettlement, parseSettlement, type Settlement } from '@ogong/protocol/settlement/batch';
import {
  computeEntryHash,
  encodeVerdictEntry,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
import type { FindRouter } from '@ogong/protocol/stage1/registered-router';
import { type Attempt, encodeEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid, signTestEndorsement } from '@ogong/testing/validator/test-keys';
import { flip, inAccept, type Message, on, propose, rebuild, signWord } from '@ogong/testing/validator/test-proposal';
import { MODEL, MODEL_ROOT, PRICE_PER_1K, serveTestReply, toSummaryMessage } from '@ogong/testing/validator/test-reply';
import { describe, expect, it, vi } from 'vitest';

type Credential = NonNullable<Attempt['credential']>;

const verifierKey = createTestHybrid('v1');

/** The same, announced by the same parties long before. */
function announceBefore({ announcement, payeeWord, verifierEndorsement }: Credential): Credential {
  const { issuedAtMs, expiresAtMs, ...rest } = parseAnnouncement(announcement);
  const times = { issuedAtMs: issuedAtMs - 2 * 3_600_000, expiresAtMs: expiresAtMs - 2 * 3_600_000 };
  return signAnnouncement(verifierKey, { ...rest, ...times }, { payeeWord, verifierEndorsement });
}

/** The same, where the verifier has signed for another class. */
function endorseClass(credential: Credential, numericClass: string): Credential {
  const { providerId, models } = parseAnnouncement(credential.announcement);
  const classes = models.map(({ modelRoot }) => ({ modelRoot, numericClass }));
  return { ...credential, verifierEndorsement: signTestEndorsement(verifierKey, providerId, classes) };
}

const findNobody: FindRouter = async () => undefined;

const stranger = new Uint8Array(20).fill(9);

/** A batch with an abandoned reply, and evidence that does not show the provider's consent to its order. */
async function proposeAbandoned() {
  const proposal = await propose();
  const order = proposal.own.order(2);
  const { consent } = order;
  const encode = (change: Partial<OrderConsent>) =>
    encodeEvidence({ kind: 'abandoned', consent: { ...consent, ...change }, statements: [] });
  const unagreed = [
    new Uint8Array(0),
    encodeEvidence({ kind: 'withheld', statements: [] }),
    encode({ signature: flip(consent.signature) }),
    // The inventor of the order gives consent in the provider's place.
    encode(signConsent(createTestHybrid('stranger'), order.fields)),
    // The provider agreed to another order.
    encode(signConsent(provider, proposal.own.order(3).fields)),
  ];
  return { ...proposal, unagreed };
}

const noStep = { step: 'none', eValuePpm: 0 } as const;

describe('a co-signer', () => {
  it('signs a valid batch, again and again, and nothing else under the same number', async () => {
    const { own, peer, request, bent } = await propose();
    const first = await peer.cosigner.cosign(own.signer.address, request);
    const again = await peer.cosigner.cosign(own.signer.address, request);
    expect(toHex(again.signature)).toBe(toHex(first.signature));
    const other = await bent((entry) => ({ ...entry, timeMs: entry.timeMs - 1 }));
    await expect(peer.cosigner.cosign(own.signer.address, other)).rejects.toMatchObject({ code: 'conflict' });
  });

  it('signs for nobody else', async () => {
    const { peer, other, request } = await propose();
    await expect(peer.cosigner.cosign(other.signer.address, request)).rejects.toMatchObject({ code: 'refuted' });
  });

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
    ['an accept turned into doubt', 'says accept', on('accept', { verdict: 'inconclusive', feeAtomic: 0n })],
    ['a paid doubt of a key without credit', 'owed are 0', on('accept', { verdict: 'inconclusive' })],
    ['weaker evidence than there is', 'evidence is exact', on('accept', { evidence: 'statistical' })],
    ['a cheat that is not ejected', 'exact evidence ejects', on('reject', { ejects: false })],
    ['a step that weighs more', 'its step is reply with 102040 ppm', on('accept', { eValuePpm: 2_000_000 })],
    ['a step left out', 'its step is reply', on('accept', noStep)],
    ['other verifiers', 'of its verifiers', on('accept', { verifiers: [] })],
    [
      'credit for another payee',
      'of its verifiers',
      (entry: VerdictEntry) => ({
        ...entry,
        verifiers: entry.verifiers.map((mark) => ({ ...mark, payee: new Uint8Array(20).fill(9) })),
      }),
    ],
    [
      'a mark for a report that nothing refutes',
      'of its verifiers',
      (entry: VerdictEntry) => ({
        ...entry,
        verifiers: entry.verifiers.map((mark) => ({ ...mark, outcome: 'refuted' as const })),
      }),
    ],
    [
      'more tokens than a verifier scored',
      'of its verifiers',
      (entry: VerdictEntry) => ({
        ...entry,
        verifiers: entry.verifiers.map((mark) =>
          mark.outcome === 'credited' ? { ...mark, tokens: mark.tokens + 1 } : mark,
        ),
      }),
    ],
    [
      'a friend as a second shard',
      'other shards than those who signed',
      (entry: VerdictEntry) =>
        entry.verdict === 'accept'
          ? {
              ...entry,
              shards: [
                {
                  providerId: new Uint8Array(32).fill(9),
                  payee: stranger,
                  firstLayer: 0,
                  layers: 9,
                  pricePer1kAtomic: 9n,
                },
                {
                  ...{ providerId: entry.providerId, payee: entry.payee },
                  firstLayer: 9,
                  layers: 1,
                  pricePer1kAtomic: 1n,
                },
              ],
            }
          : entry,
    ],
    ['an unknown beacon', 'not known', on('accept', { beaconEpoch: 16n })],
    ['an epoch that somebody has waited for', 'does not decide', on('accept', { beaconEpoch: 5n })],
    ['an audit passed over', 'evidence without an audit', on('accept', { ...noStep, verdict: 'unaudited' })],
    ['a verdict of the future', 'future', on('accept', { timeMs: 1_760_000_000_000 })],
    ['an abandonment without its fine', 'a fine of 0, its order comes to 10000', on('abandoned', { fineAtomic: 0n })],
    ['an abandonment that costs too much', 'a fine of 10001', on('abandoned', { fineAtomic: 10_001n })],
    ['an early abandonment', 'before the order expired', on('abandoned', { timeMs: 1_750_000_000_000 })],
    [
      'verifiers of an abandoned reply',
      'has no verifiers',
      on('accept', { ...noStep, verdict: 'abandoned', feeAtomic: 0n }),
    ],
    [
      'a delivered reply called abandoned',
      'never agreed',
      on('accept', { ...noStep, verdict: 'abandoned', evidence: 'none', feeAtomic: 0n, verifiers: [] }),
    ],
  ])('refuses %s', async (_name, message, bend) => {
    const { own, peer, bent } = await propose();
    await expect(peer.cosigner.cosign(own.signer.address, await bent(bend))).rejects.toThrow(message);
  });

  it.each([
    ['refuses', 1, [new Uint8Array(32)], { code: 'refuted', message: /other weights than those published as/ }],
    ['refuses', 1, [], { code: 'refuted', message: /nobody has published/ }],
    ['waits for', 0, [], { code: 'unavailable', message: /nobody has published/ }],
    ['waits for', 1, undefined, { code: 'unavailable', message: /cannot be looked up now/ }],
  ] as const)(
    '%s an entry after %i hours, whose weights are not the published ones: %j',
    async (_name, hours, published, error) => {
      const { own, peer, request, clock } = await propose();
      clock.advance(hours * 3_600_000);
      Object.assign(peer.cosigning, { modelRoots: { find: () => published, prepare: async () => {} } });
      await expect(peer.cosigner.cosign(own.signer.address, request)).rejects.toMatchObject({
        code: error.code,
        message: expect.stringMatching(error.message),
      });
    },
  );

  it('signs entries whose weights were published when their order was signed', async () => {
    const { own, peer, request } = await propose();
    const find = vi.fn(() => [MODEL_ROOT]);
    Object.assign(peer.cosigning, { modelRoots: { find, prepare: async () => {} } });
    expect((await peer.cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
    const accepted = request.entries.find(({ record }) => (record?.header.length ?? 0) > 0);
    const { expiresAtMs } = parseOrder(accepted?.record?.order?.order as Uint8Array);
    expect(find).toHaveBeenCalledWith(MODEL, { fromMs: Number(expiresAtMs) - 600_000, toMs: Number(expiresAtMs) });
  });

  it.each([
    ['refuses', 2, findNobody, { code: 'refuted', message: /has no bond as one/ }],
    ['waits for', 0, findNobody, { code: 'unavailable', message: /has no bond as one/ }],
    ['waits for', 2, () => Promise.reject(new Error('down')), { code: 'unavailable', message: /cannot be read/ }],
  ] as const)('%s an entry after %i hours, whose router has no bond', async (_name, hours, findRouter, error) => {
    const { own, peer, request, clock } = await propose();
    clock.advance(hours * 3_600_000);
    Object.assign(peer.cosigning, { findRouter });
    await expect(peer.cosigner.cosign(own.signer.address, request)).rejects.toMatchObject({
      code: error.code,
      message: expect.stringMatching(error.message),
    });
  });

  it('asks about the router of entries that pay it, by the time of their order', async () => {
    const { own, peer, request } = await propose();
    const findRouter = vi.fn(async () => ({ ticketKey: new Uint8Array(32), sinceMs: 0, untilMs: undefined }));
    Object.assign(peer.cosigning, { findRouter });
    expect((await peer.cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
    const paying = request.entries.filter(({ logEntry }) => parseVerdictEntry(logEntry).feeAtomic > 0n);
    expect(findRouter).toHaveBeenCalledTimes(paying.length);
  });

  it.each([
    ['waits for', 5 * 60_000, { code: 'unavailable', retryable: true }],
    ['refuses', 3_600_000, { code: 'refuted', retryable: false }],
  ] as const)('%s an entry that is %i ms ahead of its clock', async (_name, aheadMs, error) => {
    const { own, peer, bent } = await propose();
    const message = await bent(on('accept', { timeMs: own.clock.nowMs() + aheadMs }));
    await expect(peer.cosigner.cosign(own.signer.address, message)).rejects.toMatchObject(error);
  });

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
        record!.responseSummary = flip(record!.responseSummary);
      }),
    ],
    [
      'another request',
      'request',
      inAccept(({ record }) => {
        record!.requestSummary = flip(record!.requestSummary);
      }),
    ],
    [
      "no word of its payee's",
      'has not signed',
      inAccept(({ record }) => {
        record!.payeeWord = new Uint8Array(0);
      }),
    ],
    [
      "its payee's word for another provider",
      'has not signed',
      inAccept(({ record }) => {
        record!.payeeWord = signWord(new Uint8Array(32).fill(1));
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
    const { own, peer, bent } = await propose();
    await expect(peer.cosigner.cosign(own.signer.address, await bent((entry) => entry, bend))).rejects.toThrow(reason);
  });

  it('refuses a fee for a prompt that the request cannot make, though the log agrees with the signed reply', async () => {
    const { own, peer, bent } = await propose();
    const inflate = (promptTokenCount: number) => {
      const bend = { header: (header: Header): Header => ({ ...header, promptTokenCount }) };
      const { submission } = own.serve(own.order(0, { epoch: 0n }), { bend });
      const feeAtomic = ((BigInt(promptTokenCount) + 40n) * PRICE_PER_1K) / 1000n;
      const recordHash = hashRecord(crypto, submission.record.record);
      return bent(
        on('accept', { feeAtomic, recordHash }),
        inAccept((entry) => {
          entry.record = toSummaryMessage(submission);
        }),
      );
    };
    const bound = 'story 0'.length + 64 + 64;
    const beyond = peer.cosigner.cosign(own.signer.address, await inflate(bound + 1));
    await expect(beyond).rejects.toThrow(`${bound + 1} prompt tokens are billed`);
    // At the bound the fee is no longer what is refused: the evidence is of another record.
    const within = peer.cosigner.cosign(own.signer.address, await inflate(bound));
    await expect(within).rejects.toThrow('not an opening');
  });

  it.each<[string, string, (header: Header) => Header]>([
    [
      'a stop string that nobody asked for',
      'claims a stop string',
      (header) => ({ ...header, stopReason: 'stop-string' }),
    ],
    [
      'another temperature',
      'temperature',
      (header) => ({ ...header, sampler: { ...header.sampler, temperatureQ16: 1 } }),
    ],
    ['more tokens than were asked for', 'max_tokens', (header) => ({ ...header, maxTokens: header.maxTokens + 1 })],
  ])('refuses %s by the summary of the request', async (_name, reason, header) => {
    const { own, peer, bent } = await propose();
    const { submission } = own.serve(own.order(0, { epoch: 0n }), { bend: { header } });
    const message = await bent(
      on('accept', { recordHash: hashRecord(crypto, submission.record.record) }),
      inAccept((entry) => {
        entry.record = toSummaryMessage(submission);
      }),
    );
    await expect(peer.cosigner.cosign(own.signer.address, message)).rejects.toThrow(reason);
  });

  it("refuses a reply under another request's summary, which its payer has not signed", async () => {
    const { own, peer, bent } = await propose();
    const body = { model: MODEL, messages: [{ role: 'user', content: 'x'.repeat(500) }], max_tokens: 40 };
    const other = summarizeRequest(crypto, 'chat', utf8Encode(JSON.stringify(body)));
    const message = await bent(
      (entry) => entry,
      inAccept(({ record }) => {
        record!.requestSummary = other;
      }),
    );
    const refused = peer.cosigner.cosign(own.signer.address, message);
    await expect(refused).rejects.toThrow('the record names another request');
  });

  it('refuses an abandonment that the provider never agreed to', async () => {
    const { own, peer, request, unagreed } = await proposeAbandoned();
    for (const evidence of unagreed) {
      const bend = on('abandoned', {
        evidenceHash: evidence.length === 0 ? new Uint8Array(32) : crypto.sha256(evidence),
      });
      const message = await rebuild(own, structuredClone(request), bend, (same) => same);
      for (const entry of message.entries) {
        if (parseVerdictEntry(entry.logEntry).verdict === 'abandoned') entry.evidence = evidence;
      }
      await expect(peer.cosigner.cosign(own.signer.address, message)).rejects.toMatchObject({ code: 'refuted' });
    }
  });

  it('refuses reports that were tampered with, or come from another verifier than drawn', async () => {
    const { own, peer, request } = await propose();
    const position = request.entries.findIndex(({ logEntry }) => parseVerdictEntry(logEntry).verdict === 'accept');
    const evidence = parseEvidence(request.entries[position]!.evidence);
    if (evidence.kind !== 'audit') throw new Error('not an audit');
    const [attempt] = evidence.attempts as [Attempt];
    const opened = attempt.opened as NonNullable<Attempt['opened']>;
    const committed = attempt.committed as NonNullable<Attempt['committed']>;
    const credential = attempt.credential as NonNullable<Attempt['credential']>;
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
      { ...evidence, lists: [] },
      bend({ sitting: 1 }),
      bend({ credential: undefined }),
      bend({ credential: { ...credential, payeeWord: flip(credential.payeeWord) } }),
      bend({ credential: { ...credential, signature: flip(credential.signature) } }),
      bend({ credential: { ...credential, verifierEndorsement: undefined } }),
      // Announced, and signed for, before the order was given.
      bend({ credential: announceBefore(credential) }),
      // In another class than the verifier has signed that it computes in.
      bend({ credential: endorseClass(credential, 'y') }),
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

  it('refuses a report that is put down to a payee who never signed for its key', async () => {
    const { own, peer, request } = await propose();
    const position = request.entries.findIndex(({ logEntry }) => parseVerdictEntry(logEntry).verdict === 'accept');
    const evidence = parseEvidence(request.entries[position]!.evidence);
    if (evidence.kind !== 'audit') throw new Error(evidence.kind);
    const lists = evidence.lists.map((list) =>
      list.map((candidate) => ({ ...candidate, payee: stranger, operator: crypto.sha256(stranger) })),
    );
    const bytes = encodeEvidence({ ...evidence, lists });
    const message = await rebuild(
      own,
      create(CosignBatchRequestSchema, structuredClone(request)),
      (entry) => ({
        ...on('accept', { evidenceHash: crypto.sha256(bytes) })(entry),
        verifiers: entry.verifiers.map((mark) => ({ ...mark, payee: stranger })),
      }),
      (same) => same,
    );
    message.entries[position]!.evidence = bytes;
    await expect(peer.cosigner.cosign(own.signer.address, message)).rejects.toThrow('does not work for');
  });

  it.each<[string, (settlement: Settlement) => Settlement]>([
    ['pays a line to another', (s) => ({ ...s, lines: s.lines.map((line) => ({ ...line, payee: stranger })) })],
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
    const { own, peer, bent } = await propose();
    const message = await bent((entry) => entry, undefined, bend);
    await expect(peer.cosigner.cosign(own.signer.address, message)).rejects.toThrow();
    expect(peer.store.prepare('SELECT count(*) AS n FROM cosigned').get()?.n).toBe(0);
  });

  it('lets no reply settle twice: not in one batch, not in a later one, not by another validator', async () => {
    const { own, peer, other, request, chain } = await propose();
    const twice = create(CosignBatchRequestSchema, structuredClone(request));
    twice.entries.push(structuredClone(twice.entries[0]!));
    let index = 0n;
    const doubled = await rebuild(
      own,
      twice,
      (entry) => ({ ...entry, index: index++ }),
      (same) => same,
    );
    await expect(peer.cosigner.cosign(own.signer.address, doubled)).rejects.toThrow('occurs twice');

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
        entries: [{ bytes, entry: parseVerdictEntry(bytes) }],
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

  it('says so when it cannot check now', async () => {
    const { own, peer, request, chain } = await propose();
    chain.isDown = true;
    await expect(peer.cosigner.cosign(own.signer.address, request)).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    });
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
