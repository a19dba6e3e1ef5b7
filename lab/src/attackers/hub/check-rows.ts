import { checkEvaluation } from '@ogong/hub/evaluation/check-evaluation';
import { cutLines } from '@ogong/hub/evaluation/cut-lines';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { verifyWithoutBlobs } from '@ogong/protocol/verdict/receipt/verify-without-blobs';
import {
  type AnsweredQuestion,
  type createTestEvaluation,
  encodeTestEvaluation,
} from '@ogong/testing/hub/test-evaluation';
import type { HubCourse } from './attack.ts';

/** Checks an evaluation with other rows than the honest ones, as a reader does. */
export async function checkRows(
  made: ReturnType<typeof createTestEvaluation>,
  answered: readonly AnsweredQuestion[],
): Promise<HubCourse> {
  const { nowMs } = answered[0] as AnsweredQuestion;
  const file = async function* () {
    yield* encodeTestEvaluation({ ...made, answered });
  };
  const { ok, checks } = await checkEvaluation(cutLines(file()), {
    crypto,
    verify: ({ receipt, request, response }) =>
      verifyWithoutBlobs(receipt, { crypto, request, response, trust: made.trust, nowMs }),
  });
  const failed = checks.filter(({ status }) => status === 'fail');
  return { reports: failed.map(({ id, detail }) => `${id}: ${detail}`), isHarmed: ok };
}
