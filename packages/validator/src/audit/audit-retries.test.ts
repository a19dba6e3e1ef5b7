import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { MAX_AUDIT_ATTEMPTS } from '@ogong/protocol/audit/audit-attempt';
import { toHex } from '@ogong/protocol/base/bytes';
import { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { type AuditEvidence, encodeEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import {
  type BenchOptions,
  createTestClock,
  createTestValidator,
  payer,
  provider,
} from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { on, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { createScored, FAR } from '@ogong/testing/validator/test-scores';
import { afterEach, describe, expect, it } from 'vitest';
import { readChannel } from '../store/channel-store.ts';
import { readProvider } from '../store/verdict-store.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** How verifiers behave now; one that is not named is silent. */
type Behaviour = Record<string, Partial<ScoreReport>>;

function createWorld(names: readonly string[]) {
  const served = new Map<string, TestReply>();
  const behaviour: Behaviour = {};
  const asked: string[] = [];
  const calls = createTestCalls(async (peer, job) => {
    const name = String(peer.endpoint).replace(/:1$/, '');
    asked.push(name);
    const how = behaviour[name];
    if (how === undefined) throw new Error('no answer');
    return answerHonestly(served, how)(peer, job);
  });
  const getOpening: BenchOptions['getOpening'] = async (_peer, replyId) =>
    (served.get(toHex(replyId)) as TestReply).reply.openingBytes;
  const options = { calls, getOpening, audit: { pairPpm: 0, honeypotPpm: 0 } };
  return {
    ...{ behaviour, asked, options },
    async open(more: BenchOptions = {}) {
      const validator = createTestValidator({ ...options, ...more });
      await validator.announce(provider);
      for (const name of names) await validator.announceVerifier(name);
      return validator;
    },
    async deliver(validator: ReturnType<typeof createTestValidator>, number: number) {
      const reply = await validator.deliver(number);
      const { replyId } = reply.reply.record;
      served.set(toHex(replyId), reply);
      return replyId;
    },
  };
}

describe('a reply that nobody judged', () => {
  it('waits, survives a restart, and gets its verdict from a verifier of a later draw', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'ogong-sittings-'));
    closing.push(() => rmSync(directory, { recursive: true }));
    const path = join(directory, 'validator.db');
    const { open, deliver, options, behaviour, asked } = createWorld(['v1', 'v2']);
    const clock = createTestClock();
    const first = await open({ path, clock });
    const replyId = await deliver(first, 0);
    await first.certify();
    await first.runAudits();
    expect(first.find(replyId)).toMatchObject({ state: 'waiting', sitting: 1, verdict: undefined });
    expect(first.find(replyId).opening).toBeDefined();
    await first.close();

    // It is still announced, and nothing is due before the beacon of the next audit attempt.
    const second = createTestValidator({ ...options, path, clock });
    closing.push(() => second.close());
    await second.runAudits();
    expect(second.find(replyId).state).toBe('waiting');
    behaviour.v2 = {};
    asked.length = 0;
    await second.certify();
    await second.runAudits();
    expect(asked.at(-1)).toBe('v2');
    expect(second.find(replyId)).toMatchObject({ state: 'decided', verdict: 'accept', opening: undefined });
    expect(second.decided).toMatchObject([{ evidence: 'exact', feeAtomic: 86_000n }]);
    expect(second.store.prepare('SELECT count(*) AS n FROM sittings').get()?.n).toBe(0);
  });

  it('holds up no other reply', async () => {
    const { open, deliver, behaviour } = createWorld(['v1', 'v2']);
    const validator = await open({ audit: { pairPpm: 0, honeypotPpm: 0, concurrency: 1 } });
    closing.push(() => validator.close());
    for (let number = 0; number < 3; number++) await deliver(validator, number);
    await validator.certify();
    for (let i = 0; i < 3; i++) await validator.runAudits();
    Object.assign(behaviour, { v1: {}, v2: {} });
    const replyId = await deliver(validator, 3);
    // Its epoch is the first that lets one of the others go on, too: each kind has a place of its own.
    await validator.certify();
    await validator.runAudits();
    expect(validator.find(replyId).verdict).toBe('accept');
    for (let i = 0; i < 3; i++) await validator.runAudits();
    expect(validator.decided.map(({ verdict }) => verdict)).toEqual(Array(4).fill('accept'));
  });

  it('counts among the orders of its payer that are open', async () => {
    const { open, deliver } = createWorld(['v1']);
    const validator = await open({ maxOpenOrders: 2 });
    closing.push(() => validator.close());
    for (let number = 0; number < 2; number++) await deliver(validator, number);
    await validator.certify();
    await validator.runAudits();
    await expect(validator.intake.admit(validator.order(2))).rejects.toThrow('too-many-open');
    await validator.runSittings();
    await validator.intake.admit(validator.order(2));
  });

  it('still can be convicted by its payer', async () => {
    const { open, deliver } = createWorld(['v1']);
    const validator = await open();
    closing.push(() => validator.close());
    const order = validator.order(0);
    const second = validator.serve(order, { text: 'another story' });
    const replyId = await deliver(validator, 0);
    await validator.certify();
    await validator.runAudits();
    expect(validator.find(replyId).state).toBe('waiting');
    const { reply, submission } = second;
    const proof = { reason: 'two records', opening: reply.openingBytes, record: submission.record };
    expect(await validator.complain({ order, ...proof })).toMatchObject({ outcome: 'upheld' });
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n }]);
    await validator.runSittings();
    expect(validator.decided).toHaveLength(1);
  });

  it('ends unpaid after its last audit attempt, without harm to anybody else', async () => {
    const { open, deliver } = createWorld(['v1', 'v2']);
    const validator = await open();
    closing.push(() => validator.close());
    const replyId = await deliver(validator, 0);
    await validator.certify();
    await validator.runSittings();
    expect(validator.decided).toMatchObject([{ verdict: 'unjudged', evidence: 'none', feeAtomic: 0n, ejects: false }]);
    expect(readChannel(validator.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n });
    expect(readProvider(validator.store, validator.decided[0]!.providerId)).toMatchObject({
      rejects: 0,
      ejected: false,
    });
    const { lists } = parseEvidence(validator.find(replyId).evidence as Uint8Array) as AuditEvidence;
    expect(lists.map((list) => list.length)).toEqual(Array(MAX_AUDIT_ATTEMPTS).fill(2));
  });
});

