import type { TextEngine } from '@ogong/engine/interface/text';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import type { VerifierReport } from '@ogong/protocol/modality/modality';
import { readCohort } from '@ogong/protocol/settlement/cohort-agreement';
import { type OpenedReply, openReply } from '@ogong/protocol/verdict/opened-reply';
import type { CommittedReply } from '@ogong/provider/modality/order-job';
import { commitReply } from '@ogong/provider/modality/text/commit-reply';
import { openTextJob } from '@ogong/provider/modality/text/score-text';
import { expect } from 'vitest';
import { COHORT_CONTEXT, type ModelCohortOptions, startModelCohort } from './model-cohort.ts';
import { ledger, receive } from './provider-fixture.ts';

export interface AuditedCohortOptions extends Omit<ModelCohortOptions, 'commit'> {
  /** The verifier's engine, with the whole model. */
  readonly whole: TextEngine;
  /** Fields of the request. Default: a draw of temperature 0.8. */
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Orders a reply of a cohort, and has a verifier of the whole model score what its validator would ask. */
export async function auditModelCohort({ whole, body, ...options }: AuditedCohortOptions) {
  const replies: CommittedReply[] = [];
  const cohort = await startModelCohort({
    ...options,
    commit(...given) {
      const reply = commitReply(...given);
      replies.push(reply);
      return reply;
    },
  });
  const asked = cohort.order({ body: { temperature: 0.8, seed: 7, ...body } });
  await receive(cohort.client, asked);
  await expect.poll(() => cohort.validator.pushed.length).toBe(1);
  const [push] = cohort.validator.pushed;
  const order = nameOrder(crypto, ledger, parseOrder(push?.order?.order as Uint8Array));
  const { numericClass } = whole.info();
  const found = readCohort(crypto, { ledger, order, numericClass }, push?.cohort as Uint8Array);
  if ('problem' in found) throw new Error(found.problem);
  const { record, opening } = replies.at(-1) as CommittedReply;
  const opened = openReply(crypto, parseRecordV2(record), opening) as OpenedReply;
  expect(opened.outcome).toBe('consistent');
  const drawn = { jobId: new Uint8Array(16).fill(9), draw: new Uint8Array(32), cohort: found.terms };
  const inputs = opened.reply.describeJob('chat', drawn.draw, found.terms);
  const message = { ...inputs, jobId: drawn.jobId, request: asked.request, timeoutMs: 60_000 };
  const report = await openTextJob(message, { engine: whole, crypto }).score(new AbortController().signal);
  const read = opened.reply.readReport(report, { ...drawn, contextSize: COHORT_CONTEXT });
  if ('problem' in read) throw new Error(read.problem);
  const { outcome, culprit, checks } = (read as VerifierReport).weigh({});
  return { outcome, culprit, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}
