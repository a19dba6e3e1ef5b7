import { expect, it } from 'vitest';
import { listLongTests } from './long-tests.ts';

it('the nightly run finds the tests that have a long form, and no others', () => {
  const found = listLongTests();
  expect(found).toContain('packages/testing/src/grammar/schemas.test.ts');
  expect(found).toContain('packages/engine/src/llama-cpp/schedule.fuzz.model.test.ts');
  expect(found).not.toContain('packages/testing/src/clients/clients-page.test.ts');
});
