import { describe } from 'vitest';
import { createFakeModelRegistry } from './fake-model-registry.ts';
import { NOTICE, testModelRegistry } from './model-registry-compliance.ts';

describe('fake model registry', () => {
  const registry = createFakeModelRegistry({ noticeSeconds: NOTICE });
  let members = 0;
  testModelRegistry(async () => {
    const address = `0x${`${++members}`.padStart(40, '0')}` as const;
    return { address, client: registry.connect(address) };
  });
});
