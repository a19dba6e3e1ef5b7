import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { expect, it } from 'vitest';
import { serveValidator } from '../../../bad-days/validator-door.ts';
import { stolenComplaint } from './stolen-complaint.ts';

it.skipIf(process.platform !== 'linux')("a provider cannot use its payer's complaint up", async () => {
  const validator = createTestValidator();
  const served = await serveValidator(validator);
  const { answers, outcome } = await stolenComplaint.play({ validator, door: served.door });
  await served.close();
  await validator.close();
  expect(answers).toHaveLength(2);
  for (const answer of answers) expect(answer).toContain("not signed by the order's payer");
  expect(outcome).toBe('upheld');
});
