import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { type Check, fail, pass, skip } from '@ogong/protocol/base/checks';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { computeReplyId, parseOrder } from '@ogong/protocol/exchange/order';
import { findTextEndpoint } from '@ogong/protocol/modality/text/request/request';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { readAnswerText } from './answer-text.ts';
import {
  type CountedRow,
  type EvaluationHeader,
  type LostRow,
  parseEvaluationHeader,
  parseEvaluationLine,
} from './evaluation-lines.ts';
import type { SetQuestion } from './evaluation-set.ts';
import { isRight } from './expectation.ts';
import { computeFigures, type EvaluationFigures } from './figures.ts';
import { encodeQuestionRequest } from './question-request.ts';

/** Checks of rows in their order: the detail of a pass, and that of a failure before the failed rows. */
const ROW_CHECKS = {
  rows: ['each question of the set has one row', 'left out, there twice, or no question of the set'],
  requests: ['each request is that of its question with the declared parameters', 'another request'],
  model: ['one model root gave all answers', 'another model root than that of the first row'],
  replies: ['no reply counts twice', 'the reply of another row'],
  receipts: ['each receipt holds', 'the receipt does not hold'],
  answers: ['each answer is the signed one', 'another answer than the signed one'],
  scores: ['each score follows from its answer', 'another score than the answer gives'],
} as const;

type RowCheck = keyof typeof ROW_CHECKS;

export type VerifyRow = (row: CountedRow) => Promise<Pick<ReceiptVerdict, 'ok' | 'checks' | 'missing'>>;

export interface CheckEvaluationOptions {
  readonly crypto: Crypto;
  /** Checks the receipt of a row as a consumer does. */
  readonly verify: VerifyRow;
  readonly onRow?: ((done: number, questions: number) => void) | undefined;
}

export interface EvaluationVerdict {
  /** Nothing failed, and no check of a receipt was skipped without permission. */
  readonly ok: boolean;
  readonly checks: readonly Check[];
  /** Ids of receipts' checks that were skipped without permission. */
  readonly missing: readonly string[];
  readonly header: EvaluationHeader;
  /** Of the first row with an answer, hex; undefined if there is none. */
  readonly modelRoot: string | undefined;
  /** Computed from the rows; undefined if none counts. */
  readonly figures: EvaluationFigures | undefined;
  readonly lost: readonly LostRow[];
}

/**
 * Checks an evaluation: its rows against the set, its receipts, and its figures against both. It keeps one row in memory at a time.
 * @param lines of the file, without their ends.
 * @throws ProtocolError for a file that cannot be read.
 */
export async function checkEvaluation(
  lines: AsyncIterable<Uint8Array>,
  { crypto, verify, onRow }: CheckEvaluationOptions,
): Promise<EvaluationVerdict> {
  const iterator = lines[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done) throw new ProtocolError('malformed', 'an evaluation without lines');
  const header = parseEvaluationHeader(crypto, first.value);
  const tally = createTally(header, { crypto, verify });
  let claimed: EvaluationFigures | undefined;
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    if (claimed !== undefined) throw new ProtocolError('malformed', 'the figures are not the last line');
    const line = parseEvaluationLine(next.value);
    if (line.kind === 'figures') {
      claimed = line.figures;
      continue;
    }
    const done = await tally.add(line);
    onRow?.(done, header.set.questions.length);
  }
  return tally.conclude(claimed);
}

