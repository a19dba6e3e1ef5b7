import { LinkError } from '@ogong/host/link/link-error';
import { createScoreJob } from '@ogong/host/link/verifier-call';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { proveVrf } from '@ogong/protocol/crypto/vrf';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { NO_DRAW } from '@ogong/protocol/modality/modality';
import { parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { listDigests } from '@ogong/protocol/verdict/attempt-review';
import {
  type Attempt,
  type AuditEvidence,
  type EvidenceCandidate,
  encodeEvidence,
  type HoneypotEvidence,
  type OpenedReport,
  parseEvidence,
} from '@ogong/protocol/verdict/evidence';
import { computeHoneypotInput } from '@ogong/protocol/verdict/honeypot/honeypot-draw';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import { createPayeeStatements } from '@ogong/protocol/verdict/payee-statements';
import { computeJobId } from '@ogong/protocol/verdict/verifier-draw';
import { verifyVerdict } from '@ogong/protocol/verdict/verify-verdict';
import { ledger, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly, createTestCalls } from '@ogong/testing/validator/test-calls';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid, seedOf } from '@ogong/testing/validator/test-keys';
import { type Message, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { beforeAll, describe, expect, it } from 'vitest';
import { findCredential } from '../../store/announcement-store.ts';
import { checkEntry } from './entry-check.ts';

const ALWAYS = 1_000_000;
const NAMES = ['v1', 'v2', 'v3', 'v4'];
const nameOf = (id: Uint8Array): string | undefined =>
  NAMES.find((name) => equalBytes(id, hashHybridKey(crypto, createTestHybrid(name).publicKey)));

/** One audited reply with its honeypot, as a co-signer gets it. @param ppm how many honeypots the co-signer pays for. */
async function createTrapped(ppm = ALWAYS, sees: Parameters<typeof answerHonestly>[1] = {}) {
  const four = await createFour((index) => ({
    audit: { pairPpm: ALWAYS, honeypotPpm: index === 0 ? ALWAYS : ppm },
    verifiers: (peer, job) => answerHonestly(four.own.served, sees)(peer, job),
  }));
  const { own, peers } = four;
  for (const name of ['v2', 'v3', 'v4']) await own.announceVerifier(name);
  await own.deliver(0);
  await four.certifyAll();
  await own.runAudits();
  const request = await proposeUnheard(four);
  const cosign = (message: Message, by = 0) =>
    (peers[by] as TestValidator).cosigner.cosign(own.signer.address, message);
  const beacon = own.archive.find(own.decided[0]?.beaconEpoch as bigint)?.value as Uint8Array;
  return { own, peers, request, cosign, beacon, certifyAll: four.certifyAll };
}

let world: Awaited<ReturnType<typeof createTrapped>>;
beforeAll(async () => {
  world = await createTrapped();
});

const readEvidence = ({ request }: Pick<typeof world, 'request'>) =>
  parseEvidence(request.entries[0]?.evidence as Uint8Array) as AuditEvidence & { readonly honeypot: HoneypotEvidence };

/** The same batch with other evidence, and an entry that follows from it as its validator says. */
async function bend(
  change: (evidence: ReturnType<typeof readEvidence>) => AuditEvidence,
  changeEntry: (entry: VerdictEntry) => VerdictEntry = (entry) => entry,
  of: Pick<typeof world, 'own' | 'request'> = world,
) {
  const { own, request } = of;
  const evidence = encodeEvidence(change(readEvidence(of)));
  const bent = await rebuild(
    own,
    structuredClone(request),
    (entry) => changeEntry({ ...entry, evidenceHash: crypto.sha256(evidence) }),
    (same) => same,
  );
  (bent.entries[0] as Message['entries'][number]).evidence = evidence;
  return bent;
}

const withHoneypot = (change: Partial<HoneypotEvidence>) => (evidence: ReturnType<typeof readEvidence>) => ({
  ...evidence,
  honeypot: { ...evidence.honeypot, ...change },
});

describe('a honeypot in the log', () => {
  it('is signed: its verifier stands in the entry beside the pair, with its tokens, and is tallied', async () => {
    const { own, cosign, request } = world;
    const { attempts, honeypot } = readEvidence(world);
    const [entry] = own.decided as [VerdictEntry];
    expect(entry.verifiers.map(({ outcome }) => outcome)).toEqual(['credited', 'credited', 'credited']);
    expect(attempts).toHaveLength(2);
    expect(entry.verifiers.at(-1)?.verifierId).toEqual(honeypot.verifierId);
    const [first, , last] = entry.verifiers;
    expect(last).toMatchObject({ tokens: first?.outcome === 'credited' ? first.tokens : -1 });
    expect((await cosign(request, 1)).signature.length).toBe(65);
  });

  it('is refused if the beacon draws none for this audit', async () => {
    const { cosign, request } = await createTrapped(0);
    await expect(cosign(request)).rejects.toThrow('the beacon draws no honeypot for this audit');
  });

  it('is refused if it went to somebody else', async () => {
    const [one] = readEvidence(world).attempts;
    const bent = await bend(withHoneypot({ verifierId: one?.verifierId as Uint8Array }));
    await expect(world.cosign(bent)).rejects.toThrow('a verifier that the beacon did not draw');
  });

  it('is refused with an answer to another report', async () => {
    const { attempts, honeypot } = readEvidence(world);
    const report = attempts[0]?.opened?.report as Uint8Array;
    const opened = { ...(honeypot.opened as OpenedReport), report };
    await expect(world.cosign(await bend(withHoneypot({ opened })))).rejects.toThrow('the honeypot: ');
  });

  it('is refused with a nonce that its validator has chosen', async () => {
    const draw = { beacon: world.beacon, replyId: world.own.decided[0]?.replyId as Uint8Array };
    const forge = (seed: Uint8Array) => proveVrf(seed, computeHoneypotInput(crypto, draw));
    const { honeypot } = readEvidence(world);
    expect(forge(seedOf('validator 0 vrf'))).toEqual(honeypot.proof);
    const flipped = honeypot.proof.map((byte, i) => (i === 79 ? byte ^ 1 : byte));
    for (const proof of [forge(seedOf('ground')), forge(seedOf('validator 1 vrf')), flipped, new Uint8Array(80)]) {
      const bent = await bend(withHoneypot({ proof }));
      await expect(world.cosign(bent)).rejects.toThrow('not what its validator');
    }
  });

  it('is refused without a statement of its result', async () => {
    const drop = ({ honeypot: _, ...evidence }: ReturnType<typeof readEvidence>) => evidence as never;
    const bent = await bend(drop, (entry) => ({ ...entry, verifiers: entry.verifiers.slice(0, -1) }));
    await expect(world.cosign(bent)).rejects.toThrow('nothing is said of the honeypot that the beacon draws');
  });

  it('is followed by a reader of the public bytes, which reports the checks that it skipped', async () => {
    const { own, request } = world;
    const [{ logEntry, evidence, record: claimed }] = request.entries as [Message['entries'][number]];
    const { order, record } = claimed as NonNullable<typeof claimed>;
    const submission = claimed as never;
    const verdict = { logEntry, order, record, evidence, submission } as Parameters<typeof verifyVerdict>[1];
    const { findVrfKey } = own.cosigning;
    const trust: Parameters<typeof verifyVerdict>[2] = {
      ...{ ledger, validator: own.signer.address, allowFixedVerifier: false, nowMs: own.clock.nowMs() },
      ...{ checkWord: createPayeeStatements(crypto, ledger), honeypotPpm: ALWAYS, findPolicy: () => undefined },
      findBeacon: async (epoch) => own.archive.find(epoch) as NonNullable<ReturnType<typeof own.archive.find>>,
    };
    const told = await verifyVerdict(crypto, verdict, trust);
    expect(told).toMatchObject({ ok: true, checks: [{ id: 'verdict' }, { id: 'honeypot', status: 'skip' }] });
    const checked = await verifyVerdict(crypto, verdict, {
      ...trust,
      findVrfKey: async (epoch) => (await findVrfKey(epoch, own.signer.address))?.vrfKey,
    });
    expect(checked).toMatchObject({ ok: true, checks: [{ id: 'verdict', status: 'pass' }] });
    expect(checked.checks).toHaveLength(1);
    const silent = await bend(
      ({ honeypot: _, ...rest }) => rest,
      (entry) => ({ ...entry, verifiers: entry.verifiers.slice(0, -1) }),
    );
    const [cut] = silent.entries as [Message['entries'][number]];
    const untold = { ...verdict, logEntry: cut.logEntry, evidence: cut.evidence };
    expect(await verifyVerdict(crypto, untold, trust)).toMatchObject({
      ok: true,
      checks: [
        { id: 'verdict' },
        { id: 'honeypot', status: 'skip', detail: expect.stringContaining('nothing is said') },
      ],
    });
  });

  it('is refused of who was no validator of the epoch whose beacon draws it, and not missed there', async () => {
    const { own, peers, request } = world;
    const peer = peers[2] as TestValidator;
    const cosign = (message: Message) => peer.cosigner.cosign(own.signer.address, message);
    Object.assign(peer.cosigning, { findVrfKey: async () => undefined });
    await expect(cosign(request)).rejects.toMatchObject({ code: 'unavailable' });
    const drop = ({ honeypot: _, ...evidence }: ReturnType<typeof readEvidence>) => evidence as never;
    const without = await bend(drop, (entry) => ({ ...entry, verifiers: entry.verifiers.slice(0, -1) }));
    await expect(cosign(without)).rejects.toMatchObject({ code: 'unavailable' });
    Object.assign(peer.cosigning, { findVrfKey: async () => ({ vrfKey: undefined }) });
    await expect(cosign(request)).rejects.toThrow('its validator was none of the epoch');
    expect((await cosign(without)).signature.length).toBe(65);
  });

  it('is refused if nobody has said who is liable for the report', async () => {
    const bent = await bend(withHoneypot({ credential: undefined }));
    await expect(world.cosign(bent)).rejects.toThrow('listed under a payee that it does not work for');
  });

  it('is refused if the entry says something else of its verifier', async () => {
    const bendMark = (outcome: 'none' | 'refuted' | 'more') => (entry: VerdictEntry) => {
      const last = entry.verifiers.at(-1) as VerdictEntry['verifiers'][number];
      const { verifierId, payee } = last;
      const others = entry.verifiers.slice(0, -1);
      if (outcome === 'none') return { ...entry, verifiers: others };
      const mark =
        outcome === 'refuted'
          ? ({ verifierId, payee, outcome } as const)
          : ({ verifierId, payee, outcome: 'credited', tokens: 4_000_000 } as const);
      return { ...entry, verifiers: [...others, mark] };
    };
    for (const outcome of ['none', 'refuted', 'more'] as const) {
      const bent = await bend((same) => same, bendMark(outcome));
      await expect(world.cosign(bent)).rejects.toThrow('says something else of its verifiers than the evidence');
    }
  });

  it('is no evidence if no two have seen the same, so that nobody knows its answer', async () => {
    const other = await createTrapped(ALWAYS, { exact: false, numericClass: 'other' });
    expect(readEvidence(other).honeypot).toBeUndefined();
    // Nor is it asked for then who the validators were.
    for (const { cosigning } of other.peers.slice(1)) Object.assign(cosigning, { findVrfKey: async () => undefined });
    expect((await other.cosign(other.request, 1)).signature.length).toBe(65);
    const { honeypot } = readEvidence(world);
    const bent = await bend((evidence) => ({ ...evidence, honeypot }), undefined, other);
    await expect(other.cosign(bent)).rejects.toThrow('a honeypot whose answer nobody knows');
  });
});

/** Another honest verifier's report, requested by any party: signed and opened as any. */
async function askFurther(
  evidence: AuditEvidence,
  verifierId: Uint8Array,
  place: { readonly sitting: number; readonly round: number },
): Promise<AuditEvidence> {
  const { own } = world;
  const [served] = [...own.served.values()] as [TestReply];
  const { record, request } = served.reply;
  const { endpoint } = served.submission;
  const attempt = evidence.attempts.length;
  const nonce = crypto.sha256(Uint8Array.of(attempt)).slice(0, 16);
  const jobId = computeJobId(crypto, { validator: own.signer.address, replyId: record.replyId, attempt, nonce });
  const opened = openReply(crypto, record, evidence.opening) as OpenedReply;
  const job = createScoreJob({ jobId, request, timeoutMs: 1_000 }, opened.reply.describeJob(endpoint, NO_DRAW));
  const calls = createTestCalls(answerHonestly(own.served));
  const peer = { endpoint: `${nameOf(verifierId)}:1`, certHash: new Uint8Array(32) } as never;
  const call = { timeoutMs: 1_000, signal: new AbortController().signal };
  const committed = await calls.commit(peer, job, call);
  const asked = { ...place, verifierId, nonce, committed };
  const attempts = [...evidence.attempts, { ...asked, opened: undefined }];
  const round = listDigests(crypto, attempts, place.round);
  const answer = await calls.reveal(peer, { jobId, round } as never, call);
  await calls.close();
  const listed = evidence.lists[0]?.find(({ providerId }) => equalBytes(providerId, verifierId)) as EvidenceCandidate;
  const credential = findCredential(own.store, listed, record.modelRoot);
  return { ...evidence, attempts: [...evidence.attempts, { ...asked, opened: answer, credential } as Attempt] };
}

describe('a validator that has seen its friend fail', () => {
  const dropped = ({ honeypot: _, ...evidence }: ReturnType<typeof readEvidence>): AuditEvidence => evidence;
  /** The entry as it would follow, with everybody who was asked credited. */
  const credited = (evidence: AuditEvidence) => (entry: VerdictEntry) => {
    const [first] = entry.verifiers as [VerdictEntry['verifiers'][number]];
    const tokens = first.outcome === 'credited' ? first.tokens : 0;
    const verifiers = evidence.attempts.map(({ verifierId }) => {
      const listed = evidence.lists[0]?.find((one) => equalBytes(one.providerId, verifierId));
      const { payee } = listed as EvidenceCandidate;
      return { verifierId, payee, outcome: 'credited', tokens } as const;
    });
    return { ...entry, verifiers };
  };
  const others = (): Uint8Array[] => {
    const { lists, attempts, honeypot } = readEvidence(world);
    const ids = (lists[0] ?? []).map(({ providerId }) => providerId);
    const isPair = (id: Uint8Array) => attempts.some(({ verifierId }) => equalBytes(verifierId, id));
    const rest = ids.filter((id) => !isPair(id) && !equalBytes(id, honeypot.verifierId));
    return [...rest, honeypot.verifierId];
  };

  it('cannot hold another audit attempt, with a verifier or without', async () => {
    const base = dropped(readEvidence(world));
    const lists = [...base.lists, base.lists[0] as AuditEvidence['lists'][number]];
    await world.certifyAll();
    await world.certifyAll();
    for (const id of others()) {
      const more = await askFurther({ ...base, lists }, id, { sitting: 1, round: 1 });
      const bent = await bend(() => more, credited(more));
      await expect(world.cosign(bent)).rejects.toThrow('audit attempt 1 was made, and nothing was left open');
    }
    const empty = { ...base, lists: [...base.lists, []] };
    const bent = await bend(() => empty, credited(empty));
    await expect(world.cosign(bent)).rejects.toThrow('audit attempt 1 was made, and nothing was left open');
  });

  it('cannot ask on until nobody is left but that friend', async () => {
    let more = dropped(readEvidence(world));
    for (const [i, id] of others().entries()) more = await askFurther(more, id, { sitting: 0, round: 1 + i });
    expect(more.attempts).toHaveLength(4);
    const bent = await bend(() => more, credited(more));
    await expect(world.cosign(bent)).rejects.toThrow('attempt 2 was asked, and the reports before it had decided');
  });

  it('is paid nothing for the reply if it waits for a day instead, as if it had never logged it', async () => {
    const evidence = dropped(readEvidence(world));
    const unpaid = (timeMs: number) => (entry: VerdictEntry) => ({
      ...credited(evidence)(entry),
      ...{
        verdict: 'unjudged' as const,
        evidence: 'none' as const,
        feeAtomic: 0n,
        step: 'none' as const,
        eValuePpm: 0,
        timeMs,
      },
    });
    const [served] = [...world.own.served.values()] as [TestReply];
    const keptUntilMs = Number(parseOrder(served.submission.order.order).expiresAtMs) + OPENING_KEPT_MS;
    const nowMs = world.own.clock.nowMs();
    const early = await bend(() => evidence, unpaid(nowMs));
    await expect(world.cosign(early)).rejects.toThrow('nothing is said of the honeypot that the beacon draws');
    const peer = world.peers[0] as TestValidator;
    const at = (timeMs: number) => ({ ...peer.cosigning, clock: { nowMs: () => timeMs } });
    const check = async (change: (entry: VerdictEntry) => VerdictEntry) => {
      const { entries } = await bend(() => evidence, change);
      const [entry] = entries as [Message['entries'][number]];
      return checkEntry(
        at(keptUntilMs + 1) as never,
        world.own.signer.address,
        parseVerdictEntry(entry.logEntry),
        entry,
      );
    };
    await check(unpaid(keptUntilMs + 1));
    await expect(check((entry) => ({ ...credited(evidence)(entry), timeMs: keptUntilMs + 1 }))).rejects.toThrow(
      'the evidence says unjudged, not accept',
    );
  });
});

/** One audited reply whose honeypot goes to a verifier that answers nobody but those whose indices are given. */
async function createSilent(reachedBy: readonly number[], opensTo: readonly number[] = [0, 1, 2, 3]) {
  const served = new Map<string, TestReply>();
  const honest = createTestCalls(answerHonestly(served));
  const asked = new Set<string>();
  const four: Awaited<ReturnType<typeof createFour>> = await createFour((index) => {
    /** The pair is asked first, and answers. */
    const isTrapped = (peer: { readonly endpoint: unknown }): boolean => {
      const name = String(peer.endpoint);
      const [row] = four.own.store.prepare('SELECT verifier_id FROM honeypots').all();
      return row !== undefined && nameOf(row.verifier_id as Uint8Array) === name.replace(/:1$/, '');
    };
    const unreached = (): never => {
      throw new LinkError('unreachable', 'no answer');
    };
    return {
      audit: { pairPpm: ALWAYS, honeypotPpm: ALWAYS },
      calls: {
        async commit(peer, job, call) {
          asked.add(`${index} ${String(peer.endpoint)}`);
          return isTrapped(peer) && !reachedBy.includes(index) ? unreached() : honest.commit(peer, job, call);
        },
        async reveal(peer, job, call) {
          if (!isTrapped(peer) || opensTo.includes(index)) return honest.reveal(peer, job, call);
          four.clock.advance(call.timeoutMs);
          return unreached();
        },
      },
    };
  });
  for (const name of NAMES.slice(1)) await four.own.announceVerifier(name);
  for (const each of four.peers) for (const name of NAMES) await each.announceVerifier(name);
  const reply = await four.own.deliver(0);
  served.set(toHex(reply.reply.record.replyId), reply);
  await four.certifyAll();
  await four.own.runAudits();
  await four.own.runContests();
  const cosign = (message: Message) =>
    (four.peers[0] as TestValidator).cosigner.cosign(four.own.signer.address, message);
  return { ...four, cosign, asked };
}

describe('a honeypot that its verifier does not answer', () => {
  it('is answered if a witness receives an answer, as any job is', async () => {
    const four = await createSilent([1, 2, 3]);
    expect(four.own.decided).toMatchObject([{ verdict: 'accept', verifiers: Array(3).fill({ outcome: 'credited' }) }]);
    expect((await four.cosign(await proposeUnheard(four))).signature.length).toBe(65);
  });

  it('is in the entry as its silence, by the statements of witnesses', async () => {
    const four = await createSilent([]);
    const outcomes = ['credited', 'credited', 'silent'].map((outcome) => ({ outcome }));
    expect(four.own.decided).toMatchObject([{ verdict: 'accept', verifiers: outcomes }]);
    const request = await proposeUnheard(four);
    const { honeypot } = readEvidence({ request });
    expect(honeypot.statements?.length).toBeGreaterThanOrEqual(2);
    expect(four.own.store.prepare('SELECT outcome FROM honeypots').all()).toEqual([{ outcome: 'silent' }]);
    expect((await four.cosign(request)).signature.length).toBe(65);
  });

  it('is silence about the report if it opens to nobody', async () => {
    const four = await createSilent([0, 1, 2, 3], []);
    const [entry] = four.own.decided as [VerdictEntry];
    expect(entry.verifiers.map(({ outcome }) => outcome)).toEqual(['credited', 'credited', 'silent']);
    const request = await proposeUnheard(four);
    expect(readEvidence({ request }).honeypot.committed).toBeDefined();
    expect((await four.cosign(request)).signature.length).toBe(65);
  });

  it('is no silence by the claim of its validator alone, nor if a witness received an answer', async () => {
    const four = await createSilent([]);
    const request = await proposeUnheard(four);
    const unmarked = (entry: VerdictEntry) => ({ ...entry, verifiers: entry.verifiers.slice(0, -1) });
    const bent = await bend(withHoneypot({ statements: [] }), unmarked, { ...four, request });
    await expect(four.cosign(bent)).rejects.toThrow('the honeypot: a verifier is said to have been silent');
    (four.peers[0] as TestValidator).store.prepare("UPDATE witnessed SET outcome = 'found'").run();
    await expect(four.cosign(request)).rejects.toThrow('it gave its commitment here');
  });
});
