import {
  type CountedRow,
  type EvaluationHeader,
  encodeEvaluationHeader,
  encodeEvaluationLine,
} from '@ogong/hub/evaluation/evaluation-lines';
import { parseEvaluationSet, type SetQuestion } from '@ogong/hub/evaluation/evaluation-set';
import { isRight } from '@ogong/hub/evaluation/expectation';
import { computeFigures } from '@ogong/hub/evaluation/figures';
import { createQuestionParams } from '@ogong/hub/evaluation/question-request';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { findTextEndpoint } from '@ogong/protocol/modality/text/request/request';
import { createSyntheticReceipt, type SyntheticReceipt } from '../synthetic/synthetic-receipt.ts';
import { SYNTHETIC_MODEL } from '../synthetic/synthetic-reply.ts';

const ROWS = [
  { format: 'ogong-evaluation-set-v1', name: 'sums', version: '1.0.0', licence: 'CC0-1.0' },
  { id: 'one', messages: [{ role: 'user', content: '1 + 1?' }], expect: { contains: '2' } },
  { id: 'two', messages: [{ role: 'user', content: '2 + 2?' }], expect: { contains: '4' } },
  { id: 'three', prompt: '3 + 3 =', expect: { exact: '6' }, max_tokens: 4 },
];

/** The file of a small set. */
export const TEST_SET: Uint8Array = utf8Encode(ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));

/** Texts of an honest model, by the id of the question. The second one is wrong. */
const ANSWERS: Readonly<Record<string, string>> = { one: 'It is 2.', two: 'It is 5.', three: ' 6' };

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);

export interface AnsweredQuestion extends SyntheticReceipt {
  readonly row: CountedRow;
}

/**
 * Creates an evaluation of a synthetic model over the small set, with the answers and the trust of its receipts.
 * @param options modelRoot: another one makes receipts that do not hold, since the made-up model does not give it.
 */
export function createTestEvaluation(crypto: Crypto, { modelRoot }: { readonly modelRoot?: Uint8Array } = {}) {
  const set = parseEvaluationSet(crypto, TEST_SET);
  const parameters = { temperature: 0, seed: 7, maxTokens: 8, maxPrice: undefined };
  const header: EvaluationHeader = { model: SYNTHETIC_MODEL, parameters, set };

  /** Answers a question. @param seed another one gives another model. @param nonce another one gives another reply. */
  function answer(question: SetQuestion, { seed = 1, nonce = question.id, declared = header } = {}) {
    const text = ANSWERS[question.id] ?? '';
    const { model: _, max_tokens: tokens, ...fields } = createQuestionParams(question, declared);
    const synthetic = createSyntheticReceipt({
      ...{ crypto, seed, tokens, text, parameters: fields, endpoint: findTextEndpoint(question.asked) },
      ...{ provider: createNobleHybridSigner(fill(1, 64)), router: createNobleHybridSigner(fill(2, 64)) },
      payer: createNobleLedgerSigner(fill(3, 32)),
      ledger: { chainId: 31_337n, verifyingContract: fill(5, 20) },
      bend: {
        order: (order) => ({ ...order, nonce: crypto.sha256(utf8Encode(nonce)), ...(modelRoot && { modelRoot }) }),
        record: (record) => ({ ...record, ...(modelRoot && { modelRoot }) }),
      },
    });
    const { request, response } = synthetic.reply;
    const score = isRight(text, question.expected) ? 1 : 0;
    const row = { kind: 'counted', id: question.id, answer: text, score, request, response } as const;
    return { ...synthetic, row: { ...row, receipt: synthetic.receipt } satisfies CountedRow };
  }

  const answered: readonly AnsweredQuestion[] = set.questions.map((question) => answer(question));
  const [{ trust, reply }] = answered as [AnsweredQuestion];
  const figures = computeFigures({
    ...{ modelRoot: toHex(reply.order.modelRoot), questions: 3, counted: 3 },
    right: answered.filter(({ row }) => row.score === 1).length,
  });
  return { header, answered, answer, trust, figures };
}

/** Returns the lines of an evaluation's file, each with its end. */
export const encodeTestEvaluation = ({
  header,
  answered,
  figures,
}: Pick<ReturnType<typeof createTestEvaluation>, 'header' | 'answered' | 'figures'>): Uint8Array[] => [
  encodeEvaluationHeader(header),
  ...answered.map(({ row }) => encodeEvaluationLine(row)),
  encodeEvaluationLine({ kind: 'figures', figures }),
];
