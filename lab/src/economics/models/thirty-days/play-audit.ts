import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { AuditDraw } from '@ogong/protocol/audit/audit';
import {
  computeAttemptEpoch,
  computeMostAsked,
  MAX_AUDIT_ATTEMPTS,
  MAX_REPORTS,
} from '@ogong/protocol/audit/audit-attempt';
import type { CountedEntry } from '@ogong/protocol/settlement/log-tests';
import type { AttemptReview } from '@ogong/protocol/verdict/attempt-review';
import { conclude } from '@ogong/protocol/verdict/audit-attempts-check';
import type { EvidenceCandidate } from '@ogong/protocol/verdict/evidence';
import { judge } from '@ogong/protocol/verdict/judge';
import type { Judgement } from '@ogong/protocol/verdict/judgement';
import { computeStep } from '@ogong/protocol/verdict/log-step';
import type { WeighedReport } from '@ogong/protocol/verdict/report-check';
import { combineEvidence, combineReports, countReports } from '@ogong/protocol/verdict/report-combination';
import { computeRoundSize, countAttempt, type DrawContext, drawNext } from '@ogong/protocol/verdict/verifier-draw';
import { type ReplyKind, reportAsFriend, reportHonestly } from './reports.ts';

/** A verifier of the played network. */
export interface NetworkVerifier {
  readonly candidate: EvidenceCandidate;
  readonly isFriend: boolean;
  readonly isInClass: boolean;
}

/** The verifiers of a network, and the share of requests that an honest one does not answer. */
export interface NetworkVerifiers {
  readonly all: readonly NetworkVerifier[];
  readonly silence: number;
}

export const FORGER = { providerId: new Uint8Array(32).fill(0xfe), payee: new Uint8Array(20).fill(0xfe) };
export const MODEL_ROOT = new Uint8Array(32).fill(1);
/** Exact by its name, so that equality decides where a verifier runs it. */
const NUMERIC_CLASS = 'llama/cpu/x86/exact/f16/kv-f16';
const HEADER = {
  ...{ endpoint: 'chat', pictures: [], boundaries: [], payee: FORGER.payee, numericClass: NUMERIC_CLASS },
  ...{ promptTokenCount: 200, outputTokenCount: 300 },
};

/** Result of an audit, as its log entry has it, and the epochs from the deciding one to the entry. */
export interface PlayedAudit extends Pick<CountedEntry, 'verdict' | 'evidence' | 'step' | 'eValuePpm'> {
  readonly delay: number;
  /** Refuted reports of the forger's verifiers. */
  readonly refuted: number;
}

/** Epochs of the time that a provider has for its opening, and verifiers for their reports. An epoch takes a minute. */
const WINDOW = 10;
const ORDER_EPOCH = 0n;
export const DECIDING_STEP = 4;

const drawBytes = (random: () => number, length: number): Uint8Array =>
  Uint8Array.from({ length }, () => Math.floor(256 * random()));

function createContext(
  random: () => number,
): DrawContext & { readonly draw: AuditDraw; readonly laterBeacons: Uint8Array[] } {
  const replyId = drawBytes(random, 16);
  const draw = { replyId, orderEpoch: ORDER_EPOCH, beaconEpoch: BigInt(DECIDING_STEP), beacon: drawBytes(random, 32) };
  const order = { modelRoot: MODEL_ROOT, providerId: FORGER.providerId, replyId };
  const claim = { order, header: HEADER } as unknown as DrawContext['claim'];
  const laterBeacons = Array.from({ length: MAX_AUDIT_ATTEMPTS - 1 }, () => drawBytes(random, 32));
  return { draw, claim, honeypotPpm: 0, laterBeacons };
}

interface PlayedReply {
  readonly kind: ReplyKind;
  /** The forger opens the reply only if the beacon draws its own verifiers, all of them. */
  readonly isShy: boolean;
}

/** The verdict on an opening that nobody got. */
function withhold(): PlayedAudit {
  const judged = { claim: { header: { tier: 'verified' } } } as Parameters<typeof judge>[1];
  const judgement = judge(crypto, judged, { kind: 'withheld', statements: [] });
  return toOutcome(judgement, { delay: WINDOW, refuted: 0 });
}

const toOutcome = (
  judgement: Pick<Judgement, 'verdict' | 'evidence' | 'eValue' | 'isUnproven' | 'isWithheld'>,
  rest: Pick<PlayedAudit, 'delay' | 'refuted'>,
): PlayedAudit => ({
  ...{ verdict: judgement.verdict, evidence: judgement.evidence },
  ...computeStep(judgement),
  ...rest,
});