function createTally(header: EvaluationHeader, { crypto, verify }: Pick<CheckEvaluationOptions, 'crypto' | 'verify'>) {
  const { questions } = header.set;
  const waiting = new Map(questions.map((question) => [question.id, question]));
  const failed: Record<RowCheck, string[]> = {
    ...{ rows: [], requests: [], replies: [], model: [], receipts: [], answers: [], scores: [] },
  };
  const replyIds = new Set<string>();
  const missing = new Set<string>();
  const lost: LostRow[] = [];
  let modelRoot: string | undefined;
  let counted = 0;
  let right = 0;

  async function addCounted(row: CountedRow, question: SetQuestion): Promise<void> {
    const refuse = (check: RowCheck): void => void failed[check].push(row.id);
    if (!equalBytes(row.request, encodeQuestionRequest(question, header))) return refuse('requests');
    if (row.receipt.endpoint !== findTextEndpoint(question.asked)) return refuse('requests');
    const reply = readReply(crypto, row);
    if (reply === undefined) return refuse('receipts');
    modelRoot ??= reply.modelRoot;
    if (reply.modelRoot !== modelRoot) return refuse('model');
    if (replyIds.has(reply.replyId)) return refuse('replies');
    replyIds.add(reply.replyId);
    const verdict = await verify(row);
    for (const id of verdict.missing) missing.add(id);
    // A check that lacks its trust is named once for all rows.
    if (verdict.checks.some(({ status }) => status === 'fail') || (!verdict.ok && verdict.missing.length === 0))
      return refuse('receipts');
    const answer = readAnswer(question, row);
    if (answer !== row.answer) return refuse('answers');
    const score = isRight(answer, question.expected) ? 1 : 0;
    if (score !== row.score) return refuse('scores');
    counted++;
    right += score;
  }

  return {
    /** @returns the number of rows so far. */
    async add(row: CountedRow | LostRow): Promise<number> {
      if (failed.rows.length > questions.length)
        throw new ProtocolError('too-large', 'an evaluation with more rows than its set has questions');
      const question = waiting.get(row.id);
      waiting.delete(row.id);
      if (question === undefined) failed.rows.push(row.id);
      else if (row.kind === 'lost') lost.push(row);
      else await addCounted(row, question);
      return questions.length - waiting.size;
    },
    conclude(claimed: EvaluationFigures | undefined): EvaluationVerdict {
      failed.rows.push(...waiting.keys());
      const figures =
        modelRoot === undefined || counted === 0
          ? undefined
          : computeFigures({ modelRoot, questions: questions.length, counted, right });
      const checks = [...describeRowChecks(failed), checkFigures(figures, claimed)];
      const ok = missing.size === 0 && checks.every(({ status }) => status === 'pass');
      return { ok, checks, missing: [...missing], header, modelRoot, figures, lost };
    },
  };
}

/** A row that fails one check is not examined by the later ones. */
function describeRowChecks(failed: Readonly<Record<RowCheck, readonly string[]>>): Check[] {
  let unexamined = 0;
  return Object.entries(ROW_CHECKS).map(([id, [good, bad]]) => {
    const rows = failed[id as RowCheck];
    const found =
      rows.length > 0
        ? fail(id, `${bad}: ${nameRows(rows)}`)
        : unexamined > 0
          ? skip(id, `rows that an earlier check refused were not examined: ${unexamined}`)
          : pass(id, good);
    unexamined += rows.length;
    return found;
  });
}

const MOST_NAMED = 5;

/** Names the first rows of a list. */
function nameRows(ids: readonly string[]): string {
  const more = ids.length - MOST_NAMED;
  return `${ids.slice(0, MOST_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function checkFigures(computed: EvaluationFigures | undefined, claimed: EvaluationFigures | undefined): Check {
  const id = 'figures';
  if (claimed === undefined) return fail(id, 'the file has none: it is not finished');
  if (computed === undefined) return fail(id, 'no answer counts');
  const names = Object.keys(computed) as (keyof EvaluationFigures)[];
  const wrong = names.find((name) => computed[name] !== claimed[name]);
  return wrong === undefined
    ? pass(id, 'the figures follow from the rows')
    : fail(id, `${wrong} is ${computed[wrong]}, and the file says ${claimed[wrong]}`);
}

interface NamedReply {
  readonly replyId: string;
  readonly modelRoot: string;
}

/** Reads the identity of a row's reply and of its model; undefined if the receipt cannot be read. */
export function readReply(crypto: Crypto, { receipt }: Pick<CountedRow, 'receipt'>): NamedReply | undefined {
  return read(() => ({
    replyId: toHex(computeReplyId(crypto, receipt.ledger, parseOrder(receipt.order.bytes))),
    modelRoot: toHex(parseRecordV2(receipt.record.bytes).modelRoot),
  }));
}

const readAnswer = (question: SetQuestion, row: CountedRow): string | undefined =>
  read(() => readAnswerText(question, row));

/** A part that cannot be read fails its check. */
function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