describe('one reject with nobody to confirm it', () => {
  it.each([
    ['accepts', {}, 'unjudged', 0n],
    ['rejects too', FAR, 'reject', 0n],
  ] as const)('waits for another verifier, whose report counts: it %s', async (_what, answer, verdict, feeAtomic) => {
    const { open, deliver, behaviour } = createWorld(['v1', 'v2']);
    const validator = await open();
    closing.push(() => validator.close());
    behaviour.v1 = FAR;
    const replyId = await deliver(validator, 0);
    await validator.certify();
    await validator.runAudits();
    expect(validator.find(replyId).state).toBe('waiting');
    behaviour.v2 = answer;
    await validator.runSittings();
    expect(validator.decided).toMatchObject([{ verdict, feeAtomic }]);
  });

  it('stands if nobody else verifies the model', async () => {
    const { open, deliver, behaviour } = createWorld(['v1']);
    const validator = await open();
    closing.push(() => validator.close());
    behaviour.v1 = FAR;
    await deliver(validator, 0);
    await validator.certify();
    await validator.runSittings();
    expect(validator.decided).toMatchObject([{ verdict: 'reject', evidence: 'statistical', feeAtomic: 0n }]);
  });
});

/** Entry that a handling validator proposes for a reply without a verdict. */
async function proposeUnjudged(): Promise<Four> {
  // Witnesses ask often, so that each audit attempt has time for both verifiers.
  const audit = { graceMs: 12_000 };
  const four = await createFour({ verifiers: () => Promise.reject(new Error('no answer')), audit });
  await four.own.announceVerifier('v2');
  await four.own.deliver(0);
  await four.certifyAll();
  await four.own.runSittings();
  for (const peer of four.peers) await peer.certifyUpTo(four.own.archive.latest().epoch);
  return four;
}

type Candidates = AuditEvidence['lists'][number];
/** Changes the list of the first audit attempt. */
const bendList =
  (change: (list: Candidates) => Candidates) =>
  ({ lists, ...rest }: AuditEvidence): AuditEvidence => ({
    ...rest,
    lists: lists.map((list, i) => (i === 0 ? change(list) : list)),
  });

/** Three verifiers reject a reply by scores, the third in a later audit attempt. */
async function proposeScored(): Promise<Four> {
  const four = await createScored();
  await four.reject(1);
  return four;
}

/** A validator lists two friends alone, who reject by scores. */
async function proposeFriends(): Promise<Four> {
  const served: Four['own']['served'] = new Map();
  const four = await createFour({ verifiers: (peer, job) => answerHonestly(served, FAR)(peer, job) });
  await four.own.announceVerifier('v2');
  const reply = await four.own.deliver(0);
  served.set(toHex(reply.reply.record.replyId), reply);
  await four.certifyAll();
  await four.own.runSittings();
  return four;
}

