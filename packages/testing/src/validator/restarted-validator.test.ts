import { afterEach, expect, it } from 'vitest';
import { createTestDirectory } from '../store/test-directory.ts';
import { createRestartedValidator } from './restarted-validator.ts';
import { provider } from './test-bench.ts';

const directory = createTestDirectory('restarted');
afterEach(() => directory.remove());

it('keeps through a restart the data on its disk, and nothing from memory', async () => {
  const validator = createRestartedValidator({ path: `${directory.path}/validator.db` });
  const { audit, store } = validator;
  await validator.announce(provider);
  const { replyId } = (await validator.deliver(0)).reply.record;
  await validator.restart();
  expect(validator.audit).not.toBe(audit);
  expect(() => store.prepare('SELECT 1')).toThrow();
  expect(validator.find(replyId).state).toBe('recorded');
  expect(validator.served.size).toBe(1);
  expect(() => Object.assign(validator, { cosigner: {} })).toThrow();
  await validator.close();
});
