import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { ScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { listVerifierIds, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { provider } from '@ogong/testing/validator/test-bench';
import { createTestHybrid, createTestPayee } from '@ogong/testing/validator/test-keys';
import { createTestReport, findServed, type ServeInput, type TestReply } from '@ogong/testing/validator/test-reply';
import { readVerifier } from '@ogong/validator/store/verifier-store';
import { type Breaks, openAttacked, openAttackedVerifiers } from './breaks.ts';
import { countTexts } from './define-attack.ts';

/** One announced verifier of the model that the attacker sells. */
export interface PlayedVerifier {
  readonly name: string;
  /**
   * `league` reports what the provider committed, `silent` never answers, `honest` reports what it sees, `framer` rejects whatever it
   * sees, all framers with the same words.
   */
  readonly kind: 'honest' | 'league' | 'silent' | 'framer';
  /** Whole tokens behind its payee. Default: 0. */
  readonly stake?: bigint;
  /** As it announces. Default: 4096. */
  readonly contextSize?: number;
  /** As it announces once an order is admitted. Default: the same. */
  readonly shrinksTo?: number;
  readonly numericClass?: string;
  /** Name of its payee. Default: its own. */
  readonly payee?: string;
  /** The first reply before which it announces itself. Default: 0. */
  readonly from?: number;
}

export interface AuditedNetwork {
  readonly verifiers: readonly PlayedVerifier[];
  readonly replies: number;
  /** How an honest verifier's report on a reply of the attacker differs from what it committed. */
  readonly sees: (reply: TestReply, verifier: PlayedVerifier) => Partial<ScoreReport>;
  readonly bend?: ServeInput['bend'];
  /** Coverage of a reply, by its number, parts per million. Default: the bench's. */
  readonly coveragePpm?: (reply: number) => number;
  /** Address that the provider announces as its own. */
  readonly endpoint?: string | undefined;
  /** The validator's drift policy. Default: fixed limits decide about scores. */
  readonly drift?: DriftPolicy;
}

export interface AuditedOutcome {
  readonly entries: readonly VerdictEntry[];
  /** Names of verifiers that have a mark at the validator. */
  readonly marked: readonly string[];
  /** Names of verifiers that were credited at least once. */
  readonly credited: readonly string[];
}

/** The report of framers on every reply: its prompt has one token. */
const FRAMED: Partial<ScoreReport> = { promptTokenCount: 1, promptTokensHash: new Uint8Array(32).fill(1) };

/** The id of a played verifier. */
export const idOfPlayed = (name: string): Uint8Array => hashHybridKey(crypto, createTestHybrid(name).publicKey);

/** The verdicts of one validator on all replies of a provider that lies. */
export async function auditReplies(
  { verifiers, replies, sees, bend, coveragePpm, endpoint, drift }: AuditedNetwork,
  breaks: Breaks,
): Promise<AuditedOutcome> {
  const served = new Map<string, TestReply>();
  const stakes = new Map(verifiers.map(({ name, stake = 0n }) => [toHex(createTestPayee(name).address), stake]));
  const calls = openAttackedVerifiers(breaks, async (peer, job) => {
    const verifier = verifiers.find(({ name }) => `${name}:1` === String(peer.endpoint));
    const reply = findServed(served.values(), job);
    if (verifier === undefined || reply === undefined || verifier.kind === 'silent') throw new Error('no answer');
    const own = verifier.kind === 'honest' ? sees(reply, verifier) : verifier.kind === 'framer' ? FRAMED : {};
    return { report: createTestReport(reply, job, own), signer: createTestHybrid(verifier.name) };
  });
  const stakeOf = (payee: Uint8Array): bigint => (stakes.get(toHex(payee)) ?? 0n) * 10n ** 18n;
  let number = 0;
  const alpha = coveragePpm && { alphaPpm: () => coveragePpm(number) };
  const validator = openAttacked(breaks, { calls, stakeOf, audit: { honeypotPpm: 0, drift, ...alpha } });
  let sequence = 0n;
  /** Verifiers with another context for a while announce the one before each order, and the other after it. */
  const announceRoom = async (toContext: (verifier: PlayedVerifier) => number): Promise<void> => {
    sequence++;
    for (const verifier of verifiers.filter(({ shrinksTo }) => shrinksTo !== undefined)) {
      const { name, numericClass, payee = name } = verifier;
      const room = { contextSize: toContext(verifier) };
      await validator.announceVerifier(name, numericClass, createTestPayee(payee), room, sequence);
    }
  };
  await validator.announce(provider, endpoint === undefined ? {} : { endpoint });
  for (let i = 0; i < replies; i++) {
    number = i;
    await announceRoom(({ contextSize = 4096 }) => contextSize);
    for (const { name, numericClass, contextSize = 4096, payee = name } of verifiers.filter(
      ({ from = 0, shrinksTo }) => from === i && shrinksTo === undefined,
    )) {
      await validator.announceVerifier(name, numericClass, createTestPayee(payee), { contextSize });
    }
    const reply = await validator.deliver(i, bend ? { bend } : {});
    await announceRoom(({ shrinksTo = 0 }) => shrinksTo);
    served.set(toHex(reply.reply.record.replyId), reply);
    await breaks.take();
    await validator.certify();
    await validator.runAudits();
    await breaks.take();
    await validator.runSittings();
    // Each reply is of a provider that nothing is known of yet.
    validator.store.prepare('UPDATE providers SET ejected = 0').run();
  }
  const named = (isOne: (id: Uint8Array) => boolean): string[] =>
    verifiers.map(({ name }) => name).filter((name) => isOne(idOfPlayed(name)));
  const entries = validator.decided;
  return {
    entries,
    marked: named((id) => readVerifier(validator.store, id).marks > 0),
    credited: named((id) =>
      entries.some((entry) => listVerifierIds(entry, 'credited').some((one) => equalBytes(one, id))),
    ),
  };
}

/** Replies of a course. */
export const REPLIES = 12;

/** Describes the verdicts on forged replies. The attack works if one of them is paid. */
export function describeForged({ entries }: AuditedOutcome, tried: string) {
  const paid = entries.reduce((sum, { feeAtomic }) => sum + feeAtomic, 0n);
  return {
    tried,
    answered: countTexts(
      entries.map(
        ({ verdict, evidence, ejects }) =>
          `${verdict}, ${evidence} evidence${ejects ? ', the provider is ejected' : ''}`,
      ),
    ),
    money: `${paid} atomic units were paid for ${entries.length} forged replies`,
    worked: entries.length !== REPLIES || paid > 0n || entries.some(({ verdict }) => verdict !== 'reject'),
  };
}

/** True if every entry ejects the provider by exact evidence. */
export const isEjectedByAll = ({ entries }: AuditedOutcome): boolean =>
  entries.every(({ evidence, ejects }) => evidence === 'exact' && ejects);

/** Describes the verdicts on honest replies. */
export const describeVerdicts = (entries: readonly VerdictEntry[]): string[] =>
  countTexts(
    entries.map(({ verdict, ejects }) => `${verdict}${ejects ? ', the provider is ejected' : ', nobody is ejected'}`),
  );