/**
 * Plays the audit of one reply: draws, rounds and audit attempts by the functions of the protocol, reports by the played verifiers.
 * The order of steps is that of `runRounds` in the validator.
 */
export function playAudit(
  verifiers: NetworkVerifiers,
  { kind, isShy }: PlayedReply,
  { pairPpm, random }: { readonly pairPpm: number; readonly random: () => number },
): PlayedAudit {
  const context = createContext(random);
  const list = verifiers.all.map(({ candidate }) => candidate);
  const roleOf = new Map(verifiers.all.map((one) => [one.candidate, one]));
  const lists: (readonly EvidenceCandidate[])[] = [];
  const asked: AttemptReview[] = [];
  for (let sitting = 0; sitting < MAX_AUDIT_ATTEMPTS; sitting++) {
    lists.push(list);
    for (;;) {
      const drawn = drawRound(context, { lists, asked }, { sitting, pairPpm });
      const now = asked.filter((one) => one.sitting === sitting);
      const reports = now.filter(({ weighed }) => weighed).length;
      const isLast = drawn.length === 0 || reports + drawn.length > MAX_REPORTS;
      const known = countReports({ lists, asked });
      const isDecided = known.length > 0 && !(!isLast && combineReports(known).wantsAnother);
      if (isLast || (isDecided && (sitting === 0 || reports > 0))) break;
      if (isShy && asked.length === 0 && !drawn.every((one) => roleOf.get(one)?.isFriend)) return withhold();
      const round = (asked.at(-1)?.round ?? -1) + 1;
      for (const candidate of drawn) {
        const weighed = report(roleOf.get(candidate) as NetworkVerifier, kind, { silence: verifiers.silence, random });
        asked.push({ verifierId: candidate.providerId, sitting, round, weighed, candidate, silence: [] });
      }
    }
    if (conclude(crypto, context, { lists, asked }).wants === undefined) break;
  }
  return summarize(context, { lists, asked, isFriend: (one) => roleOf.get(one)?.isFriend === true });
}

type Audit = { readonly lists: (readonly EvidenceCandidate[])[]; readonly asked: readonly AttemptReview[] };

/** Draws the verifiers of the next round, as the validator does. */
function drawRound(
  context: ReturnType<typeof createContext>,
  { lists, asked }: Audit,
  { sitting, pairPpm }: { readonly sitting: number; readonly pairPpm: number },
): EvidenceCandidate[] {
  const place = { sitting, round: (asked.at(-1)?.round ?? -1) + 1 };
  const attempts = asked.map((one) => ({ ...one, opened: one.weighed }));
  const least = computeRoundSize(crypto, context.draw, place.round, pairPpm);
  const size = computeMostAsked(countAttempt(attempts, place), least);
  const drawn: EvidenceCandidate[] = [];
  while (drawn.length < size) {
    const together = drawn.map(({ providerId }) => ({ verifierId: providerId, ...place, weighed: undefined }));
    const candidate = drawNext(crypto, context, { lists, asked: [...asked, ...together] }, place);
    if (candidate === undefined) break;
    drawn.push(candidate);
  }
  return drawn;
}

function report(
  { isFriend, isInClass }: NetworkVerifier,
  kind: ReplyKind,
  { silence, random }: { readonly silence: number; readonly random: () => number },
): WeighedReport | undefined {
  if (isFriend) return kind === 'honest' ? reportHonestly(kind, false, random) : reportAsFriend();
  return random() < silence ? undefined : reportHonestly(kind, isInClass, random);
}

/** Turns the reports into the log entry, by the same steps as `judge`, which takes signed reports. */
function summarize(
  context: DrawContext,
  { lists, asked, isFriend }: Audit & { readonly isFriend: (one: EvidenceCandidate) => boolean },
): PlayedAudit {
  const found = conclude(crypto, context, { lists, asked });
  const delay = 1 + Number(computeAttemptEpoch(0n, lists.length - 1)) + (lists.length > 1 ? WINDOW : 0);
  if (found.verdict === 'unjudged') return toOutcome({ verdict: 'unjudged', evidence: 'none' }, { delay, refuted: 0 });
  const { verdict, marked, isExact, isUnproven, weighed } = found;
  const opened = asked.filter((one) => one.weighed !== undefined);
  const refuted = marked.filter((index) => isFriend((opened[index] as AttemptReview).candidate)).length;
  const values = weighed.flatMap(({ drift }, i) =>
    drift && (verdict === 'reject' || !marked.includes(i)) ? [drift.eValue] : [],
  );
  const mean = values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
  const eValue = verdict === 'reject' ? mean : combineEvidence(values);
  const evidence = isExact ? 'exact' : 'statistical';
  return toOutcome({ verdict, evidence, eValue, isUnproven }, { delay, refuted });
}