describe('a co-signer', () => {
  const bend = async (
    four: Four,
    change: (evidence: AuditEvidence) => AuditEvidence,
    entry: Parameters<typeof on>[1] = {},
    verdict: Parameters<typeof on>[0] = 'unjudged',
  ) => {
    const sent = await proposeUnheard(four);
    const evidence = encodeEvidence(change(parseEvidence(sent.entries[0]!.evidence) as AuditEvidence));
    const rebuilt = await rebuild(
      four.own,
      create(CosignBatchRequestSchema, structuredClone(sent)),
      on(verdict, { ...entry, evidenceHash: crypto.sha256(evidence) }),
      (same) => same,
    );
    rebuilt.entries[0]!.evidence = evidence;
    const [peer] = four.peers;
    return peer!.cosigner.cosign(four.own.signer.address, rebuilt);
  };
  const bendEvidence = (four: Four, change: (evidence: AuditEvidence) => AuditEvidence) => bend(four, change);
  let unjudged: Promise<Four> | undefined;
  /** Of one reply, for all that is refused: a refusal changes nothing. */
  const proposeUnjudgedOnce = (): Promise<Four> => (unjudged ??= proposeUnjudged());
  const same = (evidence: AuditEvidence): AuditEvidence => evidence;
  const firstSitting = ({ lists, attempts, ...rest }: AuditEvidence): AuditEvidence => ({
    ...rest,
    lists: lists.slice(0, 1),
    attempts: attempts.filter(({ sitting }) => sitting === 0),
  });

  it('signs a reject by scores that somebody outside the draw repeated, with its step', async () => {
    const four = await proposeScored();
    expect(four.own.decided).toMatchObject([{ verdict: 'reject', step: 'reply', eValuePpm: 45_000_000 }]);
    await expect(bend(four, same, {}, 'reject')).resolves.toBeDefined();
  });

  it('refuses one that did not wait for the third, with a step or without', async () => {
    const four = await proposeScored();
    const verifiers = four.own.decided[0]!.verifiers.slice(0, 2);
    const early = { verifiers, step: 'none', eValuePpm: 0 } as const;
    await expect(bend(four, firstSitting, early, 'reject')).rejects.toThrow('it still has to wait');
  });

  it('refuses a step, and an ejection, by two friends that stand alone in a list', async () => {
    const four = await proposeFriends();
    expect(four.own.decided).toMatchObject([{ verdict: 'reject', step: 'none', eValuePpm: 0, ejects: false }]);
    const step = { step: 'reply', eValuePpm: 45_000_000 } as const;
    await expect(bend(four, same, step, 'reject')).rejects.toThrow('its step is none with 0 ppm');
    const out = await proposeFriends();
    await expect(bend(out, same, { ejects: true }, 'reject')).rejects.toThrow('nobody outside the draw has repeated');
  });

  it('signs that a reply has no verdict if every audit attempt drew the verifiers of its beacon', async () => {
    await expect(bendEvidence(await proposeUnjudged(), (same) => same)).resolves.toBeDefined();
  });

  it.each<[string, (evidence: AuditEvidence) => AuditEvidence, string]>([
    [
      'a sitting is missing',
      ({ lists, attempts, ...rest }) => ({
        ...rest,
        lists: lists.slice(0, -1),
        attempts: attempts.filter(({ sitting }) => sitting < MAX_AUDIT_ATTEMPTS - 1),
      }),
      'it still has to wait',
    ],
    [
      'a sitting with candidates asked nobody',
      ({ attempts, ...rest }) => ({
        ...rest,
        attempts: attempts.filter(({ sitting }) => sitting < MAX_AUDIT_ATTEMPTS - 1),
      }),
      'no verifier was asked in audit attempt 7',
    ],
    [
      'an attempt is moved to another sitting',
      ({ attempts, ...rest }) => ({
        ...rest,
        attempts: attempts.map((attempt, i) => (i === 1 ? { ...attempt, sitting: 1 } : attempt)),
      }),
      'did not draw',
    ],
    [
      'a round asks more than those who were silent before it',
      ({ attempts, ...rest }) => ({
        ...rest,
        attempts: attempts.map((attempt, i) => (i === 3 ? { ...attempt, round: attempts[2]!.round } : attempt)),
      }),
      'attempt 3 has no place in round 2',
    ],
    [
      'a verifier is asked out of turn',
      ({ attempts, ...rest }) => ({
        ...rest,
        attempts: attempts.map((attempt, i) => ({
          ...attempt,
          verifierId: attempts[i % 2 === 0 ? i + 1 : i - 1]!.verifierId,
        })),
      }),
      'did not draw',
    ],
    [
      'a candidate is put down to an operator that is made up',
      bendList(([first, ...rest]) => [{ ...first!, operator: new Uint8Array(32) }, ...rest]),
      'another operator than its payee',
    ],
    [
      'one key of a payee has better chances than the other',
      bendList(([first, second]) => {
        const { payee, operator } = first!;
        return [first!, { ...second!, payee, operator, weight: first!.weight + 1n }];
      }),
      'two keys of one payee have other chances',
    ],
    ['candidates are out of order', bendList((list) => list.toReversed()), 'out of order'],
    [
      'a key is listed twice',
      bendList(([first, second]) => [first!, { ...second!, keyHash: first!.keyHash }]),
      'a key is listed twice',
    ],
    [
      'a verifier is listed with another class',
      bendList((list) => list.map((one) => ({ ...one, numericClass: 'y' }))),
      'another class or room than it has announced',
    ],
    [
      'a verifier is listed with other room',
      bendList((list) => list.map((one) => ({ ...one, contextSize: one.contextSize + 1 }))),
      'another class or room than it has announced',
    ],
  ])('refuses it if %s', async (_what, change, problem) => {
    await expect(bendEvidence(await proposeUnjudgedOnce(), change)).rejects.toThrow(problem);
  });
});
