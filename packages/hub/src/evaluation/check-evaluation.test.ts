import { utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { verifyWithoutBlobs } from '@ogong/protocol/verdict/receipt/verify-without-blobs';
import { type AnsweredQuestion, createTestEvaluation, encodeTestEvaluation } from '@ogong/testing/hub/test-evaluation';
import { describe, expect, it } from 'vitest';
import { checkEvaluation, type EvaluationVerdict } from './check-evaluation.ts';
import { cutLines } from './cut-lines.ts';
import { type CountedRow, type EvaluationLine, encodeEvaluationLine, MAX_LINE_BYTES } from './evaluation-lines.ts';
import type { SetQuestion } from './evaluation-set.ts';
import { computeFigures, type EvaluationFigures } from './figures.ts';

const made = createTestEvaluation(crypto);
const { answered, answer, figures } = made;
const [header = new Uint8Array(0)] = encodeTestEvaluation(made);
const [one, two, three] = answered.map(({ row }) => row) as [CountedRow, CountedRow, CountedRow];
const { nowMs } = answered[0] as AnsweredQuestion;
const [question] = made.header.set.questions as [SetQuestion];

async function* split(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 999) yield bytes.subarray(at, at + 999);
}

function check(lines: readonly Uint8Array[], trust: Trust = made.trust): Promise<EvaluationVerdict> {
  return checkEvaluation(cutLines(split(Buffer.concat(lines))), {
    crypto,
    verify: ({ receipt, request, response }) =>
      verifyWithoutBlobs(receipt, { crypto, request, response, trust, nowMs }),
  });
}

const encode = (rows: readonly EvaluationLine[], claimed: Partial<EvaluationFigures> = {}): Uint8Array[] => [
  header,
  ...rows.map(encodeEvaluationLine),
  encodeEvaluationLine({ kind: 'figures', figures: { ...figures, ...claimed } }),
];

const failedOf = ({ checks }: EvaluationVerdict) => checks.filter(({ status }) => status === 'fail');

describe('an evaluation', () => {
  it('holds, in any order of its rows', async () => {
    const verdict = await check(encode([three, one, two]));
    expect(verdict).toMatchObject({ ok: true, missing: [], lost: [] });
    expect(verdict.figures).toEqual({
      ...figures,
      right: 2,
      counted: 3,
      sharePpm: 666_667,
      lowPpm: 207_660,
      highPpm: 938_508,
    });
  });

  it('names questions without an answer that holds, and does not count them', async () => {
    const lost = { kind: 'lost', id: 'two', problem: 'response-hash: \u001b[2J another response' } as const;
    const { modelRoot } = figures;
    const verdict = await check(
      encode([one, lost, three], computeFigures({ modelRoot, questions: 3, counted: 2, right: 2 })),
    );
    expect(verdict).toMatchObject({ ok: true, figures: { counted: 2, questions: 3 } });
    expect(verdict.lost).toEqual([{ ...lost, problem: 'response-hash: \ufffd[2J another response' }]);
  });

  const other = answer(question, { seed: 2 });
  const repeated = answer(question, { nonce: 'two' });
  it.each<[what: string, lines: Uint8Array[], failed: string]>([
    ['a row that is left out', encode([one, three]), 'rows'],
    ['a row that is there twice', encode([one, one, two, three]), 'rows'],
    ['a row of another set', encode([one, two, three, { ...one, id: 'four' }]), 'rows'],
    ['the answer to another question', encode([{ ...one, ...pick(two) }, two, three]), 'requests'],
    [
      'another endpoint',
      encode([{ ...one, receipt: { ...one.receipt, endpoint: 'completion' } }, two, three]),
      'requests',
    ],
    ['a reply that counts for two rows', encode([two, repeated.row, three]), 'replies'],
    ['a receipt of another model', encode([two, other.row, three]), 'model'],
    ['a response that nobody signed', encode([one, { ...two, response: utf8Encode('It is 4.') }, three]), 'receipts'],
    [
      'a receipt that cannot be read',
      encode([
        one,
        { ...two, receipt: { ...two.receipt, order: { ...two.receipt.order, bytes: new Uint8Array(9) } } },
        three,
      ]),
      'receipts',
    ],
    ['an answer that is not the signed one', encode([one, { ...two, answer: 'It is 4.', score: 1 }, three]), 'answers'],
    ['a score that does not follow', encode([one, { ...two, score: 1 }, three]), 'scores'],
    ['a share that does not follow', encode([one, two, three], { sharePpm: 999_999 }), 'figures'],
    ['no figures', encode([one, two, three]).slice(0, -1), 'figures'],
  ])('with %s does not hold', async (_what, lines, failed) => {
    const verdict = await check(lines);
    expect(verdict.ok).toBe(false);
    expect(failedOf(verdict).map(({ id }) => id)).toContain(failed);
    expect(verdict.checks.find(({ id }) => id === failed)?.status).toBe('fail');
  });

  it('passes no check for rows that an earlier one refused', async () => {
    const { checks } = await check(encode([{ ...one, response: utf8Encode('It is 3.') }, two, three]));
    expect(checks.map(({ id, status }) => `${id} ${status}`)).toEqual([
      ...['rows pass', 'requests pass', 'model pass', 'replies pass', 'receipts fail'],
      ...['answers skip', 'scores skip', 'figures fail'],
    ]);
  });

  it('does not hold without the trust that its receipts need', async () => {
    const { routers: _, ...trust } = made.trust;
    const verdict = await check(encode([one, two, three]), trust);
    expect(failedOf(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ ok: false, missing: ['router'] });
  });

  it.each<[what: string, lines: Uint8Array[], code: string]>([
    ['no line', [], 'malformed'],
    ['a header of another format', [utf8Encode('{"format":"other"}\n')], 'unsupported'],
    ['a row behind the figures', [...encode([one, two, three]), encodeEvaluationLine(one)], 'malformed'],
    ['more rows than questions', encode([one, one, one, one, one, one]), 'too-large'],
    ['a line that is too long', [header, new Uint8Array(MAX_LINE_BYTES + 1).fill(0x20)], 'too-large'],
    ['an unknown field', [header, utf8Encode('{"id":"one","problem":"x","score":1,"weight":9}\n')], 'malformed'],
    ['a lost row with a score', [header, utf8Encode('{"id":"one","problem":"x","score":1}\n')], 'malformed'],
  ])('with %s is not read', async (_what, lines, code) => {
    await expect(check(lines)).rejects.toMatchObject({ name: 'ProtocolError', code });
  });
});

function pick({ receipt, request, response }: CountedRow) {
  return { receipt, request, response };
}
