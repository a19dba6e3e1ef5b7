import { setTimeout as delay } from 'node:timers/promises';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import { WITNESS_ROUND_MS } from '@ogong/protocol/audit/longest-audit';
import { areEnoughWitnesses, computeWitnessEpoch, countPanel, drawWitnesses } from '@ogong/protocol/audit/witness-draw';
import { toHex } from '@ogong/protocol/base/bytes';
import type { EpochMember } from '@ogong/protocol/beacon/validator-set';
import { CLOCK_TOLERANCE_MS, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { verifySilence } from '@ogong/protocol/exchange/silence';
import { SALT_BYTES } from '@ogong/protocol/modality/shared/score-commitment';
import { findCommitmentProblem, readReport } from '@ogong/protocol/verdict/report-check';
import type { Statement } from '@ogong/protocol/verdict/witnessed';
import type { Contested, ContestOutcome, Contests } from '../audit/audit-state.ts';
import { keepStatement, listStatements } from '../store/witness-store.ts';
import { readQuestion, type WitnessAnswer, type WitnessAsk, type WitnessState } from './answer-witness.ts';
import type { ReplyPart, WitnessQuestion } from './inquirer.ts';
import { signRound } from './round-signature.ts';

export interface ContestDependencies extends WitnessState {
  readonly group: GroupCommit;
  /** Asks one witness. @throws LinkError, and every refusal of the witness. */
  readonly askWitness: (witness: EpochMember, ask: WitnessAsk) => Promise<WitnessAnswer>;
  readonly onError: (error: unknown, replyId: Uint8Array) => void;
  readonly onAnswer?: (kind: WitnessAnswer['kind'] | 'failed') => void;
}

/** Rounds with an unreachable witness, after which two more witnesses are asked. */
const ROUNDS_PER_PANEL = 3;
/** Contests in memory between their rounds. */
const MAX_REMEMBERED = 8_192;

/**
 * Asks the witnesses that the beacon draws if a party is silent to them, too, and asks the party itself. Each call is
 * one round. Results are on the disk, so a restart continues from there. Only the patience with unreachable witnesses
 * begins again.
 */
export function createContest(dependencies: ContestDependencies): Contests {
  const { crypto, store, findBeacon, findMembers, inquirer } = dependencies;
  /** Rounds with an unreachable witness, by reply and question. */
  const failures = new Map<string, number>();
  /** Open questions to witnesses. */
  const running = new Map<string, ReturnType<typeof askOne>>();

  async function gather(asked: WitnessQuestion, ask: WitnessAsk): Promise<Gathered | ReplyPart | undefined> {
    const { question, order } = asked;
    const epoch = computeWitnessEpoch(order.epoch);
    const [beacon, members] = await Promise.all([findBeacon(epoch), findMembers(epoch)]);
    if (beacon === undefined || members === undefined) return undefined;
    const drawn = drawWitnesses(crypto, { ...question, beacon: beacon.value }, members);
    const key = `${[question.replyId, question.target, question.subject].map(toHex).join(' ')} ${question.asked}`;
    const failed = failures.get(key) ?? 0;
    const panel = drawn.slice(0, countPanel(Math.floor(failed / ROUNDS_PER_PANEL)));
    const known = store.read(() => listStatements(store, question));
    const missing = panel.flatMap((witness, place) =>
      known.some((one) => one.place === place) ? [] : [{ witness, place }],
    );
    const answers = areEnough(known, drawn)
      ? []
      : await settleWithin(
          missing.map(({ witness, place }) => {
            const name = `${key} ${place}`;
            const asking = running.get(name) ?? askOne(dependencies, asked, { witness, place, ask });
            running.set(name, asking);
            return asking.finally(() => running.delete(name));
          }),
          WITNESS_ROUND_MS,
        );
    const found = answers.find((answer) => typeof answer === 'object');
    if (found !== undefined) return found;
    if (answers.includes('failed')) {
      failures.set(key, failed + 1);
      if (failures.size > MAX_REMEMBERED) failures.delete(failures.keys().next().value as string);
    }
    const statements = store.read(() => listStatements(store, question));
    if (!areEnough(statements, drawn)) return undefined;
    failures.delete(key);
    // One witness alone must not turn silence into an answer.
    const unanswered = statements.filter(({ isRefused }) => !isRefused);
    return { statements: areEnough(unanswered, drawn) ? unanswered : statements, drawn };
  }

  return {
    async ask({ order, ...contested }: Contested) {
      const ask: WitnessAsk =
        contested.asked === 'report'
          ? { order, ...contested, word: await signRound(dependencies, contested) }
          : { order, ...contested };
      const asked = readQuestion(dependencies, ask);
      // The audit asks for openings and asks verifiers in its own places, before any witness asks.
      const isOwn = asked.asked === 'record';
      const [own, others] = await Promise.all([isOwn ? inquirer.ask(asked) : undefined, gather(asked, ask)]);
      if (own && own.kind !== 'waiting' && own.kind !== 'silent') return own;
      if (others === undefined || 'kind' in others) return others ?? { kind: 'waiting' };
      if (own?.kind === 'waiting') return own;
      // A verifier must answer at any time while it is announced.
      if (asked.asked === 'commitment' || asked.asked === 'report')
        return { kind: 'silent', isTimely: true, statements: others.statements };
      return weigh(dependencies, asked, others);
    },
  };
}

/** Returns the values that arrive within a time. */
async function settleWithin<T>(promises: readonly Promise<T>[], limitMs: number): Promise<T[]> {
  const done: T[] = [];
  const all = Promise.all(promises.map(async (promise) => void done.push(await promise)));
  const timer = new AbortController();
  const late = delay(limitMs, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([all, late]).finally(() => timer.abort());
  return [...done];
}

interface Gathered {
  readonly statements: readonly Statement[];
  readonly drawn: readonly EpochMember[];
}

/** Weighs the statements. A statement from after the provider's duty to keep the data does not count against it. */
function weigh(
  { clock }: Pick<ContestDependencies, 'clock'>,
  { question: { expiresAtMs } }: WitnessQuestion,
  { statements, drawn }: Gathered,
): ContestOutcome {
  const keptUntilMs = expiresAtMs + OPENING_KEPT_MS;
  const timely = statements.filter(({ timeMs }) => timeMs <= keptUntilMs);
  const isOver = clock.nowMs() > keptUntilMs;
  const isTimely = areEnough(timely, drawn) && !(isOver && drawn.length === 0);
  if (!isTimely && !isOver) return { kind: 'waiting' };
  return { kind: 'silent', isTimely, statements: isTimely ? timely : statements };
}

function areEnough(statements: readonly Statement[], drawn: readonly EpochMember[]): boolean {
  return areEnoughWitnesses(
    statements.map(({ place }) => place),
    drawn.length,
  );
}

/** @returns the found data; undefined if the witness still asks, or its statement is on the disk. */
async function askOne(
  { crypto, clock, ledger, group, askWitness, onError, onAnswer = () => {} }: ContestDependencies,
  asked: WitnessQuestion,
  { witness, place, ask }: { readonly witness: EpochMember; readonly place: number; readonly ask: WitnessAsk },
): Promise<ReplyPart | 'failed' | undefined> {
  const { question } = asked;
  try {
    const answer = await askWitness(witness, ask);
    onAnswer(answer.kind);
    if (answer.kind === 'waiting') return undefined;
    if (answer.kind !== 'silence') {
      assertOwnAnswer(crypto, asked, answer);
      return answer;
    }
    const { kind: _kind, ...told } = answer;
    const silence = { ...question, ...told, witness: witness.address };
    if (!verifySilence(crypto, { ledger, signingKey: witness.signingKey }, silence))
      throw new Error('the witness did not sign its statement');
    assertTimely(clock, question, told);
    await group.write((db) => keepStatement(db, question, { ...told, place }));
    return undefined;
  } catch (error) {
    onAnswer('failed');
    onError(error, question.replyId);
    return 'failed';
  }
}

/**
 * Checks the time of a statement. A verifier's silence counts in the half hour that witnesses name, and co-signers
 * accept only times within the audit. @throws Error
 */
function assertTimely(
  clock: ContestDependencies['clock'],
  { asked, expiresAtMs }: WitnessQuestion['question'],
  { timeMs }: Pick<Statement, 'timeMs'>,
): void {
  if (asked === 'record' || asked === 'opening') return;
  const isTimely = timeMs >= computeOrderSpan({ expiresAtMs }).fromMs && timeMs <= clock.nowMs() + CLOCK_TOLERANCE_MS;
  if (!isTimely) throw new Error('the witness says that it asked at a time outside the audit');
}

/**
 * Checks the verifier's signature under a witness's answer, so that an invented answer cannot stop an audit. @throws
 * Error
 */
function assertOwnAnswer(crypto: ContestDependencies['crypto'], asked: WitnessQuestion, answer: ReplyPart): void {
  if (asked.asked === 'record' || asked.asked === 'opening') return;
  const problem = answer.kind === asked.asked ? findAnswerProblem(crypto, asked, answer) : `a ${answer.kind}`;
  if (problem !== undefined) throw new Error(`the witness shows no ${asked.asked} of the verifier: ${problem}`);
}

function findAnswerProblem(
  crypto: ContestDependencies['crypto'],
  asked: Extract<WitnessQuestion, { readonly asked: 'commitment' | 'report' }>,
  answer: ReplyPart,
): string | undefined {
  if (asked.asked === 'commitment') {
    const { keyHash, job } = asked;
    const { committed } = answer as Extract<ReplyPart, { readonly kind: 'commitment' }>;
    return findCommitmentProblem(crypto, { jobId: job.jobId, keyHash, committed });
  }
  const { opened } = answer as Extract<ReplyPart, { readonly kind: 'report' }>;
  if (opened.salt.length !== SALT_BYTES) return 'a salt of another length';
  const read = readReport(crypto, { ...asked, opened }, { inputsHash: asked.inputsHash, read: () => ({}) });
  return 'problem' in read ? read.problem : undefined;
}
